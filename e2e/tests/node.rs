//! What happens to transfers when the node's own programs end: these cases have the cluster to themselves, so they are a
//! program of their own, which runs after the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::process::Command;
use std::sync::Mutex;

use e2e::{Case, case, operator};

/// Bytes of a backup that takes a while.
const WHILE: usize = 24 << 20;
/// One at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Kills processes of the node by the beginning of their command line; how many there were. They are seen from here, as
/// the node is a set of namespaces on this machine.
fn kill(program: impl Fn(&str) -> bool) -> usize {
    let mut killed = 0;
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
        if program(&line) && Command::new("kill").args(["-9", &pid]).status().unwrap().success() {
            killed += 1;
        }
    }
    killed
}

fn program(name: &'static str) -> impl Fn(&str) -> bool {
    move |line| {
        let first = line.split(' ').next().unwrap_or_default();
        first.rsplit('/').next() == Some(name)
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
