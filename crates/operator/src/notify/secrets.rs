//! What receivers keep secret: read for each try, from the schedule's own namespace or the operator's own folder, and wiped after it.
use std::path::PathBuf;
use std::time::Duration;

use api::notification::SecretKey;
use k8s_openapi::api::core::v1::Secret as Kept;
use kube::{Api, Client};
use store::Secret;
use zeroize::Zeroize;

use super::Fault;
use crate::stores::unreadable;

/// Until the API server has answered.
const API: Duration = Duration::from_secs(8);
/// The largest value, bytes.
const LARGEST: usize = 64 << 10;

/// Where a key is looked for.
pub enum From {
    /// A Secret of this namespace.
    Namespace(String),
    /// A file of this folder; the Secret that it is mounted from is the same for all.
    Folder(PathBuf),
}

/// Reads one.
pub async fn read(client: &Client, from: &From, key: &SecretKey) -> Result<Secret, Fault> {
    let (mut bytes, place) = match from {
        From::Namespace(namespace) => of_cluster(client, namespace, key).await?,
        From::Folder(folder) => {
            let path = folder.join(&key.key);
            let place = path.display().to_string();
            let bytes = std::fs::read(&path).map_err(|e| Fault::Wrong(format!("{place} cannot be read: {e}")))?;
            (bytes, place)
        }
    };
    let secret = match std::str::from_utf8(&bytes).map(str::trim) {
        Ok("") => Err(format!("{place} is empty")),
        Ok(text) if text.len() > LARGEST => Err(format!("{place} has more than {LARGEST} bytes")),
        Ok(text) => Ok(Secret::new(text)),
        Err(_) => Err(format!("{place} is no text")),
    };
    bytes.zeroize();
    secret.map_err(Fault::Wrong)
}

async fn of_cluster(client: &Client, namespace: &str, key: &SecretKey) -> Result<(Vec<u8>, String), Fault> {
    let secrets: Api<Kept> = Api::namespaced(client.clone(), namespace);
    let found = tokio::time::timeout(API, secrets.get_opt(&key.name)).await;
    let found =
        found.map_err(|_| Fault::Failed(format!("the API server did not answer within {} s", API.as_secs())))?;
    let found = found.map_err(|e| Fault::Wrong(unreadable(namespace, &key.name, &e)))?;
    let mut data = found
        .ok_or_else(|| Fault::Wrong(format!("Secret {namespace}/{} does not exist", key.name)))?
        .data
        .unwrap_or_default();
    let wanted = data.remove(&key.key).map(|bytes| bytes.0);
    data.values_mut().for_each(|other| other.0.zeroize());
    let place = format!("key {} of Secret {namespace}/{}", key.key, key.name);
    match wanted {
        Some(bytes) => Ok((bytes, place)),
        None => Err(Fault::Wrong(format!("{place} does not exist"))),
    }
}
