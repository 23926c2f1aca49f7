//! `fuzz_content_range_and_etag` of crates/proof.
#![no_main]
targets::serve!(proof::fuzz::fuzz_content_range_and_etag);
