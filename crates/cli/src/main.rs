//! `kubectl-backup`, also `kubectl backup`: answers with the operator's own functions.
#![forbid(unsafe_code)]

mod commands;
mod manifest;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Backups of whatever has a command.
#[derive(Parser)]
#[command(name = "kubectl-backup", bin_name = "kubectl backup", version)]
struct Args {
    #[command(subcommand)]
    verb: commands::Verb,
}

fn main() -> ExitCode {
    let mut out = Vec::new();
    let result = Args::parse().verb.run(&mut out);
    // What could be answered is said, also where something else could not. A reader that has gone wants nothing more.
    let _ = std::io::stdout().write_all(&out);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            eprintln!("{refusal}");
            ExitCode::FAILURE
        }
    }
}
