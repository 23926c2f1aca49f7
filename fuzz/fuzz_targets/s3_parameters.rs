//! `fuzz_s3_parameters` of crates/store.
#![no_main]
targets::serve!(store::fuzz::fuzz_s3_parameters);
