//! Of runs, only those that are queued, under way or were restored leave something here: most are over, and say nothing.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::names::Action;
use api::run::Lock;
use api::{BackupRun, BackupRunStatus, condition, labels};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::lately::{self, Restored, restored};
use planner::run::{is_finished, lock};

/// Runs by UID.
#[derive(Default)]
pub struct Runs(Mutex<Known>);

#[derive(Default)]
struct Known {
    queued: HashSet<String>,
    under_way: HashMap<String, UnderWay>,
    /// Those of a schedule whose copies are not all made: whose, and since when.
    uncopied: HashMap<String, (OfSchedule, Timestamp)>,
    thawing: HashSet<String>,
    /// Those that are being deleted, and what lies on their objects.
    held: HashMap<String, (String, Vec<Lock>)>,
    /// Those whose last rewrap is not done: the namespace, and why.
    not_rewrapped: HashMap<String, (String, &'static str)>,
    /// By namespace: the last restore of each run that was restored.
    restored: BTreeMap<String, HashMap<String, Restored>>,
}

/// Namespace and name.
pub type OfSchedule = (String, String);

/// A run that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// Its namespace.
    pub namespace: String,
    /// What is made.
    pub action: Action,
    /// When its status was last told to be further.
    pub step: Timestamp,
}

impl Runs {
    /// It was made or changed.
    pub fn seen(&self, run: &BackupRun) {
        let uid = run.uid().unwrap_or_default();
        let namespace = run.namespace().unwrap_or_default();
        let told = run.status.as_ref();
        let mut known = self.lock();
        if told.is_some_and(|s| s.queued.is_some()) {
            known.queued.insert(uid.clone());
        } else {
            known.queued.remove(&uid);
        }
        match told.and_then(|status| under_way(status, &namespace)) {
            Some(under_way) => known.under_way.insert(uid.clone(), under_way),
            None => known.under_way.remove(&uid),
        };
        let schedule = run.labels().get(labels::SCHEDULE);
        match told.and_then(lately::uncopied).zip(schedule) {
            Some((since, schedule)) => {
                let of = (namespace.clone(), schedule.clone());
                known.uncopied.insert(uid.clone(), (of, since));
            }
            None => drop(known.uncopied.remove(&uid)),
        }
        if told.is_some_and(lately::is_thawing) {
            known.thawing.insert(uid.clone());
        } else {
            known.thawing.remove(&uid);
        }
        let locks: Vec<_> = lock::keeping(run).cloned().collect();
        if run.metadata.deletion_timestamp.is_some() && !locks.is_empty() {
            known.held.insert(uid.clone(), (namespace.clone(), locks));
        } else {
            known.held.remove(&uid);
        }
        match told.and_then(lately::rewrap_not_done) {
            Some(reason) => drop(
                known
                    .not_rewrapped
                    .insert(uid.clone(), (namespace.clone(), reason.word())),
            ),
            None => drop(known.not_rewrapped.remove(&uid)),
        }
        if let Some(restored) = told.and_then(restored) {
            known.restored.entry(namespace).or_default().insert(uid, restored);
        }
    }

    /// It is gone.
    pub fn gone(&self, run: &BackupRun) {
        let (uid, namespace) = (run.uid().unwrap_or_default(), run.namespace().unwrap_or_default());
        let mut known = self.lock();
        known.queued.remove(&uid);
        known.under_way.remove(&uid);
        known.uncopied.remove(&uid);
        known.thawing.remove(&uid);
        known.held.remove(&uid);
        known.not_rewrapped.remove(&uid);
        if let Some(of_namespace) = known.restored.get_mut(&namespace) {
            of_namespace.remove(&uid);
            if of_namespace.is_empty() {
                known.restored.remove(&namespace);
            }
        }
    }

    /// How many wait for their turn.
    pub fn queued(&self) -> usize {
        self.lock().queued.len()
    }

    /// Of each schedule with a good backup that lacks a copy, since when the oldest of these does.
    pub fn uncopied(&self) -> BTreeMap<OfSchedule, Timestamp> {
        let mut all = BTreeMap::new();
        for (of, since) in self.lock().uncopied.values() {
            let least = all.entry(of.clone()).or_insert(*since);
            *least = (*least).min(*since);
        }
        all
    }

    /// How many wait for an archive.
    pub fn thawing(&self) -> usize {
        self.lock().thawing.len()
    }

