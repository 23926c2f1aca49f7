//! `fuzz_the_list_of_parts` of crates/depot.
#![no_main]
targets::serve!(depot::fuzz::fuzz_the_list_of_parts);
