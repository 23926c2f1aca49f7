//! Many runs that are deleted at once while their store is slow, or never answers.
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use api::condition;
use e2e::proxy::Proxy;
use e2e::runs::{is, stream};
use e2e::{Case, long_case, operator};
use futures::future::join_all;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use serde_json::{Value, json};

/// The backups alone take minutes.
const LIMIT: Duration = Duration::from_secs(1500);
/// So many Pods at a time.
const BATCH: usize = 25;
/// Runs that are timed. The kubelet looks at its containers once a second, so one in three takes a second more for nothing:
/// the third fastest counts.
const TIMED: usize = 9;
/// No timed run may take longer, whatever the others do: what waits for a store that never answers takes longer.
const WAITS: Duration = Duration::from_secs(10);

/// Makes a good backup of `retainPolicy: Delete` for each name, spread over the storages.
async fn backups(case: &Case, names: &[String], storages: &[String]) {
    let spread: Vec<_> = names.iter().zip(storages.iter().cycle()).collect();
    for batch in spread.chunks(BATCH) {
        join_all(batch.iter().map(async |(name, storage)| {
            let mut spec = stream(&case.path(name), "random 1000");
            (spec["retainPolicy"], spec["storage"]["name"]) = (json!("Delete"), json!(storage));
            case.backup(name, spec).await;
        }))
        .await;
    }
}

fn named(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n}")).collect()
}

async fn delete(case: &Case, names: &[String]) {
    for batch in names.chunks(BATCH) {
        let runs = case.runs();
        join_all(batch.iter().map(|name| e2e::cluster::delete(&runs, name))).await;
    }
}

/// Waits until those runs are gone; what the operator had to leave behind.
async fn left_behind(case: &Case, names: &[String], seconds: u64) -> Vec<String> {
    case.wait("the deleted runs are gone", seconds, || async {
        let there = case.runs().list(&ListParams::default()).await.ok()?.items;
        let deleted = |run: &api::BackupRun| run.metadata.name.as_ref().is_some_and(|n| names.contains(n));
        (!there.iter().any(deleted)).then_some(())
    })
    .await;
    let events = case.api::<Event>().list(&ListParams::default()).await.unwrap().items;
    let left = events.into_iter().filter(|e| e.reason.as_deref() == Some("LeftBehind"));
    left.filter_map(|e| e.note).collect()
}

/// How long a trivial run takes on a storage that works, from its creation to its good end; and the slowest of them.
async fn trivial(case: &Case, prefix: &str) -> (Duration, Duration) {
    let mut all = Vec::new();
    for name in named(prefix, TIMED) {
        case.keeps(&name);
        let spec = stream(&case.path(&name), "random 10");
        let begun = Instant::now();
        case.start(&name, spec).await;
        while !is(&case.runs().get(&name).await.unwrap(), condition::SUCCESSFUL) {
            assert!(begun.elapsed() < Duration::from_secs(120), "{name} does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        all.push(begun.elapsed());
    }
    all.sort();
    (all[2], all[TIMED - 1])
}

/// Storages like the proxied one, under other names.
async fn alike(case: &Case, proxy: &Proxy, count: usize) -> Vec<String> {
    let spec = case.storages().get(&proxy.storage).await.unwrap().spec;
    let spec = serde_json::to_value(spec).unwrap();
    let mut storages = Vec::new();
    for name in named("alike", count) {
        storages.push(case.storage(&name, spec.clone()).await);
    }
    for storage in &storages {
        case.storage_ready(storage).await;
    }
    storages
}

#[test]
fn runs_that_go_from_stores_that_never_answer_slow_no_other_run_down() {
    let _quiet = super::LOAD.write().unwrap_or_else(PoisonError::into_inner);
    long_case("hung", LIMIT, |case| async move {
        operator::fresh(case.client()).await;
        let proxy = case.proxied(json!({}), Value::Null).await;
        let storages = alike(&case, &proxy, 30).await;
        let gone = named("gone", 300);
        backups(&case, &gone, &storages).await;
        let (before, _) = trivial(&case, "before").await;
        case.fault("after-0", "retention: 300 runs deleted, 30 stores never answer");
        proxy.rule("", "", json!({"do": "stall", "seconds": 3600}));
        delete(&case, &gone).await;
        // All of them wait for their stores, and so do the probes.
        tokio::time::sleep(Duration::from_secs(15)).await;
        let (after, slowest) = trivial(&case, "after").await;
        proxy.forget();
        let left = left_behind(&case, &gone, 420).await;
        let same = after <= before.mul_f64(1.2) && slowest < WAITS;
        let seen = if same { "no run is slower" } else { "runs are slower" };
        case.end("after-0", "no run is slower", seen);
        assert!(
            same,
            "a trivial run takes {after:?} (the slowest {slowest:?}), and took {before:?}"
        );
        assert!(left.is_empty(), "the stores were back in time: {left:?}");
    });
}

#[test]
fn many_runs_that_are_deleted_at_once_on_a_slow_store_leave_no_object_behind() {
    let _load = super::LOAD.read().unwrap_or_else(PoisonError::into_inner);
    long_case("slow-store", LIMIT, |case| async move {
        operator::fresh(case.client()).await;
        let proxy = case.proxied(json!({}), Value::Null).await;
        let gone = named("gone", 200);
        backups(&case, &gone, std::slice::from_ref(&proxy.storage)).await;
        case.fault("gone-0", "retention: 200 runs deleted at once, each answer takes 2 s");
        proxy.rule("", "", json!({"do": "stall", "seconds": 2}));
        delete(&case, &gone).await;
        let left = left_behind(&case, &gone, 900).await;
        let objects = case.store().list(&format!("{}/", case.namespace()));
        let clean = left.is_empty() && objects.is_empty();
        let seen = if clean { "no object is left" } else { "objects are left" };
        case.end("gone-0", "no object is left", seen);
        assert!(clean, "{} objects, said to be left: {left:?}", objects.len());
    });
}
