//! Stories of runs in a few lives.
use serde_json::{Value, json};

use super::*;

fn run(status: Value) -> BackupRun {
    let mut run = testing::backup_run();
    run.metadata.creation_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    run.status = serde_json::from_value(status).unwrap();
    run
}

fn event(kind: &str, uid: &str, type_: &str, reason: &str, note: &str, at: &str) -> Event {
    serde_json::from_value(json!({
        "metadata": {"name": "e"}, "type": type_, "reason": reason, "note": note, "eventTime": at,
        "regarding": {"kind": kind, "uid": uid},
    }))
    .unwrap()
}

fn told(run: &BackupRun, pod: Option<&Pod>, events: &[Event]) -> Vec<String> {
    let now = "2026-01-01T10:00:00Z".parse().unwrap();
    let line = |step: Step| {
        let after = step.after.map(|s| format!("+{s} ")).unwrap_or_default();
        format!("{after}{}: {} [{:?}]", step.what, step.detail, step.mark)
    };
    story(run, pod, events, now).into_iter().map(line).collect()
}

fn ended() -> Value {
    json!({
        "state": "BackupSuccessful", "path": "/db.sql",
        "startTime": "2026-01-01T00:00:02Z", "completionTime": "2026-01-01T00:01:00Z",
        "conditions": [{"type": "Successful", "status": "True", "reason": "BackupSuccessful", "message": "9.5 MiB", "lastTransitionTime": "2026-01-01T00:01:00Z"}],
    })
}

#[test]
fn what_the_status_tells_is_there_when_its_events_are_gone_and_once_while_they_are_not() {
    let run = run(ended());
    let alone = [
        "Created: by hand [Step]",
        "+2 BackupStarted: admitted, and begun: into /db.sql of storage minio [Step]",
        "+58 BackupSuccessful: 9.5 MiB [Good]",
    ];
    assert_eq!(told(&run, None, &[]), alone);
    let events = [
        event(
            "BackupRun",
            "uid-1",
            "Normal",
            "BackupSuccessful",
            "9.5 MiB, said",
            "2026-01-01T00:01:01Z",
        ),
        event(
            "BackupRun",
            "uid-1",
            "Normal",
            "BackupStarted",
            "making a backup",
            "2026-01-01T00:00:02Z",
        ),
    ];
    let wanted = [
        "Created: by hand [Step]",
        "+2 BackupStarted: making a backup [Step]",
        "+59 BackupSuccessful: 9.5 MiB, said [Good]",
    ];
    assert_eq!(told(&run, None, &events), wanted);
}

#[test]
fn a_run_at_work_is_told_with_its_pod_and_what_kept_it() {
    let run = run(json!({
        "state": "Backuping", "path": "/db.sql", "startTime": "2026-01-01T00:00:02Z",
        "transfer": {"attempt": "backup-1", "startedAt": "2026-01-01T00:00:02Z", "commandStartedAt": "2026-01-01T00:00:20Z", "route": "Direct"},
        "progress": {"bytes": 2048, "storedBytes": 1024, "updatedAt": "2026-01-01T00:00:50Z"},
    }));
    let said = |type_: &str, at: &str| json!({"type": type_, "status": "True", "lastTransitionTime": at});
    let pod = serde_json::from_value(json!({
        "metadata": {"name": "db-backup-1", "creationTimestamp": "2026-01-01T00:00:02Z"},
        "spec": {"nodeName": "n1", "containers": []},
        "status": {"conditions": [
            said("Ready", "2026-01-01T00:00:19Z"),
            said("PodScheduled", "2026-01-01T00:00:03Z"),
            said("ContainersReady", "2026-01-01T00:00:19Z"),
        ]},
    }))
    .unwrap();
    let mut pulls = event(
        "Pod",
        "pod-1",
        "Warning",
        "Failed",
        "pull refused",
        "2026-01-01T00:00:05Z",
    );
    pulls.deprecated_count = Some(3);
    let events = [
        pulls,
        event(
            "Pod",
            "pod-1",
            "Normal",
            "Started",
            "Started container",
            "2026-01-01T00:00:18Z",
        ),
        event("Pod", "pod-1", "Normal", "Pulled", "in 9s", "2026-01-01T00:00:15Z"),
    ];
    let wanted = [
        "Created: by hand [Step]",
        "+2 BackupStarted: admitted, and begun: into /db.sql of storage minio [Step]",
        "+0 PodMade: db-backup-1 [Step]",
        "+1 PodScheduled: on node n1 [Step]",
        "+2 Failed: pull refused (3 times) [Warning]",
        "+10 Pulled: in 9s [Step]",
        "+4 PodReady: its containers are ready [Step]",
        "+1 CommandStarted: bytes go by the route Direct [Step]",
        "+30 Progress: 2.0 KiB from the command, 1.0 KiB stored [Step]",
    ];
    assert_eq!(told(&run, Some(&pod), &events), wanted);
}

#[test]
fn who_made_a_run_is_told_as_far_as_its_metadata_know() {
    for (label, annotations, wanted) in [
        (false, json!({}), "by hand"),
        (true, json!({}), "by schedule nightly"),
        (
            true,
            json!({"backup-operator.io/scheduled-at": "2026-01-01T00:00:00Z"}),
            "for the tick of 2026-01-01T00:00:00Z of schedule nightly",
        ),
        (
            true,
            json!({"backup-operator.io/triggered": "now"}),
            "schedule nightly was triggered",
        ),
    ] {
        let mut run = run(json!({}));
        run.metadata.annotations = serde_json::from_value(annotations).unwrap();
        if label {
            run.labels_mut().insert(labels::SCHEDULE.into(), "nightly".into());
        }
        assert_eq!(told(&run, None, &[]), [format!("Created: {wanted} [Step]")]);
    }
}

#[test]
fn each_restore_and_what_is_waited_for_are_told() {
    let mut status = ended();
    status["restores"] = json!([
        {"number": 1, "startTime": "2026-01-01T01:00:00Z", "completionTime": "2026-01-01T01:01:00Z", "successful": true, "bytes": 1024},
        {"number": 2, "startTime": "2026-01-01T02:00:00Z", "completionTime": "2026-01-01T02:01:00Z", "successful": false, "bytes": 0, "message": "status 1"},
    ]);
    status["queued"] = json!({"since": "2026-01-01T03:00:00Z", "place": 2, "of": 3});
    status["message"] = json!("the operator has 1 at once");
    let seen = told(&run(status), None, &[]);
    let wanted = [
        "+3540 RestoreStarted: restore 1 [Step]",
        "+60 RestoreSuccessful: restore 1: 1.0 KiB given to the command [Good]",
        "+3540 RestoreStarted: restore 2 [Step]",
        "+60 RestoreFailed: restore 2: status 1 [Bad]",
        "+3540 Queued: place 2 of 3: the operator has 1 at once [Warning]",
    ];
    assert_eq!(seen[3..], wanted);
}
