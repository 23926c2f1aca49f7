//! What goes over the wire to the API server, and what its answers mean.
use serde_json::json;
use testing::backup_run;

use super::*;
use crate::mocked::{answer, api, conflict};

#[tokio::test]
async fn a_status_is_applied_by_our_manager_to_the_version_that_was_observed() {
    let (api, mut server) = api();
    let run = backup_run();
    let mut written = Written::new(api, &run);
    let status = api::BackupRunStatus {
        message: Some("m".into()),
        ..Default::default()
    };
    let mut after = serde_json::to_value(&run).unwrap();
    after["metadata"]["resourceVersion"] = json!("7");
    after["status"] = json!({"message": "m"});
    let (done, (method, uri, body)) = tokio::join!(written.status(&status), answer(&mut server, 200, after));
    done.unwrap();
    assert_eq!(method, "PATCH");
    assert!(
        uri.contains("/status?") && uri.contains("fieldManager=backup-operator") && uri.contains("force=true"),
        "{uri}"
    );
    assert_eq!(body["metadata"], json!({"name": "db", "resourceVersion": "1"}));
    assert_eq!(body["status"], json!({"message": "m"}));

    // The next write goes to the version that the first one made.
    let (_, (_, _, body)) = tokio::join!(
        written.annotation("a", None),
        answer(&mut server, 200, serde_json::to_value(&run).unwrap())
    );
    assert_eq!(
        body["metadata"],
        json!({"annotations": {"a": null}, "resourceVersion": "7"})
    );
}

#[test]
fn nothing_is_written_that_the_api_servers_reader_of_yaml_refuses() {
    let hostile =
        json!({"log": "a\u{fffe}b\u{9b}c\u{7f}d\u{ffff}", "conditions": [{"message": "x\u{1b}[1my"}], "size": 3});
    let wanted = json!({"log": "abcd", "conditions": [{"message": "x[1my"}], "size": 3});
    assert_eq!(readable(hostile), wanted);
    let text = json!("Zeit: 5 µs\n\t日本 😀 \u{85}");
    assert_eq!(readable(text.clone()), text);
}

#[tokio::test]
async fn a_decision_from_an_old_observation_writes_nothing() {
    let (api, mut server) = api();
    let mut written = Written::new(api, &backup_run());
    let finalizers = ["f".to_string()];
    let (done, _) = tokio::join!(written.finalizers(&finalizers), answer(&mut server, 409, conflict()));
    assert!(matches!(done, Err(WriteError::Stale)), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_is_not_waited_for() {
    let (api, _server) = api();
    let mut written = Written::new(api, &backup_run());
    let done = written.annotation("a", Some("b")).await;
    assert!(matches!(done, Err(WriteError::Timeout(_))), "{done:?}");
}

#[tokio::test]
async fn a_version_is_confirmed_once_by_a_write_or_by_asking_and_an_old_one_is_stale() {
    let (api, mut server) = api();
    let mut written = Written::new(api, &backup_run());
    let same = serde_json::to_value(backup_run()).unwrap();
    let (done, (method, _, _)) = tokio::join!(written.confirm(), answer(&mut server, 200, same.clone()));
    done.unwrap();
    assert_eq!(method, "GET");
    written.confirm().await.unwrap();

    let (api, mut server) = crate::mocked::api();
    let mut behind = Written::new(api, &backup_run());
    let mut newer = same;
    newer["metadata"]["resourceVersion"] = json!("7");
    let (done, _) = tokio::join!(behind.confirm(), answer(&mut server, 200, newer));
    assert!(matches!(done, Err(WriteError::Stale)), "{done:?}");
}

/// As Velero restores a status, or `kubectl replace --subresource=status`: an apply leaves what another manager owns, too.
#[tokio::test]
async fn what_another_tool_has_written_into_a_status_does_not_stand_for_ever() {
    let (api, mut server) = api();
    let run = backup_run();
    let mut written = Written::new(api, &run);
    let status = api::BackupRunStatus {
        message: Some("m".into()),
        ..Default::default()
    };
    let mut applied = serde_json::to_value(&run).unwrap();
    applied["metadata"]["resourceVersion"] = json!("7");
    applied["status"] = json!({"message": "m", "transfer": {"attempt": "backup-1", "startedAt": "2026-01-01T00:00:00Z", "route": "Direct"}});
    let mut after = applied.clone();
    after["metadata"]["resourceVersion"] = json!("8");
    after["status"] = json!({"message": "m"});
    let (done, (uri, body)) = tokio::join!(written.status(&status), async {
        answer(&mut server, 200, applied).await;
        let (_, uri, body) = answer(&mut server, 200, after.clone()).await;
        (uri, body)
    });
    done.unwrap();
    assert!(
        uri.contains("/status?") && uri.contains("fieldManager=backup-operator"),
        "{uri}"
    );
    assert_eq!(body["status"], json!({"message": "m", "transfer": null}));
    assert_eq!(body["metadata"]["resourceVersion"], "7");
    let (_, (_, _, body)) = tokio::join!(written.annotation("a", None), answer(&mut server, 200, after));
    assert_eq!(body["metadata"]["resourceVersion"], "8");
}
