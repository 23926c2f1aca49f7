//! Legal holds: an annotation of the run puts one on its object, and takes it off.
use api::run::{Lock, RetainPolicy};
use api::{BackupRun, BackupRunStatus, condition, labels};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::run::observed::{Observed, StorageView};
use crate::run::step::{Decision, Guarded, Unguarded};

/// Of a run's object and of its copies.
pub fn all(status: &BackupRunStatus) -> impl Iterator<Item = &Lock> {
    status
        .lock
        .iter()
        .chain(status.copies.iter().filter_map(|c| c.lock.as_ref()))
}

/// What keeps a run from going when it is deleted: its object goes with it, and may not yet.
pub fn keeping(run: &BackupRun) -> impl Iterator<Item = &Lock> {
    let goes = run.spec.retain_policy == Some(RetainPolicy::Delete);
    run.status.iter().filter(move |_| goes).flat_map(all)
}

/// Something does now: the run would wait for that, being deleted, for months perhaps.
pub fn is_held(run: &BackupRun, now: Timestamp) -> bool {
    keeping(run).any(|lock| lock.holds(now))
}

/// Rotation passes it by: it is held, or a person has asked for a legal hold. Whether the store has put that on yet, or ever will (a right that the
/// key lacks, a storage that is away), says nothing of whether the backup may go: it was wanted to stay, and its run is what would put the hold on.
pub fn is_to_stay(run: &BackupRun, now: Timestamp) -> bool {
    asked(run) == Some(true) || is_held(run, now)
}

/// What the annotation asks for: on, off, or nothing. Taking it away is no request: tools that apply manifests do that.
pub fn asked(run: &BackupRun) -> Option<bool> {
    let word = run.annotations().get(labels::LEGAL_HOLD)?;
    Some(!matches!(
        word.trim().to_ascii_lowercase().as_str(),
        "false" | "off" | "no"
    ))
}

/// Adds to the decision about a finished run what its annotation asks for. The status tells of it when the store has done it.
pub fn add(o: &Observed<'_>, status: &BackupRunStatus, decision: &mut Decision) {
    let good = condition::is_true(&status.conditions, condition::SUCCESSFUL) && o.run.spec.backup.is_some();
    let is = status.lock.as_ref().is_some_and(|lock| lock.legal_hold);
    let (Some(on), Some(key), true) = (asked(o.run), &status.key, good) else {
        return;
    };
    // A storage that refuses the namespace does not say which keys are its own.
    let refuses = matches!(o.storage, StorageView::Refused { .. });
    if on == is || refuses || o.storage.forbids(key).is_some() {
        return;
    }
    decision.unguarded.push(Unguarded::Hold {
        key: key.clone(),
        version_id: status.version_id.clone(),
        on,
    });
    let change = |told: &mut BackupRunStatus| {
        let lock = Lock {
            legal_hold: on,
            ..told.lock.take().unwrap_or_default()
        };
        told.lock = Some(lock).filter(|lock| *lock != Lock::default());
    };
    // What a rewrap removes is told by the same report: each of two would write over the other. The store is asked for the hold at once all the same.
    let reports = decision.settled.iter_mut();
    let mut reports = reports.filter_map(|step| match step {
        Guarded::Report(told) => Some(told),
        _ => None,
    });
    if let Some(told) = reports.next() {
        return change(told);
    }
    let mut told = status.clone();
    change(&mut told);
    decision.settled.push(Guarded::Report(Box::new(told)));
}
