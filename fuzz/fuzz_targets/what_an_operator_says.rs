//! `fuzz_what_an_operator_says` of crates/protocol.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/protocol/tests/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_what_an_operator_says);
