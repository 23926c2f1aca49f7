//! `kubectl-backup`, also `kubectl backup`: answers with the operator's own functions. A library, so that its reference is generated from the
//! same definition that it parses by.
#![forbid(unsafe_code)]

/// A line on standard error. `eprintln!` panics where nobody reads that any more.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}

mod act;
mod ask;
mod catalog;
mod commands;
mod complete;
mod examples;
mod follow;
mod manifest;
mod plain;
mod read;
mod reader;
mod show;
mod stored;
mod tips;
mod ui;

pub use commands::init::{Recipe, all as recipes};

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

/// Backups of whatever has a command.
#[derive(Parser)]
#[command(name = "kubectl-backup", bin_name = "kubectl backup", version)]
struct Args {
    #[command(subcommand)]
    verb: commands::Verb,
}

/// Everything that can be written on the command line.
pub fn command() -> clap::Command {
    examples::with(Args::command())
}

/// Does what the process was asked to. What went wrong is on standard error.
pub fn run() -> ExitCode {
    // A shell that asks what may follow is answered, and nothing else is done.
    let completing = clap_complete::CompleteEnv::with_factory(|| complete::with_names(command()));
    completing
        .var(complete::VARIABLE)
        .completer("kubectl-backup")
        .complete();
    let args = command()
        .try_get_matches()
        .unwrap_or_else(|error| tips::harmless(error).exit());
    let args = Args::from_arg_matches(&args).unwrap_or_else(|error| error.exit());
    match args.verb.run(&mut reader::Reader(std::io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) if refusal == reader::GONE => ExitCode::SUCCESS,
        Err(refusal) => {
            // Empty where another process of this program has said it.
            if !refusal.is_empty() {
                show::fold::say(&refusal);
            }
            ExitCode::FAILURE
        }
    }
}
