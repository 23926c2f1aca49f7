//! A run is followed to its end: what it does, how far it has come, what its command says, and how it ended.
pub mod course;
pub mod doing;
pub mod estimate;
pub mod events;
pub mod log;
pub mod phase;
pub mod screen;
pub mod stop;
pub mod terminal;
pub mod verdict;
pub mod watch;
