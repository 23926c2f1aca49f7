//! `fuzz_what_is_asked_back` of crates/depot.
#![no_main]
targets::serve!(depot::fuzz::fuzz_what_is_asked_back);
