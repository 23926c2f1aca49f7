//! The verbs, one a file.
mod lint;
mod preview;
mod support;

use clap::Subcommand;

/// What can be asked.
#[derive(Subcommand)]
pub enum Verb {
    /// Says everything that is wrong or unwise in manifests, each with its field and the cure; asks no cluster.
    Lint(lint::Args),
    /// Shows when a schedule would run, and where its backups would go; asks no cluster.
    Preview(preview::Args),
    /// Collects what whoever is to help needs into one archive, without secrets: objects, Events, logs, metrics, versions.
    Support(support::Args),
}

impl Verb {
    /// Answers into `out`. An error is text for people, with a caret below what is wrong where there is a place.
    pub fn run(self, out: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Self::Lint(args) => lint::run(&args, out),
            Self::Preview(args) => preview::run(args, out),
            Self::Support(args) => support::run(&args, out),
        }
    }
}
