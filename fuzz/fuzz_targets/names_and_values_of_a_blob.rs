//! `fuzz_names_and_values_of_a_blob` of crates/store.
#![no_main]
targets::serve!(store::azure::fuzz::fuzz_names_and_values_of_a_blob);
