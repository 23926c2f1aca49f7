//! What a drill creates, in which order, and what it tells.
use serde_json::{Value, json};

use super::*;
use crate::cache::Packed;
use crate::mocked::{answer, conflict, connect, context};
use crate::transfer::exec::Exec;

fn drill(schedule: &str) -> BackupDrill {
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill",
        "metadata": {"name": "weekly", "namespace": "team", "uid": "d", "resourceVersion": "3", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": schedule, "source": {"schedule": "nightly"}},
    }))
    .unwrap()
}

/// A run of the schedule with a good backup.
fn good() -> BackupRun {
    let mut run = testing::backup_run();
    run.metadata = serde_json::from_value(json!({
        "name": "nightly-1", "namespace": "team", "uid": "n", "resourceVersion": "1", "labels": {labels::SCHEDULE: "nightly"},
    }))
    .unwrap();
    run.status = serde_json::from_value(json!({"path": "/a", "startTime": "2026-01-01T00:00:00Z", "conditions": [
        {"type": "Successful", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}))
    .unwrap();
    run
}

#[tokio::test]
async fn the_run_of_a_tick_is_created_before_the_status_tells_of_it() {
    let (client, mut server) = connect();
    let (context, _woken) = context(client, Exec::default());
    context.runs.put(Packed::of(&good()));
    let drill = drill("* * * * *");
    let (done, ((method, path, made), (_, second, told))) = tokio::join!(reconcile(&drill, &context), async {
        let (request, send) = server.next_request().await.expect("a request");
        let (parts, body) = request.into_parts();
        let mut made: Value = serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap();
        let sent = made.clone();
        made["metadata"]["uid"] = "r".into();
        let answered = http::Response::new(kube::client::Body::from(made.to_string().into_bytes()));
        send.send_response(answered);
        let first = (parts.method.to_string(), parts.uri.to_string(), sent);
        (
            first,
            answer(&mut server, 200, serde_json::to_value(&drill).unwrap()).await,
        )
    });
    done.unwrap();
    assert!(method == "POST" && path.contains("/backupruns"), "{method} {path}");
    assert_eq!(made["spec"]["source"]["run"], "nightly-1");
    assert_eq!(made["metadata"]["ownerReferences"][0]["kind"], "BackupDrill");
    assert_eq!(made["spec"]["template"]["spec"]["containers"][0]["image"], "agent:test");
    assert!(second.contains("/backupdrills/weekly/status"), "{second}");
    assert_eq!(
        (&told["status"]["total"], &told["status"]["inProgress"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(told["status"]["lastPicked"], "nightly-1");
}

#[tokio::test]
async fn a_run_that_the_api_server_refuses_is_told_and_the_tick_is_not_lost() {
    let (client, mut server) = connect();
    let (context, _woken) = context(client, Exec::default());
    context.runs.put(Packed::of(&good()));
    let drill = drill("* * * * *");
    let (done, (_, path, told)) = tokio::join!(reconcile(&drill, &context), async {
        answer(&mut server, 409, conflict()).await;
        let told = answer(&mut server, 200, serde_json::to_value(&drill).unwrap()).await;
        answer(&mut server, 201, json!({})).await;
        told
    });
    assert!(done.is_err() && path.contains("/status"), "{path}");
    assert_eq!(told["status"]["conditions"][0]["reason"], "RunRefused");
    assert!(told["status"]["lastScheduleTime"].is_null());
}
