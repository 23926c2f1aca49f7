//! `fuzz_armor_and_what_opens_is_what_was_encrypted` of crates/pipeline.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/pipeline/tests/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_armor_and_what_opens_is_what_was_encrypted);
