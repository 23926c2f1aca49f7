//! The verbs, one a file.
mod download;
mod lint;
mod preview;
mod restore_offline;
mod support;
mod verify;

use std::io::Write;

use clap::Subcommand;

/// What can be asked.
#[derive(Subcommand)]
pub enum Verb {
    /// Says everything that is wrong or unwise in manifests, each with its field and the cure; asks no cluster.
    Lint(lint::Args),
    /// Shows when a schedule would run, and where its backups would go; asks no cluster.
    Preview(preview::Args),
    /// Restores an object from a store into a command on this machine, with the same proof as in a Pod; asks no cluster.
    RestoreOffline(restore_offline::Args),
    /// Reads an object from a store into a file, decrypted, decompressed and proved whole; asks no cluster.
    Download(download::Args),
    /// Reads objects of a store to their ends, keeping nothing, and says whether they are whole; asks no cluster.
    Verify(verify::Args),
    /// Collects what whoever is to help needs into one archive, without secrets: objects, Events, logs, metrics, versions.
    Support(support::Args),
}

impl Verb {
    /// Answers into `out`. An error is text for people, with a caret below what is wrong where there is a place.
    pub fn run(self, out: &mut dyn Write) -> Result<(), String> {
        match self {
            Self::Lint(args) => whole(out, |answer| lint::run(&args, answer)),
            Self::Preview(args) => whole(out, |answer| preview::run(args, answer)),
            Self::RestoreOffline(args) => restore_offline::run(&args),
            Self::Download(args) => download::run(&args, out),
            Self::Verify(args) => verify::run(&args, out),
            Self::Support(args) => whole(out, |answer| support::run(&args, answer)),
        }
    }
}

/// What could be answered is said, also where something else could not. A reader that has gone wants nothing more.
fn whole(out: &mut dyn Write, work: impl FnOnce(&mut Vec<u8>) -> Result<(), String>) -> Result<(), String> {
    let mut answer = Vec::new();
    let result = work(&mut answer);
    let _ = out.write_all(&answer);
    result
}
