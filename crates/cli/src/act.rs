//! What changes an object of the cluster at somebody's word: an annotation that the operator acts on. Shared by the verbs and the page.
use std::collections::BTreeMap;

use api::requests::REWRAPS;
use api::{BackupRun, labels};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::json;

use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::read::objects::Kind;

/// Asks for one run of a schedule or a drill, which is to prove the backup of the run `backup` where one is named, and returns what it was asked by.
///
/// # Errors
/// There is no such object, or the API server refused.
pub async fn trigger<K: Kind>(
    session: &Session,
    namespace: &str,
    name: &str,
    backup: Option<&str>,
) -> Result<String, Fault> {
    let value = Timestamp::now().to_string();
    // One that an earlier request named is not for this one.
    let patch = json!({"metadata": {"annotations": {labels::TRIGGER: value, labels::TRIGGER_BACKUP: backup}}});
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

/// Asks for another set of recipients of a run's backup.
///
/// # Errors
/// There is no such run, it was changed since, or the API server refused.
pub async fn rewrap(session: &Session, run: &BackupRun, request: &str) -> Result<(), Fault> {
    let (namespace, name) = (run.namespace().unwrap_or_default(), run.name_any());
    let metadata = match REWRAPS.has(run.annotations(), request) {
        false => json!({"annotations": {labels::REWRAP: request}}),
        // An applier may keep the same on the run since it was asked for first: it is a person who asks now. What else the list knows stays in it, so
        // that the applier's other requests stay known; hence only on the run as it was read.
        true => {
            let asked = (labels::REWRAP, Some(request.to_owned()));
            let forgotten = REWRAPS.forgotten(run.annotations(), request);
            let annotations: BTreeMap<_, _> = forgotten.into_iter().chain([asked]).collect();
            json!({"annotations": annotations, "resourceVersion": run.resource_version()})
        }
    };
    let patch = json!({"metadata": metadata});
    let doing = format!("encrypt the backup of {name} for others");
    session
        .change::<BackupRun>(&doing, &namespace, &name, &patch)
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
