//! `fuzz_signed_urls_stay_in_their_bucket` of crates/store.
#![no_main]
targets::serve!(store::fuzz::fuzz_signed_urls_stay_in_their_bucket);
