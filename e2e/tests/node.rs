//! What happens to transfers when the node's own programs end: these cases have the cluster to themselves, so they are a
//! program of their own, which runs after the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::fs::{File, OpenOptions};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::run::State;
use api::{condition, labels};
use e2e::cluster::image_volumes;
use e2e::runs::{is, message, sleeping, static_container, status, stream};
use e2e::{Case, operator, serial_case};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

/// Bytes of a backup that takes a while.
const WHILE: usize = 24 << 20;

/// One at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills processes of the node by their command line; how many there were.
fn kill(program: impl Fn(&str) -> bool) -> usize {
    signal("-KILL", program)
}

/// Sends a signal to processes of the node; how many there were.
fn signal(signal: &str, program: impl Fn(&str) -> bool) -> usize {
    let sent = |pid: &&String| Command::new("kill").args([signal, pid]).status().unwrap().success();
    processes(program).iter().filter(sent).count()
}

/// Processes of the node by their command line. They are seen from here, as the node is a set of namespaces on this
/// machine.
fn processes(program: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let names = entries.filter_map(|e| e.file_name().into_string().ok());
    let pids = names.filter(|n| n.parse::<u32>().is_ok());
    pids.filter(|pid| program(&command_line(pid).join(" "))).collect()
}

fn command_line(pid: &str) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    line.split_terminator('\0').map(ToString::to_string).collect()
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

/// The node has no container runtime, as while its package is upgraded: the containers go on, and nobody can reach them.
/// Started again when this is dropped.
struct NoRuntime {
    line: Vec<String>,
    path: String,
    log: File,
}

impl NoRuntime {
    async fn begin() -> Self {
        let found = processes(program("containerd"));
        let [pid] = found.as_slice() else {
            panic!("one containerd, not {found:?}")
        };
        let log = OpenOptions::new().append(true).open(format!("/proc/{pid}/fd/1"));
        // The program itself, and where it looks for its shim: the machine may have another containerd than the node.
        let mut line = command_line(pid);
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).expect("its program");
        line[0] = exe.to_string_lossy().into_owned();
        let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("its environment");
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let path = environment.split('\0').find_map(|v| v.strip_prefix("PATH="));
        let away = Self {
            line,
            path: path.expect("its PATH").into(),
            log: log.expect("its log"),
        };
        assert_eq!(signal("-TERM", program("containerd")), 1);
        let ended = Duration::from_secs(60);
        e2e::cluster::wait("containerd ends", ended, || async {
            processes(program("containerd")).is_empty().then_some(())
        })
        .await;
        away
    }
}

impl Drop for NoRuntime {
    fn drop(&mut self) {
        // Into the node's namespaces, by a process that is there and does not go.
        let node = processes(program("kubelet")).pop().expect("a kubelet");
        let mut start = Command::new("nsenter");
        start.args(["-t", &node, "-m", "-n", "-p", "-u", "--", "setsid", "--fork"]);
        start.args(&self.line).env("PATH", &self.path).stdin(Stdio::null());
        start.stdout(self.log.try_clone().expect("its log"));
        start.stderr(self.log.try_clone().expect("its log"));
        assert!(start.status().expect("nsenter").success(), "containerd is not started");
    }
}

