//! What Kubernetes warns of about a Pod that does not start: a volume that cannot be mounted stands in no status of the Pod, only
//! in its Events.
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client};
use planner::run::PodView;
use planner::run::observed::PodStage;

use crate::write::bounded;

/// A Pod that starts for less than this is not asked about.
const SLOW: Duration = Duration::from_secs(10);
/// How many Events of one Pod are looked at.
const MOST: u32 = 50;

/// Puts the last warning about a Pod that has been starting for long into its words, where it has none of its own.
pub async fn explain(pod: &mut PodView, client: &Client, namespace: &str, now: Timestamp) {
    let PodStage::Starting { message, .. } = &mut pod.stage else {
        return;
    };
    let age = pod
        .created
        .and_then(|at| Duration::try_from(now.duration_since(at)).ok());
    if !message.is_empty() || age.is_none_or(|age| age < SLOW) {
        return;
    }
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let about = ListParams::default()
        .fields(&format!("regarding.uid={},type=Warning", pod.uid))
        .limit(MOST);
    match bounded("read the Pod's Events", events.list(&about)).await {
        Ok(found) => *message = last(&found.items).unwrap_or_default(),
        // It is only about words: an older role may not list Events.
        Err(error) => tracing::debug!(%error, "the Events of a Pod cannot be read"),
    }
}

/// The newest of them: reason and note.
fn last(events: &[Event]) -> Option<String> {
    let newest = events.iter().max_by_key(|event| when(event))?;
    let words = [&newest.reason, &newest.note].into_iter().flatten();
    Some(words.cloned().collect::<Vec<_>>().join(": "))
}

/// An Event tells of repetitions by its series, or in older form by its last time.
fn when(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().map(|s| s.last_observed_time.0);
    let last = event.deprecated_last_timestamp.as_ref().map(|t| t.0);
    let first = event.event_time.as_ref().map(|t| t.0);
    series.max(last).max(first)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::mocked::{answer, connect};

    fn pod(message: &str, seconds: i64) -> PodView {
        PodView {
            name: "db-backup-1".into(),
            uid: "pod-1".into(),
            ours: true,
            terminating: false,
            created: Timestamp::from_second(1_000 - seconds).ok(),
            stage: PodStage::Starting {
                message: message.into(),
                hopeless: false,
            },
        }
    }

    fn event(reason: &str, note: &str, more: Value) -> Value {
        let mut event = json!({"metadata": {"name": reason}, "reason": reason, "note": note, "type": "Warning"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    fn words(pod: &PodView) -> &str {
        let PodStage::Starting { message, .. } = &pod.stage else {
            panic!()
        };
        message
    }

    #[tokio::test]
    async fn a_pod_that_starts_for_long_without_a_word_is_told_of_in_its_last_warning() {
        let now = Timestamp::from_second(1_000).unwrap();
        let items = json!([
            event(
                "FailedScheduling",
                "0/1 nodes",
                json!({"eventTime": "1970-01-01T00:10:00.000000Z"})
            ),
            event(
                "FailedMount",
                "secret \"keys\" not found",
                json!({"eventTime": "1970-01-01T00:09:00.000000Z",
                "series": {"count": 3, "lastObservedTime": "1970-01-01T00:16:00.000000Z"}})
            ),
        ]);
        let list = json!({"kind": "EventList", "apiVersion": "events.k8s.io/v1", "metadata": {}, "items": items});
        let (client, mut server) = connect();
        let mut slow = pod("", 10);
        let (_, (method, path, _)) =
            tokio::join!(explain(&mut slow, &client, "team", now), answer(&mut server, 200, list));
        assert!(
            method == "GET" && path.contains("/namespaces/team/events") && path.contains("pod-1"),
            "{path}"
        );
        assert_eq!(words(&slow), "FailedMount: secret \"keys\" not found");
        // Not asked: it may start in a moment, or has said why it does not. The server would be missed.
        for mut other in [pod("", 9), pod("ErrImagePull", 60)] {
            let before = words(&other).to_string();
            explain(&mut other, &client, "team", now).await;
            assert_eq!(words(&other), before);
        }
        let no = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403});
        let mut slow = pod("", 60);
        tokio::join!(explain(&mut slow, &client, "team", now), answer(&mut server, 403, no));
        assert_eq!(words(&slow), "");
    }
}
