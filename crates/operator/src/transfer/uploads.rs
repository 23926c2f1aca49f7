//! The upload of a backup: created late, recorded before its first URL, every URL bound to one body.
use std::collections::BTreeMap;
use std::time::Duration;

use api::BackupRun;
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::TransferOrder;
use protocol::{Secret, ToAgent, UrlRequest};
use store::{Signed, StoreError};

use crate::stores::OpenStore;

/// How long a URL is good: enough for the largest part on a slow line, short enough to be worthless in a log.
const EXPIRES: Duration = Duration::from_secs(15 * 60);
/// Metadata: the run that wrote the object, by UID.
pub const RUN: &str = "backup-operator-run";

/// What the object says of its maker.
pub fn metadata(run: &BackupRun, order: &TransferOrder) -> BTreeMap<String, String> {
    BTreeMap::from([
        (RUN.to_string(), run.uid().unwrap_or_default()),
        ("backup-operator-attempt".to_string(), order.attempt.clone()),
        (
            "backup-operator-name".to_string(),
            format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any()),
        ),
    ])
}

/// Creates the multipart upload.
pub async fn create(store: &OpenStore, run: &BackupRun, order: &TransferOrder) -> Result<String, StoreError> {
    store
        .store
        .create_upload(&order.key, &metadata(run, order), store.checksum)
        .await
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
