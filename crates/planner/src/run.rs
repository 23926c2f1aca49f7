//! Runs: what is to be done next for one backup or restore.
pub mod attempt;
pub mod decide;
pub mod finalize;
pub mod observed;
pub mod path;
pub mod pod;
pub mod restore;
pub mod retry;
pub mod step;
pub mod verdict;

pub use decide::decide;
pub use observed::{Chosen, Contact, End, Observed, PodView, Refusal, Route, StorageView, TransferView};
pub use step::{Decision, Event, Step, TransferOrder};
