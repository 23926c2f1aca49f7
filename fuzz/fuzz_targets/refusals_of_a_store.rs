//! `fuzz_refusals_of_a_store` of crates/proof.
#![no_main]
targets::serve!(proof::fuzz::fuzz_refusals_of_a_store);
