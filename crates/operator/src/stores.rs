//! Opens the stores that storages describe: parameters from the kind, credentials from its Secret or of the operator's own.
mod credentials;
mod sftp;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::BackupStorage;
use api::storage::{Capabilities, DataPath, NamespaceIsolation};
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use kube::{Client, ResourceExt};
use planner::storage::Reason;
use store::{Checksum, Identity, Kind, Login, ParameterFault, Parameters, Proxies, SftpParameters, Store};

use crate::cache::Cache;
use crate::certificates::OwnStore;
use crate::lease::Tenure;

/// Until the API server has answered.
const API: Duration = Duration::from_secs(20);
/// How long an opened store is used without looking at its Secret again.
const FRESH: Duration = Duration::from_secs(30);

/// A store, ready for use.
#[derive(Clone)]
pub struct OpenStore {
    /// The store.
    pub store: Store,
    /// What the storage said.
    pub parameters: Parameters,
    /// How bodies are bound to signed URLs, by the last probe.
    pub checksum: Checksum,
    /// HEAD returns the metadata given at creation.
    pub metadata: bool,
    /// HEAD returns the checksum of checksums.
    pub composite: bool,
    /// Completing with `If-None-Match: *` leaves what is there.
    pub if_none_match: bool,
    /// How the bytes are to travel.
    pub data_path: DataPath,
    /// Records are written beside good backups.
    pub records: bool,
    /// Whether each namespace has a folder of its own.
    pub isolation: NamespaceIsolation,
    /// When its credentials end, and what they have signed.
    pub ends: Option<Timestamp>,
}

impl OpenStore {
    /// What is put before every path of a namespace, and before the operator's own folder there.
    pub fn folder(&self, namespace: &str) -> String {
        self.isolation.folder(&self.parameters.key(""), namespace)
    }

    /// The same, where records are wanted.
    pub fn records_of(&self, namespace: &str) -> Option<String> {
        self.records.then(|| self.folder(namespace))
    }

    /// This store with another's client, which has newer keys. How bodies are bound to URLs was settled when the work
    /// began, and stays.
    pub fn with_keys_of(&self, newer: Self) -> Self {
        if !newer.parameters.same_place(&self.parameters) {
            return self.clone();
        }
        Self {
            store: newer.store,
            ends: newer.ends,
            ..self.clone()
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Wrong parameters, all of them.
    #[error("{0}")]
    Parameters(String),
    /// No usable access keys.
    #[error("spec.credentials: {0}")]
    Credentials(String),
    /// The API server did not give the Secret: its namespace and name.
    #[error("spec.credentials: {}", unreadable(.0, .1, .2))]
    Api(String, String, #[source] kube::Error),
    /// The API server did not answer.
    #[error("spec.credentials: the API server did not answer within {} s", API.as_secs())]
    Timeout,
    /// Whom to trust at the operator's own store is not known yet.
    #[error("{0}")]
    Authorities(String),
    /// The server of SFTP cannot be used.
    #[error("{0}")]
    Sftp(sftp::Refusal),
    /// The client could not be built.
    #[error("{0}")]
    Client(String),
}

impl OpenError {
    /// What a storage says of it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Parameters(_) => Reason::InvalidParameters,
            Self::Credentials(_) => Reason::InvalidCredentials,
            Self::Api(..) | Self::Timeout | Self::Authorities(_) => Reason::SecretUnreadable,
            Self::Sftp(refusal) => refusal.reason(),
            Self::Client(_) => Reason::InvalidConfiguration,
        }
    }

    /// The error and what caused it.
    pub fn text(&self) -> String {
        crate::events::causes(self)
    }
}

/// Why a Secret cannot be read, and where that is a matter of the installation, what to change in it.
pub fn unreadable(namespace: &str, name: &str, error: &kube::Error) -> String {
    let cure = match error {
        kube::Error::Api(status) if status.code == 403 => format!(
            "; an operator that watches some namespaces (watchNamespaces of the chart) reads Secrets there and in those of credentialNamespaces: add {namespace} to one of them"
        ),
        _ => String::new(),
    };
    let words = crate::events::causes(error);
    format!("Secret {namespace}/{name} cannot be read: {words}{cure}")
}

/// Stores that are open.
pub struct Stores {
    client: Client,
    proxies: Proxies,
    identity: Identity,
    sftp: sftp::Servers,
    own: OwnStore,
    tenure: Tenure,
    open: Mutex<HashMap<String, Held>>,
}

/// When a store was opened, and from what.
type Held = (Instant, Basis, OpenStore);

/// What an opened store depends on: the generation of its storage's spec, what its last probe found, and whom the operator trusts there by itself. Not
/// the storage's version, which changes with each run that it counts.
type Basis = (Option<i64>, Option<Capabilities>, Option<String>);

/// What a storage says of its store.
///
/// # Errors
/// All that is wrong with it.
pub fn parameters(storage: &BackupStorage) -> Result<Parameters, Vec<ParameterFault>> {
    // Each type is a kind: a test of the room keeps them together.
    let kind = Kind::from_name(storage.spec.type_.name()).unwrap_or_default();
    let empty = BTreeMap::new();
    Parameters::parse(kind, storage.spec.parameters.as_ref().unwrap_or(&empty))
}

/// Before a store that was opened now would be opened again by itself.
fn ends_soon(ends: Option<Timestamp>, now: Timestamp) -> bool {
    let left = ends.map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default());
    left.is_some_and(|left| left <= FRESH)
}

