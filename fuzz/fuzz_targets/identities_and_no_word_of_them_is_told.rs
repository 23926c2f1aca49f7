//! `fuzz_identities_and_no_word_of_them_is_told` of crates/pipeline.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/pipeline/tests/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_identities_and_no_word_of_them_is_told);
