//! The command line. By hand: a few verbs, spoken by the operator only.
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::first;

/// What the program says of itself.
pub const USAGE: &str = "usage: agent install DIR
       agent connect --attempt NAME --run UID [--dir DIR] [--log FILE]
       agent stand-by --attempt NAME --run UID [--dir DIR] [--log FILE]
       agent wait
       agent drain
  install  copies this program to DIR/bin/agent and makes DIR/run for its sockets
  connect  joins stdin and stdout to the daemon of this attempt, and starts it if there is none
           --dir  where the sockets are (default /.backup-operator/run)
           --log  where the command's standard error goes beside the report (default: that of the container's first process)
  stand-by leaves a process behind that runs the check of a restore whose command runs in another container of the Pod
  wait     does nothing until it is killed
  drain    reads standard input to its end, and says how many bytes there were and their SHA-256
exit status of connect: 0 the operator's side ended, 2 usage, 3 the daemon closed the connection,
  4 the daemon cannot be started, 5 it does not answer, 6 it works for another run";

const DIR: &str = "/.backup-operator/run";
/// Longest name of an attempt: with the directory it has to fit into the 108 bytes of a socket's address.
const NAME: usize = 40;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Verb {
    /// Copy the program.
    Install {
        /// Where to.
        dir: PathBuf,
    },
    /// Join the operator to the daemon.
    Connect(Place),
    /// Start the daemon and outlive it.
    Guard(Place),
    /// Be the daemon.
    Daemon(Place),
    /// Have somebody stand by for a check.
    StandBy(Place),
    /// Be who stands by.
    Standing(Place),
    /// Stay alive.
    Wait,
    /// Read all there is.
    Drain,
    /// Say the usage.
    Help,
}

/// Which daemon, and where it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Lower-case letters, digits and dashes; names the socket.
    pub attempt: String,
    /// UID of the run.
    pub run: String,
    /// Directory of the sockets.
    pub dir: PathBuf,
    /// The container's log.
    pub log: PathBuf,
}

impl Place {
    /// This program with another verb for the same daemon, in the form that [`parse`] reads.
    ///
    /// # Errors
    /// The program does not know where it is.
    pub fn command(&self, verb: &str) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([verb, "--attempt", &self.attempt, "--run", &self.run, "--dir"]);
        command.arg(&self.dir).arg("--log").arg(&self.log);
        Ok(command)
    }
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ArgsError {
    /// No verb.
    #[error("a verb is missing")]
    NoVerb,
    /// Another verb.
    #[error("{0:?} is none of install, connect")]
    Verb(String),
    /// A flag without value, twice, or another one.
    #[error("{0:?} is not understood here")]
    Flag(String),
    /// A flag is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Not a name.
    #[error("--attempt {0:?}: expected 1 to {NAME} lower-case letters, digits and dashes")]
    Attempt(String),
}

/// Understands the command line, without the program's name.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Verb, ArgsError> {
    let mut args = args;
    let verb = args.next().ok_or(ArgsError::NoVerb)?;
    match verb.to_str() {
        Some("install") => match (args.next(), args.next()) {
            (Some(dir), None) => Ok(Verb::Install { dir: dir.into() }),
            (None, _) => Err(ArgsError::Missing("DIR")),
            (Some(_), Some(more)) => Err(ArgsError::Flag(more.to_string_lossy().into())),
        },
        Some("connect") => place(args).map(Verb::Connect),
        Some("guard") => place(args).map(Verb::Guard),
        Some("daemon") => place(args).map(Verb::Daemon),
        Some("stand-by") => place(args).map(Verb::StandBy),
        Some("standing") => place(args).map(Verb::Standing),
        Some("wait") => alone(args, Verb::Wait),
        Some("drain") => alone(args, Verb::Drain),
        Some("help" | "--help" | "-h") => Ok(Verb::Help),
        _ => Err(ArgsError::Verb(verb.to_string_lossy().into())),
    }
}

/// A verb that takes nothing.
fn alone(mut args: impl Iterator<Item = OsString>, verb: Verb) -> Result<Verb, ArgsError> {
    match args.next() {
        None => Ok(verb),
        Some(more) => Err(ArgsError::Flag(more.to_string_lossy().into())),
    }
}

fn place(mut args: impl Iterator<Item = OsString>) -> Result<Place, ArgsError> {
    let (mut attempt, mut run, mut dir, mut log) = (None, None, None, None);
    while let Some(flag) = args.next() {
        let slot = match flag.to_str() {
            Some("--attempt") => &mut attempt,
            Some("--run") => &mut run,
            Some("--dir") => &mut dir,
            Some("--log") => &mut log,
            _ => return Err(ArgsError::Flag(flag.to_string_lossy().into())),
        };
        match (args.next(), &slot) {
            (Some(value), None) => *slot = Some(value),
            _ => return Err(ArgsError::Flag(flag.to_string_lossy().into())),
        }
    }
    let text = |value: OsString| value.to_string_lossy().into_owned();
    let attempt = attempt.map(text).ok_or(ArgsError::Missing("--attempt"))?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if attempt.is_empty() || attempt.len() > NAME || !attempt.chars().all(fits) {
        return Err(ArgsError::Attempt(attempt));
    }
    Ok(Place {
        attempt,
        run: run.map(text).ok_or(ArgsError::Missing("--run"))?,
        dir: dir.map_or_else(|| DIR.into(), PathBuf::from),
        log: log.map_or_else(first::stderr, PathBuf::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Verb, ArgsError> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_place_has_defaults_for_all_but_attempt_and_run() {
        let place = Place {
            attempt: "backup-1".into(),
            run: "u".into(),
            dir: DIR.into(),
            log: first::stderr(),
        };
        assert_eq!(
            parsed("connect --attempt backup-1 --run u"),
            Ok(Verb::Connect(place.clone()))
        );
        let named = Place {
            dir: "/d".into(),
            log: "/l".into(),
            ..place
        };
        assert_eq!(
            parsed("daemon --dir /d --log /l --run u --attempt backup-1"),
            Ok(Verb::Daemon(named.clone()))
        );
        assert_eq!(
            parsed("guard --dir /d --log /l --run u --attempt backup-1"),
            Ok(Verb::Guard(named.clone()))
        );
        assert_eq!(
            parsed("standing --dir /d --log /l --run u --attempt backup-1"),
            Ok(Verb::Standing(named))
        );
    }

    #[test]
    fn verbs_of_a_drill_take_nothing() {
        assert_eq!(parsed("wait"), Ok(Verb::Wait));
        assert_eq!(parsed("drain"), Ok(Verb::Drain));
        assert_eq!(parsed("drain x"), Err(ArgsError::Flag("x".into())));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, word) in [
            ("", "a verb is missing"),
            ("start", "\"start\" is none of install, connect"),
            ("install", "DIR is missing"),
            ("install a b", "\"b\" is not understood here"),
            ("connect --run u", "--attempt is missing"),
            ("connect --attempt a", "--run is missing"),
            ("connect --attempt", "\"--attempt\" is not understood here"),
            (
                "connect --attempt a --attempt b --run u",
                "\"--attempt\" is not understood here",
            ),
            ("connect --verbose 1", "\"--verbose\" is not understood here"),
            (
                "connect --attempt ../x --run u",
                "--attempt \"../x\": expected 1 to 40 lower-case letters, digits and dashes",
            ),
        ] {
            assert_eq!(parsed(line).unwrap_err().to_string(), word, "{line}");
        }
    }
}
