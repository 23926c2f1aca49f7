//! What the operator measures. What is counted is counted where it happens; what stands in an object is kept in a small record of it, made
//! when a watch sees it and dropped when it is gone, so that a scrape unpacks nothing. `scrape` says it all, by the one table.
mod counters;
mod drills;
mod process;
mod requests;
mod runs;
mod schedules;
mod scrape;
mod serve;
mod storages;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

pub use self::counters::Counters;
pub use self::drills::Drills;
pub use self::requests::connect;
pub use self::runs::{Runs, ended};
pub use self::schedules::Schedules;
pub use self::scrape::action;
pub use self::serve::serve;
pub use self::storages::Storages;
use crate::notify::Counts;
use crate::transfer::registry::Registry;

/// Upper ends of the classes of how long a pass takes, seconds.
const PASSES: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];
/// The same of an answer of the webhook, which has 8 s.
const ANSWERS: [f64; 7] = [0.002, 0.01, 0.05, 0.2, 1.0, 3.0, 8.0];

/// Durations by kind.
type Passes = Family<Vec<(&'static str, &'static str)>, Histogram, fn() -> Histogram>;

/// Everything that is measured; one for the process.
pub struct Metrics {
    began: Instant,
    began_at: Timestamp,
    leads: AtomicBool,
    /// Schedules.
    pub schedules: Schedules,
    /// Drills.
    pub drills: Drills,
    /// Storages.
    pub storages: Storages,
    /// Runs.
    pub runs: Runs,
    /// Runs that ended: namespace, storage, action, reason.
    pub runs_ended: Counters<4>,
    /// Rewraps that came to something: namespace, storage, reason.
    pub rewraps_ended: Counters<3>,
    /// Requests to the API server: verb, code.
    pub api_requests: Counters<2>,
    /// Answers of the webhook: kind, answer.
    pub webhook_answers: Counters<2>,
    /// Passes that failed: kind.
    pub reconcile_errors: Counters<1>,
    /// Notifications.
    pub notifications: Arc<Counts>,
    passes: Passes,
    answers: Histogram,
    waiting: Levels,
    cached: Levels,
    certificate_ends: AtomicI64,
    registry: OnceLock<Arc<Registry>>,
}

/// How many, by kind, now.
#[derive(Default)]
struct Levels(Mutex<BTreeMap<&'static str, usize>>);

impl Levels {
    fn set(&self, kind: &'static str, level: usize) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(kind, level);
    }

    fn all(&self) -> BTreeMap<&'static str, usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            began_at: Timestamp::now(),
            leads: AtomicBool::default(),
            schedules: Schedules::default(),
            drills: Drills::default(),
            storages: Storages::default(),
            runs: Runs::default(),
            runs_ended: Counters::default(),
            rewraps_ended: Counters::default(),
            api_requests: Counters::default(),
            webhook_answers: Counters::default(),
            reconcile_errors: Counters::default(),
            notifications: Arc::default(),
            passes: Family::new_with_constructor(|| Histogram::new(PASSES)),
            answers: Histogram::new(ANSWERS),
            waiting: Levels::default(),
            cached: Levels::default(),
            certificate_ends: AtomicI64::default(),
            registry: OnceLock::new(),
        }
    }
}

impl Metrics {
    /// This one leads.
    pub fn leads(&self) {
        self.leads.store(true, Ordering::Relaxed);
    }

    /// Where transfers are found.
    pub fn follow(&self, registry: &Arc<Registry>) {
        // There is one in a process.
        let _ = self.registry.set(registry.clone());
    }

    /// A pass over an object of a kind took so long.
    pub fn passed(&self, kind: &'static str, took: Duration) {
        self.passes
            .get_or_create(&vec![("kind", kind)])
            .observe(took.as_secs_f64());
    }

    /// A pass over an object of a kind failed and is made again.
    pub fn failed(&self, kind: &'static str) {
        self.reconcile_errors.add([kind], 1);
    }

    /// So many objects of a kind wait for a pass that is due.
    pub fn waiting(&self, kind: &'static str, objects: usize) {
        self.waiting.set(kind, objects);
    }

    /// So many objects of a kind are known.
    pub fn cached(&self, kind: &'static str, objects: usize) {
        self.cached.set(kind, objects);
    }

    /// The webhook has answered about an object of a kind.
    pub fn answered(&self, kind: &str, answer: &'static str, took: Duration) {
        self.webhook_answers.add([known(kind), answer], 1);
        self.answers.observe(took.as_secs_f64());
    }

    /// The webhook serves with a certificate that ends then.
    pub fn certificate_ends(&self, at: Timestamp) {
        self.certificate_ends.store(at.as_second(), Ordering::Relaxed);
    }
}

/// Anybody who reaches the webhook may name a kind: only ours are labels.
fn known(kind: &str) -> &'static str {
    match kind {
        "BackupDrill" => "BackupDrill",
        "BackupRun" => "BackupRun",
        "BackupSchedule" => "BackupSchedule",
        "BackupStorage" => "BackupStorage",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests;
