//! `fuzz_record` of crates/record.
#![no_main]
targets::serve!(record::fuzz::fuzz_record);
