//! `cargo xtask generate [--check]`: writes what is derived from the code, or says that it is stale. `cargo xtask release`: the parts of a release.
#![forbid(unsafe_code)]

mod admission;
mod alerts;
mod chart;
mod dashboards;
mod depot;
#[cfg(test)]
mod examples;
mod fields;
mod generate;
mod gitops;
mod install;
mod kept;
mod manifests;
mod metrics;
mod permissions;
#[cfg(test)]
mod queries;
mod rbac;
mod reasons;
#[cfg(test)]
mod recipes;
mod reference;
mod release;
#[cfg(test)]
mod rules;
mod stores;
mod template;
mod traps;
mod verbs;
mod yaml;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask generate [--check]

generate          writes deploy/, docs/reference, docs/man, the pages of the alerts, docs/gitops (but for its page), and what of charts/ follows from the code
generate --check  fails when they are not what the code says";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["generate"] => generate::write(&root()).map_err(release::Error::Generate),
        ["generate", "--check"] => generate::check(&root()).map_err(release::Error::Generate),
        ["release", step @ ..] if let Some(done) = release::run(&root(), step) => done,
        _ => {
            eprintln!("{USAGE}\n{}", release::USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout that this was compiled in.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}
