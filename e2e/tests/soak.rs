//! Cases that take minutes: run by `make soak`, not by `make test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "soak/cronjob.rs"]
mod cronjob;
#[path = "soak/large.rs"]
mod large;
#[path = "soak/stores.rs"]
mod stores;
