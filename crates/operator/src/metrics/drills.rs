//! A record of each drill: what its series say.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::{BackupDrill, condition};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::schedule::cron::Calendar;
use planner::schedule::{expected, ticks};

use super::schedules::{seconds, time};

/// All drills, by namespace and name.
#[derive(Default)]
pub struct Drills(Mutex<BTreeMap<(String, String), Arc<Drill>>>);

/// What is served of a drill. Times are Unix seconds.
#[derive(Debug, PartialEq)]
pub struct Drill {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The schedule whose backups it proves.
    pub schedule: String,
    uid: String,
    /// Since when it makes runs.
    pub active_since: Option<f64>,
    /// The end of the last good one.
    pub last_success: Option<f64>,
    /// How long the last one took, seconds.
    pub duration: Option<f64>,
    /// Whether the last one failed, once there was one.
    pub failed: Option<bool>,
    /// How far apart ticks are around now, seconds.
    pub interval: Option<f64>,
    /// Its condition Ready, once there is one.
    pub ready: Option<bool>,
    /// `spec.suspend`.
    pub suspended: bool,
}

impl Drills {
    /// It was made or changed.
    pub fn seen(&self, drill: &BackupDrill, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key(drill), Arc::new(Drill::of(drill, now)));
    }

    /// It is gone. One that was made anew under its name is another one.
    pub fn gone(&self, drill: &BackupDrill) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all
            .get(&key(drill))
            .is_some_and(|there| Some(&there.uid) == drill.metadata.uid.as_ref())
        {
            all.remove(&key(drill));
        }
    }

    /// All, as they are now.
    pub fn all(&self) -> Vec<Arc<Drill>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().cloned().collect()
    }
}

fn key(drill: &BackupDrill) -> (String, String) {
    (drill.namespace().unwrap_or_default(), drill.name_any())
}

impl Drill {
    fn of(drill: &BackupDrill, now: Timestamp) -> Self {
        let spec = &drill.spec;
        let told = drill.status.clone().unwrap_or_default();
        let suspended = spec.suspend.unwrap_or(false);
        let created = drill.creation_timestamp().map_or(now, |t| t.0);
        let since = expected::at_work_since(created, &told.conditions).filter(|_| !suspended);
        let calendar = Calendar::parse(&spec.schedule, spec.time_zone.as_deref()).ok();
        let began = told.last_start_time.as_ref();
        let (namespace, name) = key(drill);
        Self {
            namespace,
            name,
            schedule: spec.source.schedule.clone(),
            uid: drill.uid().unwrap_or_default(),
            active_since: since.map(seconds),
            last_success: told.last_successful_time.as_ref().map(time),
            duration: began.and_then(|began| Some(time(told.last_completion_time.as_ref()?) - time(began))),
            failed: condition::find(&told.conditions, condition::FAILED).map(|c| c.status == "True"),
            interval: calendar.and_then(|c| ticks::distance(&c, now)).map(|d| d.as_secs_f64()),
            ready: condition::find(&told.conditions, condition::READY).map(|c| c.status == "True"),
            suspended,
        }
    }
}
