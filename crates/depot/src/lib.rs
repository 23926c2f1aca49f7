//! The store for whoever has none: our subset of S3 over plain files, so that operator, agent and command line speak to it as to any
//! other store. What was answered is on the disk; what was not completed is nowhere to be seen.
#![forbid(unsafe_code)]

pub mod answer;
mod body;
pub mod fault;
pub mod files;
#[cfg(any(test, fuzzing))]
#[allow(missing_docs, reason = "a test of each name")]
pub mod fuzz;
pub mod handle;
pub mod hold;
pub mod names;
mod paced;
mod request;
pub mod serve;
pub mod shelf;
pub mod signature;
pub mod tls;
mod xml;
