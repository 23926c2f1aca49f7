//! What of a fleet wants a look, as tables.
use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-01-10T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn condition(type_: &str, is: bool, reason: &str, message: &str, at: &str) -> Value {
    let is = if is { "True" } else { "False" };
    json!({"type": type_, "status": is, "reason": reason, "message": message, "lastTransitionTime": at})
}

fn schedule(name: &str, expression: &str, more: Value, status: Value) -> BackupSchedule {
    let mut spec = json!({"schedule": expression, "template": {"spec": testing::backup_run().spec}});
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

fn run(name: &str, created: &str, status: Value) -> BackupRun {
    let mut run = testing::backup_run();
    run.spec.backup.as_mut().unwrap().deadline_seconds = Some(600);
    run.metadata.name = Some(name.into());
    run.metadata.creation_timestamp = serde_json::from_value(json!(created)).unwrap();
    run.status = serde_json::from_value(status).unwrap();
    run
}

fn of_runs(runs: &[BackupRun]) -> Fleet {
    let objects = Objects {
        runs,
        ..Objects::default()
    };
    fleet(&objects, now())
}

fn ready() -> Value {
    condition("Ready", true, "Valid", "", "2026-01-01T00:00:00Z")
}

#[test]
fn a_schedule_is_late_without_a_good_backup_that_is_younger_than_one_and_a_half_intervals() {
    let good = |at: &str| json!({"conditions": [ready()], "lastSuccessfulTime": at});
    for (expression, more, status, late) in [
        ("@daily", json!({}), good("2026-01-10T00:10:00Z"), false),
        ("@daily", json!({}), good("2026-01-09T00:10:00Z"), false),
        ("@daily", json!({}), good("2026-01-08T23:59:00Z"), true),
        (
            "@daily",
            json!({"jitterSeconds": 3600}),
            good("2026-01-08T23:59:00Z"),
            false,
        ),
        ("@daily", json!({"suspend": true}), good("2026-01-02T00:00:00Z"), false),
        ("@weekly", json!({}), good("2026-01-02T00:00:00Z"), false),
        ("@hourly", json!({}), good("2026-01-10T10:00:00Z"), true),
        // Never a good one: since it was made.
        ("@daily", json!({}), json!({"conditions": [ready()]}), true),
        ("@monthly", json!({}), json!({"conditions": [ready()]}), false),
        // It makes none at all.
        (
            "@monthly",
            json!({}),
            json!({"conditions": [condition("Ready", false, "Invalid", "spec.template", NOW)]}),
            true,
        ),
        ("@monthly", json!({}), json!({"observedGeneration": -1}), true),
    ] {
        let schedules = [schedule("nightly", expression, more.clone(), status.clone())];
        let objects = Objects {
            schedules: &schedules,
            ..Objects::default()
        };
        let seen = fleet(&objects, now());
        assert_eq!(!seen.schedules.is_empty(), late, "{expression} {more} {status}");
        assert_eq!(seen.is_well(), !late);
    }
}

#[test]
fn what_has_failed_is_told_and_is_bad_where_there_never_was_a_good_one() {
    let failed = condition("Failed", true, "CommandFailed", "run n-1: status 3", NOW);
    let status = |good: Option<&str>, failures: u32| json!({"conditions": [ready(), failed], "lastSuccessfulTime": good, "consecutiveFailures": failures});
    for (status, more, late, failing) in [
        (status(None, 1), json!({}), 1, 0),
        (status(Some("2026-01-10T00:10:00Z"), 1), json!({}), 0, 1),
        (status(Some("2026-01-08T00:10:00Z"), 1), json!({}), 1, 0),
        (status(Some("2026-01-10T00:10:00Z"), 0), json!({}), 0, 0),
        (status(None, 1), json!({"suspend": true}), 0, 0),
    ] {
        let schedules = [schedule("weekly", "@daily", more, status.clone())];
        let objects = Objects {
            schedules: &schedules,
            ..Objects::default()
        };
        let seen = fleet(&objects, now());
        assert_eq!((seen.schedules.len(), seen.failing.len()), (late, failing), "{status}");
        assert_eq!(seen.is_well(), late == 0);
        let told = seen.schedules.first().or(seen.failing.first());
        assert!(
            told.is_none_or(|l| l.why == "CommandFailed: run n-1: status 3"),
            "{told:?}"
        );
    }
}

#[test]
fn who_never_had_one_comes_first_and_then_who_has_been_without_for_longest() {
    let good = |at: &str| json!({"conditions": [ready()], "lastSuccessfulTime": at, "consecutiveFailures": 2});
    let schedules = [
        schedule("b", "@daily", json!({}), good("2026-01-07T00:00:00Z")),
        schedule("c", "@daily", json!({}), good("2026-01-05T00:00:00Z")),
        schedule("z", "@daily", json!({}), json!({"conditions": [ready()]})),
        schedule("off", "@daily", json!({"suspend": true}), json!({})),
    ];
    let objects = Objects {
        schedules: &schedules,
        ..Objects::default()
    };
    let seen = fleet(&objects, now());
    let names: Vec<_> = seen.schedules.iter().map(|late| late.name.as_str()).collect();
    assert_eq!(names, ["z", "c", "b"]);
    assert_eq!(seen.suspended, ["shop/off"]);
    let b = &seen.schedules[2];
    assert_eq!((b.failures, b.interval, b.seconds), (2, Some(86_400), 84 * 3600));
}

#[test]
fn why_a_schedule_is_late_is_what_stands_in_its_own_way_then_what_its_runs_wait_for_then_how_the_last_one_ended() {
    let at = "2026-01-01T00:00:00Z";
    let invalid = condition("Ready", false, "Invalid", "spec.schedule is wrong", at);
    let starving = condition("Starving", true, "RunsReplaced", "three were replaced", at);
    let busy = condition("InProgress", true, "RunUnderWay", "Run n-1 waits", at);
    let failed = condition("Failed", true, "CommandFailed", "run n-1: status 3", at);
    let works = condition("InProgress", true, "RunUnderWay", "", at);
    for (conditions, wanted) in [
        (
            json!([invalid, starving, busy, failed]),
            "Invalid: spec.schedule is wrong",
        ),
        (
            json!([ready(), starving, busy, failed]),
            "RunsReplaced: three were replaced",
        ),
        (json!([ready(), busy, failed]), "RunUnderWay: Run n-1 waits"),
        (json!([ready(), works, failed]), "CommandFailed: run n-1: status 3"),
        (json!([ready(), works]), "a run is under way"),
        (
            json!([ready()]),
            "no run was made for the last ticks: was the operator away?",
        ),
        (json!([]), "no operator has looked at it: is one running?"),
    ] {
        let schedules = [schedule("n", "@hourly", json!({}), json!({"conditions": conditions}))];
        let objects = Objects {
            schedules: &schedules,
            ..Objects::default()
        };
        assert_eq!(fleet(&objects, now()).schedules[0].why, wanted);
    }
}

#[test]
fn a_storage_is_told_of_while_it_is_not_ready_with_its_own_words() {
    let storage = |name: &str, status: Value| -> BackupStorage {
        serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage",
            "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"type": "s3"}, "status": status,
        }))
        .unwrap()
    };
    let since = "2026-01-09T00:00:00Z";
    let storages = [
        storage(
            "good",
            json!({"conditions": [condition("Ready", true, "Probed", "", since)]}),
        ),
        storage(
            "away",
            json!({"conditions": [condition("Ready", false, "StoreUnreachable", "refused", since)]}),
        ),
        storage("unseen", json!({"observedGeneration": -1})),
    ];
    let objects = Objects {
        storages: Some(&storages),
        ..Objects::default()
    };
    let seen = fleet(&objects, now());
    let told: Vec<_> = seen
        .storages
        .iter()
        .map(|s| (s.name.as_str(), s.reason.as_str()))
        .collect();
    assert_eq!(told, [("away", "StoreUnreachable"), ("unseen", "NotProbed")]);
    assert_eq!(seen.counts.storages, Some(3));
    assert_eq!(
        of_runs(&[]).counts.storages,
        None,
        "who may not see them is not told that there are none"
    );
}

