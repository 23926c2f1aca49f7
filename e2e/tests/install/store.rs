//! The store that comes with the chart, by TLS with the operator's own certificate: a newcomer has no bucket, applies what the notes print, and has
//! backups that outlive the store's Pod and its certificate.
use std::collections::BTreeMap;
use std::time::Duration;

use api::labels;
use e2e::cluster::{annotate, apply_in, delete, wait};
use e2e::kubectl::kubectl;
use e2e::runs::{status, stream};
use e2e::{Case, bytes, install, operator, serial_case};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::{WHILE, alone};

/// What the chart calls claim, Secret and Deployment, and by which label its Pod is found.
pub(super) const STORE: &str = "backup-operator-store";
/// The Secret with the certificate that the operator makes for it.
const CERTIFICATE: &str = "backup-operator-store-tls";
/// What the notes call the storage.
pub(super) const LOCAL: &str = "local";
/// Of the node, and gone with it.
const FOLDER: &str = "/var/lib/e2e/store";
/// Until a Pod is up or gone.
const UP: Duration = Duration::from_secs(240);

/// What the cluster lacks, and so is the case's to make and to remove.
pub(super) struct Lacks {
    pub(super) claim: bool,
    pub(super) storage: bool,
    pub(super) volumes: bool,
}

fn claims(case: &Case) -> Api<PersistentVolumeClaim> {
    Api::namespaced(case.client().clone(), operator::NAMESPACE)
}

fn pods(case: &Case) -> Api<Pod> {
    Api::namespaced(case.client().clone(), operator::NAMESPACE)
}

pub(super) async fn lacks(case: &Case) -> Lacks {
    let classes: Api<StorageClass> = Api::all(case.client().clone());
    let classes = classes.list(&ListParams::default()).await.expect("the classes").items;
    let default = |class: &StorageClass| {
        let said = class.annotations().get("storageclass.kubernetes.io/is-default-class");
        said.is_some_and(|said| said == "true")
    };
    let claim = claims(case).get_opt(STORE).await.expect("the claims").is_none();
    Lacks {
        claim,
        storage: case.storages().get_opt(LOCAL).await.expect("the storages").is_none(),
        volumes: claim && !classes.iter().any(default),
    }
}

/// The folder of the node that stands for a volume has nothing in it, and is the store's own.
async fn emptied(case: &Case, name: &str) {
    let mounted = json!([{"name": "folder", "mountPath": "/folder"}]);
    let container = json!({
        "name": "empty", "image": "redis:7", "securityContext": {"runAsUser": 0}, "volumeMounts": mounted,
        "command": ["sh", "-c", "rm -rf /folder/* /folder/.[!.]* && chown 65532:65532 /folder"],
    });
    let folder = json!({"name": "folder", "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"}});
    let pod = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container], "volumes": [folder]});
    case.apply::<Pod>(json!({"metadata": {"name": name}, "spec": pod}))
        .await;
    let pods: Api<Pod> = case.api();
    wait("the folder is empty", UP, || async {
        let phase = pods.get(name).await.ok()?.status?.phase?;
        (phase == "Succeeded").then_some(())
    })
    .await;
}

pub(super) async fn volume(case: &Case) {
    emptied(case, "before").await;
    let spec = json!({
        "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "20Gi"}, "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": operator::NAMESPACE, "name": STORE}, "hostPath": {"path": FOLDER},
    });
    let volumes: Api<PersistentVolume> = Api::all(case.client().clone());
    apply_in(&volumes, json!({"metadata": {"name": case.namespace()}, "spec": spec})).await;
}

/// What the release's notes tell people to apply.
fn printed() -> String {
    let notes = install::notes();
    let (_, rest) = notes
        .split_once("kubectl apply -f - <<END\n")
        .unwrap_or_else(|| panic!("{notes}"));
    let (document, _) = rest.split_once("\nEND").unwrap_or_else(|| panic!("{notes}"));
    document.to_string()
}

