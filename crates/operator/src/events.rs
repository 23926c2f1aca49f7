//! Events: what happened, where `kubectl describe` shows it. One object each; a repeated note is worth repeating.
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::core::Status;
use kube::{Api, Client};
use planner::events::object;
use planner::run::Event;
use tokio::sync::Semaphore;

use crate::runtime;

/// Until the API server has answered.
const API: Duration = Duration::from_secs(10);

/// Events that are written beside the passes that say them: on one tick of a thousand schedules, the runs of all of them go before the words
/// about them.
pub struct Beside {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// How many of them are written at a time: what makes runs shall have most of the API server.
const AT_ONCE: usize = 2;
/// How many may wait, each a kilobyte or two.
const WAITING: usize = 4096;

impl Default for Beside {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING)),
        }
    }
}

impl Beside {
    /// Says an Event about an object without waiting for the API server. Where too many wait already, and where the process ends, the log alone
    /// has it.
    pub fn say(&self, client: &Client, about: ObjectReference, event: &Event) {
        let event = logged(about, None, event);
        let Ok(waits) = self.waiting.clone().try_acquire_owned() else {
            tracing::warn!("an Event is not written: {WAITING} wait to be");
            return;
        };
        let (client, turns) = (client.clone(), self.turns.clone());
        runtime::spawn(async move {
            let _turn = turns.acquire().await;
            write(&client, &event).await;
            drop(waits);
        });
    }
}

/// Says an Event about an object.
pub async fn publish(client: &Client, about: ObjectReference, event: &Event) {
    publish_of(client, about, None, event).await;
}

/// Says an Event about an object, and in the log in which attempt of it that was. One that cannot be said is logged: an Event never holds work
/// up.
pub async fn publish_of(client: &Client, about: ObjectReference, attempt: Option<&str>, event: &Event) {
    write(client, &logged(about, attempt, event)).await;
}

/// The Event, of this moment, once the log has it.
fn logged(about: ObjectReference, attempt: Option<&str>, event: &Event) -> KubeEvent {
    let (kind, name) = (about.kind.clone(), about.name.clone().unwrap_or_default());
    let trace = crate::log::trace(about.uid.as_deref());
    let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| "backup-operator".into());
    let object = object(about, event, &instance, Timestamp::now());
    let is_run = kind.as_deref() == Some("BackupRun");
    tracing::info!(
        namespace = object.metadata.namespace.as_deref(),
        run = is_run.then_some(&name),
        kind = (!is_run).then_some(kind).flatten(),
        name = (!is_run).then_some(&name),
        attempt,
        trace,
        reason = event.reason,
        note = object.note,
        "event"
    );
    object
}

async fn write(client: &Client, event: &KubeEvent) {
    let trace = event
        .regarding
        .as_ref()
        .and_then(|of| crate::log::trace(of.uid.as_deref()));
    let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
    let events: Api<KubeEvent> = Api::namespaced(client.clone(), namespace);
    match tokio::time::timeout(API, events.create(&PostParams::default(), event)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(
            namespace,
            trace,
            error = causes(&error),
            "an Event could not be written"
        ),
        Err(_) => tracing::warn!(namespace, trace, "an Event could not be written in time"),
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
    use serde_json::json;

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
    fn an_events_line_says_whose_it_is_and_carries_the_trace() {
        let event = Event {
            warning: false,
            reason: "BackupStarted",
            action: "Start",
            note: "n".into(),
        };
        let of = |kind: &str| ObjectReference {
            kind: Some(kind.into()),
            namespace: Some("team".into()),
            name: Some("it".into()),
            uid: Some("a-b-c".into()),
            ..ObjectReference::default()
        };
        let lines = crate::log::captured::json(|| {
            logged(of("BackupRun"), Some("backup-1"), &event);
            logged(of("BackupSchedule"), None, &event);
        });
        let run = json!({
            "message": "event", "namespace": "team", "run": "it", "attempt": "backup-1", "trace": "abc",
            "reason": "BackupStarted", "note": "n",
        });
        let schedule = json!({
            "message": "event", "namespace": "team", "kind": "BackupSchedule", "name": "it", "trace": "abc",
            "reason": "BackupStarted", "note": "n",
        });
        assert_eq!(lines, [run, schedule]);
    }

    #[tokio::test]
    async fn what_is_said_beside_holds_nobody_up_and_is_written_a_few_at_a_time() {
        let (client, mut server) = crate::mocked::connect();
        let beside = Beside::default();
        let event = |note: String| Event {
            warning: false,
            reason: planner::schedule::CREATED,
            action: "Create",
            note,
        };
        let about = ObjectReference {
            namespace: Some("team".into()),
            name: Some("db".into()),
            ..ObjectReference::default()
        };
        // Nobody answers yet, and all of these return.
        for n in 0..WAITING + 5 {
            beside.say(&client, about.clone(), &event(n.to_string()));
        }
        assert_eq!(beside.waiting.available_permits(), 0, "the rest is in the log alone");
        let (method, uri, body) = crate::mocked::answer(&mut server, 201, json!({"metadata": {}})).await;
        assert_eq!(
            (method.as_str(), uri.as_str()),
            ("POST", "/apis/events.k8s.io/v1/namespaces/team/events?")
        );
        assert_eq!((&body["note"], &body["reason"]), (&json!("0"), &json!("RunCreated")));
        for n in 1..WAITING {
            let (_, _, body) = crate::mocked::answer(&mut server, 500, json!({})).await;
            assert_eq!(
                body["note"],
                json!(n.to_string()),
                "in their order, also where one is refused"
            );
        }
    }

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
