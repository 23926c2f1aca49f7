//! How all backups are, from what the cluster's objects say: which schedules lack a good backup, which drills, storages and runs want a look. Pure.
mod drills;
mod rewraps;

use api::names::Action;
use api::run::State;
use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage, condition};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use planner::run::{lately, limits};
use planner::schedule::expected;
use planner::size::span;
use serde::Serialize;

/// So long a run may wait for its turn or its storage, or be under way without a step.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);
/// An operator looks at what is new within seconds.
const UNSEEN: SignedDuration = SignedDuration::from_mins(2);
/// How long a restore that failed is told of.
const RESTORES: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Objects<'a> {
    /// All schedules.
    pub schedules: &'a [BackupSchedule],
    /// All storages; none where they may not be seen.
    pub storages: Option<&'a [BackupStorage]>,
    /// All drills; none where they may not be seen, or the cluster knows none.
    pub drills: Option<&'a [BackupDrill]>,
    /// Runs: those that [`matters`] says at least.
    pub runs: &'a [BackupRun],
    /// How many other runs there are.
    pub others: usize,
}

/// How the fleet is. Empty lists are good news.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// Schedules without a good backup that is young enough, that make none, or that fail and never made a good one; the longest without one first.
    pub schedules: Vec<Late>,
    /// Schedules that are in time, and whose last backup failed; the longest without a good one first.
    pub failing: Vec<Late>,
    /// Drills whose last one failed, or that make none; the longest without a good one first.
    pub drills: Vec<Unproved>,
    /// Storages that cannot be used.
    pub storages: Vec<NotReady>,
    /// Runs that do not come on, the longest first.
    pub runs: Vec<Stuck>,
    /// Runs whose last restore failed within a week, the newest first.
    pub restores: Vec<Failed>,
    /// Runs whose backup was to be encrypted for others and is not, or has left something of before; by their names.
    pub rewraps: Vec<Undone>,
    /// `NAMESPACE/NAME` of the schedules that are suspended: nothing is expected of them.
    pub suspended: Vec<String>,
    /// How many there are of everything.
    pub counts: Counts,
}

/// A schedule that has no good backup that is young enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The end of the last good backup.
    pub last_good: Option<Timestamp>,
    /// Seconds without a good backup, since the last one or since the schedule was made or let go on.
    pub seconds: i64,
    /// Seconds between its ticks; none where it cannot be read.
    pub interval: Option<i64>,
    /// Backups that have failed since the last good one.
    pub failures: u32,
    /// Why, as far as its status knows.
    pub why: String,
}

/// A drill that does not prove what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unproved {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whose backups it proves.
    pub schedule: String,
    /// The end of the last good one.
    pub last_good: Option<Timestamp>,
    /// Why it is none, as far as its status knows.
    pub why: String,
}

/// A storage that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotReady {
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The condition's reason.
    pub reason: String,
    /// And its message.
    pub message: String,
}

/// A run that does not come on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stuck {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// What it does or waits for.
    pub why: String,
}

/// A restore that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The run's namespace.
    pub namespace: String,
    /// The run.
    pub name: String,
    /// When it failed.
    pub at: Timestamp,
    /// Its message.
    pub why: String,
}

/// A rewrap that is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// The run's namespace.
    pub namespace: String,
    /// The run.
    pub name: String,
    /// The backup is as it was; else what was before is not removed.
    pub given_up: bool,
    /// Its words.
    pub why: String,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Schedules.
    pub schedules: usize,
    /// Drills; none where they may not be seen.
    pub drills: Option<usize>,
    /// Storages; none where they may not be seen.
    pub storages: Option<usize>,
    /// Runs.
    pub runs: usize,
    /// Of these, backups and restores under way.
    pub under_way: usize,
    /// Of these, runs that wait for their turn.
    pub queued: usize,
}

impl Fleet {
    /// Whether nothing is to be done at once: what has failed and is in time has its next try before it is late.
    pub fn is_well(&self) -> bool {
        self.schedules.is_empty()
            && self.drills.is_empty()
            && self.storages.is_empty()
            && self.runs.is_empty()
            && self.restores.is_empty()
            && self.rewraps.is_empty()
    }
}

