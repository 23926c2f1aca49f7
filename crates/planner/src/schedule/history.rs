//! Rotation: which ended runs are too many.
use api::{BackupRun, labels};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::run::lock;
use crate::run::tell::is_overwritten;
use crate::schedule::decide::{Doomed, Why};
use crate::schedule::observed::{Observed, Standing, ended, is_being_restored, standing};

/// At most this many are removed in one pass, so that a schedule with thousands does not keep others waiting.
const AT_ONCE: usize = 20;

/// The runs to remove now, oldest first, and whether more are left. Backups are counted, never restores; the newest
/// good backup is never removed, nor a run that is kept. Backups that were written over go first.
///
/// While one of them is being restored none is removed: if that backup turns out to be a bad one, the others are needed, and what
/// is backed up meanwhile, by hand or by Allow, may be half restored and count as good.
pub fn doomed(o: &Observed<'_>) -> (Vec<Doomed>, bool) {
    if o.runs.iter().any(|r| is_being_restored(r)) {
        return (Vec::new(), false);
    }
    let spec = &o.schedule.spec;
    let stays = |r: &&&BackupRun| r.metadata.deletion_timestamp.is_none() && standing(r) == Standing::Successful;
    let newest = o
        .runs
        .iter()
        .filter(stays)
        .max_by_key(|r| (worth(r), r.name_any()))
        .map(|r| r.uid());
    let mut all = Vec::new();
    let name = o.schedule.name_any();
    for (kind, limit, field) in [
        (
            Standing::Successful,
            spec.successful_runs_history_limit.unwrap_or(3),
            "successfulRunsHistoryLimit",
        ),
        (
            Standing::Failed,
            spec.failed_runs_history_limit.unwrap_or(1),
            "failedRunsHistoryLimit",
        ),
    ] {
        let why = format!("over spec.{field}: {limit} of schedule {name}");
        let mut runs: Vec<&BackupRun> = o
            .runs
            .iter()
            .copied()
            .filter(|r| r.metadata.deletion_timestamp.is_none() && standing(r) == kind)
            .filter(|r| !is_kept(r) && !lock::is_held(r, o.now))
            .collect();
        runs.sort_by_key(|r| std::cmp::Reverse((worth(r), r.name_any())));
        let over = runs
            .into_iter()
            .skip(limit as usize)
            .filter(|r| !is_in_use(r) && Some(r.uid()) != newest);
        all.extend(over.map(|r| (ended(r), r, why.clone())));
    }
    all.sort_by_key(|(at, r, _)| (*at, r.name_any()));
    let more = all.len() > AT_ONCE;
    (
        all.into_iter()
            .take(AT_ONCE)
            .map(|(_, r, why)| Doomed::new(r, Why::Rotated(why)))
            .collect(),
        more,
    )
}

/// What is kept rather: a backup that is still there, then the newer one. One that was written over takes no place from one
/// that can be restored.
fn worth(run: &BackupRun) -> (bool, Timestamp) {
    (!run.status.as_ref().is_some_and(is_overwritten), ended(run))
}

fn is_kept(run: &BackupRun) -> bool {
    run.annotations().contains_key(labels::KEEP)
}

/// When the next lock of a run ends, which rotation may pass by no more then.
pub fn released(o: &Observed<'_>) -> Option<Timestamp> {
    let locks = o.runs.iter().filter_map(|r| r.status.as_ref()).flat_map(lock::all);
    locks
        .filter_map(|lock| Some(lock.until.as_ref()?.0))
        .filter(|at| *at > o.now)
        .min()
}

fn is_in_use(run: &BackupRun) -> bool {
    run.status.as_ref().is_some_and(|s| s.transfer.is_some())
}
