//! What every reconcile works with.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use api::{BackupRun, BackupSchedule, BackupStorage};
use futures::channel::mpsc::UnboundedSender;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::runtime::reflector::ObjectRef;
use planner::run::pod::AgentSettings;
use planner::run::{Obstacle, Refusal};

use crate::ages::Ages;
use crate::cache::Cache;
use crate::copies::Copies;
use crate::events::Beside;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::queue::Queue;
use crate::run::errands::{Errands, Turns};
use crate::stores::Stores;
use crate::transfer::budget::Budget;
use crate::transfer::completions::Completions;
use crate::transfer::exec::Exec;
use crate::transfer::lanes::Lanes;
use crate::transfer::registry::Registry;
use crate::transfer::trickle::Trickle;
use crate::volumes::Volumes;

/// The first pause after a failure, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Shared by all controllers.
pub struct Context {
    /// To reach the API server.
    pub client: Client,
    /// Events that no pass waits for.
    pub events: Beside,
    /// To reach agents.
    pub exec: Exec,
    /// How the agent is put into Pods.
    pub agent: AgentSettings,
    /// Whether image volumes are served.
    pub volumes: Arc<Volumes>,
    /// Transfers that this operator holds.
    pub registry: Arc<Registry>,
    /// What their agents may have held.
    pub budget: Budget,
    /// How connections to them are opened.
    pub trickle: Trickle,
    /// Uploads that stores complete.
    pub completions: Completions,
    /// How they share what a storage gives them.
    pub lanes: Lanes,
    /// Copies that this operator makes.
    pub copies: Copies,
    /// Opened stores.
    pub stores: Stores,
    /// What the watches have seen.
    pub storages: Cache<BackupStorage>,
    /// What the watches have seen.
    pub schedules: Cache<BackupSchedule>,
    /// What the watches have seen.
    pub runs: Cache<BackupRun>,
    /// Pods that carry our label.
    pub pods: Cache<Pod>,
    /// When buckets were last looked through for records.
    pub syncs: crate::records::Syncs,
    /// The last probe of each storage.
    pub probes: crate::storage::Probes,
    /// Pods that the API server refused to create, by the UID of their run.
    pub refusals: Refusals,
    /// UID of this cluster; set before anything is decided.
    pub cluster: OnceLock<String>,
    /// What stores are asked for on behalf of runs.
    pub errands: Errands,
    /// Why runs are rotated.
    pub rotated: Rotated,
    /// Which runs have their turn, and which wait for it.
    pub queue: Queue,
    /// Whose turn it is at a store.
    pub turns: Turns,
    /// To have a storage looked at again.
    pub wake_storage: UnboundedSender<ObjectRef<BackupStorage>>,
    /// How long ago the times of their statuses were.
    pub ages: Ages,
    /// What was looked for in stores.
    pub looks: crate::run::look::Looks,
    /// Why transfers cannot be begun, by the UID of their run.
    pub obstacles: Obstacles,
    /// Who tells people of schedules.
    pub notifier: Notifier,
    /// How often an object has failed in a row, by UID.
    pub failures: Failures,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// When all of this began.
    pub began: Instant,
}

impl Context {
    /// UID of this cluster; empty where it could not be read.
    pub fn cluster(&self) -> &str {
        self.cluster.get().map_or("", String::as_str)
    }

    /// A storage is gone: its access keys leave the memory.
    pub fn forget_storage(&self, uid: &str) {
        self.stores.forget(uid);
        self.probes.forget(uid);
        self.syncs.forget(uid);
        self.turns.forget(uid);
        self.failures.clear(uid);
    }

    /// A run is gone. Nobody waits for the end of its transfer, which would otherwise try for ever where somebody took the
    /// run's finalizer away under it.
    pub fn forget(&self, uid: &str) {
        self.queue.gone(uid);
        self.registry.forget(uid);
        self.refusals.set(uid, None);
        self.obstacles.clear(uid);
        self.looks.gone(uid);
        self.errands.forget(uid);
        self.copies.forget(uid);
        self.rotated.forget(uid);
        self.ages.forget(uid);
        self.failures.clear(uid);
    }
}

/// Counts failures in a row, so that what fails is tried less and less often.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<String, u32>>);

impl Failures {
    /// One more; how long to wait before the next try.
    pub fn again(&self, uid: &str) -> Duration {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(uid.to_string()).or_default();
        *count = count.saturating_add(1);
        pause(*count)
    }

    /// It went well.
    pub fn clear(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// The last refusal of each run's Pod.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<String, Refusal>>);

impl Refusals {
    /// The last one, if the Pod was not created since.
    pub fn get(&self, uid: &str) -> Option<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Remembers one, or drops it.
    pub fn set(&self, uid: &str, refusal: Option<Refusal>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match refusal {
            Some(refusal) => all.insert(uid.into(), refusal),
            None => all.remove(uid),
        };
    }
}

/// Why this operator rotates runs whose objects go, by their UID. One that takes over does not know, and only says that they went.
#[derive(Default)]
pub struct Rotated(Mutex<HashMap<String, String>>);

impl Rotated {
    /// It is about to be deleted.
    pub fn note(&self, uid: &str, why: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(uid.into(), why.into());
    }

    /// Why it was deleted, where it was rotated.
    pub fn of(&self, uid: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// It is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// What each run's transfer cannot be begun for, and since when, by this process's monotonic clock.
#[derive(Default)]
pub struct Obstacles(Mutex<HashMap<String, (String, Instant)>>);

impl Obstacles {
    /// It failed, in these words; since when is kept from the first time in a row.
    pub fn met(&self, uid: &str, message: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(uid) {
            Some((words, _)) => *words = message,
            None => {
                all.insert(uid.into(), (message, Instant::now()));
            }
        }
    }

    /// It went well, or the run is gone.
    pub fn clear(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// What stands in the way, as seen at a time.
    pub fn get(&self, uid: &str, now: Timestamp) -> Option<Obstacle> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (message, since) = all.get(uid)?;
        Some(Obstacle {
            message: message.clone(),
            since: now.checked_sub(since.elapsed()).unwrap_or(now),
        })
    }
}

fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_less_and_less_often_but_at_least_once_a_minute() {
        let pauses: Vec<_> = (1..=9).map(|n| pause(n).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        let failures = Failures::default();
        failures.again("a");
        assert_eq!(failures.again("a").as_millis(), 1000);
        failures.clear("a");
        assert_eq!(failures.again("a").as_millis(), 500);
    }
}
