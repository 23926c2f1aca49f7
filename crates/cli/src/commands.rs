//! The verbs, one a file.
mod cancel;
mod catalog;
mod completion;
mod copy;
mod delete;
pub mod describe;
mod download;
mod import;
pub mod init;
mod keep;
mod lint;
mod list;
mod logs;
mod pause;
mod preview;
pub mod restore;
#[cfg(unix)]
mod restore_offline;
mod resume;
mod rewrap;
mod run;
pub mod status;
mod support;
mod ui;
pub mod verify;
mod version;

use std::io::Write;

use clap::Subcommand;

/// What can be asked, in the order in which people come to need it. Aliases are words that other tools have for the same: a wrong guess shall
/// do what was meant, or nothing.
#[derive(Subcommand)]
pub enum Verb {
    /// Makes one backup now, of a schedule or a manifest, or proves one by a drill, and follows it to its end; the exit status says how that was.
    #[command(aliases = ["create", "backup", "trigger"])]
    Run(run::Args),
    /// Restores a backup, where it was made or in another namespace, and follows it to its end; the exit status says how that was.
    Restore(restore::Args),
    /// Lists schedules, runs, drills or storages; of schedules the age of the last good backup first.
    #[command(alias = "get")]
    List(list::Args),
    /// Shows on one screen what wants a look: schedules without a good backup younger than one and a half of their intervals, storages that are not ready, runs that are stuck, restores that failed. Exit status 1 if there is any.
    Status(status::Args),
    /// Tells the story of a run, with durations: what it did and waited for, what is stored where, its restores, and what would cure it. Of schedule/NAME: how its backups are, and how many are kept by which generation.
    Describe(describe::Args),
    /// Prints what a run's command writes to its standard error: live, and its end when the Pod is gone.
    Logs(logs::Args),
    /// Stops what a run does, and keeps the run.
    #[command(aliases = ["stop", "abort", "kill"])]
    Cancel(cancel::Args),
    /// Has rotation pass a run by.
    Keep(keep::Args),
    /// Copies a good backup to a further storage, where it is proved; beside those that spec.copies names.
    Copy(copy::Args),
    /// Encrypts a good backup for another set of recipients, without a look into it: proved, and what it was before is removed.
    #[command(alias = "rekey")]
    Rewrap(rewrap::Args),
    /// Has a schedule or a drill make no runs on its ticks.
    #[command(alias = "suspend")]
    Pause(pause::Args),
    /// Has a paused schedule or drill make runs on its ticks again.
    #[command(alias = "unpause")]
    Resume(pause::Args),
    /// Deletes a run, a schedule, a drill or a storage, and says before what goes along and what stays.
    #[command(alias = "rm")]
    Delete(delete::Args),
    /// Lists what is in a storage's bucket, also of clusters that are gone.
    Catalog(catalog::Args),
    /// Makes runs of the records in a storage's bucket, restorable at once; nothing is executed.
    Import(import::Args),
    /// Reads backups from their store to their ends, keeping nothing, and says whether they are whole: of runs, or without a cluster by --storage-file.
    Verify(verify::Args),
    /// Reads a backup from its store into a file, decrypted, decompressed and proved whole: of a run, or without a cluster by --storage-file.
    Download(download::Args),
    /// Restores an object from a store into a command on this machine, with the same proof as in a Pod; asks no cluster.
    #[cfg(unix)]
    RestoreOffline(restore_offline::Args),
    /// Prints a manifest to begin with, of a recipe, with your names in it; without a recipe lists all. Asks no cluster.
    #[command(alias = "example")]
    Init(init::Args),
    /// Says everything that is wrong or unwise in manifests, each with its field and the cure; asks no cluster.
    Lint(lint::Args),
    /// Shows when a schedule would run, and where its backups would go; asks no cluster.
    Preview(preview::Args),
    /// Serves a page on this machine, with your own rights: how all backups are, one schedule, one run, and buttons. Ctrl-C ends it.
    Ui(ui::Args),
    /// Collects what whoever is to help needs into one archive, without secrets: objects, Events, logs, metrics, versions.
    Support(support::Args),
    /// Prints what makes a shell complete verbs, flags, and names of namespaces, runs, schedules, drills and storages.
    Completion(completion::Args),
    /// Says which versions this program, the operator, the cluster and its kinds are of, and what follows where they differ.
    Version(version::Args),
    /// What kubectl and the shells ask for candidates by.
    #[command(name = "__complete", hide = true)]
    Complete {
        /// The words after `kubectl backup`; the last one is not complete.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<std::ffi::OsString>,
    },
}

impl Verb {
    /// Answers into `out`. An error is text for people, with a caret below what is wrong where there is a place.
    pub fn run(self, out: &mut dyn Write) -> Result<(), String> {
        match self {
            Self::Init(args) => whole(out, |answer| init::run(&args, answer)),
            Self::Lint(args) => whole(out, |answer| lint::run(&args, answer)),
            Self::Preview(args) => whole(out, |answer| preview::run(args, answer)),
            #[cfg(unix)]
            Self::RestoreOffline(args) => restore_offline::run(&args),
            Self::Download(args) => download::run(&args, out),
            Self::Verify(args) => verify::run(&args, out),
            Self::List(args) => list::run(&args, out),
            Self::Status(args) => status::run(&args, out),
            Self::Describe(args) => describe::run(&args, out),
            Self::Version(args) => version::run(&args, out),
            Self::Completion(args) => whole(out, |answer| completion::run(&args, answer)),
            Self::Complete { words } => {
                crate::complete::for_kubectl(crate::command(), &words, out);
                Ok(())
            }
            Self::Support(args) => whole(out, |answer| support::run(&args, answer)),
            Self::Run(args) => run::run(&args, out).map_err(|e| e.to_string()),
            Self::Restore(args) => restore::run(&args, out).map_err(|e| e.to_string()),
            Self::Catalog(args) => catalog::run(&args, out),
            Self::Import(args) => import::run(&args, out),
            Self::Cancel(args) => cancel::run(&args, out).map_err(|e| e.to_string()),
            Self::Logs(args) => logs::run(&args, out).map_err(|e| e.to_string()),
            Self::Copy(args) => copy::run(&args, out).map_err(|e| e.to_string()),
            Self::Rewrap(args) => rewrap::run(&args, out).map_err(|e| e.to_string()),
            Self::Keep(args) => keep::run(&args, out).map_err(|e| e.to_string()),
            Self::Pause(args) => pause::run(&args, out).map_err(|e| e.to_string()),
            Self::Resume(args) => resume::run(&args, out).map_err(|e| e.to_string()),
            Self::Ui(args) => ui::run(&args, out).map_err(|e| e.to_string()),
            Self::Delete(args) => delete::run(&args, out).map_err(|e| e.to_string()),
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
