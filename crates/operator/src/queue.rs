//! The runs that have their turn and those that wait for it: counted from what the watches see, and from what was given since.
//!
//! A turn is given in memory when it is decided, and counts from then on; the run writes its attempt into its status before it creates
//! its Pod, and counts by that from then on, and by the Pod itself until that is gone. So an operator that dies in between has given a
//! turn that nobody took, or one that the next operator counts as this one did.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::{BackupRun, BackupStorage};
use futures::channel::mpsc::UnboundedSender;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::queue::{self, Held, Limits, Served, Turn, Waiting};
use planner::run::Ask;

use crate::cache::Cache;
use crate::ownership::controller_of_kind;

/// A Pod that is to go and does not (its node is lost) holds a turn no longer than this, as it does not hold its run
/// (`planner::run::limits::PODS`).
const GONE: Duration = planner::run::limits::PODS;

/// Whose turn it is.
pub struct Queue {
    state: Mutex<State>,
    wake: UnboundedSender<ObjectRef<BackupRun>>,
}

#[derive(Default)]
struct State {
    limits: Limits,
    served: Served,
    /// By the UID of the run: those that hold a turn or wait for one, and no others.
    runs: HashMap<String, Entry>,
    /// Everything that was there was seen. No turn is given before: not all that hold one are known, nor who has waited the longest.
    open: bool,
}

#[derive(Default)]
struct Entry {
    run: Option<ObjectRef<BackupRun>>,
    storage: String,
    under_way: bool,
    /// Its Pods by UID, and since when they are to go.
    pods: HashMap<String, Option<Instant>>,
    ask: Option<Ask>,
    given: bool,
}

impl Entry {
    fn holds(&self, now: Instant) -> bool {
        let there = |since: &Option<Instant>| since.is_none_or(|since| now.saturating_duration_since(since) < GONE);
        self.given || self.under_way || self.pods.values().any(there)
    }

    fn is_empty(&self) -> bool {
        !self.given && !self.under_way && self.ask.is_none() && self.pods.is_empty()
    }

    /// Those that wait: a run whose last Pod is still there does, too, and takes its place where it has one.
    fn waiting<'a>(&'a self, uid: &'a str) -> Option<Waiting<'a>> {
        let ask = self.ask.as_ref().filter(|_| !self.given && !self.under_way)?;
        let run = self.run.as_ref()?;
        Some(Waiting {
            uid,
            namespace: run.namespace.as_deref().unwrap_or_default(),
            name: &run.name,
            storage: &self.storage,
            restore: ask.restore,
            since: ask.since,
        })
    }
}

impl State {
    fn waiting(&self) -> Vec<Waiting<'_>> {
        self.runs.iter().filter_map(|(uid, one)| one.waiting(uid)).collect()
    }

    fn held(&self, now: Instant) -> Vec<Held<'_>> {
        let held = self.runs.values().filter(|one| one.holds(now));
        held.map(|one| Held { storage: &one.storage }).collect()
    }

    /// Changes what is known of a run, and forgets one of which nothing is left.
    fn change(&mut self, uid: &str, change: impl FnOnce(&mut Entry)) {
        let entry = self.runs.entry(uid.into()).or_default();
        change(entry);
        if entry.is_empty() {
            self.runs.remove(uid);
        }
    }

    /// Gives the turns that can be given; who got one.
    fn give(&mut self, clock: Timestamp, now: Instant) -> Vec<ObjectRef<BackupRun>> {
        let mut given = Vec::new();
        loop {
            if !self.open {
                return given;
            }
            let waiting = self.waiting();
            let next = queue::next(&waiting, &self.held(now), &self.served, &self.limits);
            let Some(next) = next.and_then(|at| waiting.get(at)) else {
                return given;
            };
            let (uid, namespace) = (next.uid.to_string(), next.namespace.to_string());
            // Two in one moment: the second is later.
            let last = self.served.get(&namespace).copied();
            let after = last.and_then(|t| t.checked_add(Duration::from_nanos(1)).ok());
            self.served
                .insert(namespace, after.map_or(clock, |after| after.max(clock)));
            if let Some(one) = self.runs.get_mut(&uid) {
                one.given = true;
                given.extend(one.run.clone());
            }
        }
    }
}

impl Queue {
    /// As many as `operator` says at once, where it does. Who gets a turn is woken through the channel.
    pub fn new(operator: Option<u32>, wake: UnboundedSender<ObjectRef<BackupRun>>) -> Self {
        let limits = Limits {
            operator,
            ..Limits::default()
        };
        Self {
            state: Mutex::new(State {
                limits,
                ..State::default()
            }),
            wake,
        }
    }

