//! `fuzz_headers_of_an_answer` of crates/store.
#![no_main]
targets::serve!(store::fuzz::fuzz_headers_of_an_answer);
