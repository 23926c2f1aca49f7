//! Backups that were to be encrypted for others and are not, or of which something of before is left. Pure.
use api::{BackupRun, condition};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::{Reason, lately};

use super::{PATIENCE, Undone, words};

/// Those that were given up, and those that have left something for longer than it takes to remove it; by their names.
pub(super) fn undone(runs: &[BackupRun], now: Timestamp) -> Vec<Undone> {
    let mut all: Vec<_> = runs.iter().filter_map(|run| of(run, now)).collect();
    all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    all
}

fn of(run: &BackupRun, now: Timestamp) -> Option<Undone> {
    let status = run.status.as_ref()?;
    let reason = lately::rewrap_not_done(status)?;
    let done = status.rewraps.last().map(|last| last.time.0);
    let is_new = done.is_some_and(|done| now.duration_since(done) <= PATIENCE);
    if reason == Reason::ReplacedLeft && is_new {
        return None;
    }
    let said = condition::find(&status.conditions, condition::REWRAPPED)?;
    Some(Undone {
        namespace: run.namespace().unwrap_or_default(),
        name: run.name_any(),
        given_up: reason == Reason::RewrapFailed,
        why: words(said),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn run(name: &str, reason: &str, rewraps: Value) -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.name = Some(name.into());
        run.status = serde_json::from_value(json!({"rewraps": rewraps, "conditions": [
            {"type": "Successful", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": "2026-01-02T00:00:00Z"},
            {"type": "Rewrapped", "status": "False", "reason": reason, "message": "in words", "lastTransitionTime": "2026-01-02T00:00:00Z"}]}))
        .unwrap();
        run
    }

    #[test]
    fn a_rewrap_that_was_given_up_or_has_left_something_for_an_hour_wants_a_look() {
        let now: Timestamp = "2026-01-10T12:00:00Z".parse().unwrap();
        let done = |at: &str| json!([{"time": at, "before": ["age1a"]}]);
        let all = [
            run("left", "ReplacedLeft", done("2026-01-10T10:00:00Z")),
            run("just-done", "ReplacedLeft", done("2026-01-10T11:30:00Z")),
            run("given-up", "RewrapFailed", json!([])),
            run("refused", "RewrapRefused", json!([])),
            run("under-way", "Rewrapping", json!([])),
        ];
        let seen = undone(&all, now);
        let seen: Vec<_> = seen
            .iter()
            .map(|one| (one.name.as_str(), one.given_up, one.why.as_str()))
            .collect();
        let read: Vec<_> = all.iter().map(crate::read::fleet::matters).collect();
        assert_eq!(read, [true, true, true, false, false], "among all runs of a cluster");
        assert_eq!(
            seen,
            [
                ("given-up", true, "RewrapFailed: in words"),
                ("left", false, "ReplacedLeft: in words")
            ]
        );
    }
}
