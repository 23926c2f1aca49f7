//! The user's command: a process group of its own, its pipes, and all that it leaves behind.
mod log;
mod oom;
pub mod pipe;
pub mod tree;

use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use protocol::Outcome;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, wait};

use crate::event::Exit;
use log::Log;
use oom::Kills;

/// How long a process that was killed may take to die. One that hangs in the kernel does not, whatever is done.
const DEATH: Duration = Duration::from_secs(10);
/// Between two rounds of killing: a process may have forked while the last one went on.
const ROUND: Duration = Duration::from_millis(20);

/// A command that was started.
pub struct Running {
    leader: Pid,
    watch: Arc<Watch>,
    log: Option<Log>,
    /// Since before it was started; None where the kernel does not say, or where it speaks of others, too.
    kills: Option<Kills>,
}

#[derive(Default)]
struct Watch {
    state: Mutex<WatchState>,
    changed: Condvar,
}

#[derive(Default)]
struct WatchState {
    exited: bool,
    /// There is no child any more, so also no descendant: orphans become children.
    gone: bool,
}

/// What the command reads and writes.
pub enum Wiring {
    /// Backup: nothing to read; its output is taken from the reader's other end.
    Output(PipeWriter),
    /// Restore: its input comes from the writer's other end; what it prints goes where its errors go.
    Input(PipeReader),
    /// A check: nothing to read; what it prints goes where its errors go.
    Neither,
}

/// Where a command's standard error goes.
pub enum Errors<'a> {
    /// Into the log of the container that this process is in, which is never waited for; the end is kept.
    Log(&'a Path),
    /// To where this process's own go, whoever reads them, and what a restoring command prints to this process's standard output.
    Inherited,
}

/// Makes orphans of commands this process's children, so that none is out of reach where there is a `/proc`; and has a panic, which
/// closes every pipe, kill them first: a restoring command would take that for a clean end.
///
/// # Errors
/// The kernel refuses.
pub fn adopt_orphans() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            tree::kill_all();
            usual(info);
        }));
    }
    Ok(())
}

/// Starts a command. How its leader ends is told once.
///
/// # Errors
/// It cannot be started, and why.
pub fn start(
    words: &[String],
    wiring: Wiring,
    errors: Errors<'_>,
    exited: impl Fn(Exit) + Send + 'static,
) -> Result<Running, Outcome> {
    let failed = |message: String| Outcome::CommandNotStarted { message };
    let (program, args) = words
        .split_first()
        .ok_or_else(|| failed("the command is empty".into()))?;
    let is_logged = matches!(errors, Errors::Log(_));
    let pipes = || {
        let mut command = Command::new(program);
        command.args(args).process_group(0);
        let log = match errors {
            Errors::Log(path) => {
                let (errors, to_errors) = io::pipe()?;
                command.stdout(to_errors.try_clone()?).stderr(to_errors);
                Some(Log::start(errors, path)?)
            }
            Errors::Inherited => None,
        };
        match wiring {
            Wiring::Output(output) => command.stdin(Stdio::null()).stdout(output),
            Wiring::Input(input) => command.stdin(input),
            Wiring::Neither => command.stdin(Stdio::null()),
        };
        Ok((command, log))
    };
    let (mut command, log) = pipes().map_err(|e: io::Error| failed(format!("no pipe for the command: {e}")))?;
    // What is killed outside of a container may be anybody's.
    let kills = if is_logged { Kills::watch() } else { None };
    let child = command.spawn().map_err(|e| failed(why_not(program, &e, is_logged)))?;
    // The pipes' ends in here have to be closed, or the command's end would never be seen.
    drop(command);
    let leader = Pid::from_child(&child);
    let watch = Arc::new(Watch::default());
    let watching = watch.clone();
    thread::Builder::new()
        .name("reap".into())
        .spawn(move || reap(leader, &watching, exited))
        .map_err(|e| failed(format!("no thread to watch the command: {e}")))?;
    Ok(Running {
        leader,
        watch,
        log,
        kills,
    })
}

