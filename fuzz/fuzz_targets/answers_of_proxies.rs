//! `fuzz_answers_of_proxies` of crates/between.
#![no_main]
targets::serve!(between::fuzz::fuzz_answers_of_proxies);
