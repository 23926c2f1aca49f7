//! What the threads of a job tell the one that decides.
use protocol::Outcome;

use crate::command::Exit;
use crate::restore::FeedEnd;

/// Something happened.
pub enum Event {
    /// The command's leader ended.
    Exited(Exit),
    /// The operator wants the job to stop.
    Cancel(Cancel),
    /// Backup: the command's output came to its end and all but the last part is on its way.
    OutputEnded,
    /// Backup: the last part and all before it are stored.
    Stored,
    /// The transfer cannot go on.
    Failed(Outcome),
    /// Restore: the object is open, its header is good, the command may start.
    Opened,
    /// Restore: the feeder ended.
    Fed(FeedEnd),
}

/// A wish to stop.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// For the report.
    pub reason: String,
    /// Between TERM and KILL, seconds.
    pub grace_seconds: u64,
}