/// The usual reasons in words that name the cure.
fn why_not(program: &str, error: &io::Error, contained: bool) -> String {
    const NOT_FOUND: i32 = 2;
    const NO_PERMISSION: i32 = 13;
    const EXEC_FORMAT: i32 = 8;
    let (place, user) = if contained {
        ("in the container", "the container's user")
    } else {
        ("here", "you")
    };
    match error.raw_os_error() {
        Some(NOT_FOUND) => {
            format!("{program:?} is not found {place} (no such program, or its interpreter is missing)")
        }
        Some(NO_PERMISSION) => format!("{program:?} may not be executed by {user}"),
        Some(EXEC_FORMAT) => {
            format!("{program:?} cannot be executed: made for another architecture, or a script without #!")
        }
        _ => format!("{program:?} cannot be started: {error}"),
    }
}

/// Reaps every child: the command and the orphans that it leaves.
fn reap(leader: Pid, watch: &Watch, exited: impl Fn(Exit)) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == leader => {
                if let Some(exit) = exit_of(status) {
                    watch.change(|state| state.exited = true);
                    exited(exit);
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => {
                wait_for_group(leader);
                watch.change(|state| state.gone = true);
                return;
            }
        }
    }
}

/// Orphans were children, and are gone.
#[cfg(target_os = "linux")]
fn wait_for_group(_: Pid) {}

/// Orphans are another's children: only their group is seen.
#[cfg(not(target_os = "linux"))]
fn wait_for_group(leader: Pid) {
    while rustix::process::test_kill_process_group(leader).is_ok() {
        thread::sleep(ROUND);
    }
}

/// Kills all that the command has started.
#[cfg(target_os = "linux")]
fn kill_all(_: Pid) {
    tree::kill_all();
}

/// Kills what is in the command's group.
#[cfg(not(target_os = "linux"))]
fn kill_all(leader: Pid) {
    let _ = kill_process_group(leader, Signal::KILL);
}

fn exit_of(status: WaitStatus) -> Option<Exit> {
    status
        .exit_status()
        .map(Exit::Code)
        .or_else(|| status.terminating_signal().map(Exit::Signal))
}

impl Watch {
    fn change(&self, change: impl FnOnce(&mut WatchState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until every descendant is gone; false after `at_most`.
    fn wait_gone(&self, at_most: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, at_most, |state| !state.gone)
            .unwrap_or_else(PoisonError::into_inner);
        state.gone
    }
}

impl Running {
    /// Neither the command nor anything that it started lives.
    pub fn is_gone(&self) -> bool {
        self.watch.wait_gone(Duration::ZERO)
    }

    /// The kernel killed something in this container for want of memory since the command was about to start: a shell
    /// whose pipeline lost a program ends well all the same.
    pub fn lost_to_memory(&self) -> bool {
        self.kills.as_ref().is_some_and(Kills::grew)
    }

    /// Ends the command and all that it started: TERM to its group, KILL to every descendant after `grace`; false
    /// where one does not die.
    pub fn stop(&self, grace: Duration) -> bool {
        if !grace.is_zero() {
            // The leader is not reaped yet, so its number is still that of the group.
            if !self.watch.state.lock().unwrap_or_else(PoisonError::into_inner).exited {
                let _ = kill_process_group(self.leader, Signal::TERM);
            }
            if self.watch.wait_gone(grace) {
                return true;
            }
        }
        let until = Instant::now() + DEATH;
        while Instant::now() < until {
            kill_all(self.leader);
            if self.watch.wait_gone(ROUND) {
                return true;
            }
        }
        false
    }

    /// The end of what the command said on its standard error. Something that it left running may still hold that:
    /// it is not waited for. Empty where it is not kept.
    pub fn last_words(&self) -> String {
        self.log.as_ref().map(Log::tail).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_cannot_start_says_why_in_words() {
        for (errno, word) in [
            (2, "not found"),
            (13, "may not be executed"),
            (8, "another architecture"),
            (12, "memory"),
        ] {
            let message = why_not("pg_dump", &io::Error::from_raw_os_error(errno), true);
            assert!(message.contains("\"pg_dump\"") && message.contains(word), "{message}");
        }
    }
}
