//! Storages: when to probe, and what their status says.
pub mod access;
pub mod decide;
pub mod observed;
mod proved;
pub mod reason;

pub use decide::{Decision, decide};
pub use observed::{Observed, ProbeView};
pub use proved::proved;
pub use reason::Reason;
