//! A run that is asked for by annotation, of a schedule or of a drill.
//!
//! A tick names its run, a trigger does not. So the name is written down on the object first and the run is created then: a creation that a
//! dead operator sent, and that the API server still carries out, is not done again under another name.
use std::collections::BTreeMap;

use api::names::{is_run_of, run_of};
use api::{BackupRun, labels};
use jiff::Timestamp;
use kube::ResourceExt;

/// What is to be done for the annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing is asked for.
    Nothing,
    /// The request was withdrawn, or its run exists: take the annotations off.
    Over,
    /// Write this name down.
    Claim(String),
    /// Create the run of this name, for a request of this value.
    Make(String, String),
}

/// What is asked for. `made` are names of runs that this pass creates.
pub fn asked(
    annotations: &BTreeMap<String, String>,
    base: &str,
    runs: &[&BackupRun],
    made: &[String],
    now: Timestamp,
) -> Asked {
    let claim = annotations.get(labels::TRIGGER_RUN);
    let Some(value) = annotations.get(labels::TRIGGER) else {
        return if claim.is_some() { Asked::Over } else { Asked::Nothing };
    };
    let run = |name: &str| runs.iter().find(|r| r.name_any() == name);
    let claim = claim.filter(|name| is_run_of(name, base));
    // Crash window: the run was created, the annotations were not yet removed.
    if claim.and_then(|name| run(name)).is_some_and(|r| is_triggered(r)) {
        return Asked::Over;
    }
    let taken = |name: &str| run(name).is_some() || made.iter().any(|made| made == name);
    match claim.filter(|name| !taken(name)) {
        Some(name) => Asked::Make(name.clone(), value.clone()),
        None => {
            let mut names = (0..1000).map(|n| run_of(base, now.as_second() + n));
            names.find(|name| !taken(name)).map_or(Asked::Nothing, Asked::Claim)
        }
    }
}

/// Whether a run was made by a trigger, not by a tick.
pub fn is_triggered(run: &BackupRun) -> bool {
    run.annotations().contains_key(labels::TRIGGERED)
}
