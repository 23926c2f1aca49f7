//! `fuzz_answers_of_gateways` of crates/between.
#![no_main]
targets::serve!(between::fuzz::fuzz_answers_of_gateways);
