//! Probes beside reconcile: a store that does not answer keeps no other storage waiting.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::BackupStorage;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::storage::ProbeView;
use tokio::sync::Semaphore;

use super::probe::probe;
use crate::context::Context;

/// How many storages are probed at once that were well, or were never probed.
const HOPEFUL: usize = 64;
/// The same, of those that failed the last time: they keep nobody else from a first probe.
const FAILED: usize = 8;

/// The last probe of each storage, by UID.
pub struct Probes {
    all: Mutex<HashMap<String, Probed>>,
    hopeful: Arc<Semaphore>,
    failed: Arc<Semaphore>,
}

struct Probed {
    last: ProbeView,
    under_way: bool,
}

impl Default for Probes {
    fn default() -> Self {
        Self {
            all: Mutex::default(),
            hopeful: Arc::new(Semaphore::new(HOPEFUL)),
            failed: Arc::new(Semaphore::new(FAILED)),
        }
    }
}

impl Probes {
    /// The last one.
    pub fn get(&self, uid: &str) -> ProbeView {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(uid).map_or(ProbeView::NotYet, |probed| probed.last.clone())
    }

    /// The storage is gone.
    pub fn forget(&self, uid: &str) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Whose turns a probe waits for; None: one is under way.
    fn begin(&self, uid: &str) -> Option<Arc<Semaphore>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let probed = all.entry(uid.into()).or_insert(Probed {
            last: ProbeView::NotYet,
            under_way: false,
        });
        if std::mem::replace(&mut probed.under_way, true) {
            return None;
        }
        Some(match probed.last {
            ProbeView::Failed { .. } => self.failed.clone(),
            ProbeView::NotYet | ProbeView::Good { .. } => self.hopeful.clone(),
        })
    }

    /// Nothing of a storage that went meanwhile.
    fn end(&self, uid: &str, last: ProbeView) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(probed) = all.get_mut(uid) {
            (probed.last, probed.under_way) = (last, false);
        }
    }
}

/// Begins a probe, unless one is under way; the storage is woken when it has ended.
pub fn begin(storage: &Arc<BackupStorage>, context: &Arc<Context>, configuration: String) {
    let uid = storage.uid().unwrap_or_default();
    let Some(turns) = context.probes.begin(&uid) else {
        return;
    };
    let (storage, context) = (storage.clone(), context.clone());
    crate::runtime::spawn(async move {
        // It is never closed.
        let turn = turns.acquire_owned().await;
        let seen = probe(&storage, &context, &configuration, &context.probes.get(&uid)).await;
        drop(turn);
        context.probes.end(&uid, seen);
        context.metrics.storages.probed(&storage.name_any(), Timestamp::now());
        // Without a receiver the process is ending.
        let _ = context
            .wake_storage
            .unbounded_send(ObjectRef::from_obj(storage.as_ref()));
    });
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn failed() -> ProbeView {
        ProbeView::Failed {
            reason: planner::storage::Reason::ProbeTimeout,
            message: String::new(),
            at: Timestamp::UNIX_EPOCH,
            configuration: String::new(),
        }
    }

    #[test]
    fn storages_that_failed_keep_no_other_from_its_first_probe() {
        let probes = Probes::default();
        let mut held = Vec::new();
        for n in 0..30 {
            let uid = format!("hangs-{n}");
            assert!(probes.begin(&uid).is_some());
            probes.end(&uid, failed());
            held.push(probes.begin(&uid).unwrap().try_acquire_owned());
        }
        assert_eq!(held.iter().filter(|turn| turn.is_ok()).count(), FAILED);
        let new = probes.begin("new").unwrap();
        assert!(new.try_acquire().is_ok());
    }

    #[test]
    fn a_storage_is_probed_once_at_a_time_and_forgotten_when_it_is_gone() {
        let probes = Probes::default();
        assert!(probes.begin("s").is_some() && probes.begin("s").is_none());
        probes.end("s", failed());
        assert_eq!(probes.get("s"), failed());
        assert!(probes.begin("s").is_some());
        probes.forget("s");
        probes.end("s", failed());
        assert_eq!(probes.get("s"), ProbeView::NotYet);
        assert!(probes.all.lock().unwrap().is_empty());
    }
}
