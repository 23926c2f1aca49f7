//! What a schedule writes, and what it tells of a run that is refused.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use testing::backup_run;

use super::*;
use crate::mocked::{answer, api, conflict};

fn run(owner: &str, triggered: bool) -> BackupRun {
    let mut run = backup_run();
    run.metadata.owner_references = Some(vec![OwnerReference {
        uid: owner.into(),
        ..OwnerReference::default()
    }]);
    if triggered {
        run.annotations_mut().insert(labels::TRIGGERED.into(), "now".into());
    }
    run
}

#[tokio::test]
async fn a_run_is_adopted_as_it_was_looked_at_or_left_for_the_next_pass() {
    let adopted = Adopted {
        name: "db-17".into(),
        version: Some("7".into()),
        owners: run("s", false).metadata.owner_references.unwrap(),
        when_deleted: None,
        orphan: true,
    };
    let gone = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "gone", "reason": "NotFound", "code": 404
    });
    let there = serde_json::to_value(run("s", false)).unwrap();
    for (code, body) in [(200, there), (409, conflict()), (404, gone)] {
        let (api, mut server) = api();
        let (done, (method, _, sent)) = tokio::join!(adopt(&api, &adopted), answer(&mut server, code, body));
        assert!(done.is_ok(), "{code} {done:?}");
        let metadata = &sent["metadata"];
        assert_eq!((method.as_str(), &metadata["resourceVersion"]), ("PATCH", &"7".into()));
        assert_eq!(metadata["ownerReferences"][0]["uid"], "s");
        assert!(metadata["annotations"][labels::WHEN_DELETED].is_null());
    }
}

#[tokio::test]
async fn a_run_that_is_refused_is_told_on_the_schedule_and_one_that_is_not_answered_is_only_tried_again() {
    let schedule: BackupSchedule = serde_json::from_value(serde_json::json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
        "metadata": {"name": "nightly", "namespace": "team", "resourceVersion": "3"},
        "spec": {"schedule": "@daily", "template": {"spec": backup_run().spec}},
    }))
    .unwrap();
    let (client, mut server) = crate::mocked::connect();
    let mut written = Written::new(Api::namespaced(client.clone(), "team"), &schedule);
    let forbidden = kube::Error::Api(Box::new(serde_json::from_value(crate::mocked::conflict()).unwrap()));
    let error = WriteError::Refused("create the run", forbidden);
    let run = run("s", false);
    let (told, (method, path, sent)) =
        tokio::join!(tell_refused(&schedule, &run, &error, &mut written, &client), async {
            let seen = answer(&mut server, 200, serde_json::to_value(&schedule).unwrap()).await;
            answer(&mut server, 201, serde_json::json!({})).await;
            seen
        });
    told.unwrap();
    assert!(method == "PATCH" && path.contains("/status"), "{method} {path}");
    assert_eq!(sent["status"]["conditions"][0]["reason"], "RunRefused");
    assert_eq!(sent["metadata"]["resourceVersion"], "3");
    let late = WriteError::Timeout("create the run");
    tell_refused(&schedule, &run, &late, &mut written, &client)
        .await
        .unwrap();
}

/// A schedule that is told of by `a`, and of which a run has failed a moment ago.
fn failing() -> (BackupSchedule, BackupRun) {
    let now = Timestamp::now();
    let hour_ago = (now - jiff::SignedDuration::from_hours(1)).to_string();
    let notifications = serde_json::json!([{"name": "a", "slack": {"url": {"name": "keys", "key": "url"}}}]);
    let schedule = serde_json::from_value(serde_json::json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
        "metadata": {"name": "nightly", "namespace": "team", "uid": "s", "resourceVersion": "3", "creationTimestamp": hour_ago},
        "spec": {"schedule": "0 0 29 2 *", "notifications": notifications, "template": {"spec": backup_run().spec}},
        "status": {"notifications": {"noticedUntil": hour_ago, "transitions": 0, "told": [{"name": "a", "number": 0}]}},
    }))
    .unwrap();
    let mut run = run("s", false);
    run.metadata.name = Some("nightly-1".into());
    run.metadata.uid = Some("r".into());
    run.metadata.namespace = Some("team".into());
    for owner in run.metadata.owner_references.iter_mut().flatten() {
        owner.api_version = BackupSchedule::api_version(&()).into();
        owner.kind = BackupSchedule::kind(&()).into();
        owner.name = "nightly".into();
        owner.controller = Some(true);
    }
    run.status = serde_json::from_value(serde_json::json!({
        "completionTime": now.to_string(),
        "conditions": [{"type": "Failed", "status": "True", "reason": "CommandFailed", "message": "", "lastTransitionTime": now.to_string()}],
    }))
    .unwrap();
    (schedule, run)
}

#[tokio::test]
async fn nothing_is_sent_that_the_status_does_not_say_is_to_be_told() {
    for (code, written) in [(409, false), (200, true)] {
        let (schedule, run) = failing();
        let (client, mut server) = crate::mocked::connect();
        let context = crate::mocked::context(client, Default::default()).0;
        context.runs.put(crate::cache::Packed::of(&run));
        let pass = tokio::spawn(reconcile(Arc::new(schedule.clone()), context));
        let said = match code {
            409 => conflict(),
            _ => serde_json::to_value(&schedule).unwrap(),
        };
        let (method, path, sent) = answer(&mut server, code, said).await;
        assert!(method == "PATCH" && path.contains("/status"), "{method} {path}");
        let pending = &sent["status"]["notifications"]["pending"][0];
        assert_eq!(
            (&pending["what"], &pending["run"]),
            (&"Failed".into(), &"nightly-1".into()),
            "{sent}"
        );
        if written {
            // What somebody else has left in the status is written over; then the first thing that a delivery needs.
            let (mut method, mut path, _) = answer(&mut server, 200, serde_json::to_value(&schedule).unwrap()).await;
            if method == "PATCH" {
                (method, path, _) = answer(&mut server, 404, serde_json::json!({})).await;
            }
            assert!(
                method == "GET" && path.contains("/namespaces/team/secrets/keys"),
                "{method} {path}"
            );
        }
        assert_eq!(pass.await.unwrap().is_ok(), written);
    }
}
