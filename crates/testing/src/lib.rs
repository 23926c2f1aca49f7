//! For tests only: builders on the kinds, and manifests that are refused.
#![forbid(unsafe_code)]

pub mod manifests;
pub mod runs;

pub use runs::{backup_run, restore_only_run};
