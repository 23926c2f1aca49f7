//! `fuzz_http_answers` of crates/proof.
#![no_main]
targets::serve!(proof::fuzz::fuzz_http_answers);
