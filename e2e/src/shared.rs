//! What all cases share: MinIO with the bucket `e2e`, and the BackupStorage `e2e` for it. Made by the first case that
//! asks, found by the others and by the next run of the tests.
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use api::{BackupStorage, condition};
use futures::FutureExt;
use futures::lock::Mutex;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Secret, Service};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::admission;
use crate::case::{dump, words_of};
use crate::cluster::{apply, apply_in, node_address, poll, wait};
use crate::s3::Store;

/// Name of the storage that works.
pub const STORAGE: &str = "e2e";
/// Namespace of MinIO.
pub const NAMESPACE: &str = "e2e-minio";
/// The bucket.
pub const BUCKET: &str = "e2e";
/// Secret with the keys, in the namespace of MinIO.
pub const SECRET: &str = "minio-credentials";
/// MinIO as Pods see it.
pub const ENDPOINT: &str = "http://minio.e2e-minio.svc:9000";
const KEY: &str = "e2e-access";
const SECRET_KEY: &str = "e2e-secret-0123456789";

/// How far the set-up has come.
enum SetUp {
    NotYet,
    /// In another case, with what it panicked with: repeated in each case, since a log of 200 of them is read from its end.
    Failed(String),
    Ready(Box<Store>),
}

/// The store, made ready.
pub async fn store(client: &Client) -> Store {
    static STATE: Mutex<SetUp> = Mutex::new(SetUp::NotYet);
    let mut state = STATE.lock().await;
    match &*state {
        SetUp::Ready(store) => return (**store).clone(),
        SetUp::Failed(words) => panic!("the set-up that all cases share failed in another case: {words}"),
        SetUp::NotYet => {}
    }
    match AssertUnwindSafe(set_up(client)).catch_unwind().await {
        Ok(store) => {
            *state = SetUp::Ready(Box::new(store.clone()));
            store
        }
        Err(panic) => {
            dump::namespace(client, NAMESPACE).await;
            let words = words_of(&*panic);
            eprintln!("the set-up that all cases share failed: {words}");
            *state = SetUp::Failed(words.to_string());
            resume_unwind(panic)
        }
    }
}

/// Parameters of a storage in the bucket.
pub fn parameters() -> Value {
    json!({"bucket": BUCKET, "endpoint": ENDPOINT, "insecure": "true", "s3ForcePathStyle": "true"})
}

/// A Secret with the keys of the bucket.
pub fn secret(name: &str) -> Value {
    let data = json!({"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY});
    json!({"metadata": {"name": name}, "stringData": data})
}

async fn set_up(client: &Client) -> Store {
    admission::set_up(client).await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    apply_in(
        &namespaces,
        json!({"metadata": {"name": NAMESPACE, "labels": {"e2e": "true"}}}),
    )
    .await;
    apply::<Secret>(client, NAMESPACE, secret(SECRET)).await;
    apply::<Deployment>(client, NAMESPACE, minio()).await;
    let ports = json!([{"name": "s3", "port": 9000}]);
    let spec = json!({"type": "NodePort", "selector": {"app": "minio"}, "ports": ports});
    let service: Service = apply(client, NAMESPACE, json!({"metadata": {"name": "minio"}, "spec": spec})).await;
    let port = service
        .spec
        .and_then(|s| s.ports?.first()?.node_port)
        .expect("a node port");
    let endpoint = format!("http://{}:{port}", node_address(client).await);
    let store = Store::new(&endpoint, BUCKET, KEY, SECRET_KEY);
    let mut last = String::new();
    let made = poll(Duration::from_secs(120), || {
        let answer = store.create();
        last = answer.clone().err().unwrap_or_default();
        async { answer.ok() }
    });
    if made.await.is_none() {
        panic!("waited 120 s in vain: MinIO at {endpoint} (a node port) takes a bucket; at last: {last}");
    }

    let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
    let spec = json!({"type": "s3", "parameters": parameters(), "credentials": credentials});
    let storages: Api<BackupStorage> = Api::all(client.clone());
    apply_in(&storages, json!({"metadata": {"name": STORAGE}, "spec": spec})).await;
    wait("storage e2e is Ready", Duration::from_secs(90), || async {
        let storage = storages.get(STORAGE).await.ok()?;
        condition::is_true(&storage.status?.conditions, condition::READY).then_some(())
    })
    .await;
    store
}

fn minio() -> Value {
    let from = |key: &str| json!({"secretKeyRef": {"name": SECRET, "key": key}});
    let container = json!({
        "name": "minio",
        "image": "localhost/minio:dev",
        "args": ["server", "/data"],
        "env": [
            {"name": "MINIO_ROOT_USER", "valueFrom": from("AWS_ACCESS_KEY_ID")},
            {"name": "MINIO_ROOT_PASSWORD", "valueFrom": from("AWS_SECRET_ACCESS_KEY")},
        ],
        "readinessProbe": {"httpGet": {"path": "/minio/health/ready", "port": 9000}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    });
    let labels = json!({"app": "minio"});
    let pod = json!({"containers": [container], "volumes": [{"name": "data", "emptyDir": {}}]});
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    let spec = json!({"strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels}, "template": template});
    json!({"metadata": {"name": "minio"}, "spec": spec})
}
