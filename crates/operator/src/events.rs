//! Events: what happened, where `kubectl describe` shows it. One object each; a repeated note is worth repeating.
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use planner::run::Event;

/// Until the API server has answered.
const API: Duration = Duration::from_secs(10);
/// The longest note that the API server takes, bytes.
const NOTE: usize = 1024;
/// Who says it.
const CONTROLLER: &str = "backup-operator.io/operator";

/// Says an Event about an object. One that cannot be said is logged: an Event never holds work up.
pub async fn publish(client: &Client, about: ObjectReference, event: &Event) {
    let namespace = about.namespace.clone().unwrap_or_else(|| "default".into());
    let note: String = event
        .note
        .char_indices()
        .take_while(|(at, c)| at + c.len_utf8() <= NOTE)
        .map(|(_, c)| c)
        .collect();
    let now = Timestamp::now();
    let name = about.name.clone().unwrap_or_default();
    tracing::info!(kind = about.kind, namespace, name, reason = event.reason, note, "event");
    let object = KubeEvent {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", name.chars().take(200).collect::<String>())),
            namespace: Some(namespace.clone()),
            ..ObjectMeta::default()
        },
        type_: Some(if event.warning { "Warning" } else { "Normal" }.into()),
        reason: Some(event.reason.into()),
        action: Some(event.action.into()),
        note: Some(note),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(CONTROLLER.into()),
        reporting_instance: Some(std::env::var("HOSTNAME").unwrap_or_else(|_| "backup-operator".into())),
        regarding: Some(about),
        ..KubeEvent::default()
    };
    let events: Api<KubeEvent> = Api::namespaced(client.clone(), &namespace);
    match tokio::time::timeout(API, events.create(&PostParams::default(), &object)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "an Event could not be written"),
        Err(_) => tracing::warn!("an Event could not be written in time"),
    }
}

/// An error with everything that caused it.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}
