//! Reads whom a backup is to be encrypted for, where that stands in ConfigMaps or Secrets.
use api::BackupRun;
use api::run::RecipientsFrom;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, ResourceExt};
use planner::run::is_finished;
use planner::run::picked::RecipientsView;
use planner::run::recipients::{place, together};

use crate::write::{WriteError, bounded};

/// The longest text of recipients, bytes.
const LONGEST: usize = 64 << 10;

/// The recipients of a run that has not begun.
///
/// # Errors
/// The API server does not answer.
pub async fn view(run: &BackupRun, client: &Client) -> Result<RecipientsView, WriteError> {
    let status = run.status.as_ref();
    let begun = status.is_some_and(|s| s.transfer.is_some() || is_finished(s));
    let encryption = run.spec.encryption.as_ref().filter(|e| !e.recipients_from.is_empty());
    let Some(encryption) = encryption.filter(|_| run.spec.backup.is_some() && !begun) else {
        return Ok(RecipientsView::NotAsked);
    };
    let namespace = run.namespace().unwrap_or_default();
    let mut read = Vec::new();
    for from in &encryption.recipients_from {
        read.push((place(from), text(from, &namespace, client).await?));
    }
    Ok(together(&encryption.recipients, read))
}

async fn text(from: &RecipientsFrom, namespace: &str, client: &Client) -> Result<Result<String, String>, WriteError> {
    let (kind, one, found) = match (&from.config_map_key_ref, &from.secret_key_ref) {
        (Some(one), _) => {
            let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            let found = bounded("read the recipients", api.get_opt(&one.name)).await;
            let found = found.map(|map| map.map(|map| map.data.unwrap_or_default().remove(&one.key)));
            ("ConfigMap", one, found)
        }
        (None, Some(one)) => {
            let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
            let found = bounded("read the recipients", api.get_opt(&one.name)).await;
            let text = |bytes: k8s_openapi::ByteString| String::from_utf8_lossy(&bytes.0).into_owned();
            let found = found.map(|map| map.map(|map| map.data.unwrap_or_default().remove(&one.key).map(text)));
            ("Secret", one, found)
        }
        (None, None) => return Ok(Err("neither configMapKeyRef nor secretKeyRef is given".into())),
    };
    Ok(match found {
        Ok(Some(Some(text))) if text.len() <= LONGEST => Ok(text),
        Ok(Some(Some(_))) => Err(format!(
            "key {:?} of {kind} {} has more than {LONGEST} bytes",
            one.key, one.name
        )),
        Ok(Some(None)) => Err(format!("{kind} {} has no key {:?}", one.name, one.key)),
        Ok(None) => Err(format!("there is no {kind} {}", one.name)),
        Err(WriteError::Refused(_, kube::Error::Api(said))) if said.code == 403 => Err(format!(
            "the operator may not read {kind} {}: {}",
            one.name, said.message
        )),
        Err(error) => return Err(error),
    })
}
