//! `fuzz_gzip` of crates/pipeline.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/pipeline/tests/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_gzip);
