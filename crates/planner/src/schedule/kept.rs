//! What a schedule keeps in mind of its runs when they are gone: failures in a row, the last good backup, sizes, the last proof.
//!
//! An ended run is counted when it is first seen, in the same write that precedes its rotation. Which were counted the status says: a pass that
//! a crash or an old cache repeats, and another operator, count none again. Runs are not always seen in the order in which they ended, and
//! clocks step back, so the last few are known by name, and only what ended before them by its time.
use api::names::is_run_of;
use api::schedule::{Counted, LastBackup};
use api::{BackupRun, BackupScheduleStatus, condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::Reason as RunReason;
use crate::schedule::observed::{Observed, Standing, ended, is_not_repeated, standing};
use crate::schedule::skew::{is_ahead, righted};

/// So many counted runs are known by name.
const NAMES: usize = 8;
/// So many sizes are kept: the last one, and those that it is compared with.
const SIZES: usize = 8;
/// Fewer sizes say nothing of what is usual.
const ENOUGH: usize = 3;

/// Counts the runs that have ended and were not counted. Those that ended after now, by a clock that was ahead, say nothing as long as that is so; one
/// whose name has made room by then counts once more.
pub fn count(o: &Observed<'_>, status: &mut BackupScheduleStatus) {
    right(status, o.now);
    let schedule = o.schedule.name_any();
    let over = o.runs.iter().filter(|run| standing(run) != Standing::Active);
    let over = over.filter(|run| !is_ahead(ended(run), o.now));
    let (known, mut fresh): (Vec<&BackupRun>, Vec<&BackupRun>) =
        over.copied().partition(|run| is_counted(run, &schedule, status));
    fresh.sort_by_key(|run| (ended(run), run.name_any()));
    for run in &fresh {
        if standing(run) == Standing::Successful {
            good(run, &known, status);
        } else if has_failed(run) {
            failed(ended(run), status);
        }
    }
    if !fresh.is_empty() {
        let names = fresh.iter().map(|run| short(run, &schedule));
        note(o, &schedule, status, names.collect());
    }
    let verified = o.runs.iter().filter_map(|run| verified(run)).max();
    let before = status.last_verified_time.as_ref().map(|t| t.0);
    status.last_verified_time = verified.max(before).map(Time);
}

/// Takes what a clock that was ahead has left for now: what ends until then would count as long past, and no failure as one after the last good backup.
fn right(status: &mut BackupScheduleStatus, now: Timestamp) {
    let until = status.counted.as_mut().and_then(|counted| counted.until.as_mut());
    let last = status.last_backup.as_mut().map(|last| &mut last.completion_time);
    for time in [until, last, status.failing_since.as_mut()].into_iter().flatten() {
        time.0 = righted(time.0, now);
    }
}

/// What the command usually writes: the median of the good backups before the last one.
pub fn usual(status: &BackupScheduleStatus) -> Option<u64> {
    let before = status.recent_bytes.len().saturating_sub(usize::from(has_size(status)));
    let mut sizes = status.recent_bytes.get(..before)?.to_vec();
    sizes.sort_unstable();
    sizes.get(sizes.len() / 2).copied().filter(|_| sizes.len() >= ENOUGH)
}

/// Whether the last of the sizes is that of the last backup: nobody may have told what its command wrote.
fn has_size(status: &BackupScheduleStatus) -> bool {
    status.last_backup.as_ref().is_some_and(|last| last.bytes.is_some())
}

/// Whether its backup failed. One that was stopped on purpose, or that came back and made none, says nothing of whether backups succeed.
fn has_failed(run: &BackupRun) -> bool {
    let conditions = run.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    let said = condition::find(conditions, condition::FAILED);
    let on_purpose = said.is_none_or(|c| c.reason == RunReason::Cancelled.word());
    standing(run) == Standing::Failed && !on_purpose && !is_not_repeated(run)
}

/// One more has failed; one that ended before the last good backup, and is seen late, is none in a row.
fn failed(at: Timestamp, status: &mut BackupScheduleStatus) {
    if status
        .last_backup
        .as_ref()
        .is_some_and(|good| at < good.completion_time.0)
    {
        return;
    }
    status.consecutive_failures = Some(status.consecutive_failures.unwrap_or(0).saturating_add(1));
    let since = status.failing_since.take().map_or(at, |t| t.0.min(at));
    status.failing_since = Some(Time(since));
}

/// A backup is good: the failures before it are over, and those after it, where it is seen late, are all that there are.
fn good(run: &BackupRun, known: &[&BackupRun], status: &mut BackupScheduleStatus) {
    let told = run.status.as_ref();
    let bytes = told.and_then(|s| s.bytes);
    let at = ended(run);
    (status.consecutive_failures, status.failing_since) = (None, None);
    for later in known.iter().filter(|known| has_failed(known) && ended(known) > at) {
        failed(ended(later), status);
    }
    let last = status.last_backup.as_ref();
    let is_last = last.is_none_or(|last| last.completion_time.0 <= at);
    let after = usize::from(!is_last && has_size(status));
    if let Some(bytes) = bytes {
        let place = status.recent_bytes.len().saturating_sub(after);
        status.recent_bytes.insert(place, bytes);
    }
    let over = status.recent_bytes.len().saturating_sub(SIZES);
    status.recent_bytes.drain(..over);
    if is_last {
        status.last_backup = Some(LastBackup {
            run: run.name_any(),
            start_time: told.and_then(|s| s.start_time.clone()),
            completion_time: Time(at),
            bytes,
            stored_bytes: told.and_then(|s| s.size_in_bytes),
        });
    }
}

fn is_counted(run: &BackupRun, schedule: &str, status: &BackupScheduleStatus) -> bool {
    status.counted.as_ref().is_some_and(|counted| {
        let before = counted.until.as_ref().is_some_and(|until| ended(run) <= until.0);
        before || counted.runs.contains(&short(run, schedule))
    })
}

/// Notes that these were counted. Of a name that makes room for them, the time is kept in its place.
fn note(o: &Observed<'_>, schedule: &str, status: &mut BackupScheduleStatus, names: Vec<String>) {
    let mut counted = status.counted.take().unwrap_or(Counted {
        until: None,
        runs: Vec::new(),
    });
    counted.runs.extend(names);
    let over = counted.runs.len().saturating_sub(NAMES);
    for name in counted.runs.drain(..over) {
        let end = |run: &&&BackupRun| short(run, schedule) == name;
        // One that is gone is counted by nobody, and one of the future not before its time has come.
        let at: Option<Timestamp> = o.runs.iter().find(end).map(|run| ended(run));
        let at = at.filter(|at| !is_ahead(*at, o.now));
        counted.until = counted.until.map(|t| t.0).max(at).map(Time);
    }
    status.counted = Some(counted);
}

/// A run's name without what all runs of the schedule have in common.
fn short(run: &BackupRun, schedule: &str) -> String {
    let name = run.name_any();
    if is_run_of(&name, schedule)
        && let Some(rest) = name.strip_prefix(schedule).and_then(|rest| rest.strip_prefix('-'))
    {
        return rest.into();
    }
    name
}

/// When a run was last restored with success, by itself or by another run.
fn verified(run: &BackupRun) -> Option<Timestamp> {
    let status = run.status.as_ref()?;
    let own = status
        .restores
        .iter()
        .filter(|r| r.successful)
        .map(|r| r.completion_time.0);
    let elsewhere = status.verified.iter().filter(|v| v.successful).map(|v| v.time.0);
    own.chain(elsewhere).max()
}
