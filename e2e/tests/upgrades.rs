//! The release before this one, installed by its own chart, upgraded to this checkout's by Helm, and gone back to, as docs/operations/upgrading.md
//! says: what is under way goes on. Run by `make upgrades`, which builds both operators, and not by `make test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "upgrades/back.rs"]
mod back;
#[path = "upgrades/forth.rs"]
mod forth;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use e2e::install::Release;
use e2e::runs::{sleeping, static_container, status, stream};
use e2e::{Case, operator};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// A case, and what of it is not the way back to the plain manifests.
const LIMIT: Duration = Duration::from_secs(900);
const WORK: Duration = Duration::from_secs(720);
/// Bytes of a backup that takes a while: five parts.
const WHILE: usize = 24 << 20;
/// Seconds of that, and for which a restore rests: longer than a rollout takes.
const SLOW: u32 = 150;

/// One at a time: each replaces the operator.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The release before, on a cluster that knows nothing newer.
async fn before(case: &Case) -> Release {
    let release = Release::before();
    operator::fresh(case.client()).await;
    release.crds();
    release
        .upgrade(case.client(), &["--install", "--take-ownership", "--wait"])
        .await;
    release
}

/// How the page says that one upgrades.
const REUSED: &[&str] = &["--reset-then-reuse-values"];

/// The Pod of a run is of that release: its agent is.
async fn pod_is_of(case: &Case, run: &str, release: &Release) -> String {
    let name = status(&case.runs().get(run).await.unwrap()).pod_name.expect("a Pod");
    let pod = case.api::<Pod>().get(&name).await.expect("the Pod");
    let spec = serde_json::to_string(&pod.spec).unwrap();
    let image = format!("backup-operator:{}\"", release.tag());
    assert!(spec.contains(&image), "the agent of {run} is of {image}: {spec}");
    name
}

/// A run whose restore reads a part, rests for so long, and reads the rest.
fn read_slowly(path: &str, bytes: usize, seconds: u32) -> Value {
    let mut spec = stream(path, &format!("random {bytes}"));
    let mut reader = sleeping("redis:7");
    reader["name"] = json!("reader");
    spec["template"]["spec"]["containers"] = json!([static_container(), reader]);
    let read = format!("{{ dd bs=1M count=4 iflag=fullblock status=none; sleep {seconds}; cat; }} | sha256sum >&2");
    spec["restore"] = json!({"container": "reader", "command": ["sh", "-c", read]});
    spec
}

/// Asks for that restore, and waits until its command runs.
async fn begin_reading(case: &Case, name: &str) {
    case.ask_restore(name).await;
    case.until(name, "restores", 100, |run| status(run).transfer?.command_started_at)
        .await;
}

/// Waits for the restore's good end: the command got all bytes once.
async fn read_whole(case: &Case, name: &str, bytes: usize) {
    let (run, restore) = case.restore_ended(name, 1, 180).await;
    assert!(restore.successful, "{name}: {:?}", restore.message);
    let known = e2e::bytes::sha256(&e2e::bytes::random(bytes, 1));
    let log = status(&run).log.unwrap_or_default();
    assert_eq!(log.split_whitespace().next(), Some(known.as_str()), "{name}: {log}");
}

/// The upload of a run that is under way.
async fn upload(case: &Case, name: &str) -> String {
    let transfer = status(&case.runs().get(name).await.unwrap()).transfer;
    transfer
        .and_then(|t| t.upload_id)
        .unwrap_or_else(|| panic!("{name} is not under way any more: the upgrade took longer than its command"))
}