/// How all of it is now.
pub fn fleet(objects: &Objects<'_>, now: Timestamp) -> Fleet {
    let mut suspended: Vec<_> = objects.schedules.iter().filter(|s| is_suspended(s)).map(path).collect();
    suspended.sort();
    let schedules: Vec<_> = objects.schedules.iter().filter_map(|s| late(s, now)).collect();
    let (mut schedules, mut failing): (Vec<_>, Vec<_>) = schedules.into_iter().partition(|(_, bad)| *bad == Bad::Late);
    for list in [&mut schedules, &mut failing] {
        list.sort_by(|(a, _), (b, _)| {
            let key = |late: &Late| (late.last_good.is_some(), -late.seconds);
            (key(a), &a.namespace, &a.name).cmp(&(key(b), &b.namespace, &b.name))
        });
    }
    let plain = |list: Vec<(Late, Bad)>| list.into_iter().map(|(late, _)| late).collect();
    let mut storages: Vec<_> = objects
        .storages
        .unwrap_or_default()
        .iter()
        .filter_map(|s| not_ready(s, now))
        .collect();
    storages.sort_by(|a, b| a.name.cmp(&b.name));
    let mut runs: Vec<_> = objects.runs.iter().filter_map(|run| stuck(run, now)).collect();
    runs.sort_by(|a, b| (a.since, &a.namespace, &a.name).cmp(&(b.since, &b.namespace, &b.name)));
    let mut restores: Vec<_> = objects.runs.iter().filter_map(|run| failed(run, now)).collect();
    restores.sort_by(|a, b| (b.at, &a.namespace, &a.name).cmp(&(a.at, &b.namespace, &b.name)));
    let told = || objects.runs.iter().filter_map(|run| run.status.as_ref());
    Fleet {
        schedules: plain(schedules),
        failing: plain(failing),
        drills: drills::unproved(objects.drills.unwrap_or_default(), now),
        storages,
        runs,
        restores,
        rewraps: rewraps::undone(objects.runs, now),
        suspended,
        counts: Counts {
            schedules: objects.schedules.len(),
            drills: objects.drills.map(<[_]>::len),
            storages: objects.storages.map(<[_]>::len),
            runs: objects.runs.len() + objects.others,
            under_way: told().filter(|s| lately::under_way(s).is_some()).count(),
            queued: told().filter(|s| s.queued.is_some()).count(),
        },
    }
}

/// Whether a run is more than a number to the fleet: it has not ended, is or was restored, or has a rewrap that is not done.
pub fn matters(run: &BackupRun) -> bool {
    run.status.as_ref().is_none_or(|status| {
        let ended = planner::run::is_finished(status) && status.transfer.is_none() && status.queued.is_none();
        !ended || lately::restored(status).is_some() || lately::rewrap_not_done(status).is_some()
    })
}

/// How a schedule's last good backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Young enough.
    Young,
    /// Older than it may be, or there should be one and is none.
    Old,
    /// Nothing is expected: the schedule is suspended, or cannot be read.
    Unknown,
}

/// How a schedule's last good backup is now.
pub fn age(schedule: &BackupSchedule, now: Timestamp) -> Age {
    if is_suspended(schedule) {
        return Age::Unknown;
    }
    let since = expected::without_since(schedule, now);
    match (since, expected::interval(schedule, now)) {
        (Some(since), Some(interval)) if now.duration_since(since) > expected::oldest(schedule, interval) => Age::Old,
        (Some(_), Some(_)) => Age::Young,
        _ => Age::Unknown,
    }
}

/// Whether it makes no runs on ticks.
pub fn is_suspended(schedule: &BackupSchedule) -> bool {
    schedule.spec.suspend.unwrap_or(false)
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    /// There is no good backup, and one is due; or there never was one, and the first has failed.
    Late,
    /// The last backup failed, and the one before is young enough.
    Failing,
}

fn late(schedule: &BackupSchedule, now: Timestamp) -> Option<(Late, Bad)> {
    if is_suspended(schedule) {
        return None;
    }
    let conditions = schedule
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    let ready = condition::find(conditions, condition::READY);
    let created = schedule.creation_timestamp().map_or(now, |t| t.0);
    let unseen = ready.is_none() && now.duration_since(created) > UNSEEN;
    let refused = ready.is_some_and(|c| c.status == "False");
    let told = schedule.status.clone().unwrap_or_default();
    let fails = told.consecutive_failures.is_some_and(|n| n > 0);
    let bad = if age(schedule, now) == Age::Old || unseen || refused || fails && told.last_successful_time.is_none() {
        Bad::Late
    } else if fails {
        Bad::Failing
    } else {
        return None;
    };
    let since = expected::without_since(schedule, now).unwrap_or(created);
    let late = Late {
        namespace: schedule.namespace().unwrap_or_default(),
        name: schedule.name_any(),
        last_good: told.last_successful_time.map(|t| t.0),
        seconds: now.duration_since(since).as_secs(),
        interval: expected::interval(schedule, now).map(|i| i.as_secs()),
        failures: told.consecutive_failures.unwrap_or(0),
        why: why(conditions),
    };
    Some((late, bad))
}

