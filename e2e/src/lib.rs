//! What the tests against a real cluster share: a case with a namespace of its own, a view of the store, the operator.
#![forbid(unsafe_code)]
// All of this runs inside tests, which stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod admin;
pub mod admission;
pub mod bytes;
pub mod case;
pub mod cluster;
pub mod cut;
pub mod drills;
pub mod example;
pub mod exec;
pub mod faults;
pub mod install;
pub mod kubectl;
pub mod metrics;
pub mod operator;
pub mod prometheus;
pub mod proxy;
pub mod recipe;
pub mod runs;
pub mod s3;
pub mod schedules;
pub mod shared;
pub mod sts;

pub use case::{Case, case, early_case, killing_case, killing_cases, long_case, serial_case, serial_cases, two_cases};
