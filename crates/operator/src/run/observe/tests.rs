//! What is asked of storages that a run may not use, and who it is that asks for a restore.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::*;
use crate::cache::Packed;
use crate::mocked::connect;

fn storage(name: &str, from: &str) -> BackupStorage {
    let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": name, "uid": name},
        "spec": {"type": "s3", "parameters": {"bucket": name}, "allowedNamespaces": {"from": from}}});
    serde_json::from_value(storage).unwrap()
}

/// A run of that status, and of a good backup where it says nothing else.
fn run(status: Value) -> BackupRun {
    let mut run = testing::backup_run();
    run.status = serde_json::from_value(status).unwrap();
    run
}

fn good() -> Value {
    json!([{"type": "Successful", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}])
}

/// Which storages refuse the run, of those that its copies are in.
async fn refused(run: &BackupRun) -> Vec<String> {
    let (client, _server) = connect();
    let context = crate::mocked::context(client, Default::default()).0;
    for (name, from) in [("near", "All"), ("shut", "None")] {
        context.storages.put(Packed::of(&storage(name, from)));
    }
    let seen = copies_of(run, &context).await.unwrap();
    let refused = seen
        .into_iter()
        .filter(|c| matches!(c.view, StorageView::Refused { .. }));
    refused.map(|c| c.storage).collect()
}

fn copies() -> Value {
    json!([{"storage": "near", "key": "db.sql"}, {"storage": "shut", "key": "db.sql"}])
}

#[tokio::test]
async fn a_storage_that_refuses_the_namespace_refuses_a_run_that_is_deleted_too() {
    for deleted in [false, true] {
        let mut run = run(json!({"conditions": good(), "copies": copies()}));
        run.metadata.deletion_timestamp = deleted.then(|| Time(Timestamp::now()));
        assert_eq!(refused(&run).await, ["shut"], "{deleted}");
    }
}

#[tokio::test]
async fn the_storage_of_a_copy_is_asked_about_while_the_copy_is_read() {
    for (storage, asked) in [(Some("shut"), 1), (None, 0)] {
        let transfer =
            json!({"attempt": "restore-1", "startedAt": "2026-01-01T00:00:00Z", "route": "Direct", "storage": storage});
        let run = run(json!({"copies": copies(), "transfer": transfer}));
        assert_eq!(refused(&run).await.len(), asked, "{storage:?}");
    }
}

#[tokio::test]
async fn a_run_that_is_over_is_asked_where_something_of_its_backup_is_still_read_or_removed() {
    let (client, _server) = connect();
    let context = crate::mocked::context(client, Default::default()).0;
    let shut = storage("shut", "None");
    for (replaced, copy, is_asked) in [
        (json!([]), None, false),
        (json!([{"key": "db.sql"}]), None, true),
        (json!([]), Some("far"), true),
    ] {
        let mut run = run(json!({"conditions": good(), "replaced": replaced}));
        let asks = copy.map(|name: &str| (labels::COPY.to_owned(), name.to_owned()));
        run.annotations_mut().extend(asks);
        let why = refusal(&run, &shut, &TransferView::None, &context).await.unwrap();
        assert_eq!(why.is_some(), is_asked, "{replaced} {copy:?}");
    }
}

#[test]
fn a_request_is_of_an_applier_where_its_manifest_has_it_in_these_words() {
    let metadata = |metadata: serde_json::Value| serde_json::from_value::<ObjectMeta>(metadata).unwrap();
    let by_client = |annotations: serde_json::Value| {
        let manifest = serde_json::json!({"metadata": {"annotations": annotations}}).to_string();
        metadata(serde_json::json!({"annotations": {LAST_APPLIED: manifest}}))
    };
    let by_server = |operation: &str, field: &str| {
        let fields = serde_json::json!({"f:metadata": {"f:annotations": {field: {}}}});
        metadata(
            serde_json::json!({"managedFields": [{"manager": "gitops", "operation": operation, "fieldsV1": fields}]}),
        )
    };
    let restore = api::labels::RESTORE;
    let field = format!("f:{restore}");
    for (of, wanted) in [
        (by_client(serde_json::json!({restore: "now"})), true),
        // Somebody has written another one since.
        (by_client(serde_json::json!({restore: "from git"})), false),
        (by_client(serde_json::json!({"team": "now"})), false),
        (by_server("Apply", &field), true),
        (by_server("Update", &field), false),
        (by_server("Apply", "f:team"), false),
        (ObjectMeta::default(), false),
    ] {
        assert_eq!(is_applied(&of, restore, "now"), wanted, "{of:?}");
    }
}
