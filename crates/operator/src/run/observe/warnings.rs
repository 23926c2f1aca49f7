//! Asks for the Events of a Pod where they may say what its status does not: a volume that cannot be mounted, a postStart that
//! does not end, a probe that fails.
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client};
use planner::run::observed::PodStage;
use planner::run::pod::blames_volume;
use planner::run::{Carrier, PodView};

use crate::run::observe::explained::{asks, explained};
use crate::run::observe::happened::Happened;
use crate::write::bounded;

/// A Pod that starts for less than this is not asked about, unless it is to be given up.
const SLOW: Duration = Duration::from_secs(10);
/// How many Events of one Pod are looked at; they come in no order of time.
const MOST: u32 = 200;

/// The Pod of the attempt under way.
pub struct UnderWay<'a> {
    /// As the API server has it.
    pub pod: &'a Pod,
    /// The container of the command.
    pub container: &'a str,
    /// How long ago it was created.
    pub age: Duration,
    /// What is left of its start deadline; none: its command has begun.
    pub left: Option<Duration>,
}

/// Completes the words of a Pod that has been starting for long, or is given up, or has ended.
pub async fn explain(view: &mut PodView, of: &UnderWay<'_>, client: &Client, namespace: &str) {
    let due = match (&view.stage, of.left) {
        (PodStage::Starting { .. } | PodStage::Running, Some(left)) => of.age >= SLOW || left.is_zero(),
        (PodStage::Ended { .. }, _) => !view.terminating,
        _ => false,
    };
    if !due || !asks(of.pod, of.container, &view.stage) {
        return;
    }
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let about = ListParams::default()
        .fields(&format!("regarding.uid={}", view.uid))
        .limit(MOST);
    let happened = match bounded("read the Pod's Events", events.list(&about)).await {
        Ok(found) => Happened::new(&found.items),
        // It is only about words: an older role may not list Events.
        Err(error) => {
            let error = crate::events::causes(&error);
            tracing::debug!(error, "the Events of a Pod cannot be read");
            Happened::default()
        }
    };
    view.stage = explained(of.pod, of.container, view.stage.clone(), &happened);
    if let (PodStage::Starting { message, .. }, Carrier::ImageVolume, None) =
        (&view.stage, view.carrier, &view.no_volume)
    {
        view.no_volume = Some(message.clone()).filter(|words| blames_volume(words));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::mocked::{answer, connect};

    fn view(stage: PodStage) -> PodView {
        PodView {
            name: "db-backup-1".into(),
            uid: "pod-1".into(),
            ours: true,
            terminating: false,
            over: false,
            finalizers: Vec::new(),
            stage,
            carrier: planner::run::Carrier::InitContainer,
            no_volume: None,
            unmade: false,
        }
    }

    fn silent() -> PodStage {
        PodStage::Starting {
            message: String::new(),
            cause: None,
            hopeless: false,
        }
    }

    fn words(view: &PodView) -> &str {
        match &view.stage {
            PodStage::Starting { message, .. } | PodStage::Ended { message, .. } => message,
            PodStage::Running => panic!(),
        }
    }

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "db-backup-1"}, "status": status})).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_pod_that_starts_for_long_or_is_given_up_is_told_of_in_its_last_warning() {
        let items = json!([
            {"metadata": {"name": "a"}, "reason": "FailedScheduling", "note": "0/1 nodes", "type": "Warning",
                "eventTime": "1970-01-01T00:10:00.000000Z"},
            {"metadata": {"name": "b"}, "reason": "FailedMount", "note": "secret \"keys\" not found", "type": "Warning",
                "eventTime": "1970-01-01T00:09:00.000000Z",
                "series": {"count": 3, "lastObservedTime": "1970-01-01T00:16:00.000000Z"}},
        ]);
        let list = json!({"kind": "EventList", "apiVersion": "events.k8s.io/v1", "metadata": {}, "items": items});
        let starts = pod(json!({"conditions": [{"type": "PodScheduled", "status": "True"}]}));
        let of = |age: Duration, left| UnderWay {
            pod: &starts,
            container: "main",
            age,
            left,
        };
        let (client, mut server) = connect();
        for (age, left) in [(SLOW, SECOND), (SECOND, Duration::ZERO)] {
            let mut slow = view(silent());
            let of = of(age, Some(left));
            let asked = explain(&mut slow, &of, &client, "team");
            let both = async { tokio::join!(asked, answer(&mut server, 200, list.clone())) };
            let (_, (method, path, _)) = tokio::time::timeout(10 * SECOND, both).await.expect("it is asked");
            assert!(
                method == "GET" && path.contains("/namespaces/team/events") && path.contains("pod-1"),
                "{path}"
            );
            assert_eq!(words(&slow), "FailedMount: secret \"keys\" not found");
        }
        // A kubelet that has image volumes switched off says so nowhere else.
        let note =
            "Unable to attach or mount volumes: failed to process volumes=[backup-operator]: no volume plugin matched";
        let off = json!([{"metadata": {"name": "c"}, "reason": "FailedMount", "note": note, "type": "Warning", "eventTime": "1970-01-01T00:10:00.000000Z"}]);
        let off = json!({"kind": "EventList", "apiVersion": "events.k8s.io/v1", "metadata": {}, "items": off});
        for (carrier, blamed) in [(Carrier::ImageVolume, true), (Carrier::InitContainer, false)] {
            let mut slow = PodView {
                carrier,
                ..view(silent())
            };
            let of = of(SLOW, Some(SECOND));
            tokio::join!(
                explain(&mut slow, &of, &client, "team"),
                answer(&mut server, 200, off.clone())
            );
            assert_eq!(slow.no_volume.is_some(), blamed, "{:?}", slow.stage);
        }
        // Not asked: it may start in a moment, or its command has begun. The server would be missed.
        for (age, left) in [(SLOW - SECOND, Some(SECOND)), (SLOW, None)] {
            let mut other = view(silent());
            explain(&mut other, &of(age, left), &client, "team").await;
            assert_eq!(words(&other), "");
        }
        // Nor where the status says it all.
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
        let main =
            json!({"name": "main", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": waiting});
        let not_pulled = pod(json!({"containerStatuses": [main]}));
        let mut told = view(PodStage::Starting {
            message: "ImagePullBackOff".into(),
            cause: Some("ImagePullBackOff".into()),
            hopeless: false,
        });
        let asked = UnderWay {
            pod: &not_pulled,
            ..of(SLOW, Some(SECOND))
        };
        explain(&mut told, &asked, &client, "team").await;
        assert_eq!(words(&told), "ImagePullBackOff");
        // An older role may not list Events: the status has words, too.
        let no = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403});
        let mut slow = view(silent());
        let of = of(SLOW, Some(SECOND));
        tokio::join!(explain(&mut slow, &of, &client, "team"), answer(&mut server, 403, no));
        assert!(words(&slow).contains("has not begun to start it"), "{}", words(&slow));
    }
}
