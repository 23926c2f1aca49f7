//! What changes an object of the cluster at somebody's word: an annotation that the operator acts on. Shared by the verbs and the page.
use api::{BackupRun, labels};
use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::json;

use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::read::objects::Kind;

/// Asks for one run of a schedule or a drill, and returns what it was asked by.
///
/// # Errors
/// There is no such object, or the API server refused.
pub async fn trigger<K: Kind>(session: &Session, namespace: &str, name: &str) -> Result<String, Fault> {
    let value = Timestamp::now().to_string();
    let patch = json!({"metadata": {"annotations": {labels::TRIGGER: value}}});
    let doing = format!("run {} {name}", K::SINGULAR);
    session.change::<K>(&doing, namespace, name, &patch).await?;
    Ok(value)
}

/// Asks for a restore of a run, and returns what it was asked by, and the run as it is then. `version`: the one that was shown to whoever said
/// yes; another one is refused.
///
/// # Errors
/// There is no such run, it was changed since, or the API server refused.
pub async fn restore(
    session: &Session,
    namespace: &str,
    name: &str,
    version: Option<&str>,
) -> Result<(String, DynamicObject), Fault> {
    let value = Timestamp::now().to_string();
    let mut patch = json!({"metadata": {"annotations": {labels::RESTORE: value}}});
    if let (Some(version), Some(metadata)) = (version, patch.pointer_mut("/metadata")) {
        metadata["resourceVersion"] = json!(version);
    }
    let doing = format!("restore run {name}");
    let asked = session.change::<BackupRun>(&doing, namespace, name, &patch).await?;
    Ok((value, asked))
}

/// Asks for copies of a run's backup in these storages.
///
/// # Errors
/// There is no such run, or the API server refused.
pub async fn copy(session: &Session, namespace: &str, name: &str, storages: &str) -> Result<(), Fault> {
    let patch = json!({"metadata": {"annotations": {labels::COPY: storages}}});
    let doing = format!("copy the backup of {name}");
    session
        .change::<BackupRun>(&doing, namespace, name, &patch)
        .await
        .map(drop)
}

/// Has rotation pass a run by, or count it again.
///
/// # Errors
/// There is no such run, or the API server refused.
pub async fn keep(session: &Session, namespace: &str, name: &str, on: bool) -> Result<(), Fault> {
    let patch = json!({"metadata": {"annotations": {labels::KEEP: on.then_some("true")}}});
    let doing = format!("keep run {name}");
    session
        .change::<BackupRun>(&doing, namespace, name, &patch)
        .await
        .map(drop)
}
