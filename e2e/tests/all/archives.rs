//! Restores from an archive: the store of this project answers as S3's archives do, on a clock.
use api::condition;
use api::run::State;
use e2e::case;
use e2e::runs::{is, status, stream};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use serde_json::json;

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "archive"),
    ("AWS_SECRET_ACCESS_KEY", "0123456789abcdef0123456789abcdef"),
];

#[test]
fn a_restore_from_an_archive_is_thawing_until_its_object_is_back_and_has_no_pod_before() {
    case("archive", |case| async move {
        let keys: serde_json::Map<_, _> = KEYS.iter().map(|(k, v)| ((*k).to_string(), json!(v))).collect();
        case.apply::<Secret>(json!({"metadata": {"name": "keys"}, "stringData": keys}))
            .await;
        let environment =
            KEYS.map(|(name, _)| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "keys", "key": name}}}));
        let container = json!({
            "name": "store", "image": "localhost/backup-operator:dev", "imagePullPolicy": "Never", "command": ["/depot"],
            "args": ["--bucket=cold", "--folder=/data", "--thaw-seconds=20"], "env": environment,
            "readinessProbe": {"httpGet": {"path": "/", "port": 9001}, "periodSeconds": 1},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        });
        let pod = json!({
            "metadata": {"name": "archive", "labels": {"app": "archive"}},
            "spec": {"containers": [container], "volumes": [{"name": "data", "emptyDir": {}}], "terminationGracePeriodSeconds": 1},
        });
        case.apply::<Pod>(pod).await;
        let service = json!({"selector": {"app": "archive"}, "ports": [{"port": 9000}]});
        case.apply::<Service>(json!({"metadata": {"name": "archive"}, "spec": service}))
            .await;
        let with = json!({
            "bucket": "cold", "endpoint": format!("http://archive.{}.svc:9000", case.namespace()), "s3ForcePathStyle": "true",
            "storageClass": "DEEP_ARCHIVE", "thawTier": "Bulk",
        });
        let credentials = json!({"name": "keys", "namespace": case.namespace()});
        let storage = case
            .storage("cold", json!({"parameters": with, "credentials": credentials}))
            .await;
        case.storage_ready(&storage).await;
        let mut spec = stream(&format!("/{}/db", case.namespace()), "random 6M");
        spec["storage"]["name"] = json!(storage);
        case.backup("db", spec).await;
        case.ask_restore("db").await;
        let since = case
            .until("db", "is thawing", 60, |run| {
                let status = status(run);
                (status.state == Some(State::Thawing)).then_some(status.thaw?.since)
            })
            .await;
        let pods = case.our_pods().await;
        assert!(pods.iter().all(|pod| !pod.contains("restore")), "{pods:?}");
        let run = case
            .until("db", "is restored", 150, |run| {
                is(run, condition::RESTORED).then(|| run.clone())
            })
            .await;
        let restore = status(&run).restores.last().cloned().expect("a restore");
        assert!(
            restore.start_time.0.duration_since(since.0).as_secs() >= 20,
            "not before the store had it back"
        );
        assert!(status(&run).thaw.is_none());
    });
}
