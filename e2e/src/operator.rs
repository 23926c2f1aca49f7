//! The operator under test: its log, and its sudden death.
use std::process::Command;
use std::sync::PoisonError;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, LogParams};
use kube::{Api, Client, ResourceExt};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::cluster::{delete, wait};

/// Where it is installed.
pub const NAMESPACE: &str = "backup-operator";
/// Labels of its Pods.
pub const SELECTOR: &str = "app.kubernetes.io/name=backup-operator";
/// The lease that says which of them leads.
const LEASE: &str = "backup-operator";
/// Until another one is up.
const UP: Duration = Duration::from_secs(120);
/// Until a rollout has taken the last Pod of before away, which serves the webhook on for a while.
const ROLLED_OUT: Duration = Duration::from_secs(180);
/// Lines of its log.
const LINES: i64 = 2000;
/// Lines of it that are shown.
const SHOWN: usize = 60;

fn pods(client: &Client) -> Api<Pod> {
    Api::namespaced(client.clone(), NAMESPACE)
}

async fn all(client: &Client) -> Vec<Pod> {
    pods(client)
        .list(&ListParams::default().labels(SELECTOR))
        .await
        .map(|l| l.items)
        .unwrap_or_default()
}

/// How many of its Pods there are, those that are about to end included.
pub async fn count(client: &Client) -> usize {
    all(client).await.len()
}

/// The end of its log: the lines that speak of a namespace, warnings, and the very last.
pub async fn log_tail(client: &Client, about: &str) -> String {
    let mut text = String::new();
    for pod in all(client).await {
        let parameters = LogParams {
            tail_lines: Some(LINES),
            ..LogParams::default()
        };
        let log = pods(client)
            .logs(&pod.name_any(), &parameters)
            .await
            .unwrap_or_else(|e| e.to_string());
        let lines: Vec<_> = log.lines().collect();
        let last = lines.len().saturating_sub(15);
        let telling = lines
            .iter()
            .enumerate()
            .filter(|(n, line)| *n >= last || line.contains(about) || line.contains("WARN"));
        let telling: Vec<_> = telling.map(|(_, line)| *line).collect();
        let from = telling.len().saturating_sub(SHOWN);
        text.push_str(&telling[from..].join("\n"));
    }
    text
}

/// What one of its Pods has logged in the last seconds.
pub async fn log(client: &Client, pod: &str, seconds: i64) -> String {
    let parameters = LogParams {
        since_seconds: Some(seconds),
        ..LogParams::default()
    };
    pods(client).logs(pod, &parameters).await.expect("the operator's log")
}

/// Held by a [case that kills the operator](crate::killing_case): never two at a time.
pub(crate) fn killing() -> std::sync::MutexGuard<'static, ()> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the operator stays as it is. Only cases that have a place hold it or wait for it, and those that hold it wait for no place.
static STAYS: RwLock<()> = RwLock::const_new(());

/// Held while a time is measured that an operator has a part in, by as many cases as want to: nobody takes the operator away meanwhile.
pub async fn steady() -> RwLockReadGuard<'static, ()> {
    STAYS.read().await
}

/// Held by whoever takes the operator away, until another one leads, or changes something in it.
pub async fn changing() -> RwLockWriteGuard<'static, ()> {
    STAYS.write().await
}

/// Pods whose containers were never restarted: the kubelet makes one that dies often wait longer and longer.
pub async fn fresh(client: &Client) {
    let _away = changing().await;
    for pod in all(client).await {
        if restarts(&pod) > 0 {
            delete(&pods(client), &pod.name_any()).await;
        }
    }
    up(client, |_| true).await;
}

/// All its Pods are other ones, and one of them leads.
pub async fn replaced(client: &Client) {
    let _away = changing().await;
    let pods_before = all(client).await;
    let old: Vec<_> = pods_before.iter().filter_map(Pod::uid).collect();
    // One that goes already, as after a rollout, is followed by nobody.
    let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
    let wanted = pods_before.iter().filter(stays).count();
    for pod in pods_before {
        delete(&pods(client), &pod.name_any()).await;
    }
    wait("all Pods of the operator are new, and ready", UP, || async {
        let now = all(client).await;
        let new = |pod: &Pod| pod.uid().is_some_and(|uid| !old.contains(&uid)) && is_ready(pod);
        (now.len() >= wanted && now.iter().all(new)).then_some(())
    })
    .await;
    up(client, |_| true).await;
}

