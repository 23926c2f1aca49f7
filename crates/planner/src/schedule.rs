//! Schedules: which runs are to be made, cancelled and rotated.
pub mod adopt;
pub mod count;
pub mod cron;
pub mod decide;
pub mod expected;
pub mod field;
pub mod history;
pub mod holdup;
pub mod kept;
pub mod notify;
pub mod observed;
pub mod reason;
pub mod refused;
pub mod restores;
pub mod retention;
pub mod shifts;
pub mod skew;
pub mod starving;
pub mod ticks;
pub mod times;
pub mod trigger;

pub use count::told_with_created;
pub use decide::{CREATED, Decision, Doomed, Why, decide, name_taken, says_stopped};
pub use observed::{Observed, makes_room};
pub use reason::Reason;
pub use refused::refused;
pub use trigger::is_triggered;
