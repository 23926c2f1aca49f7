//! `fuzz_answers_of_azure` of crates/store.
#![no_main]
targets::serve!(store::azure::fuzz::fuzz_answers_of_azure);
