//! `fuzz_recipients_of_a_spec` of crates/planner.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/planner/tests/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_recipients_of_a_spec);
