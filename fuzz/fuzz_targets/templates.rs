//! `fuzz_templates` of crates/gotemplate.
#![no_main]
#[allow(dead_code, reason = "other targets' functions")]
#[path = "../../crates/gotemplate/tests/bytes.rs"]
mod tests;

targets::serve!(tests::fuzz_templates);
