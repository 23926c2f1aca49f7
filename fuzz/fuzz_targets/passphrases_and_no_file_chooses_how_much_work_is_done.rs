//! `fuzz_passphrases_and_no_file_chooses_how_much_work_is_done` of crates/pipeline.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/pipeline/tests/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_passphrases_and_no_file_chooses_how_much_work_is_done);
