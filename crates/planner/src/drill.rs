//! Drills: which backup is proved, when, and by which run.
pub mod decide;
pub mod history;
pub mod make;
pub mod observed;
pub mod pick;
pub mod reach;
pub mod reason;
pub mod told;

pub use decide::{Decision, decide, is_to_pick};
pub use observed::Observed;
pub use reason::Reason;
