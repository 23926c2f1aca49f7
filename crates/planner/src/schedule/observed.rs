//! What a decision about a schedule is made from.
use std::collections::BTreeSet;

use api::names::Action;
use api::requests::RESTORES;
use api::{BackupRun, BackupSchedule, condition};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::run::{Reason, inherited, life};
use crate::schedule::notify::Known;

/// Everything that was seen before deciding; the clock included.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The schedule as the API server has it.
    pub schedule: &'a BackupSchedule,
    /// Runs that have it as their controller, by UID.
    pub runs: Vec<&'a BackupRun>,
    /// Runs of its namespace that carry its label and have another controller, or none.
    pub others: Vec<&'a BackupRun>,
    /// UIDs of its runs whose backup another run is restoring, or is about to.
    pub read: BTreeSet<String>,
    /// Runs of its namespace, but those of drills, that are restoring one of its backups: over the data that it backs up, as far as anybody knows.
    pub restored_by: Vec<String>,
    /// Who is told of it, and what came of that.
    pub notify: Known<'a>,
    /// Now.
    pub now: Timestamp,
}

/// How a run stands, to its schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not ended; also while it is being deleted, because its command may still run.
    Active,
    /// A good backup.
    Successful,
    /// A failed one.
    Failed,
}

/// How a run stands.
pub fn standing(run: &BackupRun) -> Standing {
    let conditions = run.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if condition::is_true(conditions, condition::SUCCESSFUL) || inherited::is_hidden(run) {
        Standing::Successful
    } else if condition::is_true(conditions, condition::FAILED) {
        Standing::Failed
    } else {
        Standing::Active
    }
}

/// Whether a run is under way: the next one waits for it, or replaces it. One that came back (by Velero, an import, a sync) and has not ended yet is
/// not: nothing of it is executed, it only looks for its object, and whoever took it for one under way would delete all that was brought back.
pub fn is_under_way(run: &BackupRun) -> bool {
    standing(run) == Standing::Active && life::earlier(run).is_none()
}

/// Whether a run that was to make room for the next one still is, as it is now: it may have ended since, and be the good backup that was waited for,
/// or somebody may have asked for it to be restored.
pub fn makes_room(run: &BackupRun) -> bool {
    is_under_way(run) && !is_being_restored(run)
}

/// Whether it came back, and its backup could not be taken for its own. That is no failure of a backup, and nothing that is rotated: its object may
/// be there all the same, in a bucket that the storage does not name yet, and the run is all that tells of it.
pub fn is_not_repeated(run: &BackupRun) -> bool {
    let conditions = run.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    let said = condition::find(conditions, condition::FAILED);
    said.is_some_and(|c| c.status == "True" && c.reason == Reason::NotRepeated.word())
}

/// Whether a run is being restored, or was asked to be. Also while it is being deleted, as long as its command may run.
pub fn is_being_restored(run: &BackupRun) -> bool {
    let attempt = run
        .status
        .as_ref()
        .and_then(|s| s.transfer.as_ref())
        .map(|t| &t.attempt);
    let restores = attempt.is_some_and(|attempt| attempt.starts_with(Action::Restore.word()));
    // What an applier puts back has been taken up: it waits for nothing. Where a person has asked in the same words again, it waits as its status
    // says, for its turn or until its object is thawed.
    let told = run.status.as_ref();
    let told = told.is_some_and(|s| s.restore_requested_at.is_some() || s.queued.is_some() || s.thaw.is_some());
    let waits = told && standing(run) != Standing::Active || RESTORES.is_asked(run.annotations());
    restores || run.metadata.deletion_timestamp.is_none() && waits
}

/// When a run ended; when it was created, where it does not say.
pub fn ended(run: &BackupRun) -> Timestamp {
    let completed = run
        .status
        .as_ref()
        .and_then(|s| s.completion_time.as_ref())
        .map(|t| t.0);
    let created = run.metadata.creation_timestamp.as_ref().map(|t| t.0);
    completed.or(created).unwrap_or(Timestamp::UNIX_EPOCH)
}