    /// Of each namespace, how many are being deleted and wait for a lock to end.
    pub fn held(&self, now: Timestamp) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for (namespace, locks) in self.lock().held.values() {
            if locks.iter().any(|lock| lock.holds(now)) {
                *all.entry(namespace.clone()).or_default() += 1;
            }
        }
        all
    }

    /// Of each namespace and reason, how many have a rewrap that is not done.
    pub fn not_rewrapped(&self) -> BTreeMap<(String, &'static str), usize> {
        let mut all = BTreeMap::new();
        for of in self.lock().not_rewrapped.values() {
            *all.entry(of.clone()).or_default() += 1;
        }
        all
    }

    /// Those under way, by UID.
    pub fn under_way(&self) -> HashMap<String, UnderWay> {
        self.lock().under_way.clone()
    }

    /// Of each namespace, whether the restore that ended last failed.
    pub fn last_restore_failed(&self) -> Vec<(String, bool)> {
        let known = self.lock();
        let last = |all: &HashMap<String, Restored>| all.values().max().is_some_and(|r| r.failed);
        known
            .restored
            .iter()
            .map(|(namespace, all)| (namespace.clone(), last(all)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn under_way(status: &BackupRunStatus, namespace: &str) -> Option<UnderWay> {
    let found = lately::under_way(status)?;
    Some(UnderWay {
        namespace: namespace.into(),
        action: found.action,
        step: found.step,
    })
}

/// What has ended between two statuses of a run, and for which reason.
pub fn ended(before: &BackupRunStatus, now: &BackupRunStatus, has_backup: bool) -> Vec<(Action, String)> {
    let mut all = Vec::new();
    let reason = |type_: &str| condition::find(&now.conditions, type_).map(|c| c.reason.clone());
    if has_backup && is_finished(now) && !is_finished(before) {
        let type_ = if condition::is_true(&now.conditions, condition::SUCCESSFUL) {
            condition::SUCCESSFUL
        } else {
            condition::FAILED
        };
        all.extend(reason(type_).map(|reason| (Action::Backup, reason)));
    }
    let told = condition::find(&now.conditions, condition::RESTORED);
    let expired =
        told.is_some_and(|c| c.status == "False") && told != condition::find(&before.conditions, condition::RESTORED);
    let made = now.restores.last().map(|r| r.number) != before.restores.last().map(|r| r.number);
    if made || expired {
        all.extend(reason(condition::RESTORED).map(|reason| (Action::Restore, reason)));
    }
    all
}

/// The label.
pub fn label(action: Action) -> &'static str {
    match action {
        Action::Backup => "Backup",
        Action::Restore => "Restore",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(status: Value) -> BackupRunStatus {
        serde_json::from_value(status).unwrap()
    }

    fn said(type_: &str, is: bool, reason: &str, at: &str) -> Value {
        let is = if is { "True" } else { "False" };
        json!({"type": type_, "status": is, "reason": reason, "message": "", "lastTransitionTime": at})
    }

    fn restore(number: u32, good: bool, end: &str) -> Value {
        json!({"number": number, "startTime": end, "completionTime": end, "successful": good, "bytes": 1})
    }

    fn run(uid: &str, status: Value) -> BackupRun {
        let mut run = testing::backup_run();
        (run.metadata.name, run.metadata.uid, run.metadata.namespace) =
            (Some(uid.into()), Some(uid.into()), Some("team".into()));
        run.status = serde_json::from_value(status).unwrap();
        run
    }

    #[test]
    fn each_end_counts_once_and_what_changes_nothing_ends_nothing() {
        let t = "2026-01-01T00:00:00Z";
        let none = status(json!({}));
        let going = status(json!({"conditions": [said("InProgress", true, "Backuping", t)]}));
        let good = status(json!({"conditions": [said("Successful", true, "BackupSuccessful", t)]}));
        let bad = status(
            json!({"conditions": [said("Successful", false, "CommandFailed", t), said("Failed", true, "CommandFailed", t)]}),
        );
        let proved = status(
            json!({"conditions": [said("Successful", true, "BackupSuccessful", t), said("Restored", true, "RestoreSuccessful", t)], "restores": [restore(1, true, t)]}),
        );
        let expired = status(
            json!({"conditions": [said("Successful", true, "BackupSuccessful", t), said("Restored", false, "RestoreExpired", t)]}),
        );
        for (before, now, wanted) in [
            (&none, &going, vec![]),
            (&going, &good, vec![(Action::Backup, "BackupSuccessful")]),
            (&good, &good, vec![]),
            (&going, &bad, vec![(Action::Backup, "CommandFailed")]),
            (&good, &proved, vec![(Action::Restore, "RestoreSuccessful")]),
            (&proved, &proved, vec![]),
            (&good, &expired, vec![(Action::Restore, "RestoreExpired")]),
        ] {
            let wanted: Vec<_> = wanted.into_iter().map(|(a, r)| (a, r.to_string())).collect();
            assert_eq!(ended(before, now, true), wanted);
        }
        assert!(
            ended(&going, &good, false).is_empty(),
            "a run without backup has none that ends"
        );
    }

    #[test]
    fn a_run_is_queued_or_under_way_for_as_long_as_its_status_says_so() {
        let runs = Runs::default();
        let t = "2026-01-01T00:00:00Z";
        let queued = json!({"queued": {"since": t, "place": 1, "of": 1}});
        let transfer = json!({"attempt": "restore-2", "startedAt": "2026-01-01T00:00:05Z", "route": "Direct"});
        let going = json!({"conditions": [said("InProgress", true, "Restoring", t)], "transfer": transfer});
        runs.seen(&run("a", queued));
        assert_eq!((runs.queued(), runs.under_way().len()), (1, 0));
        runs.seen(&run("a", going));
        assert_eq!(runs.queued(), 0);
        let seen = runs.under_way();
        assert_eq!(seen["a"].action, Action::Restore);
        assert_eq!(seen["a"].step, "2026-01-01T00:00:05Z".parse().unwrap());
        // An upload may be left to abort after the end.
        let over = json!({"conditions": [said("InProgress", false, "Interrupted", t)], "transfer": transfer});
        runs.seen(&run("a", over));
        assert!(runs.under_way().is_empty());
    }

    #[test]
    fn a_schedule_lacks_copies_since_its_oldest_run_that_does_and_no_more_when_they_are_made_or_gone() {
        let runs = Runs::default();
        let lacks = |uid: &str, copied: bool, since: &str| {
            let conditions = [
                said("Successful", true, "BackupSuccessful", since),
                said("Copied", copied, "x", since),
            ];
            let mut run = run(uid, json!({"conditions": conditions}));
            run.labels_mut().insert(labels::SCHEDULE.into(), "nightly".into());
            run
        };
        let first = "2026-01-01T00:00:00Z";
        runs.seen(&lacks("b", false, "2026-01-02T00:00:00Z"));
        runs.seen(&lacks("a", false, first));
        // Nobody is asked about one that was made by hand.
        let mut by_hand = lacks("c", false, first);
        by_hand.labels_mut().clear();
        runs.seen(&by_hand);
        let of = ("team".to_string(), "nightly".to_string());
        assert_eq!(runs.uncopied(), [(of.clone(), first.parse().unwrap())].into());
        runs.seen(&lacks("a", true, first));
        assert_eq!(runs.uncopied(), [(of, "2026-01-02T00:00:00Z".parse().unwrap())].into());
        runs.gone(&lacks("b", false, first));
        assert!(runs.uncopied().is_empty());
    }

    #[test]
    fn a_deletion_waits_for_a_lock_as_long_as_that_holds_and_where_its_object_is_to_go() {
        let runs = Runs::default();
        let now: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let lock = |until: &str| json!({"lock": {"until": until}});
        let mut going = run("a", lock("2026-01-06T00:00:00Z"));
        going.spec.retain_policy = Some(api::run::RetainPolicy::Delete);
        runs.seen(&going);
        assert!(runs.held(now).is_empty(), "nobody has deleted it");
        going.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        runs.seen(&going);
        assert_eq!(runs.held(now), [("team".to_string(), 1)].into());
        assert!(runs.held("2026-01-07T00:00:00Z".parse().unwrap()).is_empty());
        going.spec.retain_policy = Some(api::run::RetainPolicy::Retain);
        runs.seen(&going);
        assert!(runs.held(now).is_empty());
    }

    #[test]
    fn a_restore_is_thawing_until_its_object_is_back() {
        let (runs, t) = (Runs::default(), "2026-01-01T00:00:00Z");
        runs.seen(&run("a", json!({"thaw": {"since": t}})));
        assert_eq!(runs.thawing(), 1);
        runs.seen(&run("a", json!({"thaw": {"since": t, "readyAt": t}})));
        assert_eq!(runs.thawing(), 0);
    }

    #[test]
    fn the_restore_that_ended_last_speaks_for_its_namespace_and_goes_with_its_run() {
        let runs = Runs::default();
        let with = |all: Vec<Value>| json!({"restores": all});
        runs.seen(&run(
            "a",
            with(vec![
                restore(1, true, "2026-01-01T00:00:00Z"),
                restore(2, false, "2026-01-03T00:00:00Z"),
            ]),
        ));
        runs.seen(&run("b", with(vec![restore(1, true, "2026-01-02T00:00:00Z")])));
        assert_eq!(runs.last_restore_failed(), [("team".into(), true)]);
        runs.gone(&run("a", json!({})));
        assert_eq!(runs.last_restore_failed(), [("team".into(), false)]);
        runs.gone(&run("b", json!({})));
        assert!(runs.last_restore_failed().is_empty());
    }

    #[test]
    fn a_rewrap_that_was_given_up_or_left_something_is_counted_until_the_next_one_or_the_run_is_gone() {
        let runs = Runs::default();
        let mut run = testing::backup_run();
        run.metadata.uid = Some("r".into());
        run.metadata.namespace = Some("team".into());
        for (reason, is, counted) in [
            ("RewrapFailed", false, true),
            ("ReplacedLeft", false, true),
            ("Rewrapping", false, false),
            ("Rewrapped", true, false),
            ("ReplacedLeft", false, true),
        ] {
            let said = said("Rewrapped", is, reason, "2026-01-05T00:00:00Z");
            run.status = Some(status(json!({"conditions": [said]})));
            runs.seen(&run);
            let all: Vec<_> = runs.not_rewrapped().into_iter().collect();
            let wanted = counted.then(|| (("team".to_owned(), reason), 1));
            assert_eq!(all, wanted.into_iter().collect::<Vec<_>>());
        }
        runs.gone(&run);
        assert!(runs.not_rewrapped().is_empty());
    }
}