#[test]
fn a_run_is_stuck_that_waits_or_works_without_a_step_for_an_hour_or_past_its_deadline() {
    let at_work = |started: &str, moved: &str| {
        json!({
            "state": "Backuping",
            "conditions": [condition("InProgress", true, "Backuping", "", started)],
            "transfer": {"attempt": "backup-1", "startedAt": started, "commandStartedAt": started, "route": "Direct"},
            "progress": {"bytes": 1, "storedBytes": 1, "updatedAt": moved},
        })
    };
    let (long, short) = ("2026-01-10T10:00:00Z", "2026-01-10T11:55:00Z");
    let queued = |since: &str| json!({"state": "Queued", "queued": {"since": since, "place": 2, "of": 3}});
    for (created, status, wanted) in [
        (long, at_work(short, short), None),
        (
            long,
            at_work("2026-01-10T11:45:00Z", NOW),
            Some("the backup is under way for longer than spec.backup.deadlineSeconds (10m)"),
        ),
        (long, queued(long), Some("waits for its turn, place 2 of 3")),
        (long, queued(short), None),
        (
            long,
            json!({"state": "StorageError", "message": "storage is away"}),
            Some("storage is away"),
        ),
        (
            short,
            json!({"state": "StorageError", "message": "storage is away"}),
            None,
        ),
        (
            short,
            json!({"observedGeneration": -1}),
            Some("no operator has looked at it: is one running?"),
        ),
        (NOW, json!({"observedGeneration": -1}), None),
        (
            short,
            Value::Null,
            Some("no operator has looked at it: is one running?"),
        ),
    ] {
        let seen = of_runs(&[run("r", created, status.clone())]);
        assert_eq!(seen.runs.first().map(|r| r.why.as_str()), wanted, "{created} {status}");
    }
    let mut patient = run("r", long, at_work(long, long));
    patient.spec.backup.as_mut().unwrap().deadline_seconds = None;
    assert_eq!(of_runs(&[patient]).runs[0].why, "the backup does not come on");
}

