//! Deleting runs: what runs is stopped, what was stored stays or goes as asked.
use api::condition;
use e2e::runs::{is, status, stream};
use e2e::{Case, case};
use serde_json::json;

async fn delete(case: &Case, name: &str, seconds: u64) {
    e2e::cluster::delete(&case.runs(), name).await;
    case.wait(&format!("run {name} is gone"), seconds, || async {
        case.runs().get_opt(name).await.unwrap().is_none().then_some(())
    })
    .await;
}

#[test]
fn a_run_that_is_deleted_under_way_takes_its_pod_and_its_upload_with_it() {
    case("delete", |case| async move {
        case.start("db", stream(&case.path("db"), "slow random 60M 60")).await;
        case.until("db", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        assert_eq!(
            case.store().uploads(&case.key("db")),
            1,
            "the upload can be seen from here"
        );
        delete(&case, "db", 20).await;
        assert!(case.our_pods().await.is_empty(), "the Pod outlived the run");
        case.assert_no_upload().await;
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
        case.keeps("kept");
        case.keeps("gone.neighbour");
        case.store().put(&case.key("gone.neighbour"), b"not ours");
        for name in ["gone", "gone-too", "kept"] {
            delete(&case, name, 30).await;
        }
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
        case.backup("first", spec(1)).await;
        let second = case.backup("second", spec(2)).await;
        delete(&case, "first", 30).await;
        assert_eq!(Some(case.store().sha256(&case.key("db"))), status(&second).sha256);
        case.restore("second").await;
        // Somebody who is not a run wrote there: the ETag tells.
        case.store().put(&case.key("db"), b"by hand");
        delete(&case, "second", 30).await;
        case.keeps("db");
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
        e2e::cluster::annotate(&case.storages(), &storage, api::labels::DELETION_PROTECTION, None).await;
        e2e::cluster::delete(&case.storages(), &storage).await;
        case.wait("the storage is gone", 20, || async {
            case.storages().get_opt(&storage).await.unwrap().is_none().then_some(())
        })
        .await;
        delete(&case, "db", 30).await;
        case.keeps("db");
        let events: kube::Api<k8s_openapi::api::events::v1::Event> = case.api();
        let all = events.list(&Default::default()).await.unwrap().items;
        let said = all.iter().any(|e| {
            e.reason.as_deref() == Some("LeftBehind") && e.note.as_ref().is_some_and(|n| n.contains(&case.key("db")))
        });
        assert!(
            said,
            "an Event says what was left behind: {:?}",
            all.iter().map(|e| &e.reason).collect::<Vec<_>>()
        );
    });
}
