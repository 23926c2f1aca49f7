//! Runs and schedules as a cluster has them: what a user writes (six variables, two volumes, resources), and what the operator left of it.
use api::{BackupRun, BackupSchedule, labels};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What a command takes.
const TAKES: SignedDuration = SignedDuration::from_secs(11);
/// Hexadecimal digits of a sum.
const SUM: &str = "5c896ce0e762b15d0c72fc2d2539ae0d1a07213de1c16c7e7171a33488bfa1e6";
/// UID of the runs.
pub const UID: &str = "0b0f8f6e-5ca1-4e00-8000-000000000001";
/// UID of the schedule.
const OWNER: &str = "0b0f8f6e-5ca1-4e00-8000-00000000cafe";

/// A run of a schedule's tick for which nothing was done yet.
pub fn run(tick: Timestamp) -> BackupRun {
    let name = api::names::run_of("nightly", tick.as_second());
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1",
        "kind": "BackupRun",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": UID,
            "resourceVersion": "4711",
            "generation": 1,
            "creationTimestamp": tick,
            "labels": { "team": "team-7", labels::SCHEDULE: "nightly" },
            "annotations": { labels::SCHEDULED_AT: tick },
            "ownerReferences": [{
                "apiVersion": "backup-operator.io/v1",
                "kind": "BackupSchedule",
                "name": "nightly",
                "uid": OWNER,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": spec(),
    }))
    .unwrap()
}

/// The same, once it was begun.
pub fn begun(tick: Timestamp) -> BackupRun {
    let mut run = run(tick);
    let path = path(&run);
    run.metadata.finalizers = Some(vec![labels::FINALIZER.into()]);
    let annotations = run.metadata.annotations.get_or_insert_default();
    annotations.insert(labels::STARTED_AS.into(), UID.into());
    annotations.insert(labels::RENDERED_PATH.into(), path);
    run
}

/// The same, with a status: conditions that are true, and other fields.
pub fn with_status(mut run: BackupRun, true_ones: &[&str], fields: Value) -> BackupRun {
    let since = run.metadata.creation_timestamp.clone();
    let kinds = [
        "NeverRun",
        "Ready",
        "InProgress",
        "Successful",
        "Failed",
        "Compressed",
        "Encrypted",
        "Restorable",
    ];
    let conditions = kinds.map(|kind| {
        json!({
            "type": kind,
            "status": if true_ones.contains(&kind) { "True" } else { "False" },
            "reason": "BackupSuccessful",
            "message": "3.9 MiB from the command, 1.0 MiB stored",
            "lastTransitionTime": since,
            "observedGeneration": 1,
        })
    });
    let mut status = json!({
        "conditions": conditions,
        "attempts": 1,
        "startTime": since,
        "podName": format!("{}-backup-1", name(&run)),
        "path": path(&run),
        "key": key(&run),
    });
    let all = status.as_object_mut().unwrap();
    all.extend(fields.as_object().cloned().unwrap_or_default());
    run.status = Some(serde_json::from_value(status).unwrap());
    run
}

/// A run that ended, well or not.
pub fn scheduled(tick: Timestamp, good: bool) -> BackupRun {
    let run = begun(tick);
    let ended = tick + TAKES;
    let mut run = if good {
        with_status(run, &["Ready", "Successful", "Compressed", "Restorable"], stored(ended))
    } else {
        let log = "mysqldump: Got error: 2002: Can't connect to server on 'mysql' (115) when trying to connect\n";
        let fields = json!({ "state": "BackupFailed", "completionTime": ended, "log": log });
        with_status(run, &["Failed", "Compressed"], fields)
    };
    run.metadata.uid = Some(format!("0b0f8f6e-5ca1-4e00-8000-{:012x}", tick.as_second()));
    run
}

/// What a good backup leaves in the status.
pub fn stored(ended: Timestamp) -> Value {
    json!({
        "state": "BackupSuccessful",
        "completionTime": ended,
        "bytes": 4_000_000,
        "sizeInBytes": 1_000_097,
        "size": "1.0 MiB",
        "sha256": SUM,
        "etag": "\"16c7e7171a33488bfa1e6\"",
        "message": "3.8 MiB from the command, 1.0 MiB stored",
    })
}