/// The lease, and the Pod that holds it, if that is up.
pub async fn leader(client: &Client) -> Option<(Lease, Pod)> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    let lease = leases.get(LEASE).await.ok()?;
    let holder = lease.spec.as_ref()?.holder_identity.clone()?;
    let pod = pods(client).get_opt(&holder).await.ok()??;
    (pod.metadata.deletion_timestamp.is_none() && is_ready(&pod)).then_some((lease, pod))
}

/// The same as soon as there is one: a leader that is slow to say that it is ready is none for a moment.
pub async fn leading(client: &Client) -> (Lease, Pod) {
    wait("an operator leads", UP, || leader(client)).await
}

/// Waits until one leads that is as wanted.
pub async fn up(client: &Client, other: impl Fn(&Pod) -> bool) -> Pod {
    wait("an operator leads", UP, || async {
        leader(client).await.map(|(_, pod)| pod).filter(|pod| other(pod))
    })
    .await
}

/// Waits until all its Pods are of an image whose name ends so, and one of them leads.
pub async fn of_image(client: &Client, ending: &str) {
    let is = |pod: &Pod| {
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        containers
            .filter_map(|c| c.image.as_deref())
            .any(|image| image.ends_with(ending))
    };
    rolled_out(client, &format!("of an image {ending}"), is).await;
}

/// Waits until all its Pods have that annotation, and one of them leads.
pub async fn annotated(client: &Client, key: &str, value: &str) {
    let has = |pod: &Pod| pod.annotations().get(key).is_some_and(|v| v == value);
    rolled_out(client, &format!("annotated {key}={value}"), has).await;
}

async fn rolled_out(client: &Client, what: &str, is: impl Fn(&Pod) -> bool) {
    wait(&format!("all Pods of the operator are {what}"), ROLLED_OUT, || async {
        let now = all(client).await;
        (!now.is_empty() && now.iter().all(&is)).then_some(())
    })
    .await;
    up(client, is).await;
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions.is_some_and(|c| c.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}

/// How often its container was started again.
pub fn restarts(pod: &Pod) -> i32 {
    let containers = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref());
    containers.map_or(0, |c| c.iter().map(|c| c.restart_count).sum())
}

/// Kills the one that leads as `kill -9` does, and waits until one leads again: the same Pod's next container, or the
/// other Pod. Where the node's processes cannot be seen from here, the Pod is deleted without grace.
pub async fn kill(client: &Client) {
    kill_at_once(client, &changing().await).await;
}

/// The same without waiting for cases that measure a time: for one that must hit a moment, and has held this since before it began.
pub async fn kill_at_once(client: &Client, _held: &RwLockWriteGuard<'static, ()>) {
    let pod = up(client, |_| true).await;
    let (uid, count) = (pod.uid().unwrap_or_default(), restarts(&pod));
    if signal(&uid, "-9") {
        up(client, |p| p.uid().as_ref() != Some(&uid) || restarts(p) > count).await;
    } else {
        eprintln!("the operator's process cannot be seen from here: its Pod is deleted without grace");
        let now = DeleteParams {
            grace_period_seconds: Some(0),
            ..DeleteParams::default()
        };
        pods(client)
            .delete(&pod.name_any(), &now)
            .await
            .expect("the operator's Pod");
        up(client, |p| p.uid().as_ref() != Some(&uid)).await;
    }
}

/// Sends a signal to the process whose control group is of that Pod and whose program is the operator.
pub fn signal(pod_uid: &str, signal: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    let read = |pid: &str, file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let pid = processes
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok())
        .find(|pid| {
            let of_pod = String::from_utf8_lossy(&read(pid, "cgroup"))
                .replace('_', "-")
                .contains(pod_uid);
            of_pod && read(pid, "cmdline").starts_with(b"/operator")
        });
    pid.is_some_and(|pid| {
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .is_ok_and(|s| s.success())
    })
}
