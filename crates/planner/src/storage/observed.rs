//! What a decision about a storage is made from.
use api::BackupStorage;
use api::storage::Capabilities;
use jiff::Timestamp;

use crate::storage::reason::Reason;

/// Everything that was seen before deciding; the clock included.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The storage as the API server has it.
    pub storage: &'a BackupStorage,
    /// Schedules that name it.
    pub schedules: u32,
    /// Runs that name it.
    pub runs: u32,
    /// What these runs have stored, bytes.
    pub size_in_bytes: u64,
    /// The last probe that this operator made.
    pub probe: ProbeView,
    /// Changes with the spec and with the Secret.
    pub configuration: &'a str,
    /// Authorities of the operator's own store, where it is that, as PEM.
    pub authorities: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
}

/// A probe, as this operator remembers it.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeView {
    /// None since the operator started.
    NotYet,
    /// Write, read and delete worked.
    Good {
        /// What the store was seen to do.
        capabilities: Capabilities,
        /// When.
        at: Timestamp,
        /// The configuration that was probed.
        configuration: String,
    },
    /// A step failed.
    Failed {
        /// Why, in one word.
        reason: Reason,
        /// The step, what is wrong, what would cure it.
        message: String,
        /// When.
        at: Timestamp,
        /// The configuration that was probed.
        configuration: String,
    },
}
