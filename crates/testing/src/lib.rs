//! For tests only: builders on the kinds.
#![forbid(unsafe_code)]

pub mod runs;

pub use runs::{backup_run, restore_only_run};
