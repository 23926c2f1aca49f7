//! Schedules: which runs are to be made, cancelled and rotated.
pub mod adopt;
pub mod cron;
pub mod decide;
pub mod field;
pub mod history;
pub mod observed;
pub mod refused;
pub mod restores;
pub mod shifts;
pub mod starving;
pub mod ticks;

pub use decide::{CREATED, Decision, Doomed, decide, is_triggered, name_taken};
pub use observed::Observed;
pub use refused::refused;
