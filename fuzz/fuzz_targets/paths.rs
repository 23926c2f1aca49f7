//! `fuzz_paths` of crates/planner.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/planner/tests/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_paths);
