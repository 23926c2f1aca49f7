//! How a reading ended, in words for whoever has started it.
use protocol::Outcome;

use crate::read::fault::Fault;
use crate::stored::source::UNSAID;

/// What is wrong; None where nothing is.
pub fn wrong(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Done => return None,
        Outcome::CommandNotStarted { message } => format!("the command could not be started: {message}"),
        Outcome::CommandFailed { code } => format!("the command ended with status {code}"),
        Outcome::CommandKilled { signal } => format!("the command was killed by {signal}"),
        Outcome::DeadlineExceeded { seconds } => format!("the command was stopped after {seconds} s"),
        Outcome::InputNotRead { left } => {
            format!("the command ended with status 0 but left at least {left} bytes of the backup unread")
        }
        Outcome::LeftRunning { processes, seconds } => format!(
            "the command ended with status 0, but {seconds} s later something that it had started still ran, so the backup may be applied in part only: {processes}; all of it was stopped; let the command `wait` for what it starts"
        ),
        Outcome::OutOfMemory => "a process was killed for want of memory".into(),
        Outcome::TransferFailed { step, message } => format!("{step} failed: {message}"),
        Outcome::BadObject { step, message } if step == UNSAID => message.clone(),
        // Nothing is wrong with the object.
        Outcome::BadObject { message, .. } if outcome.is_closed() => flagged(message),
        Outcome::BadObject { step, message } => format!(
            "the stored object is not what it should be ({step}): {}",
            flagged(message)
        ),
        Outcome::Cancelled { reason } => format!("stopped by {reason}"),
        Outcome::CheckFailed { message } => format!("the check {message}"),
        // These are a backup's.
        Outcome::Empty | Outcome::TooSmall | Outcome::OutputHeld => "the agent's end of a backup".into(),
    })
}

/// What is to be said of an object in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not there.
    Missing,
    /// Another one is there.
    Replaced,
    /// It is not whole, or not what it is said to be.
    Bad,
    /// Nobody knows: the key does not fit.
    Closed,
    /// Nobody knows: it could not be read.
    Unread,
}

impl Fate {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Replaced => "replaced",
            Self::Bad => "bad",
            Self::Closed => "not opened",
            Self::Unread => "not read",
        }
    }

    /// Of a reading that ended.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::BadObject { step, .. } if step == "etag" => Self::Replaced,
            Outcome::BadObject { step, .. } if step == UNSAID => Self::Unread,
            Outcome::BadObject { .. } if outcome.is_closed() => Self::Closed,
            Outcome::BadObject { .. } => Self::Bad,
            Outcome::TransferFailed { message, .. } if message.contains("404 NoSuchKey") => Self::Missing,
            _ => Self::Unread,
        }
    }

    /// Of a look that found it or did not.
    pub fn of_fault(fault: &Fault) -> Self {
        match () {
            () if fault.is_missing() => Self::Missing,
            () if fault.is_another() => Self::Replaced,
            () => Self::Unread,
        }
    }
}

/// What is a field of a run is a flag here.
fn flagged(message: &str) -> String {
    let hints = [
        ("an age file", "--identity"),
        ("spec.compression.windowLog", "--window-log"),
        ("spec.compression", "--compression"),
        ("type: Passphrase", "--passphrase-file"),
        ("spec.encryption", "--identity"),
    ];
    match hints.iter().find(|(field, _)| message.contains(field)) {
        Some((_, flag)) => format!("{message} (here it is {flag})"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_told_from_what_is_another_one_and_from_what_nobody_could_read() {
        let bad = |step: &str| Outcome::BadObject {
            step: step.into(),
            message: "m".into(),
        };
        let failed = |message: &str| Outcome::TransferFailed {
            step: "download at 0".into(),
            message: message.into(),
        };
        for (outcome, wanted) in [
            (bad("etag"), Fate::Replaced),
            (bad("sha256"), Fate::Bad),
            (bad("size"), Fate::Bad),
            (bad(UNSAID), Fate::Unread),
            (failed("the store answered 404 NoSuchKey: none"), Fate::Missing),
            (failed("connection refused"), Fate::Unread),
        ] {
            assert_eq!(Fate::of(&outcome), wanted, "{outcome:?}");
        }
        let locked = Outcome::BadObject {
            step: "decrypt".into(),
            message: "the key is none of those that the backup was encrypted for: X25519".into(),
        };
        assert_eq!(Fate::of(&locked), Fate::Closed);
        assert!(
            wrong(&locked).unwrap().starts_with("the key is none of those"),
            "and nothing is wrong with the object"
        );
        let fault = |code: u16| Fate::of_fault(&Fault::new("a", "b", "c").coded(code));
        assert_eq!(
            (fault(404), fault(412), fault(403)),
            (Fate::Missing, Fate::Replaced, Fate::Unread)
        );
    }

    #[test]
    fn a_field_of_a_run_is_told_as_the_flag_that_it_is_here() {
        let told = |message: &str| {
            wrong(&Outcome::BadObject {
                step: "decompress".into(),
                message: message.into(),
            })
            .unwrap()
        };
        for (message, flag) in [
            ("set spec.compression.windowLog: 31", "(here it is --window-log)"),
            ("spec.compression.algorithm is gzip", "(here it is --compression)"),
            ("make a new run without spec.encryption", "(here it is --identity)"),
            (
                "the object is an age file, and spec.compression.algorithm is zstd",
                "(here it is --identity)",
            ),
        ] {
            assert!(told(message).ends_with(flag), "{}", told(message));
        }
        assert!(told("cut").ends_with("(decompress): cut"));
        assert_eq!(wrong(&Outcome::Done), None);
    }
}
