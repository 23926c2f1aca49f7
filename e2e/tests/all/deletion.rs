//! Deleting runs: what runs is stopped, what was stored stays or goes as asked.

use api::condition;
use e2e::runs::{is, status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case, killing_case};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use serde_json::json;

async fn delete(case: &Case, name: &str, seconds: u64) {
    e2e::cluster::delete(&case.runs(), name).await;
    case.wait(&format!("run {name} is gone"), seconds, || async {
        case.runs().get_opt(name).await.ok()?.is_none().then_some(())
    })
    .await;
}

#[test]
fn a_run_that_is_deleted_under_way_takes_its_pod_and_its_upload_with_it() {
    case("delete", |case| async move {
        case.fault("db", "cancel: the run is deleted in mid-backup");
        case.start("db", stream(&case.path("db"), "slow random 60M 60")).await;
        case.until("db", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        assert_eq!(
            case.store().uploads(&case.key("db")),
            1,
            "the upload can be seen from here"
        );
        delete(&case, "db", 30).await;
        assert!(case.our_pods().await.is_empty(), "the Pod outlived the run");
        case.assert_no_upload().await;
        case.end("db", "gone", "gone");
    });
}

#[test]
fn a_restore_that_is_deleted_under_way_is_stopped() {
    case("delete-restore", |case| async move {
        case.keeps("db");
        let mut spec = stream(&case.path("db"), "random 20M");
        spec["restore"] = json!({"command": ["/stream", "half", "1M"]});
        case.backup("db", spec).await;
        case.fault("db", "cancel: the run is deleted in mid-restore");
        case.ask_restore("db").await;
        case.until("db", "restores", 60, |run| status(run).transfer?.command_started_at)
            .await;
        delete(&case, "db", 30).await;
        assert!(case.our_pods().await.is_empty(), "the Pod outlived the run");
        case.end("db", "gone", "gone");
    });
}

#[test]
fn a_namespace_that_is_deleted_takes_its_runs_their_pods_and_their_uploads_with_it() {
    case("namespace", |case| async move {
        case.fault("db", "cancel: the namespace is deleted in mid-backup");
        case.start("db", stream(&case.path("db"), "slow random 60M 60")).await;
        case.until("db", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        let namespaces: kube::Api<Namespace> = kube::Api::all(case.client().clone());
        e2e::cluster::delete(&namespaces, case.namespace()).await;
        case.wait("the run and its Pod are gone", 30, || async {
            let run = case.runs().get_opt("db").await.ok()?;
            (run.is_none() && case.our_pods().await.is_empty()).then_some(())
        })
        .await;
        assert_eq!(case.store().uploads(&case.key("db")), 0);
        case.end("db", "gone", "gone");
    });
}

#[test]
fn objects_outlive_their_namespace_unless_their_schedule_says_otherwise() {
    case("namespace-objects", |case| async move {
        let schedules = [("kept", None), ("removed", Some("Delete"))];
        let mut runs = Vec::new();
        for (name, when) in schedules {
            let mut run = stream(&case.path(name), "random 1000");
            run["retainPolicy"] = json!("Delete");
            let settings = json!({"schedule": NEVER, "whenDeleted": when});
            case.schedule(name, settings, run).await;
            runs.push(case.triggered(name).await);
        }
        for (run, (_, when)) in runs.iter().zip(schedules) {
            case.succeeded(run, 90).await;
            let fault = format!(
                "schedule: its namespace is deleted, whenDeleted {}",
                when.unwrap_or("Retain")
            );
            case.fault(run, &fault);
        }
        let namespaces: kube::Api<Namespace> = kube::Api::all(case.client().clone());
        e2e::cluster::delete(&namespaces, case.namespace()).await;
        case.wait("the namespace is gone", 60, || async {
            let there = namespaces.get_opt(case.namespace()).await.ok()?;
            there.is_none().then_some(())
        })
        .await;
        case.keeps("kept");
        for (run, (name, when)) in runs.iter().zip(schedules) {
            let end = |there: bool| if there { "object kept" } else { "object removed" };
            let there = case.store().head(&case.key(name)).is_some();
            case.end(run, end(when.is_none()), end(there));
            assert_eq!(there, when.is_none(), "{name}");
        }
    });
}

#[test]
fn a_namespace_whose_secret_goes_first_leaves_no_object_and_no_upload_behind() {
    // The access keys are in the operator's memory alone from here on: another one would leave all of it behind, and say so.
    killing_case("secret-first", |case| async move {
        case.apply::<Secret>(e2e::shared::secret("keys")).await;
        let own = json!({"name": "keys", "namespace": case.namespace()});
        let storage = case
            .storage(
                "secret-first",
                json!({"parameters": e2e::shared::parameters(), "credentials": own}),
            )
            .await;
        case.storage_ready(&storage).await;
        let on_it = |name: &str, command: &str| {
            let mut run = stream(&case.path(name), command);
            (run["retainPolicy"], run["storage"]["name"]) = (json!("Delete"), json!(storage));
            run
        };
        let settings = json!({"schedule": NEVER, "whenDeleted": "Delete"});
        case.schedule("daily", settings, on_it("done", "random 1000")).await;
        let done = case.triggered("daily").await;
        case.succeeded(&done, 90).await;
        case.start("db", on_it("db", "slow random 60M 60")).await;
        case.until("db", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        case.fault("db", "retention: the namespace is deleted, and its Secret goes first");
        let namespaces: kube::Api<Namespace> = kube::Api::all(case.client().clone());
        e2e::cluster::delete(&case.api::<Secret>(), "keys").await;
        e2e::cluster::delete(&namespaces, case.namespace()).await;
        case.wait("the namespace is gone", 120, || async {
            let there = namespaces.get_opt(case.namespace()).await.ok()?;
            there.is_none().then_some(())
        })
        .await;
        let left = case.store().list(&format!("{}/", case.namespace())).len() + case.store().uploads(&case.key("db"));
        let seen = if left == 0 {
            "nothing is left"
        } else {
            "something is left"
        };
        case.end("db", "nothing is left", seen);
        assert_eq!(left, 0);
    });
}

#[test]
fn a_run_that_is_deleted_while_its_pod_starts_takes_it_along() {
    case("delete-early", |case| async move {
        let mut spec = stream(&case.path("db"), "random 1000");
        spec["template"]["spec"]["nodeSelector"] = json!({"e2e": "nowhere"});
        case.start("db", spec).await;
        case.wait("the Pod is there", 20, || async {
            (!case.our_pods().await.is_empty()).then_some(())
        })
        .await;
        delete(&case, "db", 20).await;
        assert!(case.our_pods().await.is_empty(), "the Pod outlived the run");
    });
}

#[test]
fn retain_policy_delete_removes_its_own_object_and_nothing_else() {
    case("retain", |case| async move {
        for (name, policy) in [("gone", "Delete"), ("gone-too", "Retain"), ("kept", "Retain")] {
            let mut spec = stream(&case.path(name), "random 1000");
            spec["retainPolicy"] = json!(policy);
            case.backup(name, spec).await;
        }
        // retainPolicy may be changed later.
        e2e::cluster::merge(&case.runs(), "gone-too", json!({"spec": {"retainPolicy": "Delete"}})).await;
        case.fault("gone", "retention: retainPolicy Delete, a neighbour of its object");
        case.keeps("kept");
        case.keeps("gone.neighbour");
        case.store().put(&case.key("gone.neighbour"), b"not ours");
        for name in ["gone", "gone-too", "kept"] {
            delete(&case, name, 30).await;
        }
        let left = (
            case.store().head(&case.key("gone")).is_some(),
            case.store().head(&case.key("gone.neighbour")).is_some(),
        );
        let seen = match left {
            (false, true) => "its object is gone, the neighbour stays",
            _ => "something else",
        };
        case.end("gone", "its object is gone, the neighbour stays", seen);
    });
}

#[test]
fn an_object_that_another_wrote_since_survives_the_deletion_of_the_earlier_run() {
    case("reused", |case| async move {
        let spec = |seed: u32| {
            let mut spec = stream(&case.path("db"), &format!("random 1000 {seed}"));
            spec["retainPolicy"] = json!("Delete");
            spec
        };
        case.schedule("daily", json!({"schedule": NEVER}), spec(1)).await;
        let first = case.triggered("daily").await;
        case.succeeded(&first, 60).await;
        case.schedule("daily", json!({"schedule": NEVER}), spec(2)).await;
        let second = case.triggered("daily").await;
        case.fault(&second, "retention: the path was used again by a later run");
        let run = case.succeeded(&second, 60).await;
        delete(&case, &first, 30).await;
        assert_eq!(Some(case.store().sha256(&case.key("db"))), status(&run).sha256);
        case.restore(&second).await;
        case.fault(&second, "retention: another tool wrote to the path since");
        // Somebody who is not a run wrote there: the ETag tells.
        case.store().put(&case.key("db"), b"by hand");
        delete(&case, &second, 30).await;
        case.keeps("db");
        let seen = if case.store().get(&case.key("db")) == b"by hand" {
            "its object stays"
        } else {
            "it is gone"
        };
        case.end(&second, "its object stays", seen);
    });
}

#[test]
fn a_run_whose_storage_is_gone_is_let_go() {
    case("orphaned", |case| async move {
        let credentials = json!({"name": e2e::shared::SECRET, "namespace": e2e::shared::NAMESPACE});
        let storage = case
            .storage(
                "gone",
                json!({"parameters": e2e::shared::parameters(), "credentials": credentials}),
            )
            .await;
        let mut spec = stream(&case.path("db"), "random 1000");
        (spec["retainPolicy"], spec["storage"]["name"]) = (json!("Delete"), json!(storage));
        let run = case.backup("db", spec).await;
        assert!(is(&run, condition::SUCCESSFUL));
        case.fault("db", "retention: the storage is gone when the run is deleted");
        e2e::cluster::annotate(&case.storages(), &storage, api::labels::DELETION_PROTECTION, None).await;
        e2e::cluster::delete(&case.storages(), &storage).await;
        case.wait("the storage is gone", 20, || async {
            case.storages().get_opt(&storage).await.ok()?.is_none().then_some(())
        })
        .await;
        delete(&case, "db", 30).await;
        case.keeps("db");
        let events: kube::Api<k8s_openapi::api::events::v1::Event> = case.api();
        let all = events.list(&Default::default()).await.unwrap().items;
        let said = all.iter().any(|e| {
            e.reason.as_deref() == Some("LeftBehind") && e.note.as_ref().is_some_and(|n| n.contains(&case.key("db")))
        });
        case.end(
            "db",
            "let go, Event LeftBehind",
            if said { "let go, Event LeftBehind" } else { "no Event" },
        );
        assert!(
            said,
            "an Event says what was left behind: {:?}",
            all.iter().map(|e| &e.reason).collect::<Vec<_>>()
        );
    });
}

/// What an Event of the case says, once there is one of that reason.
async fn told(case: &Case, reason: &str) -> String {
    let events: kube::Api<k8s_openapi::api::events::v1::Event> = case.api();
    case.wait(&format!("an Event {reason}"), 60, || async {
        let all = events.list(&Default::default()).await.ok()?.items;
        all.into_iter().find(|e| e.reason.as_deref() == Some(reason))?.note
    })
    .await
}

#[test]
fn an_object_in_a_bucket_that_its_storage_names_no_more_stays_and_is_told_of() {
    case("moved", |case| async move {
        case.store().of_bucket("e2e-moved").create().unwrap();
        let credentials = json!({"name": e2e::shared::SECRET, "namespace": e2e::shared::NAMESPACE});
        let spec = json!({"parameters": e2e::shared::parameters(), "credentials": credentials});
        let storage = case.storage("moved", spec).await;
        case.storage_ready(&storage).await;
        let mut spec = stream(&format!("/{}/db", case.namespace()), "random 1000");
        (spec["retainPolicy"], spec["storage"]["name"]) = (json!("Delete"), json!(storage));
        let run = case.backup("db", spec).await;
        let location = status(&run).location.expect("where it lies");
        assert_eq!(
            Some(location.bucket.as_str()),
            e2e::shared::parameters()["bucket"].as_str()
        );
        case.keeps("db");
        case.fault("db", "retention: the bucket of the storage was edited since");
        let edit = json!({"spec": {"parameters": {"bucket": "e2e-moved"}}});
        let edit = kube::api::Patch::Merge(edit);
        let (storages, parameters) = (case.storages(), Default::default());
        let edited = e2e::admission::answered(|| storages.patch(&storage, &parameters, &edit)).await;
        edited.unwrap();
        case.wait("the storage is probed as it is now", 60, || async {
            let storage = case.storages().get(&storage).await.ok()?;
            let ready = condition::find(&storage.status?.conditions, condition::READY).cloned()?;
            (ready.observed_generation == storage.metadata.generation).then_some(())
        })
        .await;
        let refused = case.restore_refused("db", |e| e.starts_with("RestoreRefused")).await;
        assert!(
            refused.contains("the storage now names bucket \"e2e-moved\""),
            "{refused}"
        );
        assert!(
            case.our_pods().await.iter().all(|p| !p.contains("restore")),
            "no Pod was made for it"
        );
        delete(&case, "db", 60).await;
        let left = told(&case, "LeftBehind").await;
        assert!(
            left.contains(&case.key("db")) && left.contains(&location.bucket),
            "{left}"
        );
        case.end("db", "let go, Event LeftBehind", "let go, Event LeftBehind");
    });
}

#[test]
fn a_bucket_that_keeps_versions_loses_the_version_that_the_run_wrote_and_no_other() {
    case("versions", |case| async move {
        let store = case.store().of_bucket("e2e-versioned");
        store.create().unwrap();
        store.keep_versions();
        let mut with = e2e::shared::parameters();
        with["bucket"] = json!("e2e-versioned");
        let credentials = json!({"name": e2e::shared::SECRET, "namespace": e2e::shared::NAMESPACE});
        let storage = case
            .storage("versioned", json!({"parameters": with, "credentials": credentials}))
            .await;
        case.storage_ready(&storage).await;
        let path = format!("/{}/db", case.namespace());
        let spec = |seed: u32| {
            let mut spec = stream(&path, &format!("random 6M {seed}"));
            (spec["retainPolicy"], spec["storage"]["name"]) = (json!("Delete"), json!(storage));
            spec
        };
        case.fault(
            "first",
            "retention: a bucket that keeps versions, the path was used again",
        );
        case.start("first", spec(1)).await;
        let first = case.ended("first", 100).await;
        let second = case.backup("second", spec(2)).await;
        let version = |run| status(run).version_id.expect("the version of the object");
        let of = |run| (version(run), false);
        let key = case.key("db");
        assert_eq!(sorted(store.versions(&key)), sorted(vec![of(&first), of(&second)]));
        // Each restores its own version, the older one too.
        case.restore("first").await;
        delete(&case, "first", 30).await;
        assert_eq!(
            store.versions(&key),
            [of(&second)],
            "exactly its own version is gone, and no marker hides the other"
        );
        case.end(
            "first",
            "its version is gone, the other stays",
            "its version is gone, the other stays",
        );
        case.restore("second").await;
        delete(&case, "second", 30).await;
        assert_eq!(store.versions(&key), []);
        let records = format!(".backup-operator/records/{}/", case.namespace());
        assert_eq!(store.versions(&records), [], "nor of what described them");
    });
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}
