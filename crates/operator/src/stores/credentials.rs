//! The credentials of a storage: its Secret, read one by one, else what the operator itself is given, else the role that either may take on.
use std::collections::BTreeMap;

use api::BackupStorage;
use api::storage::SecretReference;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};
use store::{Credentials, Identity, Parameters};
use zeroize::Zeroize;

use super::{API, OpenError};

/// They are good now; that they could not be renewed is said in the log.
pub(super) async fn of(
    storage: &BackupStorage,
    parameters: &Parameters,
    client: &Client,
    identity: &Identity,
) -> Result<Credentials, OpenError> {
    let own = match &storage.spec.credentials {
        None => None,
        Some(reference) => {
            let mut data = secret(reference, client).await?;
            let credentials = Credentials::from_secret(parameters, &data);
            data.values_mut().for_each(Zeroize::zeroize);
            Some(credentials.map_err(|e| {
                OpenError::Credentials(format!("Secret {}/{}: {e}", reference.namespace, reference.name))
            })?)
        }
    };
    let obtained = identity.credentials(parameters, own, Timestamp::now()).await;
    let obtained = obtained.map_err(|e| OpenError::Credentials(e.to_string()))?;
    if let Some(warning) = obtained.warning {
        tracing::warn!(
            storage = storage.name_any(),
            error = warning,
            "credentials are not renewed, those from before are used"
        );
    }
    Ok(obtained.credentials)
}

/// What a Secret has. Whoever reads it wipes it.
pub(super) async fn secret(
    reference: &SecretReference,
    client: &Client,
) -> Result<BTreeMap<String, Vec<u8>>, OpenError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &reference.namespace);
    let found = tokio::time::timeout(API, secrets.get_opt(&reference.name)).await;
    let secret = found
        .map_err(|_| OpenError::Timeout)?
        .map_err(|e| OpenError::Api(reference.namespace.clone(), reference.name.clone(), e))?
        .ok_or_else(|| {
            OpenError::Credentials(format!(
                "Secret {}/{} does not exist",
                reference.namespace, reference.name
            ))
        })?;
    let data = secret.data.unwrap_or_default();
    Ok(data.into_iter().map(|(k, v)| (k, v.0)).collect())
}
