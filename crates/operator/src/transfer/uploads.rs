//! The upload of a backup: created late, recorded before its first URL, every URL bound to one body.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::BackupRun;
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::TransferOrder;
use protocol::{Secret, ToAgent, UrlRequest};
use store::{ObjectInfo, Signed, StoreError, Upload};

use crate::stores::OpenStore;

/// How long a URL is good: enough for the largest part on a slow line, short enough to be worthless in a log.
const EXPIRES: Duration = Duration::from_secs(15 * 60);
/// Metadata: the run that wrote the object, by UID.
pub const RUN: &str = "backup-operator-run";
/// Metadata: the attempt of that run.
pub const ATTEMPT: &str = "backup-operator-attempt";

/// Metadata: that run, as `namespace/name`.
pub const NAME: &str = "backup-operator-name";

/// What the object says of its maker.
pub fn metadata(run: &BackupRun, order: &TransferOrder) -> BTreeMap<String, String> {
    BTreeMap::from([
        (RUN.to_string(), run.uid().unwrap_or_default()),
        (ATTEMPT.to_string(), order.attempt.clone()),
        (
            NAME.to_string(),
            format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any()),
        ),
    ])
}

/// The object's metadata name this attempt of this run.
pub fn is_made_by(object: &ObjectInfo, run: &BackupRun, attempt: &str) -> bool {
    let says = |name: &str, want: &str| object.metadata.get(name).is_some_and(|seen| seen == want);
    says(RUN, &run.uid().unwrap_or_default()) && says(ATTEMPT, attempt)
}

/// Removes the object that a failed attempt has made visible, and no other.
pub async fn take_back(store: &OpenStore, run: &BackupRun, key: &str, attempt: &str) -> Result<(), StoreError> {
    let Some(object) = store.store.head(key).await? else {
        return Ok(());
    };
    if !is_made_by(&object, run, attempt) {
        return Ok(());
    }
    tracing::info!(run = %run.name_any(), key, "the object of a failed backup is removed");
    match &object.version_id {
        Some(version) => store.store.delete_version(key, version).await,
        None => store.store.delete(key).await,
    }
}

/// Creates the multipart upload.
pub async fn create(store: &OpenStore, run: &BackupRun, order: &TransferOrder) -> Result<String, StoreError> {
    store
        .store
        .create_upload(&order.key, &metadata(run, order), store.checksum)
        .await
}

/// Aborts uploads of the key that nobody knows of. Crash window: an operator created one and died, or the store's answer
/// was lost, before it was recorded. Uploads say nothing of their maker, so only those are touched that were begun since
/// this attempt was, and none while one of the `others` is at work on the same key: an upload that was there before, or of which
/// the store does not say when it was begun, may be another tool's.
pub async fn abort_strays(
    store: &OpenStore,
    run: &BackupRun,
    key: &str,
    others: &[Arc<BackupRun>],
) -> Result<(), StoreError> {
    let transfer = run.status.as_ref().and_then(|s| s.transfer.as_ref());
    let Some(begun) = transfer.map(|t| t.started_at.0) else {
        return Ok(());
    };
    if is_at_work(others, key) {
        return Ok(());
    }
    let listed = store.store.list_uploads(key).await?;
    for stray in listed.iter().filter(|u| u.key == key && is_of_attempt(u, begun)) {
        tracing::info!(run = %run.name_any(), key, "an upload that was not recorded is aborted");
        store.store.abort(key, &stray.id).await?;
    }
    Ok(())
}

/// The store's clock may be behind ours by seconds; a stray comes after the Pod, which takes longer than that.
fn is_of_attempt(upload: &Upload, begun: Timestamp) -> bool {
    upload.initiated.is_some_and(|at| at >= begun)
}

fn is_at_work(runs: &[Arc<BackupRun>], key: &str) -> bool {
    let at_work = |run: &BackupRun| Some(run.status.as_ref()?.transfer.as_ref()?.key.as_deref() == Some(key));
    runs.iter().any(|run| at_work(run) == Some(true))
}

/// Signs what the agent asks for. A part has to have an upload.
pub fn sign(
    store: &OpenStore,
    run: &BackupRun,
    order: &TransferOrder,
    upload_id: Option<&str>,
    request: UrlRequest,
    now: Timestamp,
) -> Result<ToAgent, String> {
    let s = &store.store;
    let signed: Signed = match (&request, upload_id) {
        (UrlRequest::Part { number, size, checksum }, Some(upload)) => s.sign_part(
            &order.key,
            upload,
            *number,
            *size,
            store.checksum,
            checksum,
            EXPIRES,
            now,
        ),
        (UrlRequest::Part { .. }, None) => return Err("a part was asked for without an upload".into()),
        (UrlRequest::Object { size, checksum }, _) => s.sign_object(
            &order.key,
            *size,
            store.checksum,
            checksum,
            &metadata(run, order),
            EXPIRES,
            now,
        ),
        (UrlRequest::Get { .. }, _) => s.sign_get(&order.key, EXPIRES, now),
    };
    Ok(ToAgent::Url {
        request,
        url: Secret::new(signed.url.reveal().to_string()),
        headers: signed.headers,
    })
}

#[cfg(test)]
mod tests {
    use api::run::Transfer;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn run(key: Option<&str>) -> Arc<BackupRun> {
        let mut run = testing::backup_run();
        run.status = Some(api::BackupRunStatus {
            transfer: key.map(|key| Transfer {
                attempt: "backup-1".into(),
                started_at: Time(Timestamp::UNIX_EPOCH),
                pod_uid: None,
                command_started_at: None,
                key: Some(key.into()),
                upload_id: None,
                route: "Direct".into(),
                failed_at: None,
            }),
            ..api::BackupRunStatus::default()
        });
        Arc::new(run)
    }

    #[test]
    fn an_upload_that_was_there_before_the_attempt_is_not_ours_to_abort() {
        let at = |seconds| Timestamp::from_second(seconds).ok();
        for (initiated, ours) in [(at(99), false), (at(100), true), (at(101), true), (None, false)] {
            let upload = Upload {
                key: "db.sql".into(),
                id: "u".into(),
                initiated,
            };
            assert_eq!(is_of_attempt(&upload, at(100).unwrap()), ours, "{initiated:?}");
        }
    }

    #[test]
    fn a_key_is_shared_while_another_run_is_at_work_on_it() {
        let cases = [
            (run(Some("db.sql")), true),
            (run(Some("db.sql.gz")), false),
            (run(None), false),
        ];
        for (other, shared) in cases {
            assert_eq!(
                is_at_work(std::slice::from_ref(&other), "db.sql"),
                shared,
                "{:?}",
                other.status
            );
        }
    }
}