/// The transfer that a status tells of.
pub fn transfer(run: &BackupRun, began: Timestamp) -> Value {
    json!({
        "attempt": "backup-1",
        "startedAt": began,
        "podUID": "pod-1",
        "commandStartedAt": began,
        "key": key(run),
        "uploadID": "2~aWc3hXqkRr8",
        "location": { "bucket": "backups", "endpoint": "https://minio:9000" },
        "route": "Direct",
    })
}

/// An hourly schedule that keeps so many runs of each kind.
pub fn schedule(keeps: i64) -> BackupSchedule {
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1",
        "kind": "BackupSchedule",
        "metadata": {
            "name": "nightly",
            "namespace": "shop",
            "uid": OWNER,
            "resourceVersion": "4712",
            "generation": 1,
            "labels": { "app.kubernetes.io/name": "shop-7", "app.kubernetes.io/managed-by": "Helm" },
        },
        "spec": {
            "schedule": "0 * * * *",
            "successfulRunsHistoryLimit": keeps,
            "failedRunsHistoryLimit": keeps,
            "template": { "metadata": { "labels": { "team": "team-7" } }, "spec": spec() },
        },
    }))
    .unwrap()
}

fn name(run: &BackupRun) -> &str {
    run.metadata.name.as_deref().unwrap_or_default()
}

/// Where a run's backup is.
pub fn path(run: &BackupRun) -> String {
    format!("/backups/{}.sql.zst", name(run))
}

/// The object's key.
pub fn key(run: &BackupRun) -> String {
    path(run).trim_start_matches('/').into()
}

fn spec() -> Value {
    let secret = |name: &str, key: &str| json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": "mysql-credentials", "key": key } } });
    let value = |name: &str, value: &str| json!({ "name": name, "value": value });
    json!({
        "retainPolicy": "Delete",
        "storage": { "name": "minio", "path": "/backups/{{ .name }}.sql.zst" },
        "compression": { "algorithm": "zstd" },
        "backoffLimit": 3,
        "backup": {
            "container": "mysql",
            "deadlineSeconds": 3600,
            "command": ["/bin/sh", "-c"],
            "args": ["mysqldump -h \"$HOST\" -P \"$PORT\" --single-transaction -u \"$USERNAME\" \"-p$PASSWORD\" \"$DATABASE\""],
        },
        "restore": {
            "container": "mysql",
            "deadlineSeconds": 3600,
            "command": ["/bin/sh", "-c"],
            "args": ["mysql -h \"$HOST\" -P \"$PORT\" -u \"$USERNAME\" \"-p$PASSWORD\" \"$DATABASE\""],
        },
        "template": {
            "metadata": { "annotations": { "sidecar.istio.io/inject": "false" } },
            "spec": {
                "restartPolicy": "Never",
                "securityContext": { "runAsNonRoot": true, "runAsUser": 999, "fsGroup": 999 },
                "containers": [{
                    "name": "mysql",
                    "image": "mysql:8.3.0",
                    "command": ["sleep", "infinity"],
                    "env": [
                        value("HOST", "mysql-7"),
                        value("PORT", "3306"),
                        value("DATABASE", "shop_7"),
                        value("TZ", "Europe/Berlin"),
                        secret("USERNAME", "username"),
                        secret("PASSWORD", "password"),
                    ],
                    "resources": {
                        "requests": { "cpu": "100m", "memory": "128Mi" },
                        "limits": { "cpu": "1", "memory": "512Mi" },
                    },
                    "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
                    "volumeMounts": [
                        { "name": "tls", "mountPath": "/etc/mysql/tls", "readOnly": true },
                        { "name": "tmp", "mountPath": "/tmp" },
                    ],
                }],
                "volumes": [
                    { "name": "tls", "secret": { "secretName": "mysql-tls" } },
                    { "name": "tmp", "emptyDir": { "sizeLimit": "64Mi" } },
                ],
            },
        },
    })
}
