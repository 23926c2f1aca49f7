//! `fuzz_one_message_of_an_agent` of crates/protocol.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/protocol/tests/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_one_message_of_an_agent);
