//! What is advised against, each by its field, and what is not.
use api::{BackupRunSpec, BackupSchedule, BackupStorage};
use serde_json::{Value, json};

use kube::ResourceExt;

use super::*;

/// When these are written.
const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

const AGE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

fn fields(said: &[Fault]) -> Vec<&str> {
    said.iter().map(|f| f.field.as_str()).collect()
}

fn a_storage(spec: Value) -> BackupStorage {
    BackupStorage::new("store", serde_json::from_value(spec).unwrap())
}

fn merged(mut base: Value, change: &Value) -> Value {
    for (key, value) in change.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

fn a_run(change: &Value) -> BackupRunSpec {
    let base = json!({
        "backup": { "command": ["dump"], "deadlineSeconds": 60 },
        "restore": { "command": ["load"], "deadlineSeconds": 60 },
        "storage": { "name": "store", "path": "/{{ .name }}" },
        "template": { "spec": { "containers": [{ "name": "main", "image": "db:1" }] } },
    });
    serde_json::from_value(merged(base, change)).unwrap()
}

fn a_schedule(schedule: &str, path: &str) -> BackupSchedule {
    let spec = a_run(&json!({ "storage": { "name": "store", "path": path } }));
    let spec = json!({ "schedule": schedule, "template": { "spec": spec } });
    let mut schedule = BackupSchedule::new("nightly", serde_json::from_value(spec).unwrap());
    schedule.metadata.namespace = Some("shop".into());
    schedule
}

#[test]
fn a_store_that_holds_more_than_rotation_keeps_is_told_of() {
    for (cron, limit, days, policy, told) in [
        ("@daily", 3, "30", "Delete", true),
        ("@daily", 30, "30", "Delete", false),
        ("@daily", 3, "3", "Delete", false),
        ("@hourly", 24, "2", "Delete", true),
        ("@daily", 3, "30", "Retain", false),
        ("@monthly", 3, "30", "Delete", false),
    ] {
        let mut schedule = a_schedule(cron, "/{{ .name }}");
        schedule.spec.successful_runs_history_limit = Some(limit);
        schedule.spec.template.spec.retain_policy = serde_json::from_value(json!(policy)).unwrap();
        let parameters = json!({ "bucket": "b", "lockMode": "GOVERNANCE", "lockDays": days });
        let storage = a_storage(json!({ "type": "s3", "parameters": parameters }));
        let said = super::schedule(&schedule, Some(&storage), NOW);
        let is = fields(&said).contains(&"spec.successfulRunsHistoryLimit");
        assert_eq!(is, told, "{cron} {limit} {days} {policy}: {said:?}");
    }
}

#[test]
fn a_store_that_holds_what_the_generations_let_go_is_told_of() {
    for (cron, retention, days, policy, told) in [
        ("@daily", json!({ "daily": 7, "weekly": 4 }), "30", "Delete", true),
        ("@daily", json!({ "daily": 30, "weekly": 9 }), "30", "Delete", false),
        ("@hourly", json!({ "hourly": 24, "daily": 7 }), "2", "Delete", true),
        ("@hourly", json!({ "hourly": 24, "daily": 7 }), "1", "Delete", false),
        ("@hourly", json!({ "within": "3d", "last": 1 }), "2", "Delete", false),
        ("@daily", json!({ "daily": 7 }), "30", "Retain", false),
    ] {
        let mut schedule = a_schedule(cron, "/{{ .name }}");
        schedule.spec.retention = serde_json::from_value(retention.clone()).unwrap();
        schedule.spec.template.spec.retain_policy = serde_json::from_value(json!(policy)).unwrap();
        let parameters = json!({ "bucket": "b", "lockMode": "GOVERNANCE", "lockDays": days });
        let storage = a_storage(json!({ "type": "s3", "parameters": parameters }));
        let said = super::schedule(&schedule, Some(&storage), NOW);
        let is = fields(&said).contains(&"spec.retention");
        assert_eq!(is, told, "{cron} {retention} {days} {policy}: {said:?}");
        assert!(!fields(&said).contains(&"spec.successfulRunsHistoryLimit"), "{said:?}");
    }
}

#[test]
fn generations_that_are_not_what_they_seem_are_told_of() {
    for (cron, retention, limit, wanted) in [
        (
            "@hourly",
            json!({ "hourly": 24, "daily": 7, "yearly": 3 }),
            Some(3),
            vec![],
        ),
        ("@hourly", json!({ "hourly": 24 }), None, vec![]),
        (
            "@hourly",
            json!({ "hourly": 24 }),
            Some(28),
            vec!["spec.successfulRunsHistoryLimit"],
        ),
        // Hours without a backup are not counted: it keeps 24 days.
        (
            "@daily",
            json!({ "hourly": 24, "daily": 7 }),
            None,
            vec!["spec.retention.hourly"],
        ),
        ("0 3 * * 1-5", json!({ "daily": 10 }), None, vec![]),
        (
            "@weekly",
            json!({ "daily": 7, "monthly": 3 }),
            None,
            vec!["spec.retention.daily"],
        ),
        (
            "@yearly",
            json!({ "weekly": 4, "monthly": 3, "last": 2 }),
            None,
            vec!["spec.retention.weekly", "spec.retention.monthly"],
        ),
        (
            "@daily",
            json!({ "within": "30d" }),
            None,
            vec!["spec.retention.within"],
        ),
        ("@daily", json!({ "within": "30d", "minSuccessful": 3 }), None, vec![]),
        ("@daily", json!({ "within": "30d", "monthly": 3 }), None, vec![]),
    ] {
        let mut schedule = a_schedule(cron, "/{{ .name }}");
        schedule.spec.retention = serde_json::from_value(retention.clone()).unwrap();
        schedule.spec.successful_runs_history_limit = limit;
        assert_eq!(
            fields(&super::schedule(&schedule, None, NOW)),
            wanted,
            "{cron} {retention}"
        );
    }
}

#[test]
fn a_notification_that_leaves_the_cluster_in_the_clear_is_told_of() {
    for (url, told) in [
        ("http://alerts.example.org/", true),
        ("https://alerts.example.org/", false),
        ("http://alerts.monitoring.svc:8080/", false),
    ] {
        let mut schedule = a_schedule("@daily", "/a");
        let webhook = json!([{ "name": "a", "webhook": { "url": url, "signingKey": { "name": "k", "key": "hmac" } } }]);
        schedule.spec.notifications = serde_json::from_value(webhook).unwrap();
        let said = super::schedule(&schedule, None, NOW);
        let field = "spec.notifications[0].webhook.url";
        assert_eq!(fields(&said).contains(&field), told, "{url}");
    }
}

#[test]
fn plain_text_is_told_of_where_it_leaves_the_cluster() {
    for (endpoint, insecure, told) in [
        ("http://s3.example.org", "", true),
        ("HTTP://s3.example.org:9000/", "", true),
        ("s3.example.org", "true", true),
        ("s3.example.org", "1", true),
        ("http://10.0.0.7:9000", "", true),
        ("http://minio.example.svc.org", "", true),
        ("http://[2001:db8::1]:9000", "", true),
        ("s3.example.org", "", false),
        ("s3.example.org", "false", false),
        ("https://s3.example.org", "", false),
        ("http://minio.minio.svc:9000", "", false),
        ("http://minio.minio.svc.cluster.local.", "", false),
        ("http://minio:9000", "", false),
        ("http://localhost:9000", "", false),
        ("http://127.0.0.1:9000", "", false),
        ("http://[::1]:9000", "", false),
    ] {
        let spec = json!({ "parameters": { "bucket": "b", "endpoint": endpoint, "insecure": insecure } });
        let said = storage(&a_storage(spec));
        let wanted: &[&str] = if told { &["spec.parameters.endpoint"] } else { &[] };
        assert_eq!(fields(&said), wanted, "{endpoint} {insecure}: {said:?}");
    }
    let amazon = storage(&a_storage(
        json!({ "parameters": { "bucket": "b", "insecure": "true" } }),
    ));
    assert!(
        amazon[0]
            .to_string()
            .contains("spec.parameters.insecure: plain http to Amazon S3"),
        "{amazon:?}"
    );
}

#[test]
fn settings_of_a_storage_that_do_nothing_are_told_of() {
    for (parameters, credentials, wanted) in [
        (
            json!({ "accessKey": "a", "secretKey": "" }),
            false,
            vec!["spec.parameters.accessKey"],
        ),
        (json!({ "accessKey": "a", "secretKey": "b" }), true, vec![]),
        (
            json!({ "endpoint": "https://s3.example.org", "insecure": "true" }),
            false,
            vec!["spec.parameters.insecure"],
        ),
        (
            json!({ "endpoint": "http://minio:9000", "caBundle": "x" }),
            false,
            vec!["spec.parameters.caBundle"],
        ),
        (
            json!({ "storageClass": "DEEP_ARCHIVE" }),
            false,
            vec!["spec.parameters.storageClass"],
        ),
        (json!({ "storageClass": "GLACIER_IR" }), false, vec![]),
        // The bucket is `b`, and follows the endpoint.
        (
            json!({ "bucket": "b", "endpoint": "https://s3.example.org/b/" }),
            false,
            vec!["spec.parameters.endpoint"],
        ),
        (
            json!({ "bucket": "b", "endpoint": "https://s3.example.org/storage/v1/s3" }),
            false,
            vec![],
        ),
        (json!({ "bucket": "b", "endpoint": "https://b/" }), false, vec![]),
        (json!({}), false, vec![]),
    ] {
        let credentials = credentials.then(|| json!({ "name": "a", "namespace": "b" }));
        let said = storage(&a_storage(
            json!({ "parameters": parameters, "credentials": credentials }),
        ));
        assert_eq!(fields(&said), wanted, "{parameters}");
    }
}

#[test]
fn a_command_without_a_deadline_goes_on_for_ever_unless_its_pod_ends() {
    for (pod, says) in [(None, "goes on for ever"), (Some(60), "the whole Pod, after 60 s")] {
        let mut run = testing::backup_run();
        run.spec.backup.as_mut().unwrap().deadline_seconds = None;
        run.spec.template.spec.active_deadline_seconds = pod;
        let said = super::run(&run.spec, "spec", None);
        let told = said.iter().find(|f| f.field == "spec.backup.deadlineSeconds").unwrap();
        assert!(told.message.contains(says), "{told:?}");
    }
}

#[test]
fn what_is_unwise_in_a_run_is_told_at_its_field() {
    for (change, wanted) in [
        (json!({}), vec![]),
        (
            json!({ "backup": { "command": ["dump"] } }),
            vec!["f.backup.deadlineSeconds"],
        ),
        (
            json!({ "restore": { "command": ["load"] } }),
            vec!["f.restore.deadlineSeconds"],
        ),
        (
            json!({ "backup": null, "restore": { "command": ["load"] } }),
            vec!["f.restore.deadlineSeconds"],
        ),
        (
            json!({ "encryption": { "recipients": [AGE, AGE], "decryptionKey": { "name": "a", "namespace": "vault", "key": "k" } } }),
            vec!["f.encryption.recipients[1]", "f.encryption.decryptionKey.namespace"],
        ),
        (
            json!({ "encryption": { "recipients": ["ssh-rsa A one", "ssh-rsa B", "ssh-rsa A two"] } }),
            vec!["f.encryption.recipients[2]"],
        ),
        (
            json!({ "template": { "spec": { "restartPolicy": "Always", "activeDeadlineSeconds": 60, "containers": [] } } }),
            vec!["f.template.spec.restartPolicy"],
        ),
        (
            json!({ "template": { "spec": { "restartPolicy": "Never", "activeDeadlineSeconds": 59, "containers": [] } } }),
            vec!["f.backup.deadlineSeconds", "f.restore.deadlineSeconds"],
        ),
        (
            json!({ "template": { "spec": { "containers": [{ "name": "db", "command": ["sleep", "59"] }] } } }),
            vec![
                "f.template.spec.containers[0].command",
                "f.template.spec.containers[0].command",
            ],
        ),
        // The container starts before the command.
        (
            json!({ "template": { "spec": { "containers": [{ "name": "db", "command": ["sleep", "1m"] }] } } }),
            vec![
                "f.template.spec.containers[0].command",
                "f.template.spec.containers[0].command",
            ],
        ),
        (
            json!({ "template": { "spec": { "containers": [{ "name": "db", "command": ["sleep", "1h"] }] } } }),
            vec![],
        ),
        (
            json!({ "backup": { "command": ["dump"], "deadlineSeconds": 7200 } }),
            vec!["f.template.metadata.annotations"],
        ),
        (
            json!({
                "backup": { "command": ["dump"], "deadlineSeconds": 7200 },
                "template": {
                    "metadata": { "annotations": { "karpenter.sh/do-not-disrupt": "true" } },
                    "spec": { "containers": [] },
                },
            }),
            vec![],
        ),
    ] {
        assert_eq!(fields(&run(&a_run(&change), "f", None)), wanted, "{change}");
    }
}

#[test]
fn a_backup_in_the_clear_where_others_can_restore_it_is_told_of() {
    let encrypted = json!({ "encryption": { "recipients": [AGE] } });
    let only_restored = json!({ "backup": null });
    for (storage, change, told) in [
        (json!({}), json!({}), true),
        (json!({ "allowedNamespaces": { "from": "All" } }), json!({}), true),
        (
            json!({ "allowedNamespaces": { "from": "Selector", "selector": {} } }),
            json!({}),
            true,
        ),
        (json!({ "allowedNamespaces": { "from": "None" } }), json!({}), false),
        (json!({ "namespaceIsolation": "Prefix" }), json!({}), false),
        (json!({}), encrypted, false),
        (json!({}), only_restored, false),
    ] {
        let said = run(&a_run(&change), "spec", Some(&a_storage(storage.clone())));
        assert_eq!(
            fields(&said),
            if told { vec!["spec.encryption"] } else { vec![] },
            "{storage} {change}"
        );
    }
}

#[test]
fn a_path_that_stays_from_tick_to_tick_is_told_of() {
    for (expression, path, told) in [
        ("@daily", "/db.sql", true),
        ("@daily", "/{{ .schedule }}", true),
        ("@daily", "/{{ now | date \"2006-01\" }}", true),
        ("0 9,21 * * *", "/{{ now | date \"2006-01-02\" }}", true),
        ("@hourly", "/{{ now | date \"15\" }}", false),
        ("@daily", "/{{ now | date \"2006-01-02\" }}", false),
        ("@daily", "/{{ now | date \"Mon\" }}", false),
        ("@daily", "/{{ .name }}", false),
        ("@daily", "/{{ .scheduledTime.Unix }}", false),
        ("@daily", "/{{ uuidv4 }}", false),
        // What is refused is not advised about as well.
        ("@daily", "relative", false),
        ("nonsense", "/db.sql", false),
    ] {
        let said = schedule(&a_schedule(expression, path), None, NOW);
        let wanted: &[&str] = if told {
            &["spec.template.spec.storage.path"]
        } else {
            &[]
        };
        assert_eq!(fields(&said), wanted, "{expression} {path}: {said:?}");
    }
    let mut only_restores = a_schedule("@daily", "/db.sql");
    only_restores.spec.template.spec.backup = None;
    assert_eq!(schedule(&only_restores, None, NOW), []);
    let said = schedule(&a_schedule("@daily", "/db.sql"), None, NOW);
    assert!(
        said[0]
            .message
            .contains("is /db.sql at 2026-01-02T00:00:00Z and at 2026-01-03T00:00:00Z")
            && said[0].message.contains("{{ .name }}"),
        "{said:?}"
    );
}

#[test]
fn a_schedule_that_never_comes_or_keeps_nothing_is_told_of() {
    let never = schedule(&a_schedule("0 0 30 2 *", "/{{ .name }}"), None, NOW);
    assert_eq!(fields(&never), ["spec.schedule"]);
    assert_eq!(schedule(&a_schedule("0 0 29 2 *", "/{{ .name }}"), None, NOW), []);
    let mut none = a_schedule("@daily", "/{{ .name }}");
    none.spec.successful_runs_history_limit = Some(0);
    assert_eq!(fields(&schedule(&none, None, NOW)), ["spec.successfulRunsHistoryLimit"]);
}

#[test]
fn a_key_in_the_schedules_own_namespace_needs_nobodys_leave() {
    for (namespace, wanted) in [
        ("vault", vec!["spec.template.spec.encryption.decryptionKey.namespace"]),
        ("shop", vec![]),
    ] {
        let mut one = a_schedule("@daily", "/{{ .name }}");
        one.spec.template.spec.encryption = serde_json::from_value(
            json!({ "recipients": [AGE], "decryptionKey": { "name": "a", "namespace": namespace, "key": "k" } }),
        )
        .unwrap();
        assert_eq!(fields(&schedule(&one, None, NOW)), wanted);
    }
}

#[test]
fn a_schedule_that_takes_its_backups_along_is_told_of() {
    for (retain, when, told) in [
        ("Delete", Some("Delete"), Some("takes every backup out")),
        ("Retain", Some("Delete"), Some("does nothing")),
        ("Delete", Some("Retain"), None),
        ("Delete", None, None),
    ] {
        let mut one = a_schedule("@daily", "/{{ .name }}");
        one.spec.template.spec.retain_policy = serde_json::from_value(json!(retain)).unwrap();
        one.spec.when_deleted = serde_json::from_value(json!(when)).unwrap();
        let said = schedule(&one, None, NOW);
        assert_eq!(said.len(), usize::from(told.is_some()), "{said:?}");
        if let (Some(words), [fault]) = (told, said.as_slice()) {
            assert!(
                fault.field == "spec.whenDeleted" && fault.message.contains(words),
                "{fault}"
            );
        }
    }
}

#[test]
fn a_pipe_without_pipefail_is_told_of_in_both_commands() {
    let change = json!({
        "backup": { "command": ["sh", "-c", "dump | gzip"], "deadlineSeconds": 60 },
        "restore": { "command": ["bash"], "args": ["-c", "gunzip | load"], "deadlineSeconds": 60 },
    });
    assert_eq!(
        fields(&run(&a_run(&change), "f", None)),
        ["f.backup.command[2]", "f.restore.args[1]"]
    );
}

#[test]
fn an_exported_run_is_said_to_be_brought_back_and_not_executed() {
    let told = |mark: Option<&str>, uid: Option<&str>| {
        let mut run = testing::backup_run();
        run.status = None;
        run.metadata.uid = uid.map(Into::into);
        if let Some(mark) = mark {
            run.annotations_mut().insert(labels::STARTED_AS.into(), mark.into());
        }
        marks(&run).first().map(ToString::to_string)
    };
    assert_eq!(told(None, None), None);
    assert_eq!(told(Some("u"), Some("u")), None, "its own");
    for uid in [None, Some("new")] {
        let words = told(Some("u"), uid).unwrap();
        assert!(
            words.contains("started-as") && words.contains("not executed"),
            "{words}"
        );
    }
}

#[test]
fn a_time_that_the_clocks_skip_or_repeat_is_told_of_with_the_date_of_the_next_one() {
    for (zone, wanted) in [
        (None, None),
        (Some("Europe/Berlin"), Some("2026-03-29")),
        (Some("Asia/Tokyo"), None),
    ] {
        let mut one = a_schedule("30 2 * * *", "/{{ .name }}");
        one.spec.time_zone = zone.map(Into::into);
        let said = schedule(&one, None, NOW);
        let wrong = match (wanted, said.as_slice()) {
            (None, []) => false,
            (Some(date), [fault]) => fault.field != "spec.schedule" || !fault.message.contains(date),
            _ => true,
        };
        assert!(!wrong, "{zone:?}: {said:?}");
    }
}

#[test]
fn a_path_that_tells_a_local_time_is_advised_against_where_its_schedule_runs_in_the_hour_that_comes_twice() {
    let local = |layout: &str| format!("/{{{{ dateInZone \"{layout}\" .scheduledTime \"Europe/Berlin\" }}}}");
    let utc = "/{{ .scheduledTime | date \"20060102-1504\" }}".to_string();
    let told = |cron: &str, zone: Option<&str>, path: &str| {
        let mut schedule = a_schedule(cron, path);
        schedule.spec.time_zone = zone.map(Into::into);
        let said = super::schedule(&schedule, None, NOW);
        let of_path = said.into_iter().find(|f| f.field == "spec.template.spec.storage.path");
        of_path.map(|f| f.to_string())
    };
    for (cron, zone, path) in [
        ("30 2 * * *", Some("Europe/Berlin"), local("20060102-1504")),
        ("0 * * * *", Some("Europe/Berlin"), local("20060102-1504")),
        ("* * * * *", Some("Europe/Berlin"), local("20060102-1504")),
        ("30 1-3 * * *", Some("Europe/Berlin"), local("20060102-1504")),
        // The zone is the path's, not the schedule's.
        ("0 * * * *", None, local("20060102-1504")),
        // A day by UTC, and two runs on one.
        (
            "30 2 * * *",
            Some("Europe/Berlin"),
            "/{{ .scheduledTime | date \"20060102\" }}".into(),
        ),
    ] {
        let said = told(cron, zone, &path).unwrap_or_else(|| panic!("{cron} {zone:?} {path}"));
        assert!(
            said.contains("when clocks in Europe/Berlin are set back")
                && said.contains("2026-10-25T02:")
                && said.contains("+01:00"),
            "{said}"
        );
    }
    for (cron, zone, path) in [
        ("30 2 * * *", Some("Europe/Berlin"), utc.clone()),
        ("0 * * * *", Some("Europe/Berlin"), utc),
        ("0 * * * *", Some("Europe/Berlin"), local("20060102-1504Z07")),
        ("0 * * * *", Some("Europe/Berlin"), "/{{ .name }}".into()),
        ("30 4 * * *", Some("Europe/Berlin"), local("20060102-1504")),
        ("30 2 * * 1", Some("Europe/Berlin"), local("20060102-1504")),
    ] {
        assert_eq!(told(cron, zone, &path), None, "{cron} {zone:?} {path}");
    }
}

#[test]
fn a_key_that_nobody_else_has_is_told_of_to_who_checks_manifests() {
    const A: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    for (encryption, told) in [
        (json!({"recipients": [A]}), true),
        (
            json!({"recipients": [A, "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"]}),
            false,
        ),
        (
            json!({"recipients": [A], "recipientsFrom": [{"configMapKeyRef": {"name": "team", "key": "all"}}]}),
            false,
        ),
    ] {
        let mut spec = testing::backup_run().spec;
        spec.encryption = serde_json::from_value(encryption.clone()).unwrap();
        assert_eq!(keys(&spec, "spec").len(), usize::from(told), "{encryption}");
        assert!(
            run(&spec, "spec", None)
                .iter()
                .all(|f| f.field != "spec.encryption.recipients")
        );
    }
}