fn named(name: &str, storages: &Cache<BackupStorage>) -> Result<Arc<BackupStorage>, String> {
    let storage = storages.get(&ObjectRef::new(name));
    storage.ok_or_else(|| format!("there is no BackupStorage {name:?}"))
}

fn cannot(name: &str, error: &OpenError) -> String {
    format!("storage {name} cannot be used: {}", error.text())
}

impl Stores {
    /// None are open yet. They are reached through these proxies, unless a storage names its own, and without a Secret as who this is.
    pub fn new(client: Client, proxies: Proxies, identity: Identity) -> Self {
        Self {
            client,
            proxies,
            identity,
            sftp: sftp::Servers::of(PathBuf::from(sftp::PROGRAM)),
            own: OwnStore::default(),
            tenure: Tenure::default(),
            open: Mutex::default(),
        }
    }

    /// With a store of the operator's own, whose authorities are trusted by themselves.
    pub fn with_own(self, own: OwnStore) -> Self {
        Self { own, ..self }
    }

    /// Which are asked for something for as long as that lasts.
    pub fn during(self, tenure: Tenure) -> Self {
        Self { tenure, ..self }
    }

    /// Whom is trusted at a storage though it does not say so, as PEM: the authorities of the operator's own store.
    pub fn authorities(&self, storage: &BackupStorage) -> Option<String> {
        let parameters = parameters(storage).ok().filter(|p| p.ca_bundle().is_none())?;
        self.own.authorities(parameters.endpoint()).ok().flatten()
    }

    fn basis(&self, storage: &BackupStorage) -> Basis {
        let found = storage.status.as_ref().and_then(|s| s.capabilities.clone());
        (storage.metadata.generation, found, self.authorities(storage))
    }

    /// What a storage says of its store, and whom the operator trusts there by itself where the storage does not say it.
    fn trusting(&self, parameters: Parameters) -> Result<Parameters, OpenError> {
        if parameters.ca_bundle().is_some() {
            return Ok(parameters);
        }
        let authorities = self
            .own
            .authorities(parameters.endpoint())
            .map_err(OpenError::Authorities)?;
        Ok(match authorities {
            Some(authorities) => parameters.trusting(authorities),
            None => parameters,
        })
    }

