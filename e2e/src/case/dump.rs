//! What a failed case shows: its objects, Events, Pods and the end of the operator's log.
use api::BackupStorage;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde::Serialize;

use super::{Case, held};
use crate::operator;

impl Case {
    /// Prints everything that tells why.
    pub(super) async fn dump(&self) {
        let all = ListParams::default();
        eprintln!(
            "---- what was there when the case failed, namespace {}",
            self.namespace()
        );
        for run in self.runs().list(&all).await.map(|l| l.items).unwrap_or_default() {
            show(
                "BackupRun",
                &run.name_any(),
                &(&run.metadata.annotations, &run.metadata.deletion_timestamp, &run.status),
            );
        }
        for schedule in self.schedules().list(&all).await.map(|l| l.items).unwrap_or_default() {
            show(
                "BackupSchedule",
                &schedule.name_any(),
                &(&schedule.metadata.annotations, &schedule.status),
            );
        }
        let storages = held(&self.0.storages).clone();
        for name in storages {
            let storage: Result<BackupStorage, _> = self.storages().get(&name).await;
            show("BackupStorage", &name, &storage.ok().and_then(|s| s.status));
        }
        namespace(self.client(), self.namespace()).await;
        eprintln!(
            "---- the operator's last words\n{}",
            operator::log_tail(self.client(), self.namespace()).await
        );
    }
}

/// Prints the Pods and the Events of a namespace, and what the nodes say of themselves.
pub(crate) async fn namespace(client: &Client, name: &str) {
    let all = ListParams::default();
    let pods: Api<Pod> = Api::namespaced(client.clone(), name);
    for pod in pods.list(&all).await.map(|l| l.items).unwrap_or_default() {
        show("Pod", &pod.name_any(), &(&pod.metadata.deletion_timestamp, &pod.status));
    }
    let events: Api<Event> = Api::namespaced(client.clone(), name);
    for event in events.list(&all).await.map(|l| l.items).unwrap_or_default() {
        let about = event.regarding.unwrap_or_default();
        let text = |t: Option<String>| t.unwrap_or_default();
        eprintln!(
            "Event {} {}: {} {}",
            text(about.kind),
            text(about.name),
            text(event.reason),
            text(event.note)
        );
    }
    let nodes: Api<Node> = Api::all(client.clone());
    for node in nodes.list(&all).await.map(|l| l.items).unwrap_or_default() {
        for condition in node
            .status
            .as_ref()
            .and_then(|s| s.conditions.as_deref())
            .unwrap_or_default()
        {
            let words = condition.message.as_deref().unwrap_or_default();
            eprintln!(
                "Node {} {}={}: {words}",
                node.name_any(),
                condition.type_,
                condition.status
            );
        }
    }
}

fn show(kind: &str, name: &str, what: &impl Serialize) {
    eprintln!(
        "{kind} {name}:\n{}",
        serde_yaml_ng::to_string(what).unwrap_or_else(|e| e.to_string())
    );
}
