//! The Go operator's own samples, working and broken, in the shapes that its users copy: each is taken, or refused, as that operator does, and
//! the one that always fails does.
use api::{BackupRun, BackupSchedule};
use e2e::admission::answered;
use e2e::cluster::object;
use e2e::schedules::NEVER;
use e2e::shared::STORAGE;
use e2e::{Case, case};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

/// Runs of it end with 0, and do not.
const DUMP: &str = "echo dump";

fn command(script: &str) -> Value {
    json!({"deadlineSeconds": 300, "container": "mysql", "command": ["/bin/sh", "-c"], "args": [script]})
}

/// What the samples' patches put into each run.
fn run(more: Value) -> Value {
    let container = json!({"name": "mysql", "image": "redis:7", "command": ["sleep", "1d"]});
    let mut spec = json!({
        "retainPolicy": "Delete",
        "template": {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}},
    });
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    spec
}

fn path(name: &str, suffix: &str) -> Value {
    let path = format!("/mysql/{name}-{{{{ now | date \"2006.01.02-15:04:05\" }}}}.sql{suffix}");
    json!({"name": STORAGE, "path": path})
}

fn recipients() -> Value {
    json!([age::x25519::Identity::generate().to_public().to_string()])
}

/// Refusals in words; none: it is taken.
async fn refusal<K>(case: &Case, sample: Value) -> Option<String>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug,
    K: serde::de::DeserializeOwned + serde::Serialize,
{
    let (api, sample): (Api<K>, K) = (case.api(), object(sample));
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let made = answered(|| api.create(&parameters, &sample)).await;
    made.err().map(|error| error.to_string())
}

fn schedule(name: &str, spec: Value) -> Value {
    let settings = json!({
        "schedule": "* * * * *", "concurrencyPolicy": "Replace",
        "successfulRunsHistoryLimit": 3, "failedRunsHistoryLimit": 3, "template": {"spec": spec},
    });
    json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": name}, "spec": settings})
}

#[test]
fn the_go_operators_samples_are_taken_and_refused_as_there() {
    case("samples", |case| async move {
        let gzip = json!({"algorithm": "gzip", "level": 9});
        let key = json!({"name": "age", "key": "age"});
        let (locked, open) = (
            json!({"recipients": recipients()}),
            |to: Value| json!({"recipients": to, "decryptionKey": key}),
        );
        let both = command(DUMP);
        let schedules = [
            (
                "100",
                json!({"storage": path("100", ".gz.age"), "compression": gzip, "encryption": open(recipients()), "backup": both, "restore": both}),
                None,
            ),
            (
                "101",
                json!({"storage": path("101", ".gz"), "compression": gzip, "backup": both, "restore": both}),
                None,
            ),
            (
                "102",
                json!({"storage": path("102", ".age"), "encryption": locked, "backup": both}),
                None,
            ),
            (
                "103",
                json!({"storage": path("103", ".age"), "encryption": open(recipients()), "backup": both, "restore": both}),
                None,
            ),
            (
                "104",
                json!({"storage": path("104", ""), "backup": both, "restore": both}),
                None,
            ),
            (
                "00",
                json!({"storage": path("00", ".gz.age"), "compression": gzip, "encryption": open(recipients())}),
                Some("at least one is needed"),
            ),
            (
                "01",
                json!({"storage": {"name": STORAGE, "path": "wrong/path"}, "backup": both}),
                Some("storage.path"),
            ),
            (
                "02",
                json!({"storage": path("02", ".age"), "encryption": locked, "backup": both, "restore": both}),
                Some("decryptionKey"),
            ),
            (
                "03",
                json!({"storage": path("03", ""), "backup": command("exit 1")}),
                None,
            ),
        ];
        for (number, spec, wanted) in schedules {
            let said = refusal::<BackupSchedule>(&case, schedule(&format!("sample-{number}"), run(spec))).await;
            let as_there = match (&said, wanted) {
                (None, None) => true,
                (Some(said), Some(wanted)) => said.contains(wanted),
                _ => false,
            };
            assert!(as_there, "{number}: {said:?}, and not {wanted:?}");
        }
        let of_run = |name: &str, spec: Value| json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": name}, "spec": spec});
        let fixed = json!({"name": STORAGE, "path": "/mysql/105-only-backup.sql"});
        let only_backup = run(json!({"storage": fixed, "backup": both}));
        assert_eq!(
            refusal::<BackupRun>(&case, of_run("sample-105", only_backup)).await,
            None
        );
        let only_restore = run(json!({"storage": fixed, "restore": both, "retainPolicy": "Retain"}));
        assert_eq!(
            refusal::<BackupRun>(&case, of_run("sample-106", only_restore.clone())).await,
            None
        );
        let mut deletes = only_restore;
        deletes["retainPolicy"] = "Delete".into();
        let said = refusal::<BackupRun>(&case, of_run("sample-106", deletes)).await;
        assert!(
            said.as_ref().is_some_and(|said| said.contains("retainPolicy")),
            "{said:?}"
        );

        let fails = run(
            json!({"storage": {"name": STORAGE, "path": case.path("fails")}, "backup": command("echo Always failing; exit 1")}),
        );
        case.schedule("sample-03", json!({"schedule": NEVER}), fails).await;
        let name = case.triggered("sample-03").await;
        case.failed(&name, "CommandFailed", 120).await;
    });
}
