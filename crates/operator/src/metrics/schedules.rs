//! A record of each schedule: what its series say.
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use api::{BackupSchedule, condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use metrics::Labels;
use planner::schedule::{expected, kept};

/// All schedules, in the order of their labels.
#[derive(Default)]
pub struct Schedules(Mutex<BTreeSet<ByLabels>>);

/// A record that is found by its labels, which it has anyway.
struct ByLabels(Arc<Schedule>);

impl Borrow<str> for ByLabels {
    fn borrow(&self) -> &str {
        self.0.labels.as_str()
    }
}

impl Ord for ByLabels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.labels.as_str().cmp(other.0.labels.as_str())
    }
}

impl PartialOrd for ByLabels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByLabels {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByLabels {}

/// What is served of a schedule. Times are Unix seconds.
#[derive(Debug, PartialEq)]
pub struct Schedule {
    /// Its namespace and name.
    pub labels: Labels,
    uid: Box<str>,
    /// The storage that its template names.
    pub storage: Box<str>,
    /// When it was made.
    pub created: f64,
    /// Since when it makes runs.
    pub active_since: Option<f64>,
    /// The end of the last good backup.
    pub last_success: Option<f64>,
    /// How long that one took, seconds.
    pub duration: Option<f64>,
    /// What its command wrote.
    pub bytes: Option<f64>,
    /// What is stored of it.
    pub stored: Option<f64>,
    /// What commands usually write.
    pub usual: Option<f64>,
    /// The next tick.
    pub next: Option<f64>,
    /// How far apart ticks are around now, seconds.
    pub interval: Option<f64>,
    /// `spec.jitterSeconds`.
    pub jitter: u32,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Its condition Ready, once there is one.
    pub ready: Option<bool>,
    /// Its condition Starving.
    pub starving: bool,
    /// Runs under way.
    pub in_progress: u32,
    /// Failed backups since the last good one.
    pub failures: u32,
    /// The last restore that proved one.
    pub verified: Option<f64>,
}

impl Schedules {
    /// It was made or changed.
    pub fn seen(&self, schedule: &BackupSchedule, now: Timestamp) {
        let seen = Arc::new(Schedule::of(schedule, now));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.replace(ByLabels(seen));
    }

    /// It is gone. One that was made anew under its name is another one.
    pub fn gone(&self, schedule: &BackupSchedule) {
        let (labels, uid) = (labels(schedule), schedule.uid().unwrap_or_default());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(labels.as_str()).is_some_and(|there| *there.0.uid == *uid) {
            all.remove(labels.as_str());
        }
    }

    /// All, as they are now.
    pub fn all(&self) -> Vec<Arc<Schedule>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|one| one.0.clone()).collect()
    }
}

impl Schedule {
    fn of(schedule: &BackupSchedule, now: Timestamp) -> Self {
        let spec = &schedule.spec;
        let told = schedule.status.clone().unwrap_or_default();
        let suspended = spec.suspend.unwrap_or(false);
        let created = schedule.creation_timestamp().map_or(now, |t| t.0);
        let last = told.last_backup.as_ref();
        let number = |n: Option<u64>| n.map(|n| n as f64);
        Self {
            labels: labels(schedule),
            uid: schedule.uid().unwrap_or_default().into(),
            storage: spec.template.spec.storage.name.as_str().into(),
            created: seconds(created),
            active_since: expected::active_since(schedule, now)
                .filter(|_| !suspended)
                .map(seconds),
            last_success: told.last_successful_time.as_ref().map(time),
            duration: last.and_then(|l| Some(time(&l.completion_time) - time(l.start_time.as_ref()?))),
            bytes: number(last.and_then(|l| l.bytes)),
            stored: number(last.and_then(|l| l.stored_bytes)),
            usual: number(kept::usual(&told)),
            next: told.next_schedule_time.as_ref().filter(|_| !suspended).map(time),
            interval: expected::interval(schedule, now).map(|d| d.as_secs_f64()),
            jitter: spec.jitter_seconds.unwrap_or(0),
            suspended,
            ready: condition::find(&told.conditions, condition::READY).map(|c| c.status == "True"),
            starving: condition::is_true(&told.conditions, condition::STARVING),
            in_progress: told.in_progress.unwrap_or(0),
            failures: told.consecutive_failures.unwrap_or(0),
            verified: told.last_verified_time.as_ref().map(time),
        }
    }

    /// Namespace and name, in which nothing is ever escaped.
    pub fn names(&self) -> (&str, &str) {
        (self.labels.first(), self.labels.last())
    }
}

fn labels(schedule: &BackupSchedule) -> Labels {
    let (namespace, name) = (schedule.namespace().unwrap_or_default(), schedule.name_any());
    Labels::new(&["namespace", "schedule"], &[&namespace, &name])
}

/// Unix seconds.
pub fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}

/// Unix seconds.
pub fn time(at: &Time) -> f64 {
    seconds(at.0)
}
