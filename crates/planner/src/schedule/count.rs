//! What a schedule says of its runs: how many there are, which are under way, how the last one ended.
use api::{BackupRun, BackupScheduleStatus, condition};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};

use crate::schedule::decide::{Decision, say};
use crate::schedule::holdup;
use crate::schedule::kept;
use crate::schedule::observed::{Observed, Standing, ended, is_under_way, standing};
use crate::schedule::reason::Reason;
use crate::schedule::restores;
use crate::schedule::skew::{is_ahead, righted};

/// Counters, the runs under way, and how the last one ended.
pub fn count(o: &Observed<'_>, d: &mut Decision) {
    let number = |kind| u32::try_from(o.runs.iter().filter(|r| standing(r) == kind).count()).unwrap_or(u32::MAX);
    let active = u32::try_from(o.runs.iter().filter(|r| is_under_way(r)).count()).unwrap_or(u32::MAX);
    d.status.total = Some(u32::try_from(o.runs.len()).unwrap_or(u32::MAX));
    d.status.successful = Some(number(Standing::Successful));
    d.status.failed = Some(number(Standing::Failed));
    d.status.in_progress = Some(active);
    let mut names: Vec<_> = o
        .runs
        .iter()
        .filter(|r| is_under_way(r))
        .map(|r| reference(r))
        .collect();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    d.status.active = names;
    let last_good = o
        .runs
        .iter()
        .filter(|r| standing(r) == Standing::Successful)
        .map(|r| ended(r))
        .filter(|at| !is_ahead(*at, o.now))
        .max();
    // One that is still to come would have nobody miss a backup until then.
    let before = d.status.last_successful_time.as_ref().map(|t| righted(t.0, o.now));
    d.status.last_successful_time = last_good.max(before).map(Time);
    kept::count(o, &mut d.status);
    let restores = restores::condition(o);
    let busy = active > 0 || restores.is_some();
    let (reason, message) = match d.waiting.take().or(restores) {
        Some((reason, message)) if busy => (reason, message),
        _ if busy => (Reason::RunUnderWay.word(), held_up(o)),
        _ => (Reason::Idle.word(), String::new()),
    };
    say(o, d, condition::IN_PROGRESS, busy, reason, &message);
    let last = o
        .runs
        .iter()
        .filter(|r| standing(r) != Standing::Active)
        .max_by_key(|r| (!is_ahead(ended(r), o.now), ended(r), r.name_any()));
    if let Some((good, reason, text)) = last.and_then(|run| told_by(run)) {
        say(o, d, condition::SUCCESSFUL, good, &reason, &text);
        say(o, d, condition::FAILED, !good, &reason, &text);
    }
}

/// What a status tells when runs were made since it was decided: `o` has them, too. So one write tells of the tick and of its run.
pub fn told_with_created(o: &Observed<'_>, status: BackupScheduleStatus) -> BackupScheduleStatus {
    let mut d = Decision {
        status,
        ..Decision::default()
    };
    count(o, &mut d);
    d.status
}

/// What the last of the runs under way waits for, where it has not come to its command: a storage that is down is seen at the first tick.
fn held_up(o: &Observed<'_>) -> String {
    let active = o.runs.iter().filter(|r| is_under_way(r));
    let last = active.max_by_key(|r| (r.creation_timestamp(), r.name_any()));
    last.and_then(|run| holdup::of(run))
        .map(|held| held.words())
        .unwrap_or_default()
}

/// How a run ended, in its own words: whether well, the reason, and its message.
pub fn told_by(run: &BackupRun) -> Option<(bool, String, String)> {
    let good = standing(run) == Standing::Successful;
    let type_ = if good { condition::SUCCESSFUL } else { condition::FAILED };
    let said = condition::find(&run.status.as_ref()?.conditions, type_)?;
    let mut text = format!("run {}", run.name_any());
    if !said.message.is_empty() {
        text.push_str(&format!(": {}", said.message));
    }
    Some((good, said.reason.clone(), text))
}

/// A run as its owner's status names it.
pub fn reference(run: &BackupRun) -> ObjectReference {
    ObjectReference {
        api_version: Some(BackupRun::api_version(&()).into()),
        kind: Some(BackupRun::kind(&()).into()),
        name: Some(run.name_any()),
        namespace: run.namespace(),
        uid: run.uid(),
        ..ObjectReference::default()
    }
}
