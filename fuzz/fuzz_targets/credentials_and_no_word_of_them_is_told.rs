//! `fuzz_credentials_and_no_word_of_them_is_told` of crates/store.
#![no_main]
targets::serve!(store::fuzz::fuzz_credentials_and_no_word_of_them_is_told);
