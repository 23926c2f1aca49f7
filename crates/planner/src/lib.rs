//! Decides: pure functions from what was observed to what is to be done. No client, no clock, no waiting.
#![forbid(unsafe_code)]

pub mod advise;
pub mod drill;
pub mod events;
pub mod health;
pub mod mask;
pub mod notify;
pub mod queue;
pub mod run;
pub mod schedule;
pub mod size;
pub mod storage;
pub mod validate;
mod words;