/// The store's Pod goes, and another one has taken the folder.
async fn restarted(case: &Case) {
    let own = ListParams::default().labels(&format!("app.kubernetes.io/name={STORE}"));
    let before = pods(case).list(&own).await.expect("the store's Pod").items;
    assert!(!before.is_empty(), "there is no store");
    for pod in &before {
        delete(&pods(case), &pod.name_any()).await;
    }
    wait("another Pod of the store is ready", UP, || async {
        let now = pods(case).list(&own).await.ok()?.items;
        let is_new = |pod: &Pod| before.iter().all(|old| old.uid() != pod.uid());
        let is_ready = |pod: &Pod| {
            let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
            conditions.is_some_and(|c| c.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
        };
        (now.len() == 1 && now.iter().all(|pod| is_new(pod) && is_ready(pod))).then_some(())
    })
    .await;
}

fn run(case: &Case, name: &str, command: &str) -> Value {
    let mut spec = stream(&format!("/{}/{name}", case.namespace()), command);
    spec["storage"]["name"] = json!(LOCAL);
    spec
}

/// The Secret with the store's certificate, once it is as wanted.
async fn certificate(case: &Case, what: &str, wanted: impl Fn(&BTreeMap<String, ByteString>) -> bool) -> Secret {
    let secrets: Api<Secret> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
    wait(what, UP, || async {
        let secret = secrets.get_opt(CERTIFICATE).await.ok()??;
        wanted(secret.data.as_ref()?).then_some(secret)
    })
    .await
}

/// What the operator does two weeks after it has announced the next certificate: the store is to serve with that one.
async fn switched(case: &Case, mut announced: Secret) {
    let secrets: Api<Secret> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
    let data = announced.data.as_mut().expect("data");
    for (next, now) in [("next.crt", "tls.crt"), ("next.key", "tls.key")] {
        let value = data.remove(next).expect("the next certificate");
        data.insert(now.into(), value);
    }
    let notes = announced.metadata.annotations.as_mut().expect("annotations");
    let made = notes
        .remove("backup-operator.io/next-made-at")
        .expect("when it was made");
    notes.insert("backup-operator.io/made-at".into(), made);
    let parameters = PostParams::default();
    secrets
        .replace(CERTIFICATE, &parameters, &announced)
        .await
        .expect("the Secret is written");
}

fn authorities(pem: &[u8]) -> usize {
    String::from_utf8_lossy(pem).matches("BEGIN CERTIFICATE").count()
}

/// Takes away what the case has made of what the chart keeps.
pub(super) async fn removed(case: &Case, lacks: &Lacks) {
    if lacks.claim {
        let secrets: Api<Secret> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        delete(&secrets, STORE).await;
        delete(&secrets, CERTIFICATE).await;
        delete(&claims(case), STORE).await;
        wait("the store's claim is gone", UP, || async {
            claims(case).get_opt(STORE).await.ok()?.is_none().then_some(())
        })
        .await;
    }
    if lacks.volumes {
        let volumes: Api<PersistentVolume> = Api::all(case.client().clone());
        delete(&volumes, case.namespace()).await;
        emptied(case, "after").await;
    }
}

#[test]
fn the_store_of_the_chart_keeps_backups_while_its_pod_and_its_certificate_are_others() {
    serial_case(alone(), "store", |case| async move {
        operator::fresh(case.client()).await;
        let lacks = lacks(&case).await;
        let work = async {
            if lacks.volumes {
                volume(&case).await;
            }
            install::chart(&json!({"store": {"enabled": true, "tls": true}}), true);
            operator::up(case.client(), |_| true).await;
            let (applied, said) = kubectl(&["apply", "-f", "-"], &printed());
            assert!(applied, "{said}");
            case.storage_ready(LOCAL).await;
            let storage = case.storages().get(LOCAL).await.expect("the storage");
            let endpoint = &storage.spec.parameters.as_ref().expect("parameters")["endpoint"];
            assert!(endpoint.starts_with("https://"), "{endpoint}");
            let trusted = storage.status.and_then(|s| s.ca_bundle).expect("whom to trust");
            assert_eq!(authorities(trusted.as_bytes()), 1);

            // What begins after the next certificate was announced trusts both.
            let secrets: Api<Secret> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
            annotate(&secrets, CERTIFICATE, "backup-operator.io/rotate", Some("now")).await;
            let announced = certificate(&case, "the next certificate is announced", |data| {
                data.contains_key("next.crt") && data.get("ca.crt").is_some_and(|pem| authorities(&pem.0) == 2)
            })
            .await;
            // A storage is looked at every few minutes, and when it changes.
            let looks = std::sync::atomic::AtomicU32::new(0);
            case.wait("the storage says whom else to trust", 60, || async {
                let look = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
                annotate(&case.storages(), LOCAL, "e2e/looked", Some(&look)).await;
                let trusted = case.storages().get(LOCAL).await.ok()?.status?.ca_bundle?;
                (authorities(trusted.as_bytes()) == 2).then_some(())
            })
            .await;

            case.backup("whole", run(&case, "whole", &format!("random {WHILE}")))
                .await;
            // In mid-backup: what the store has answered is there for the next one, and the rest is sent again.
            let slow = run(&case, "slow", &format!("slow random {WHILE} 20"));
            case.start("slow", slow).await;
            case.until("slow", "has an upload", 100, |run| status(run).transfer?.upload_id)
                .await;
            let route = case
                .until("slow", "has a route", 100, |run| Some(status(run).transfer?.route))
                .await;
            assert_eq!(route, "Direct", "its Pod trusts the store");
            switched(&case, announced).await;
            restarted(&case).await;
            let ended = status(&case.succeeded("slow", 120).await);
            let plain = bytes::random(WHILE, 1);
            assert_eq!((ended.sha256, ended.attempts), (Some(bytes::sha256(&plain)), Some(1)));
            let now = certificate(&case, "the store's certificate is the next one", |data| {
                !data.contains_key("next.crt")
            })
            .await;
            assert_eq!(
                authorities(&now.data.expect("data")["ca.crt"].0),
                2,
                "the one before is trusted until each Pod has followed"
            );
            for name in ["whole", "slow"] {
                let restored = status(&case.restore(name).await);
                assert_eq!(restored.log.unwrap().trim(), bytes::sum_line(&plain), "{name}");
            }
        };
        let between = async {
            // A storage outlives the chart: it is not the release's.
            if lacks.storage && case.storages().get_opt(LOCAL).await.expect("the storages").is_some() {
                annotate(&case.storages(), LOCAL, labels::DELETION_PROTECTION, None).await;
                delete(&case.storages(), LOCAL).await;
            }
            install::remove_chart();
            removed(&case, &lacks).await;
        };
        install::restored_after(case.client(), work, between).await;
    });
}