    /// Every kind was seen: turns are given from now on, first to those that have waited since before this operator. One that asks for nothing
    /// any more gives its turn back when it is looked at.
    pub fn open(&self) {
        let mut state = self.state();
        state.open = true;
        self.go_on(state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self, mut state: MutexGuard<'_, State>) {
        let given = state.give(Timestamp::now(), Instant::now());
        drop(state);
        for run in given {
            // Without a receiver the process is ending.
            let _ = self.wake.unbounded_send(run);
        }
    }

    /// A run was seen.
    pub fn seen(&self, run: &BackupRun) {
        let uid = run.uid().unwrap_or_default();
        let mut state = self.state();
        if let (Some(namespace), Some(began)) = (run.namespace(), queue::last_began(run)) {
            let last = state.served.entry(namespace).or_insert(began);
            *last = began.max(*last);
        }
        let holds = queue::holds(run);
        let held = state.runs.get(&uid).is_some_and(|one| one.under_way);
        let asks = if state.open { None } else { queue::will_ask(run) };
        if !holds && !held && asks.is_none() && !state.runs.contains_key(&uid) {
            return;
        }
        state.change(&uid, |one| {
            one.run = Some(ObjectRef::from_obj(run));
            one.storage.clone_from(&run.spec.storage.name);
            one.under_way = holds;
            one.ask = asks.or(one.ask.take());
            if holds {
                (one.ask, one.given) = (None, false);
            }
        });
        if held && !holds {
            self.go_on(state);
        }
    }

    /// A run is gone.
    pub fn gone(&self, uid: &str) {
        let mut state = self.state();
        if state.runs.contains_key(uid) {
            state.change(uid, |one| (one.ask, one.given, one.under_way) = (None, false, false));
            self.go_on(state);
        }
    }

    /// A Pod of a run was seen. The run tells of which storage it is; one that is not there, or was not seen yet, tells nothing.
    pub fn pod_seen(&self, pod: &Pod, runs: &Cache<BackupRun>) {
        let (Some(owner), Some(uid)) = (controller_of_kind::<BackupRun>(pod), pod.uid()) else {
            return;
        };
        let run = ObjectRef::new(&owner.name).within(&pod.namespace().unwrap_or_default());
        let known = runs.get(&run).filter(|r| r.metadata.uid.as_ref() == Some(&owner.uid));
        let goes = pod.metadata.deletion_timestamp.is_some();
        self.state().change(&owner.uid, |one| {
            if let Some(run) = known {
                one.storage.clone_from(&run.spec.storage.name);
            }
            let since = one.pods.entry(uid).or_default();
            if goes && since.is_none() {
                *since = Some(Instant::now());
            }
        });
    }

    /// A Pod of a run is gone.
    pub fn pod_gone(&self, pod: &Pod) {
        let (Some(owner), Some(uid)) = (controller_of_kind::<BackupRun>(pod), pod.uid()) else {
            return;
        };
        let mut state = self.state();
        if state
            .runs
            .get(&owner.uid)
            .is_some_and(|one| one.pods.contains_key(&uid))
        {
            state.change(&owner.uid, |one| {
                one.pods.remove(&uid);
            });
            self.go_on(state);
        }
    }

    /// A storage was seen; its limit may be another one.
    pub fn storage_seen(&self, storage: &BackupStorage) {
        self.limit(&storage.name_any(), storage.spec.max_concurrent_runs);
    }

    /// A storage is gone, and its limit.
    pub fn storage_gone(&self, storage: &BackupStorage) {
        self.limit(&storage.name_any(), None);
    }

    fn limit(&self, storage: &str, most: Option<u32>) {
        let mut state = self.state();
        if state.limits.storages.get(storage).copied() == most {
            return;
        }
        match most {
            Some(most) => state.limits.storages.insert(storage.into(), most),
            None => state.limits.storages.remove(storage),
        };
        self.go_on(state);
    }

    /// A run could begin: whether it may, and else how it waits. It is given its turn at once, or woken when it is.
    pub fn ask(&self, run: &BackupRun, ask: Ask) -> Turn {
        let uid = run.uid().unwrap_or_default();
        let mut state = self.state();
        if state.runs.get(&uid).is_some_and(|one| one.under_way) {
            // What asks is a run as it was before it began; its write is refused.
            return Turn::Given;
        }
        state.change(&uid, |one| {
            one.run = Some(ObjectRef::from_obj(run));
            one.storage.clone_from(&run.spec.storage.name);
            one.ask = Some(ask);
        });
        let now = Instant::now();
        let given = state.give(Timestamp::now(), now);
        let own = ObjectRef::from_obj(run);
        for other in given.into_iter().filter(|other| *other != own) {
            let _ = self.wake.unbounded_send(other);
        }
        let waiting = state.waiting();
        match waiting.iter().find(|w| w.uid == uid) {
            Some(who) => {
                let place = queue::place(who, &waiting, &state.held(now), &state.served, &state.limits);
                Turn::Waits(place)
            }
            None => Turn::Given,
        }
    }

    /// A run begins nothing now: it waits for no turn, and gives back one that it was given. One that is under way keeps it.
    pub fn leave(&self, run: &BackupRun) {
        let uid = run.uid().unwrap_or_default();
        let mut state = self.state();
        // What it has begun may not have been seen yet.
        if queue::holds(run) || !state.runs.contains_key(&uid) {
            return;
        }
        let given = state.runs.get(&uid).is_some_and(|one| one.given);
        state.change(&uid, |one| (one.ask, one.given) = (None, false));
        if given {
            self.go_on(state);
        }
    }
}

#[cfg(test)]
mod tests;
