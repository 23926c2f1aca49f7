//! What happens to transfers when the node's own programs end: these cases have the cluster to themselves, so they are a
//! program of their own, which runs after the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::process::Command;
use std::sync::Mutex;

use api::run::State;
use api::{condition, labels};
use e2e::runs::{is, message, sleeping, static_container, status, stream};
use e2e::{Case, case, operator};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// Bytes of a backup that takes a while.
const WHILE: usize = 24 << 20;
/// One at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Kills processes of the node by their command line; how many there were.
fn kill(program: impl Fn(&str) -> bool) -> usize {
    signal("-KILL", program)
}

/// Sends a signal to processes of the node; how many there were. They are seen from here, as the node is a set of
/// namespaces on this machine.
fn signal(signal: &str, program: impl Fn(&str) -> bool) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .filter(|n| n.parse::<u32>().is_ok())
            .map(ToString::to_string)
        else {
            continue;
        };
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if program(&line) && Command::new("kill").args([signal, &pid]).status().unwrap().success() {
            found += 1;
        }
    }
    found
}

fn program(name: &'static str) -> impl Fn(&str) -> bool {
    move |line| {
        let first = line.split(' ').next().unwrap_or_default();
        first.rsplit('/').next() == Some(name)
    }
}

/// The node says nothing any more, until this is dropped.
struct Silence;

impl Silence {
    fn begin() -> Self {
        assert_eq!(signal("-STOP", program("kubelet")), 1);
        Self
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        signal("-CONT", program("kubelet"));
    }
}

/// A backup during which `fault` happens ends whole, in one attempt.
fn survives<F: Future<Output = ()>>(name: &str, fault: impl FnOnce(Case) -> F) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    case(name, |case| async move {
        operator::fresh(case.client()).await;
        case.begin_slow("db", WHILE, 20).await;
        fault(case.clone()).await;
        case.ended_whole("db", WHILE, 150).await;
    });
}

#[test]
fn a_backup_goes_on_when_the_api_server_is_restarted() {
    survives("apiserver", |case| async move {
        // The exec's socket dies with it, without a Status.
        assert_eq!(kill(program("kube-apiserver")), 1);
        case.wait("the API server answers again", 90, || async {
            case.runs().get("db").await.ok()
        })
        .await;
    });
}

#[test]
fn a_backup_goes_on_when_the_kubelet_is_restarted() {
    survives("kubelet", |_| async move {
        // The exec's stream goes through it.
        assert_eq!(kill(program("kubelet")), 1);
    });
}

#[test]
fn a_backup_goes_on_when_the_exec_ends_with_a_status() {
    survives("exec", |_| async move {
        let connects = kill(|line| line.contains("/agent connect "));
        assert!(connects > 0, "the operator is connected by `agent connect`");
    });
}

/// A run whose Pod goes as soon as its node is given up, and not five minutes later.
fn leaves_at_once(mut spec: Value) -> Value {
    let gone = |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0});
    spec["template"]["spec"]["tolerations"] = json!([
        gone("node.kubernetes.io/unreachable"),
        gone("node.kubernetes.io/not-ready")
    ]);
    spec
}

#[test]
fn what_a_lost_node_took_along_is_said_to_be_interrupted_or_made_again_where_it_may_be() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    case("lost", |case| async move {
        operator::fresh(case.client()).await;
        case.keeps("restored");
        let mut spec = leaves_at_once(stream(&case.path("restored"), "random 12M"));
        spec["template"]["spec"]["containers"] = json!([sleeping("redis:7"), static_container()]);
        spec["backup"]["container"] = json!("stream");
        spec["restore"] = json!({"command": ["sh", "-c", "head -c 1000 >/dev/null; sleep 600; cat >/dev/null"]});
        case.backup("restored", spec).await;
        case.ask_restore("restored").await;
        case.until("restored", "restores", 60, |run| {
            status(run).transfer?.command_started_at
        })
        .await;
        case.keeps("again");
        // More than one: a Pod that is made while the node comes back may be taken for one of the lost ones.
        for (name, limit) in [("again", 3), ("once", 0)] {
            // It waits for a URL before it has read everything, for URLs come through the kubelet.
            let command = format!("slow random {WHILE} 20");
            let mut spec = leaves_at_once(stream(&case.path(name), &command));
            spec["backoffLimit"] = json!(limit);
            case.start(name, spec).await;
        }
        for name in ["again", "once"] {
            case.until(name, "has an upload", 100, |run| status(run).transfer?.upload_id)
                .await;
        }
        let node = Silence::begin();
        // The only node took the cluster's DNS along: what is left in the store is removed when that is back.
        for name in ["once", "restored"] {
            case.until(name, "is said to be interrupted", 200, |run| {
                (status(run).state == Some(State::InterruptedFailed)).then_some(())
            })
            .await;
        }
        case.until("again", "waits for its next Pod, or has it", 60, |run| {
            let status = status(run);
            (status.attempts > Some(1) || status.transfer?.failed_at.is_some()).then_some(())
        })
        .await;
        // Nobody has heard that the Pod of the first attempt has ended.
        let of = kube::api::ListParams::default().labels(&format!("{}=again", labels::RUN));
        let pods = case.api::<Pod>().list(&of).await.unwrap().items;
        assert!(pods.iter().any(|p| p.metadata.deletion_timestamp.is_some()), "{pods:?}");
        drop(node);
        let run = case.failed("once", "Interrupted", 240).await;
        assert_eq!(status(&run).state, Some(State::InterruptedFailed));
        assert!(message(&run).contains("DeletionByTaintManager"), "{}", message(&run));
        let (run, restore) = case.restore_ended("restored", 1, 60).await;
        assert!(!restore.successful && is(&run, condition::SUCCESSFUL));
        assert_eq!(status(&run).state, Some(State::InterruptedFailed));
        let said = status(&case.succeeded("again", 240).await);
        assert_eq!(said.bytes, Some(WHILE as u64));
        assert!(said.attempts > Some(1), "{:?}", said.attempts);
        let known = e2e::bytes::sha256(&e2e::bytes::random(WHILE, 1));
        assert_eq!(
            (said.sha256, case.store().sha256(&case.key("again"))),
            (Some(known.clone()), known)
        );
    });
}
