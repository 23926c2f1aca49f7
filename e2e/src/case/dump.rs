//! What a failed case shows: its objects, Events, Pods and the end of the operator's log.
use api::BackupStorage;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
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
        let pods: Api<Pod> = self.api();
        for pod in pods.list(&all).await.map(|l| l.items).unwrap_or_default() {
            show("Pod", &pod.name_any(), &(&pod.metadata.deletion_timestamp, &pod.status));
        }
        let events: Api<Event> = self.api();
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
        eprintln!(
            "---- the operator's last words\n{}",
            operator::log_tail(self.client(), self.namespace()).await
        );
    }
}

fn show(kind: &str, name: &str, what: &impl Serialize) {
    eprintln!(
        "{kind} {name}:\n{}",
        serde_yaml_ng::to_string(what).unwrap_or_else(|e| e.to_string())
    );
}