/// A backup during which `fault` happens ends whole, in one attempt.
fn survives<F: Future<Output = ()>>(name: &str, fault: impl FnOnce(Case) -> F) {
    serial_case(alone(), name, |case| async move {
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

/// A run of known bytes, whose restore command is a script.
fn restored_by(case: &Case, name: &str, script: &str) -> Value {
    let mut spec = stream(&case.path(name), "random 12M");
    spec["template"]["spec"]["containers"] = json!([sleeping("redis:7"), static_container()]);
    spec["backup"]["container"] = json!("stream");
    spec["restore"] = json!({"command": ["sh", "-c", script]});
    spec
}

/// Reads so little that it is in the middle of its input for as long as it lives.
const STUCK: &str = "head -c 1000 >/dev/null; sleep 600; cat >/dev/null";

async fn restoring(case: &Case, name: &str) -> String {
    case.ask_restore(name).await;
    case.until(name, "restores", 60, |run| {
        status(run).transfer?.command_started_at.and(status(run).pod_name)
    })
    .await
}

#[test]
fn a_backup_and_a_restore_go_on_when_the_container_runtime_is_restarted() {
    serial_case(alone(), "runtime", |case| async move {
        operator::fresh(case.client()).await;
        case.keeps("restored");
        // Executed a second time it would fail, for it has been there.
        let once = "mkdir /tmp/once && head -c 1000 >/dev/null && sleep 40 && cat >/dev/null";
        case.backup("restored", restored_by(&case, "restored", once)).await;
        case.begin_slow("db", WHILE, 24).await;
        restoring(&case, "restored").await;
        let away = NoRuntime::begin().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        drop(away);
        let back = Timestamp::now();
        let (run, restore) = case.restore_ended("restored", 1, 90).await;
        assert!(restore.successful, "{:?}", restore.message);
        assert!(
            restore.completion_time.0 > back,
            "the restart came too late to show anything"
        );
        assert_eq!(status(&run).restores.len(), 1);
        case.ended_whole("db", WHILE, 90).await;
    });
}

#[test]
fn a_restore_waits_for_the_pod_of_the_one_before_while_its_node_is_silent() {
    serial_case(alone(), "silent", |case| async move {
        operator::fresh(case.client()).await;
        case.keeps("db");
        case.backup("db", restored_by(&case, "db", STUCK)).await;
        let pod = restoring(&case, "db").await;
        let node = Silence::begin();
        e2e::cluster::delete(&case.api::<Pod>(), &pod).await;
        case.until("db", "is said to be interrupted", 30, |run| {
            (status(run).state == Some(State::InterruptedFailed)).then_some(())
        })
        .await;
        let whole = json!({"spec": {"restore": {"command": ["sh", "-c", "cat >/dev/null"]}}});
        e2e::cluster::merge(&case.runs(), "db", whole).await;
        case.ask_restore("db").await;
        // Its Pod gets a minute to go before the first restore is over.
        case.until("db", "says whose end the second restore waits for", 90, |run| {
            message(run).contains(&format!("until Pod {pod} ")).then_some(())
        })
        .await;
        let there = case.our_pods().await;
        assert_eq!(there, [pod], "a second command beside the first");
        drop(node);
        let (run, restore) = case.restore_ended("db", 2, 90).await;
        assert!(restore.successful, "{:?}", restore.message);
        assert_eq!(status(&run).restores.len(), 2);
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
    serial_case(alone(), "lost", |case| async move {
        operator::fresh(case.client()).await;
        case.keeps("restored");
        let spec = leaves_at_once(restored_by(&case, "restored", STUCK));
        case.backup("restored", spec).await;
        restoring(&case, "restored").await;
        case.keeps("again");
        // More than one: a Pod that is made while the node comes back may be taken for one of the lost ones.
        for (name, limit) in [("again", 3), ("once", 0)] {
            // It waits for a URL before it has read everything, for URLs come through the kubelet.
            let command = format!("slow random {WHILE} 60");
            let mut spec = leaves_at_once(stream(&case.path(name), &command));
            spec["backoffLimit"] = json!(limit);
            case.start(name, spec).await;
        }
        for name in ["again", "once"] {
            case.until(name, "has an upload", 100, |run| status(run).transfer?.upload_id)
                .await;
        }
        let node = Silence::begin();
        let nodes: Api<Node> = Api::all(case.client().clone());
        // The only node took the cluster's DNS along: what is left in the store is removed when that is back.
        let interrupted = async {
            for name in ["once", "restored"] {
                case.until(name, "is said to be interrupted", 200, |run| {
                    (status(run).state == Some(State::InterruptedFailed)).then_some(())
                })
                .await;
            }
        };
        tokio::select! {
            () = given_up(&nodes) => {}
            () = interrupted => {}
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

/// Has what is on a silent node evicted, as in a cluster that has others: where the only one is silent, Kubernetes takes the whole cluster for
/// disrupted, takes its taint off again and evicts nobody, or does not, by which of its loops comes first. For as long as it is waited for.
async fn given_up(nodes: &Api<Node>) {
    const KEY: &str = "node.kubernetes.io/unreachable";
    loop {
        for node in nodes.list(&ListParams::default()).await.unwrap() {
            let conditions = node.status.iter().flat_map(|s| s.conditions.iter().flatten());
            let silent = conditions.clone().any(|c| c.type_ == "Ready" && c.status == "Unknown");
            let mut taints = node.spec.as_ref().and_then(|s| s.taints.clone()).unwrap_or_default();
            if !silent || taints.iter().any(|t| t.key == KEY && t.effect == "NoExecute") {
                continue;
            }
            taints.push(Taint {
                key: KEY.into(),
                effect: "NoExecute".into(),
                ..Taint::default()
            });
            let version = node.resource_version();
            let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version}, "spec": {"taints": taints}}));
            // The node's own controllers write there, too: the next look sees what came of it.
            let _ = nodes.patch(&node.name_any(), &PatchParams::default(), &patch).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Says of the node, for as long as it is waited for, that it has another container runtime than it has: the kubelet puts that right every ten seconds.
async fn pretend(nodes: &Api<Node>, runtime: &str) {
    let said = json!({"status": {"nodeInfo": {"containerRuntimeVersion": runtime}}});
    loop {
        for node in nodes.list(&ListParams::default()).await.unwrap() {
            let patch = Patch::Merge(&said);
            nodes
                .patch_status(&node.name_any(), &PatchParams::default(), &patch)
                .await
                .unwrap();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[test]
fn an_image_volume_that_the_runtime_does_not_know_is_replaced_by_an_init_container_in_the_same_attempt() {
    serial_case(alone(), "no-image-volumes", |case| async move {
        if image_volumes(case.client()).await {
            eprintln!("the node serves image volumes, so none fails");
            return;
        }
        // The operator takes the node for one that serves them.
        let nodes: Api<Node> = Api::all(case.client().clone());
        tokio::select! {
            () = pretend(&nodes, "containerd://2.2.0") => {}
            () = operator::replaced(case.client()) => {}
        }
        let size = 1 << 20;
        for (name, falls) in [("first", true), ("second", false)] {
            case.keeps(name);
            case.start(name, stream(&case.path(name), &format!("random {size}")))
                .await;
            case.ended_whole(name, size, 60).await;
            let said = case.events(name).await;
            let told: Vec<_> = said.iter().filter(|e| e.starts_with("ImageVolumeFailed: ")).collect();
            assert_eq!(told.len(), usize::from(falls), "{name}: {said:?}");
            assert!(told.iter().all(|e| e.contains("failed to mkdir")), "{told:?}");
        }
        // It forgets what it was made to believe.
        operator::replaced(case.client()).await;
    });
}
