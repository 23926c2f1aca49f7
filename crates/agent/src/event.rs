//! What the threads of a backup tell the one that decides: they know it, it knows none of them.
use proof::event::{Cancel, Exit};
use protocol::Outcome;

/// Something happened.
pub enum Event {
    /// The command's leader ended.
    Exited(Exit),
    /// The operator wants the job to stop.
    Cancel(Cancel),
    /// The command's output came to its end and all but the last part is on its way.
    OutputEnded,
    /// The last part and all before it are stored.
    Stored,
    /// The transfer cannot go on.
    Failed(Outcome),
}
