//! Storages: when to probe, and what their status says.
pub mod access;
pub mod decide;
pub mod observed;

pub use decide::{Decision, decide};
pub use observed::{Observed, ProbeView};
