//! Runs as the API server would give them.
use api::run::{BackupAction, PodTemplate, RestoreAction, RetainPolicy, RunStorage};
use api::{BackupRun, BackupRunSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec};
use kube::core::ObjectMeta;

/// A run `db` in namespace `team` with UID `uid-1` that makes a backup into `/db.sql` of storage `minio`, and can restore it.
pub fn backup_run() -> BackupRun {
    let spec = BackupRunSpec {
        retain_policy: Some(RetainPolicy::Retain),
        backup: Some(BackupAction {
            container: None,
            command: vec!["dump".into()],
            args: vec![],
            deadline_seconds: None,
            allow_empty: None,
            min_size: None,
            expected_size: None,
        }),
        restore: Some(RestoreAction {
            container: None,
            command: vec!["load".into()],
            args: vec![],
            deadline_seconds: None,
            check: None,
        }),
        storage: RunStorage {
            name: "minio".into(),
            path: "/db.sql".into(),
        },
        compression: None,
        encryption: None,
        template: PodTemplate {
            metadata: None,
            spec: PodSpec {
                containers: vec![Container {
                    name: "main".into(),
                    image: Some("db:1".into()),
                    ..Container::default()
                }],
                ..PodSpec::default()
            },
        },
        start_deadline_seconds: None,
        backoff_limit: None,
        agent: None,
        copies: vec![],
        source: None,
    };
    let mut run = BackupRun::new("db", spec);
    run.metadata = ObjectMeta {
        namespace: Some("team".into()),
        uid: Some("uid-1".into()),
        resource_version: Some("1".into()),
        generation: Some(1),
        ..run.metadata
    };
    run
}

/// The same without a backup command: it restores `/db.sql` once.
pub fn restore_only_run() -> BackupRun {
    let mut run = backup_run();
    run.spec.backup = None;
    run
}
