//! What a decision about a drill is made from.
use api::{BackupDrill, BackupRun};
use jiff::Timestamp;

use crate::run::pod::AgentSettings;

/// Everything that was seen before deciding; the clock included.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The drill as the API server has it.
    pub drill: &'a BackupDrill,
    /// Runs that have it as their controller, by UID.
    pub runs: Vec<&'a BackupRun>,
    /// Runs of the schedule that it proves, where [`is_to_pick`](super::is_to_pick) wants them.
    pub backups: Vec<&'a BackupRun>,
    /// A schedule of its namespace has its name: their runs would have the same names.
    pub namesake: bool,
    /// The image that reads.
    pub agent: &'a AgentSettings,
    /// Now.
    pub now: Timestamp,
}
