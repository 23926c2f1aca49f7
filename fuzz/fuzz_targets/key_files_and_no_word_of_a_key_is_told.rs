//! `fuzz_key_files_and_no_word_of_a_key_is_told` of crates/store.
#![no_main]
targets::serve!(store::fuzz::fuzz_key_files_and_no_word_of_a_key_is_told);
