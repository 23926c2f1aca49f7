//! The agent: put into the user's container, it runs the command there and streams its bytes to or from the store.
//!
//! `agent install DIR` copies it, `agent connect` joins the operator's exec stream to the daemon's socket, and the
//! daemon does the one job of its run and attempt. `agent stand-by` leaves somebody in another container who runs the check of a restore
//! there. `agent wait` and `agent drain` are the Pod of a drill that only reads. Threads block; nothing here is asynchronous.
mod args;
mod backup;
mod connect;
mod daemon;
mod desk;
mod event;
mod first;
#[cfg(test)]
mod fuzz;
mod guard;
mod install;
mod launch;
mod memory;
mod past;
mod peer;
mod platform;
mod probe;
mod reader;
mod restore;
mod sockets;
mod standing;
mod upload;

use std::process::ExitCode;

use args::Verb;

fn main() -> ExitCode {
    platform::prepare();
    let verb = match args::parse(std::env::args_os().skip(1)) {
        Ok(verb) => verb,
        Err(error) => {
            eprintln!("agent: {error}\n{}", args::USAGE);
            return ExitCode::from(connect::exit::USAGE);
        }
    };
    match verb {
        Verb::Install { dir } => match install::install(&dir) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("agent: {}", with_causes(&error));
                ExitCode::FAILURE
            }
        },
        Verb::Connect(place) => ExitCode::from(connect::run(&place)),
        Verb::Guard(place) => guard::run(&place).unwrap_or_else(|error| {
            eprintln!("agent: the daemon cannot be started: {error}");
            ExitCode::FAILURE
        }),
        Verb::Daemon(place) => match daemon::run(&place) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("agent: {}", with_causes(&error));
                ExitCode::FAILURE
            }
        },
        Verb::StandBy(place) => standing::ensure(&place),
        Verb::Standing(place) => match standing::run(&place) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("agent: {}", with_causes(&error));
                ExitCode::FAILURE
            }
        },
        Verb::Wait => reader::wait(),
        Verb::Drain => match reader::drain(std::io::stdin().lock()) {
            Ok(counts) => {
                eprintln!("{counts}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("agent: standard input cannot be read: {error}");
                ExitCode::FAILURE
            }
        },
        Verb::Help => {
            println!("{}", args::USAGE);
            ExitCode::SUCCESS
        }
    }
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        words.push_str(": ");
        words.push_str(&next.to_string());
        cause = next.source();
    }
    words
}
