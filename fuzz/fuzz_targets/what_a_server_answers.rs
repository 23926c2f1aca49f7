//! `fuzz_what_a_server_answers` of crates/sftp.
#![no_main]
// By file: this workspace cannot have russh, as that one cannot have age.
#[path = "../../crates/sftp/src/fuzz.rs"]
mod tests;
#[allow(dead_code, reason = "of a program, of which this is a part")]
#[path = "../../crates/sftp/src/wire.rs"]
mod wire;

targets::serve!(tests::fuzz_what_a_server_answers);
