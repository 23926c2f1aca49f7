//! `fuzz_command_line` of crates/agent.
#![no_main]
#[allow(dead_code, reason = "of a program, of which this is a part")]
#[path = "../../crates/agent/src/args.rs"]
mod args;
#[allow(dead_code, reason = "of a program, of which this is a part")]
#[path = "../../crates/agent/src/first.rs"]
mod first;
#[path = "../../crates/agent/src/fuzz.rs"]
mod tests;

targets::serve!(tests::fuzz_command_line);
