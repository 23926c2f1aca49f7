//! The chart on a cluster: it takes over from the plain manifests, watches some namespaces, serves cert-manager's
//! certificate, gives Prometheus Operator what it takes, brings a store along, is somebody to a cloud, and is removed; the page that newcomers follow; and what the Go operator left. Each case replaces the operator, so this is a program of its own, which runs alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "install/cert_manager.rs"]
mod cert_manager;
#[path = "install/getting_started.rs"]
mod getting_started;
#[path = "install/go_operator.rs"]
mod go_operator;
#[path = "install/identity.rs"]
mod identity;
#[path = "install/prometheus_operator.rs"]
mod prometheus_operator;
#[path = "install/store.rs"]
mod store;

use std::sync::{Mutex, MutexGuard, PoisonError};

use e2e::kubectl::kubectl;
use e2e::runs::{is, stream};
use e2e::schedules::NEVER;
use e2e::shared::{NAMESPACE, STORAGE};
use e2e::{install, operator, serial_case, serial_cases};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

/// Bytes of a backup that takes a while.
const WHILE: usize = 24 << 20;

/// One at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_chart_takes_over_from_the_manifests_and_is_removed_and_nothing_is_lost() {
    serial_case(alone(), "chart", |case| async move {
        operator::fresh(case.client()).await;
        install::restored(case.client(), async {
            case.begin_slow("db", WHILE, 20).await;
            // Other Pods than those of the manifests, in mid-backup.
            let values = json!({"podAnnotations": {"e2e": case.namespace()}});
            install::chart(&values, true);
            case.ended_whole("db", WHILE, 150).await;
            case.restore("db").await;

            install::remove_chart();
            let deployments: Api<Deployment> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
            assert!(deployments.get_opt(install::NAME).await.unwrap().is_none());
            let run = case.runs().get("db").await.unwrap();
            assert!(is(&run, api::condition::SUCCESSFUL), "the run is as it was");
            case.storages().get(STORAGE).await.expect("the storage");

            // On a cluster that has our kinds and no operator: where the other one left off.
            install::chart(&values, true);
            case.restore("db").await;
        })
        .await;
    });
}

#[test]
fn where_some_namespaces_are_watched_the_others_are_left_alone() {
    serial_cases(alone(), "watched", |watched, other| async move {
        let client = watched.client();
        install::restored(client, async {
            let values = json!({
                "watchNamespaces": [watched.namespace()], "credentialNamespaces": [NAMESPACE],
                "podAnnotations": {"e2e": watched.namespace()},
            });
            install::chart(&values, true);
            // One of before, which watches all of them, may lead for a moment more.
            operator::annotated(client, "e2e", watched.namespace()).await;
            other.keeps("db");
            other.start("db", stream(&other.path("db"), "random 1000")).await;
            // The whole of the main job, later than the other's run was there.
            watched.keeps("db");
            watched.backup("db", stream(&watched.path("db"), "random 1000")).await;
            watched.restore("db").await;
            watched.keeps("often");
            let template = stream(&watched.path("often"), "random 1000");
            watched.schedule("often", json!({"schedule": NEVER}), template).await;
            let name = watched.triggered("often").await;
            watched.succeeded(&name, 120).await;

            let run = other.runs().get("db").await.unwrap();
            // The API server gives a new one the generation that nobody has observed, and no more.
            let is_told = run.status.as_ref().is_some_and(|s| !s.conditions.is_empty());
            assert!(
                !is_told && run.metadata.finalizers.is_none(),
                "nobody has touched it: {run:?}"
            );
            let pods: Api<Pod> = other.api();
            assert!(pods.list(&ListParams::default()).await.unwrap().items.is_empty());
            let account = format!("--as=system:serviceaccount:{}:backup-operator", operator::NAMESPACE);
            for (namespace, may) in [(watched.namespace(), "yes"), (other.namespace(), "no")] {
                for (verb, what) in [
                    ("create", "pods"),
                    ("create", "pods/exec"),
                    ("get", "secrets"),
                    ("list", "backupruns"),
                ] {
                    let (_, said) = kubectl(&["auth", "can-i", verb, what, "-n", namespace, &account], "");
                    assert_eq!(said, may, "{verb} {what} in {namespace}");
                }
            }
        })
        .await;
        // It was not lost: an operator that watches its namespace takes it up.
        other.succeeded("db", 120).await;
    });
}