/// Why there is no good backup, as far as the schedule knows: what it is itself, what its runs wait for, how the last one ended.
fn why(conditions: &[Condition]) -> String {
    let said = |type_: &str, on: &str| {
        let found = condition::find(conditions, type_).filter(|c| c.status == on && !c.message.is_empty());
        found.map(words)
    };
    if conditions.is_empty() {
        return NOBODY.into();
    }
    said(condition::READY, "False")
        .or_else(|| said(condition::STARVING, "True"))
        .or_else(|| said(condition::IN_PROGRESS, "True"))
        .or_else(|| said(condition::FAILED, "True"))
        .unwrap_or_else(|| match condition::is_true(conditions, condition::IN_PROGRESS) {
            true => "a run is under way".into(),
            false => "no run was made for the last ticks: was the operator away?".into(),
        })
}

/// Of what no operator has looked at.
const NOBODY: &str = "no operator has looked at it: is one running?";

/// `CommandFailed: the command ended with status 3`.
fn words(said: &Condition) -> String {
    match said.message.as_str() {
        "" => said.reason.clone(),
        message => format!("{}: {message}", said.reason),
    }
}

fn not_ready(storage: &BackupStorage, now: Timestamp) -> Option<NotReady> {
    let conditions = storage
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    let said = condition::find(conditions, condition::READY);
    let created = storage.creation_timestamp().map_or(now, |t| t.0);
    let (since, reason, message) = match said {
        Some(said) if said.status == "True" => return None,
        Some(said) => (
            Some(said.last_transition_time.0),
            said.reason.clone(),
            said.message.clone(),
        ),
        None if now.duration_since(created) > UNSEEN => (Some(created), "NotProbed".into(), NOBODY.into()),
        None => return None,
    };
    Some(NotReady {
        name: storage.name_any(),
        since,
        reason,
        message,
    })
}

fn stuck(run: &BackupRun, now: Timestamp) -> Option<Stuck> {
    let created = run.creation_timestamp().map_or(now, |t| t.0);
    let is_long = |since: Timestamp| now.duration_since(since) > PATIENCE;
    let message = |status: &api::BackupRunStatus| status.message.clone().unwrap_or_default();
    let (since, why) = match &run.status {
        Some(status) if !status.is_unseen() => {
            if let Some(queued) = status.queued.as_ref().filter(|q| is_long(q.since.0)) {
                let words = format!("waits for its turn, place {} of {}", queued.place, queued.of);
                (queued.since.0, words)
            } else if let Some(over) = over(run, status, now) {
                over
            } else if let Some(found) = lately::under_way(status).filter(|found| is_long(found.step)) {
                let words = match message(status).as_str() {
                    "" => format!("the {} does not come on", found.action.word()),
                    message => format!("the {} does not come on: {message}", found.action.word()),
                };
                (found.step, words)
            } else if status.state == Some(State::StorageError) && status.transfer.is_none() && is_long(created) {
                (created, message(status))
            } else {
                return None;
            }
        }
        _ if now.duration_since(created) > UNSEEN => (created, NOBODY.into()),
        _ => return None,
    };
    Some(Stuck {
        namespace: run.namespace().unwrap_or_default(),
        name: run.name_any(),
        since,
        why,
    })
}

/// Its command is at work for longer than its deadline, by more than it takes to stop it.
fn over(run: &BackupRun, status: &api::BackupRunStatus, now: Timestamp) -> Option<(Timestamp, String)> {
    let action = lately::under_way(status)?.action;
    let seconds = match action {
        Action::Backup => run.spec.backup.as_ref()?.deadline_seconds?,
        Action::Restore => run.spec.restore.as_ref()?.deadline_seconds?,
    };
    let started = status.transfer.as_ref()?.command_started_at.as_ref()?.0;
    let deadline = SignedDuration::from_secs(i64::try_from(seconds).ok()?);
    let slack = SignedDuration::try_from(limits::SLACK).ok()?;
    let word = action.word();
    let words = format!(
        "the {word} is under way for longer than spec.{word}.deadlineSeconds ({})",
        span(deadline)
    );
    (now.duration_since(started) > deadline.saturating_add(slack)).then_some((started, words))
}

fn failed(run: &BackupRun, now: Timestamp) -> Option<Failed> {
    let status = run.status.as_ref()?;
    let restored = lately::restored(status).filter(|restored| restored.failed)?;
    let again = status.transfer.is_some() || status.queued.is_some();
    if again || now.duration_since(restored.at) > RESTORES {
        return None;
    }
    let said = condition::find(&status.conditions, condition::RESTORED).map(words);
    let last = || status.restores.last().and_then(|r| r.message.clone());
    Some(Failed {
        namespace: run.namespace().unwrap_or_default(),
        name: run.name_any(),
        at: restored.at,
        why: said.or_else(last).unwrap_or_default(),
    })
}

/// `NAMESPACE/NAME`.
fn path(schedule: &BackupSchedule) -> String {
    format!("{}/{}", schedule.namespace().unwrap_or_default(), schedule.name_any())
}

#[cfg(test)]
mod tests;
