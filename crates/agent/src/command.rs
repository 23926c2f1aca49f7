//! The user's command: a process group of its own, its pipes, and all that it leaves behind.
pub mod first;
pub mod log;
mod oom;
pub mod pipe;
pub mod tree;

use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use protocol::Outcome;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, wait};

use crate::event::{Event, Exit};
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
    log: Log,
    /// Since before it was started; None where the kernel does not say.
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
    /// Restore: its input comes from the writer's other end; what it prints goes to the log.
    Input(PipeReader),
}

/// Starts a command. Its end is told to `events`.
pub fn start(words: &[String], wiring: Wiring, log: &Path, events: Sender<Event>) -> Result<Running, Outcome> {
    let failed = |message: String| Outcome::CommandNotStarted { message };
    let (program, args) = words
        .split_first()
        .ok_or_else(|| failed("the command is empty".into()))?;
    let pipes = || {
        let (errors, to_errors) = io::pipe()?;
        let mut command = Command::new(program);
        command.args(args).process_group(0);
        match wiring {
            Wiring::Output(output) => command.stdin(Stdio::null()).stdout(output),
            Wiring::Input(input) => command.stdin(input).stdout(to_errors.try_clone()?),
        };
        command.stderr(to_errors);
        Ok((command, Log::start(errors, log)?))
    };
    let (mut command, log) = pipes().map_err(|e: io::Error| failed(format!("no pipe for the command: {e}")))?;
    let kills = Kills::watch();
    let child = command.spawn().map_err(|e| failed(why_not(program, &e)))?;
    // The pipes' ends in here have to be closed, or the command's end would never be seen.
    drop(command);
    let leader = Pid::from_child(&child);
    let watch = Arc::new(Watch::default());
    let watching = watch.clone();
    thread::Builder::new()
        .name("reap".into())
        .spawn(move || reap(leader, &watching, &events))
        .map_err(|e| failed(format!("no thread to watch the command: {e}")))?;
    Ok(Running {
        leader,
        watch,
        log,
        kills,
    })
}

/// The usual reasons in words that name the cure.
fn why_not(program: &str, error: &io::Error) -> String {
    const NOT_FOUND: i32 = 2;
    const NO_PERMISSION: i32 = 13;
    const EXEC_FORMAT: i32 = 8;
    match error.raw_os_error() {
        Some(NOT_FOUND) => {
            format!("{program:?} is not found in the container (no such program, or its interpreter is missing)")
        }
        Some(NO_PERMISSION) => format!("{program:?} may not be executed by the container's user"),
        Some(EXEC_FORMAT) => {
            format!("{program:?} cannot be executed: made for another architecture, or a script without #!")
        }
        _ => format!("{program:?} cannot be started: {error}"),
    }
}

/// Reaps every child: the command and the orphans that it leaves.
fn reap(leader: Pid, watch: &Watch, events: &Sender<Event>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == leader => {
                if let Some(exit) = exit_of(status) {
                    watch.change(|state| state.exited = true);
                    let _ = events.send(Event::Exited(exit));
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => {
                watch.change(|state| state.gone = true);
                return;
            }
        }
    }
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
            tree::kill_all();
            if self.watch.wait_gone(ROUND) {
                return true;
            }
        }
        false
    }

    /// The end of what the command said on its standard error. Something that it left running may still hold that:
    /// it is not waited for.
    pub fn last_words(&self) -> String {
        self.log.tail()
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
            let message = why_not("pg_dump", &io::Error::from_raw_os_error(errno));
            assert!(message.contains("\"pg_dump\"") && message.contains(word), "{message}");
        }
    }
}