#[test]
fn a_restore_that_failed_is_told_of_for_a_week_or_until_it_is_done_again() {
    let restored = |is: bool, at: &str| {
        condition(
            "Restored",
            is,
            if is { "RestoreSuccessful" } else { "CommandFailed" },
            "status 1",
            at,
        )
    };
    let finished = condition("Successful", true, "BackupSuccessful", "", "2026-01-01T00:00:00Z");
    let again = json!({"attempt": "restore-2", "startedAt": NOW, "route": "Direct"});
    for (status, wanted) in [
        (
            json!({"conditions": [finished, restored(false, "2026-01-09T00:00:00Z")]}),
            Some("CommandFailed: status 1"),
        ),
        (
            json!({"conditions": [finished, restored(false, "2026-01-01T00:00:00Z")]}),
            None,
        ),
        (
            json!({"conditions": [finished, restored(true, "2026-01-09T00:00:00Z")]}),
            None,
        ),
        (
            json!({"conditions": [finished, restored(false, "2026-01-09T00:00:00Z")], "transfer": again}),
            None,
        ),
        (json!({"conditions": [finished]}), None),
    ] {
        let runs = [run("r", "2026-01-01T00:00:00Z", status.clone())];
        assert_eq!(
            of_runs(&runs).restores.first().map(|r| r.why.as_str()),
            wanted,
            "{status}"
        );
        let kept = runs.iter().filter(|run| matters(run)).count();
        assert_eq!(
            kept == 0,
            status["conditions"].as_array().unwrap().len() == 1,
            "{status}"
        );
    }
}
