//! Events: what happened, where `kubectl describe` shows it. One object each; a repeated note is worth repeating.
use std::error::Error;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::core::Status;
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
        Ok(Err(error)) => tracing::warn!(error = causes(&error), "an Event could not be written"),
        Err(_) => tracing::warn!("an Event could not be written in time"),
    }
}

/// An error with everything that caused it. Of what the API server refuses, its own words: kube's hold its whole answer in a debugger's
/// form, and the names of the client's types.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let of_kube = error.downcast_ref::<kube::Error>();
    if let Some(kube::Error::Api(status)) = of_kube {
        return said(status);
    }
    let Some(source) = error.source() else {
        return error.to_string();
    };
    let below = causes(source);
    if matches!(of_kube, Some(kube::Error::Service(_) | kube::Error::HyperError(_))) {
        return below;
    }
    // Where an error repeats its source, it does so in the source's words.
    let own = error.to_string().replace(&source.to_string(), &below);
    if own.contains(&below) {
        own
    } else {
        format!("{own}: {below}")
    }
}

fn said(status: &Status) -> String {
    match (status.message.as_str(), status.reason.as_str()) {
        ("", "") => format!("the API server answered {}", status.code),
        ("", reason) => format!("the API server answered {} {reason}", status.code),
        (message, _) => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: &str, reason: &str) -> kube::Error {
        kube::Error::Api(Box::new(Status {
            code: 403,
            message: message.into(),
            reason: reason.into(),
            ..Status::default()
        }))
    }

    /// As libraries make them: the source's words are in its own.
    #[derive(Debug, thiserror::Error)]
    #[error("a watch failed: {0}")]
    struct Repeats(#[source] kube::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("the API server refused to x")]
    struct Names(#[source] kube::Error);

    #[test]
    fn the_api_servers_words_are_its_own_and_no_debuggers() {
        let words = "secrets \"keys\" is forbidden: no";
        let socket = || std::io::Error::other("connection refused");
        let cases: [(Box<dyn Error>, &str); 6] = [
            (Box::new(refused(words, "Forbidden")), words),
            (
                Box::new(refused("", "Forbidden")),
                "the API server answered 403 Forbidden",
            ),
            (
                Box::new(Repeats(refused(words, "Forbidden"))),
                "a watch failed: secrets \"keys\" is forbidden: no",
            ),
            (
                Box::new(Names(refused(words, "Forbidden"))),
                "the API server refused to x: secrets \"keys\" is forbidden: no",
            ),
            (Box::new(kube::Error::Service(Box::new(socket()))), "connection refused"),
            (Box::new(socket()), "connection refused"),
        ];
        for (error, expected) in cases {
            assert_eq!(causes(error.as_ref()), expected);
        }
    }
}
