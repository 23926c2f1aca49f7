//! Of runs, only those that are queued, under way or were restored leave something here: most are over, and say nothing.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::names::Action;
use api::{BackupRun, BackupRunStatus, condition};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::is_finished;
use planner::run::lately::{self, Restored, restored};

/// Runs by UID.
#[derive(Default)]
pub struct Runs(Mutex<Known>);

#[derive(Default)]
struct Known {
    queued: HashSet<String>,
    under_way: HashMap<String, UnderWay>,
    /// By namespace: the last restore of each run that was restored.
    restored: BTreeMap<String, HashMap<String, Restored>>,
}

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
}
