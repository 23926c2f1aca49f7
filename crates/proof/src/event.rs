//! What the threads of a restore tell the one that decides, and the words for it: they know it, it knows none of them.
use std::io::PipeWriter;

use protocol::Outcome;

use crate::signal::signal_name;

/// Something happened.
pub enum Event {
    /// The command's leader ended.
    Exited(Exit),
    /// Somebody wants it to stop.
    Cancel(Cancel),
    /// The object is open, its header is good, the command may start.
    Opened {
        /// What it gets begins as a file that it may not expect.
        packed: Option<&'static str>,
    },
    /// Its header does not open, and all of it is read to see whether it is whole: how it ends where that takes too long.
    Unopened(Outcome),
    /// The feeder ended.
    Fed(FeedEnd),
    /// A check in another container ended, and the end of what it printed; or nothing more comes from there, in words.
    Checked(Result<Box<(Outcome, String)>, String>),
}

/// A wish to stop.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// For the report.
    pub reason: String,
    /// Between TERM and KILL, seconds.
    pub grace_seconds: u64,
}

/// How the leader ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// What an end that we did not cause makes of the work: nothing for a good one.
    pub fn failure(self) -> Option<Outcome> {
        match self {
            Exit::Code(0) => None,
            Exit::Code(code) => Some(Outcome::CommandFailed { code }),
            Exit::Signal(number) => Some(Outcome::CommandKilled {
                signal: signal_name(number),
            }),
        }
    }
}

/// How feeding ended, and the pipe's end where the command must not see it closed yet.
pub struct FeedEnd {
    /// How.
    pub verdict: Verdict,
    /// Closed by whoever drops this: after the command and all that it started are dead.
    pub input: Option<PipeWriter>,
}

/// How feeding ended.
pub enum Verdict {
    /// Everything was proved and written; the input is closed.
    Proved,
    /// Nobody reads any more; at least so many bytes were not written.
    Unread(u64),
    /// The stream is not whole.
    Bad(Outcome),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exit_with_zero_is_good() {
        assert_eq!(Exit::Code(0).failure(), None);
        assert_eq!(Exit::Code(3).failure(), Some(Outcome::CommandFailed { code: 3 }));
        assert_eq!(
            Exit::Signal(9).failure(),
            Some(Outcome::CommandKilled {
                signal: "SIGKILL".into()
            })
        );
    }
}
