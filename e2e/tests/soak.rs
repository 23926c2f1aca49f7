//! Cases that take minutes: run by `make soak`, not by `make test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::RwLock;

#[path = "soak/cronjob.rs"]
mod cronjob;
#[path = "soak/deletions.rs"]
mod deletions;
#[path = "soak/large.rs"]
mod large;
#[path = "soak/stores.rs"]
mod stores;
#[path = "soak/ticks.rs"]
mod ticks;

/// Read by cases that load the machine, written by the one that measures it.
static LOAD: RwLock<()> = RwLock::new(());
