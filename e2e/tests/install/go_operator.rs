//! Coming from the Go operator, as the page says: what its v1.3.2 left on a cluster and in a bucket (fixtures/go-operator-1.3.2.json) is
//! adopted, restored, rotated and deleted.
use std::time::Duration;

use api::{BackupRun, BackupSchedule, BackupStorage, condition};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::cluster::{annotate, delete, merge, wait};
use e2e::kubectl::kubectl;
use e2e::runs::{is, message, reason, status};
use e2e::shared::{ENDPOINT, NAMESPACE, SECRET};
use e2e::{Case, install, operator, serial_case};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::alone;

const RECORDED: &str = include_str!("../../fixtures/go-operator-1.3.2.json");
/// What storage, namespace and folder of the bucket were called there.
const NAME: &str = "gorecord";
/// The tick of the newest run of each schedule, and of the one before.
const NEWEST: &str = "1795934940";
const BEFORE: &str = "1795934880";

/// As it was recorded, with this storage and the case's own folder.
fn recorded(case: &Case, storage: &str) -> Value {
    let text = RECORDED
        .replace(&format!("\"/{NAME}/"), &format!("\"/{}/", case.namespace()))
        .replace(&format!("\"name\": \"{NAME}\""), &format!("\"name\": \"{storage}\""));
    serde_json::from_str(&text).expect("JSON")
}

/// Puts an object on the cluster as it was, its status with it.
async fn put<K>(api: &Api<K>, recorded: &Value) -> K
where
    K: kube::Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let object: K = serde_json::from_value(recorded.clone()).expect("an object");
    let made = api.create(&PostParams::default(), &object).await.expect("it is made");
    let status = json!({"status": recorded["status"]});
    let (name, parameters, patch) = (made.name_any(), PatchParams::default(), Patch::Merge(&status));
    api.patch_status(&name, &parameters, &patch).await.expect("its status");
    made
}

/// All of it, while no operator is there.
async fn left_by_the_go_operator(case: &Case, recorded: &Value) {
    let mut storage = recorded["storage"].clone();
    storage["spec"]["parameters"]["endpoint"] = ENDPOINT.into();
    storage["spec"]["credentials"] = json!({"name": SECRET, "namespace": NAMESPACE});
    put::<BackupStorage>(&case.storages(), &storage).await;
    case.apply::<Secret>(json!({"metadata": {"name": "age"}, "stringData": {"age": recorded["identity"]}}))
        .await;
    let (schedules, runs) = (case.schedules(), case.runs());
    for schedule in recorded["schedules"].as_array().unwrap() {
        put::<BackupSchedule>(&schedules, schedule).await;
    }
    for run in recorded["runs"].as_array().unwrap() {
        let mut run = run.clone();
        if let Some(owner) = run.pointer_mut("/metadata/ownerReferences/0") {
            let schedule = schedules
                .get(owner["name"].as_str().unwrap())
                .await
                .expect("its schedule");
            owner["uid"] = schedule.uid().into();
        }
        put::<BackupRun>(&runs, &run).await;
    }
    for (name, bytes) in recorded["objects"].as_object().unwrap() {
        let bytes = BASE64_STANDARD.decode(bytes.as_str().unwrap()).unwrap();
        case.path(name);
        case.keeps(name);
        case.store().put(&case.key(name), &bytes);
    }
}

/// Nothing watches, nothing is asked.
fn no_operator() {
    for what in [
        "deployment/backup-operator",
        "validatingwebhookconfiguration/backup-operator",
    ] {
        let (ok, said) = kubectl(&["delete", "-n", operator::NAMESPACE, "--wait", what], "");
        assert!(ok, "{said}");
    }
}

#[test]
fn what_the_go_operator_left_is_adopted_restored_rotated_and_deleted() {
    serial_case(alone(), "go", |case| async move {
        let storage = case.makes_storage("go");
        let recorded = recorded(&case, &storage);
        install::restored(case.client(), async {
            no_operator();
            wait("the operator's Pods are gone", Duration::from_secs(240), || async {
                (operator::count(case.client()).await == 0).then_some(())
            })
            .await;
            left_by_the_go_operator(&case, &recorded).await;
            install::manifests(case.client()).await;
            case.storage_ready(&storage).await;

            // What had ended is as it was; what hung has ended.
            let hung = case.failed("hanging", "Interrupted", 60).await;
            assert!(!message(&hung).is_empty());
            for run in recorded["runs"].as_array().unwrap() {
                let name = run["metadata"]["name"].as_str().unwrap();
                let was = run["status"]["state"].as_str().unwrap();
                let now = case.runs().get(name).await.unwrap();
                if was == "BackupSuccessful" {
                    assert!(is(&now, condition::SUCCESSFUL), "{name}: {}", message(&now));
                    assert_eq!(reason(&now, condition::SUCCESSFUL), "BackupSuccessful", "{name}");
                }
                assert!(!is(&now, condition::IN_PROGRESS), "{name} is not under way");
            }
            assert!(case.our_pods().await.is_empty(), "nothing is done again");

            // All four kinds; of one the Go operator had made a failure, because a restore failed.
            for kind in ["plain", "gzip", "age", "both"] {
                case.restore(&format!("{kind}-{NEWEST}")).await;
            }
            // What was cut or changed since is no backup: its size is known, and gzip says the rest, without a hash that nobody recorded.
            let older = case.runs().get(&format!("gzip-{BEFORE}")).await.unwrap();
            let key = older.spec.storage.path.trim_start_matches('/');
            let whole = case.store().get(key);
            case.store().put(key, &whole[..whole.len() - 9]);
            case.restore_fails(&older.name_any(), "ObjectChanged", 120).await;
            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 1;
            case.store().put(key, &flipped);
            case.restore_fails(&older.name_any(), "BadObject", 120).await;
            let now = case.runs().get(&older.name_any()).await.unwrap();
            assert!(is(&now, condition::SUCCESSFUL), "what is known of the backup stays");
            case.store().put(key, &whole);

            // A new backup of the schedule, and the oldest goes: its object stays, since nobody knows that it is its own.
            annotate(&case.schedules(), "plain", api::labels::TRIGGER, Some("now")).await;
            let made = case
                .wait("the schedule makes a run", 60, || async {
                    let all = case.runs().list(&Default::default()).await.ok()?.items;
                    let new = |run: &BackupRun| {
                        run.name_any().starts_with("plain-")
                            && !run.name_any().ends_with(NEWEST)
                            && !run.name_any().ends_with(BEFORE)
                    };
                    all.iter().find(|run| new(run)).map(ResourceExt::name_any)
                })
                .await;
            let made = case.succeeded(&made, 120).await;
            case.keeps(status(&made).key.unwrap().split('/').next_back().unwrap());
            case.wait("the oldest run is rotated away", 60, || async {
                case.runs()
                    .get_opt(&format!("plain-{BEFORE}"))
                    .await
                    .unwrap()
                    .is_none()
                    .then_some(())
            })
            .await;
            case.restore(&format!("plain-{NEWEST}")).await;

            // Each can be deleted: what the Go operator held it with is taken off.
            delete(&case.runs(), &format!("age-{BEFORE}")).await;
            delete(&case.schedules(), "failing").await;
            case.wait("they are gone", 60, || async {
                let run = case.runs().get_opt(&format!("age-{BEFORE}")).await.unwrap();
                let schedule = case.schedules().get_opt("failing").await.unwrap();
                (run.is_none() && schedule.is_none()).then_some(())
            })
            .await;
            merge(&case.schedules(), "plain", json!({"spec": {"suspend": true}})).await;
        })
        .await;
    });
}
