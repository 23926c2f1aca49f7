//! A bucket as the cluster describes it, and the key of a run's backup: read with the user's own rights, so that nobody reads more than they may.
use crate::stored::bucket::kind;
use std::collections::BTreeMap;
use std::sync::Arc;

use api::run::{DecryptionKey, KeyType};
use api::{BackupRun, BackupStorage};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use store::{Credentials, CredentialsError, Parameters, Store};
use zeroize::Zeroize;

use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::stored::bucket::Bucket;
use crate::stored::flags::{By, Reached};
use crate::stored::identity;
use crate::stored::key::Key;
use crate::stored::lent::Lent;
use crate::stored::source::{At, Packing, Source};

impl Session {
    /// The bucket of a storage. `endpoint` is where it is reached from here, where that is not what the storage says: a port that is forwarded.
    ///
    /// # Errors
    /// The storage or its Secret cannot be read, or one of them is wrong.
    pub async fn bucket(&self, storage: &BackupStorage, endpoint: Option<&str>) -> Result<Bucket, Fault> {
        let name = storage.name_any();
        let doing = format!("open the store of storage {name}");
        let next = format!("kubectl describe backupstorage {name}");
        let bad = |why: String| Fault::new(&doing, why, &next);
        let mut parameters = storage.spec.parameters.clone().unwrap_or_default();
        if let Some(endpoint) = endpoint {
            parameters.insert("endpoint".into(), endpoint.into());
        }
        // What the operator trusts there by itself, this trusts, too.
        if let Some(own) = storage.status.as_ref().and_then(|s| s.ca_bundle.clone()) {
            parameters.entry("caBundle".into()).or_insert(own);
        }
        let parameters = Parameters::parse(kind(storage), &parameters)
            .map_err(|faults| bad(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
        let variable = |name: &str| std::env::var(name).ok();
        let own = match &storage.spec.credentials {
            Some(named) => {
                let mut data = self.secret(&doing, &named.namespace, &named.name).await?;
                let found = Credentials::from_secret(&parameters, &data);
                data.values_mut().for_each(Zeroize::zeroize);
                Some(found.map_err(|e| bad(format!("Secret {}/{}: {e}", named.namespace, named.name)))?)
            }
            None => None,
        };
        let proxies = store::Proxies::from_environment(variable, "")
            .map_err(|e| bad(e.to_string()))?
            .of_environment("this machine's");
        let credentials = identity::credentials(&parameters, own, &proxies, variable).await;
        let credentials = credentials.map_err(|error| match error {
            CredentialsError::Nowhere { .. } | CredentialsError::None { .. } => bad(format!(
                "the storage names no Secret, and the environment has no {}",
                parameters.kind().variables()
            )),
            other => bad(other.to_string()),
        })?;
        let store = Store::open(&parameters, credentials, &proxies).map_err(|e| bad(e.to_string()))?;
        Ok(Bucket {
            store,
            parameters: Arc::new(parameters),
        })
    }

    /// The key that a run names for its restores; None where it names none.
    ///
    /// # Errors
    /// The Secret cannot be read, or has no such key.
    pub async fn key(&self, namespace: &str, key: Option<&DecryptionKey>) -> Result<Option<Key>, Fault> {
        let Some(key) = key else { return Ok(None) };
        let home = key.namespace.as_deref().unwrap_or(namespace);
        let doing = format!("read the decryption key of Secret {home}/{}", key.name);
        let mut data = self.secret(&doing, home, &key.name).await?;
        let found = data.remove(&key.key);
        data.values_mut().for_each(Zeroize::zeroize);
        let bad = |why: String| Fault::new(&doing, why, "the same command with --identity FILE");
        let bytes = found.ok_or_else(|| bad(format!("it has no key {:?}", key.key)))?;
        let text = String::from_utf8(bytes).map_err(|no_text| {
            no_text.into_bytes().zeroize();
            bad(format!("its key {:?} is no text", key.key))
        })?;
        let passphrase = key.key_type == Some(KeyType::Passphrase);
        Key::of_text(format!("Secret {home}/{}", key.name), text, passphrase)
            .map(Some)
            .map_err(bad)
    }

    async fn secret(&self, doing: &str, namespace: &str, name: &str) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = self.ask(doing, api.get(name)).await.map_err(|fault| {
            fault.instead("the same verb in a terminal with --storage-file FILE and --identity FILE, where you have the keys and may not read Secrets")
        })?;
        Ok(secret
            .data
            .unwrap_or_default()
            .into_iter()
            .map(|(k, v)| (k, v.0))
            .collect())
    }
}

/// What is put before the paths of a namespace in a storage's bucket.
pub fn folder(storage: &BackupStorage, parameters: &Parameters, namespace: &str) -> String {
    let isolation = storage.spec.namespace_isolation.unwrap_or_default();
    isolation.folder(&parameters.key(""), namespace)
}

/// The object of a run's backup, of the storage that it names. Where no key is given and it is to be `opened`, the one that the run names.
///
/// # Errors
/// The run has no good backup, or storage, Secret or key cannot be read.
pub async fn of_run(
    session: &Arc<Session>,
    run: &BackupRun,
    key: Option<Key>,
    (by, reached): (By, &Reached),
    opened: bool,
) -> Result<Source, Fault> {
    let namespace = run.namespace().unwrap_or_default();
    let name = run.name_any();
    let encryption = run.spec.encryption.as_ref().filter(|_| opened && key.is_none());
    let key = match encryption {
        Some(encryption) => session.key(&namespace, encryption.decryption_key.as_ref()).await?,
        None => key,
    };
    let endpoint = reached.endpoint.as_deref();
    let at = if by.with_secret {
        let storage: BackupStorage = session.get("", &run.spec.storage.name).await?;
        At::Bucket(Box::new(session.bucket(&storage, endpoint).await?))
    } else {
        At::Lent(Arc::new(Lent::new(session.clone(), run, endpoint)?))
    };
    told(at, run, key).map_err(|why| {
        let next = format!("kubectl backup describe {name} -n {namespace}");
        Fault::new(format!("read the backup of run {namespace}/{name}"), why, next)
    })
}

/// The object of a run's backup, by what its status says of it.
///
/// # Errors
/// In words: it has no good backup.
fn told(at: At, run: &BackupRun, key: Option<Key>) -> Result<Source, String> {
    let status = run.status.as_ref();
    let good = status.is_some_and(|s| api::condition::is_true(&s.conditions, api::condition::SUCCESSFUL));
    let found = status.filter(|_| good && run.spec.backup.is_some());
    let (status, stored_as) = found
        .and_then(|status| Some((status, status.key.clone()?)))
        .ok_or("it has no good backup")?;
    Ok(Source {
        at,
        key: stored_as,
        version_id: status.version_id.clone(),
        size: status.size_in_bytes,
        etag: status.etag.clone().filter(|etag| !etag.is_empty()),
        sha256: status.sha256.clone(),
        packing: Some(Packing::of(run.spec.compression.as_ref())),
        encrypted: Some(run.spec.encryption.as_ref().is_some_and(|e| !e.recipients.is_empty())),
        key_file: key,
        window_log: run
            .spec
            .compression
            .as_ref()
            .and_then(|c| c.window_log)
            .and_then(|w| u32::try_from(w).ok()),
    })
}