    /// The store of a storage; one that was opened moments ago for the same generation is used again.
    pub async fn open(&self, storage: &BackupStorage) -> Result<OpenStore, OpenError> {
        let uid = storage.uid().unwrap_or_default();
        let held = self
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&uid)
            .cloned();
        if let Some((at, seen, store)) = held
            && at.elapsed() < FRESH
            && !ends_soon(store.ends, Timestamp::now())
            && seen == self.basis(storage)
        {
            return Ok(store);
        }
        self.open_fresh(storage).await
    }

    /// The store of the storage of that name; an error is in words that name it.
    pub async fn open_named(&self, name: &str, storages: &Cache<BackupStorage>) -> Result<OpenStore, String> {
        let storage = named(name, storages)?;
        self.open(&storage).await.map_err(|e| cannot(name, &e))
    }

    /// The same, to remove something from it.
    pub async fn open_named_to_remove(&self, name: &str, storages: &Cache<BackupStorage>) -> Result<OpenStore, String> {
        let storage = named(name, storages)?;
        self.open_to_remove(&storage).await.map_err(|e| cannot(name, &e))
    }

    /// The store of a storage, to remove something from it: where its Secret is gone or cannot be read, with the access keys that
    /// it was last opened with. In a namespace that is deleted the Secret may go before the runs.
    pub async fn open_to_remove(&self, storage: &BackupStorage) -> Result<OpenStore, OpenError> {
        let error = match self.open(storage).await {
            Err(error @ (OpenError::Credentials(_) | OpenError::Api(..) | OpenError::Timeout)) => error,
            opened => return opened,
        };
        let held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get(&storage.uid().unwrap_or_default());
        let parameters = parameters(storage).ok();
        // The keys of another bucket are not for this one.
        held.filter(|(_, _, store)| parameters.as_ref().is_some_and(|p| p.same_place(&store.parameters)))
            .map(|(_, _, store)| store.clone())
            .ok_or(error)
    }

    /// The store of a storage, with its Secret read now.
    pub async fn open_fresh(&self, storage: &BackupStorage) -> Result<OpenStore, OpenError> {
        let parameters = parameters(storage).map_err(|faults| {
            OpenError::Parameters(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let parameters = self.trusting(parameters)?;
        let (store, ends) = match &parameters {
            Parameters::Sftp(sftp) => (self.served(storage, sftp).await?, None),
            _ => {
                let credentials = credentials::of(storage, &parameters, &self.client, &self.identity).await?;
                let ends = credentials.expires();
                let store = Store::open(&parameters, credentials, &self.proxies);
                (store.map_err(|e| OpenError::Client(e.to_string()))?, ends)
            }
        };
        let capabilities = storage.status.as_ref().and_then(|s| s.capabilities.clone());
        let checksum = match capabilities.as_ref().map(|c| c.checksum.as_str()) {
            Some("md5") => Checksum::Md5,
            Some("none") => Checksum::None,
            _ => Checksum::Sha256,
        };
        let opened = OpenStore {
            store: store.fenced(self.tenure.fence()),
            // What is served to this process alone, no Pod reaches.
            data_path: match parameters {
                Parameters::Sftp(_) => DataPath::Relay,
                _ => storage.spec.data_path.unwrap_or_default(),
            },
            parameters,
            checksum,
            metadata: capabilities.as_ref().is_some_and(|c| c.metadata),
            composite: capabilities.as_ref().is_some_and(|c| c.composite_checksum),
            if_none_match: capabilities.as_ref().is_some_and(|c| c.if_none_match),
            records: storage.spec.records(),
            isolation: storage.spec.namespace_isolation.unwrap_or_default(),
            ends,
        };
        let entry = (Instant::now(), self.basis(storage), opened.clone());
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(storage.uid().unwrap_or_default(), entry);
        Ok(opened)
    }

    /// As if it had been opened a moment ago.
    #[cfg(test)]
    pub fn hold(&self, storage: &BackupStorage, store: OpenStore) {
        let entry = (Instant::now(), self.basis(storage), store);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(storage.uid().unwrap_or_default(), entry);
    }

    /// The store that serves a folder of a server of SFTP to this process, on the loopback.
    async fn served(&self, storage: &BackupStorage, parameters: &SftpParameters) -> Result<Store, OpenError> {
        let reference = storage.spec.credentials.as_ref();
        let reference = reference.ok_or_else(|| OpenError::Credentials(api::rules::LOGIN.words().to_string()))?;
        let mut data = credentials::secret(reference, &self.client).await?;
        let login = Login::from_secret(parameters, &data);
        data.values_mut().for_each(zeroize::Zeroize::zeroize);
        let login = login.map_err(|words| {
            OpenError::Credentials(format!("Secret {}/{}: {words}", reference.namespace, reference.name))
        })?;
        let uid = storage.uid().unwrap_or_default();
        let serving = self
            .sftp
            .serve(&uid, parameters, &login)
            .await
            .map_err(OpenError::Sftp)?;
        let served = parameters.served_at(serving.address).map_err(|faults| {
            OpenError::Parameters(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        // No proxy leads to this process.
        Store::open(&served, serving.credentials, &Proxies::default()).map_err(|e| OpenError::Client(e.to_string()))
    }

    /// Drops what is held of a storage that is gone.
    pub fn forget(&self, uid: &str) {
        self.sftp.forget(uid);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use store::{Credentials, Secret, Wanted};

    use super::*;

    fn opened(bucket: &str, checksum: Checksum, key: &str) -> OpenStore {
        let parameters = BTreeMap::from([("bucket".to_string(), bucket.to_string())]);
        let parameters = Parameters::parse(Kind::S3, &parameters).unwrap();
        let credentials = Credentials::new(key, Secret::new("secret"), None);
        OpenStore {
            data_path: api::storage::DataPath::Auto,
            store: Store::open(&parameters, credentials, &Proxies::default()).unwrap(),
            parameters,
            checksum,
            metadata: true,
            composite: true,
            if_none_match: true,
            records: true,
            isolation: NamespaceIsolation::None,
            ends: None,
        }
    }

    async fn signed(store: &OpenStore) -> String {
        let url = store
            .store
            .sign(
                &Wanted::read("k", None),
                Duration::from_secs(60),
                jiff::Timestamp::UNIX_EPOCH,
            )
            .await
            .unwrap()
            .url;
        url.reveal().to_string()
    }

    #[tokio::test]
    async fn work_under_way_takes_new_keys_and_nothing_else_of_a_storage() {
        let old = opened("backups", Checksum::Sha256, "old-key");
        let rotated = old.with_keys_of(opened("backups", Checksum::Md5, "new-key"));
        assert!(signed(&rotated).await.contains("new-key"));
        assert_eq!(rotated.checksum, Checksum::Sha256, "the upload was created with it");
        let moved = old.with_keys_of(opened("elsewhere", Checksum::Sha256, "new-key"));
        assert!(signed(&moved).await.contains("old-key") && !signed(&moved).await.contains("elsewhere"));
    }

    #[test]
    fn a_store_is_opened_again_before_its_credentials_end() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (ends, soon) in [(None, false), (Some(31), false), (Some(30), true), (Some(-5), true)] {
            assert_eq!(ends_soon(ends.map(at), at(0)), soon, "{ends:?}");
        }
    }

    #[tokio::test]
    async fn a_storage_without_a_secret_is_opened_as_who_the_operator_is() {
        let cloud = servers::Cloud::default().start();
        let variables = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", cloud.url("/v1/credentials")),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer-of-a-container".to_string()),
        ];
        let variable = move |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        let storage: BackupStorage = serde_json::from_value(serde_json::json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "s", "uid": "s"},
            "spec": {"parameters": {"bucket": "backups"}},
        }))
        .unwrap();
        let (client, _server) = crate::mocked::connect();
        let stores = Stores::new(
            client.clone(),
            Proxies::default(),
            Identity::new(variable, Proxies::default()),
        );
        let opened = stores.open(&storage).await.unwrap();
        assert!(opened.ends.is_some() && signed(&opened).await.contains("session-token-1"));
        let nobody = Stores::new(client, Proxies::default(), Identity::none());
        let Err(error) = nobody.open(&storage).await else {
            panic!("opened")
        };
        assert_eq!(error.reason(), Reason::InvalidCredentials);
        let said = "spec.credentials: names no Secret, and nobody else gives credentials: the environment has no AWS_ACCESS_KEY_ID; ";
        assert!(error.text().starts_with(said), "{}", error.text());
    }

    #[tokio::test]
    async fn a_secret_that_may_not_be_read_is_told_with_the_value_of_the_chart_and_no_debuggers_words() {
        let storage: BackupStorage = serde_json::from_value(serde_json::json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "s", "uid": "s"},
            "spec": {"type": "s3", "parameters": {"bucket": "backups"}, "credentials": {"name": "keys", "namespace": "vault"}},
        }))
        .unwrap();
        for (code, reason, said, cured) in [
            (403, "Forbidden", "secrets \"keys\" is forbidden", true),
            (500, "InternalError", "etcd is away", false),
        ] {
            let refusal = serde_json::json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": said, "reason": reason, "code": code
            });
            let (client, mut server) = crate::mocked::connect();
            let stores = Stores::new(client, Proxies::default(), Identity::none());
            let (opened, _) = tokio::join!(
                stores.open_fresh(&storage),
                crate::mocked::answer(&mut server, code, refusal)
            );
            let Err(error) = opened else { panic!("opened") };
            let text = error.text();
            assert_eq!(error.reason(), Reason::SecretUnreadable);
            assert!(
                text.starts_with(&format!("spec.credentials: Secret vault/keys cannot be read: {said}")),
                "{text}"
            );
            assert_eq!(text.contains("credentialNamespaces: add vault"), cured, "{text}");
            assert!(!text.contains("Status {") && !text.contains("ApiError"), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_removed_may_be_with_the_keys_that_a_storage_last_had_and_nothing_else() {
        let storage: BackupStorage = serde_json::from_value(serde_json::json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "s", "uid": "s"},
            "spec": {"type": "s3", "parameters": {"bucket": "backups"}, "credentials": {"name": "keys", "namespace": "team"}},
        }))
        .unwrap();
        let gone = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "gone", "reason": "NotFound", "code": 404
        });
        for (held, found) in [
            (Some("backups"), true),
            // The keys of another bucket are not for this one.
            (Some("elsewhere"), false),
            (None, false),
        ] {
            let (client, mut server) = crate::mocked::connect();
            let stores = Stores::new(client, Proxies::default(), Identity::none());
            if let Some(bucket) = held {
                let entry = (
                    Instant::now(),
                    (Some(1), None, None),
                    opened(bucket, Checksum::Sha256, "last-key"),
                );
                stores.open.lock().unwrap().insert("s".into(), entry);
            }
            let (to_remove, _) = tokio::join!(
                stores.open_to_remove(&storage),
                crate::mocked::answer(&mut server, 404, gone.clone())
            );
            assert_eq!(to_remove.is_ok(), found, "{held:?}");
            let Err(error) = to_remove else {
                let (new, _) = tokio::join!(
                    stores.open_fresh(&storage),
                    crate::mocked::answer(&mut server, 404, gone.clone())
                );
                assert!(new.is_err(), "nothing is begun with them");
                continue;
            };
            assert!(error.text().contains("team/keys does not exist"), "{}", error.text());
        }
    }
}
