//! Records: what a good backup says of itself, beside it in the bucket, so that the bucket is enough to bring everything back.
//!
//! A record is a description and never a proof: hash and size are held against what the store and the stream say, and where they differ the
//! record is not believed. Without one, or with a forged one, a backup never looks better than it is.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(any(test, fuzzing))]
#[allow(missing_docs, reason = "a test of each name")]
pub mod fuzz;
pub mod revive;
pub mod schema;
pub mod seal;
#[cfg(test)]
mod testkit;

pub use api::place::{self, Place};
pub use schema::{Needs, Record, RecordError};
pub use seal::SealError;
