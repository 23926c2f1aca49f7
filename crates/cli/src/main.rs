//! `kubectl-backup`, also `kubectl backup`: answers with the operator's own functions.
#![forbid(unsafe_code)]

mod ask;
mod commands;
mod follow;
mod manifest;
mod read;
mod show;
mod stored;

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
    match Args::parse().verb.run(&mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            // Empty where another process of this program has said it.
            if !refusal.is_empty() {
                eprintln!("{refusal}");
            }
            ExitCode::FAILURE
        }
    }
}
