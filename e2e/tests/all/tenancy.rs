//! Storages that are shared: who may use them, and whose objects are whose.
use api::condition;
use e2e::runs::{message, reason, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, case};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use serde_json::{Value, json};

async fn storage(case: &Case, name: &str, more: Value) -> String {
    let mut spec = json!({"parameters": parameters(), "credentials": {"name": SECRET, "namespace": NAMESPACE}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    case.storage(name, spec).await
}

fn on(storage: &str, path: &str, command: &str) -> Value {
    let mut spec = stream(path, command);
    spec["storage"]["name"] = json!(storage);
    spec
}

#[test]
fn a_storage_is_used_from_the_namespaces_that_it_allows_only() {
    case("allowed", |case| async move {
        let selector = json!({"matchLabels": {"team": "shop"}});
        let none = storage(&case, "none", json!({"allowedNamespaces": {"from": "None"}})).await;
        let shop = storage(
            &case,
            "shop",
            json!({"allowedNamespaces": {"from": "Selector", "selector": selector}}),
        )
        .await;
        for (name, storage) in [("nobody", &none), ("unlabelled", &shop)] {
            let spec = on(storage, &case.path(name), "random 10");
            let said = case.refused(name, &spec).await;
            assert!(
                said.contains("spec.storage.name") && said.contains("spec.allowedNamespaces"),
                "{said}"
            );
            case.start_unadmitted(name, spec).await;
            let run = case.failed(name, "NamespaceNotAllowed", 60).await;
            assert!(message(&run).contains("spec.allowedNamespaces"), "{}", message(&run));
            assert_eq!(status(&run).pod_name, None);
        }
        let namespaces: Api<Namespace> = Api::all(case.client().clone());
        e2e::cluster::merge(
            &namespaces,
            case.namespace(),
            json!({"metadata": {"labels": {"team": "shop"}}}),
        )
        .await;
        case.keeps("labelled");
        case.backup("labelled", on(&shop, &case.path("labelled"), "random 10"))
            .await;
        // Taking the right away stops the next restore and says so, and changes nothing that is known of the backup.
        e2e::cluster::merge(
            &namespaces,
            case.namespace(),
            json!({"metadata": {"labels": {"team": null}}}),
        )
        .await;
        case.restore_refused("labelled", |e| e.contains("RestoreRefused")).await;
        assert!(status(&case.succeeded("labelled", 10).await).restores.is_empty());
    });
}

#[test]
fn where_namespaces_are_kept_apart_no_path_leads_to_another_ones_object() {
    case("apart", |case| async move {
        let apart = storage(&case, "apart", json!({"namespaceIsolation": "Prefix"})).await;
        // What a neighbour, here the same bucket through another storage, has stored.
        case.keeps("neighbour");
        case.backup("neighbour", stream(&case.path("neighbour"), "random 1000"))
            .await;
        let theirs = case.path("neighbour");
        let mut spec = on(&apart, &theirs, "random 10");
        spec.as_object_mut().unwrap().remove("backup");
        case.start("thief", spec).await;
        let run = case.ended("thief", 60).await;
        assert_eq!(reason(&run, condition::FAILED), "ObjectMissing", "{}", message(&run));
        assert_eq!(status(&run).key, Some(format!("{}{theirs}", case.namespace())));
        // The same path is another object.
        case.keeps(&format!("{}/neighbour", case.namespace()));
        let run = case.backup("own", on(&apart, &theirs, "random 10")).await;
        assert_eq!(status(&run).key, Some(format!("{}{theirs}", case.namespace())));
        case.restore("own").await;
        assert_eq!(case.store().head(&case.key("neighbour")).unwrap().size, 1000);
    });
}
