//! `fuzz_xml_answers` of crates/store.
#![no_main]
targets::serve!(store::fuzz::fuzz_xml_answers);
