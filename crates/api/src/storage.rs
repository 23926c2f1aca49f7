//! `BackupStorage`: where backups are stored.
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// A place in an object store that backups are written to and restored from.
///
/// The operator probes it (writes, reads and deletes a small object) and says in the `Ready` condition whether it works.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "backup-operator.io",
    version = "v1",
    kind = "BackupStorage",
    plural = "backupstorages",
    shortname = "bt",
    status = "BackupStorageStatus",
    derive = "PartialEq",
    doc = "BackupStorage is a place in an object store that backups are written to and restored from. The operator probes it (writes, reads and deletes a small object) and says in the Ready condition whether it works.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether the last probe succeeded"}"#,
    printcolumn = r#"{"name":"Type","type":"string","jsonPath":".spec.type","description":"Storage type"}"#,
    printcolumn = r#"{"name":"Schedules","type":"integer","jsonPath":".status.schedules","description":"Schedules that name this storage"}"#,
    printcolumn = r#"{"name":"Runs","type":"integer","jsonPath":".status.runs","description":"Runs that name this storage"}"#,
    printcolumn = r#"{"name":"Size","type":"string","jsonPath":".status.size","description":"Bytes stored by the runs that exist","priority":1}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason","description":"Why it is ready, or is not","priority":1}"#,
    printcolumn = r#"{"name":"Last Probe","type":"date","jsonPath":".status.lastProbeTime","description":"When the store was last probed","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::BUCKET.rule(), validation = rules::CONTAINER.rule(), validation = rules::RELAYED.rule(), validation = rules::LOGIN.rule(), validation = rules::SELECTOR.rule())]
pub struct BackupStorageSpec {
    /// Type of the store.
    #[serde(default, rename = "type")]
    pub type_: StorageType,

    /// Settings of the store, all strings.
    /// s3: `bucket` (required); `endpoint` (`http(s)://host[:port]`, and a path where the store is served below one, default AWS); `region` (default us-east-1);
    /// `insecure` (`true`: plain HTTP); `s3ForcePathStyle` (`true`: bucket in the path, as MinIO wants it);
    /// `accessKey`, `secretKey`, `sessionToken` (names of the keys inside the Secret; default AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN);
    /// `prefix` (put before every path); `partSize` (smallest part of a multipart upload, `5Mi` to `5Gi`, default 5Mi);
    /// `retrySeconds` (how long a store that fails is tried again before the run fails, 10 to 604800, default 900);
    /// `caBundle` (PEM certificates to trust beside the public ones: an authority's, or the store's own, self-signed or not); `proxy` (`http://host:port`, an HTTP proxy that opens tunnels, for all requests to this store, the Pods', too);
    /// `storageClass`; `serverSideEncryption` (AES256 or aws:kms); `kmsKeyId`;
    /// `lockMode` (GOVERNANCE or COMPLIANCE) with `lockDays` (each new backup cannot be removed for so many days: S3 Object Lock, in a bucket that was made with it; COMPLIANCE needs `complianceAcknowledged: "true"`, because nobody can undo it); `legalHold` (`true`: each new backup gets a legal hold);
    /// `thawDays`, `thawTier` (Standard, Bulk or Expedited: objects that lie in an archive are brought back before they are restored, for 3 days by Standard where `storageClass` is GLACIER or DEEP_ARCHIVE and nothing is said; needed where rules of the bucket move them there);
    /// `bandwidth` (bytes a second, `64Ki` to `100Gi`, that all backups and all restores of this storage share, each direction by itself; default no limit);
    /// `checksum` (how a part is bound to its signed URL: sha256, md5 or none; default auto, what the probe finds to work);
    /// `roleARN` (a role that the credentials take on), `externalID` (which that role asks for), `stsEndpoint` (who is asked, default Amazon's of the region).
    /// azure: `container` and `account` (required); `endpoint` (default `https://ACCOUNT.blob.core.windows.net`; `http(s)://host[:port]/ACCOUNT` for Azurite);
    /// `accountKey` (name of the key inside the Secret; default AZURE_STORAGE_KEY); `accessTier` (Hot, Cool, Cold or Archive; default the account's);
    /// `prefix`, `partSize` (up to 4000Mi), `retrySeconds`, `caBundle`, `proxy` as above; `checksum` (auto or md5).
    /// gcs: `bucket` (required); `endpoint` (default `https://storage.googleapis.com`); `keyFile` (name of the key inside the Secret that has the service account's key file; default key.json);
    /// `serviceAccount` (in whose name Google signs URLs, where there is no key: default the operator's own); `storageClass`; `insecure` (`true`: an endpoint of plain HTTP may be named, and reads the operator's token);
    /// `prefix`, `partSize`, `retrySeconds`, `caBundle`, `proxy`, `bandwidth` as above.
    /// sftp: `host`, `user`, `hostKey` (required: the line of OpenSSH or the `SHA256:` fingerprint of the key that the server has to prove, which is never learned); `port` (default 22);
    /// `path` (the folder, from the root with a `/` first, else from the login directory; default that); `privateKey`, `passphrase`, `password` (names of the keys inside the Secret, which needs one of the first and the last; default SFTP_PRIVATE_KEY, SFTP_PASSPHRASE, SFTP_PASSWORD);
    /// `prefix`, `partSize`, `retrySeconds`, `bandwidth` as with s3. All bytes go through the operator.
    /// An unknown or malformed parameter is refused with the list of known ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BTreeMap<String, String>>,

    /// Secret with the access keys. It is read by the operator only and never enters a Pod. None: the operator's own identity, by its environment as AWS has it: keys, web identity (IRSA), container (EKS Pod Identity), instance; for gcs as Google has it: a key file, Workload Identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretReference>,

    /// How the bytes travel between the Pod and the store: Auto (default), Direct or Relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_path: Option<DataPath>,

    /// How many runs of this storage may be under way at once, backups and restores together; the others wait for their turn
    /// (`Queued`). A run has its turn from its Pod's creation until its Pod is gone. Default: no limit but the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_concurrent_runs: Option<u32>,

    /// Namespaces whose runs and schedules may use this storage. A change stops the next run, not one that is under way. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,

    /// Keep the objects of each namespace apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_isolation: Option<NamespaceIsolation>,

    /// What the bucket says of its backups by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Catalog>,
}

/// What the bucket says of its backups by itself: records, a small file beside each good backup with all that a restore needs, which of an encrypted backup is encrypted, too.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Write a record of each good backup, below `.backup-operator/records/`, and delete it with the backup. A record of a backup that is not encrypted has the Pod template in clear text: false where that holds what the bucket's readers may not know. Default: true.
    #[serde(default = "on", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "on")]
    pub records: Option<bool>,
    /// Make runs of records that have none here, in namespaces that exist: backups of a cluster that is gone can then be restored at once. Such runs keep their object, rotation passes them by, and nothing is executed. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<bool>,
}

fn on() -> Option<bool> {
    Some(true)
}

impl BackupStorageSpec {
    /// A record is written of each good backup.
    pub fn records(&self) -> bool {
        self.catalog.as_ref().and_then(|c| c.records).unwrap_or(true)
    }

    /// Runs are made of records.
    pub fn syncs(&self) -> bool {
        self.catalog.as_ref().and_then(|c| c.sync).unwrap_or(false)
    }
}

/// Type of the store. s3 (default): Amazon S3 and what speaks its protocol. azure: Azure Blob Storage. gcs: Google Cloud Storage. sftp: a folder of a server of SFTP.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageType {
    /// Amazon S3 and what speaks its protocol.
    #[default]
    #[serde(rename = "s3")]
    S3,
    /// Azure Blob Storage.
    #[serde(rename = "azure")]
    Azure,
    /// Google Cloud Storage.
    #[serde(rename = "gcs")]
    Gcs,
    /// A folder of a server of SFTP.
    #[serde(rename = "sftp")]
    Sftp,
}

impl StorageType {
    /// As manifests have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Azure => "azure",
            Self::Gcs => "gcs",
            Self::Sftp => "sftp",
        }
    }
}

/// How the bytes travel between the Pod and the store. Direct: straight, with URLs that the operator signs one by one.
/// Relay: through the operator, for Pods that cannot reach the store; they are compressed, encrypted and proved in the Pod
/// as ever, and no access key enters it. Auto (default): Direct where the Pod gets an answer from the store before the
/// command starts, else Relay.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataPath {
    /// Direct where the Pod reaches the store, else Relay.
    #[default]
    Auto,
    /// Pod to store.
    Direct,
    /// Pod to operator to store.
    Relay,
}

/// Namespaces whose runs and schedules may use a storage.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// Which.
    #[serde(default)]
    pub from: NamespacesFrom,
    /// Labels of the namespaces; needed with `from: Selector`. Every namespace carries its name as `kubernetes.io/metadata.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Which namespaces. All (default): every one. Selector: those whose labels the selector matches. None: not one.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespacesFrom {
    /// Every one.
    #[default]
    All,
    /// Those whose labels the selector matches.
    Selector,
    /// Not one.
    None,
}

/// Keeps the objects of each namespace apart. None (default): a path is a path in the bucket, whoever writes it.
/// Prefix: every object lies below `<prefix>/<namespace>/`, and no run can name one of another namespace; objects that
/// were written before, elsewhere in the bucket, can neither be restored nor deleted by runs while it is set.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceIsolation {
    /// A path is a path in the bucket.
    #[default]
    None,
    /// Below the namespace's name.
    Prefix,
}

impl NamespaceIsolation {
    /// What is put before the paths of a namespace, below a storage's prefix: `team/` or nothing.
    pub fn folder(self, prefix: &str, namespace: &str) -> String {
        match self {
            Self::None => prefix.into(),
            Self::Prefix => format!("{prefix}{namespace}/"),
        }
    }
}

/// A Secret in a namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct SecretReference {
    /// Name of the Secret.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Namespace of the Secret.
    #[schemars(length(min = 1))]
    pub namespace: String,
}

/// What the operator knows of a storage.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackupStorageStatus {
    /// The generation of the spec that this status speaks of, once the store was probed with it; -1 before an operator has looked at the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: whether the last probe (write, read, delete) succeeded, and if not, which step failed and why. Reconciling: not yet, and it may still come; Stalled:
    /// not for two minutes, or the spec is wrong. These two are there only while they are True; kstatus reads them (Flux, Helm 4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How many schedules name this storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedules: Option<u32>,
    /// How many runs name this storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u32>,
    /// What the backups of these runs occupy, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The same in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_in_bytes: Option<u64>,
    /// What the probe found the store able to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// What runs that are gone have left in the store because it did not let it be removed, the newest 20 first. Remove it by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<LeftBehind>,
    /// When the store was last probed. Written when a probe found something new, and otherwise every 15 minutes at most: while an operator is at work it is at most 20 minutes old. A store that is well is probed every five minutes, one that failed after 2 seconds, then ever less often, down to every 30 seconds (five minutes where the access key may not do something).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_probe_time: Option<Time>,
    /// The configuration (generation of the spec, version of the Secret) that `capabilities` are proved for: while it stands, probes make no object. A store that is away for a moment keeps it; one that refuses something loses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probed_configuration: Option<String>,
    /// Authorities that are trusted at this store though `parameters.caBundle` names none, as PEM: those of the store that comes with the operator, where it is served by TLS (`store.tls` of the chart). For other clients of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}

impl BackupStorageStatus {
    /// No operator has written it: it is the default of the CRD.
    pub fn is_unseen(&self) -> bool {
        *self
            == Self {
                observed_generation: Some(crate::UNSEEN),
                ..Self::default()
            }
    }
}

/// What a run left in the store.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LeftBehind {
    /// The run's namespace.
    pub namespace: String,
    /// The run.
    pub run: String,
    /// The objects and uploads, and why they could not be removed, in the store's words.
    pub message: String,
    /// When the run was let go.
    pub time: Time,
}

/// What a store was seen to do; S3-compatible is not S3.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// How a part is bound to its signed URL: `sha256` (x-amz-checksum-sha256 and content-length are enforced), `md5` (Content-MD5), or `none`.
    pub checksum: String,
    /// The store was seen to refuse other bytes than those that a URL was signed for: for whole objects and for parts. `false` with `spec.parameters.checksum` set by hand, or with `none`: bytes that are damaged on their way are stored.
    #[serde(default)]
    pub checksum_enforced: bool,
    /// The access key may delete objects. Without, `retainPolicy: Delete` cannot be carried out: what is left is listed in `leftBehind`. A key that may only add keeps ransomware from the backups.
    #[serde(default = "yes")]
    pub deletable: bool,
    /// The access key may list, so that the store says of an object that is missing that it is (404) and not that it may not be seen (403). Without, whether a backup would replace an object of another run is not known before it starts.
    #[serde(default = "yes")]
    pub listable: bool,
    /// Objects can be locked in the bucket (S3 Object Lock), as far as the access key may know. Whether they are says each run's `status.lock`.
    #[serde(default)]
    pub locks: bool,
    /// The object's metadata given at creation come back on HEAD.
    pub metadata: bool,
    /// HEAD returns the checksum of the whole object.
    #[serde(default)]
    pub composite_checksum: bool,
    /// The store does not complete an upload over an object that is there when it is asked not to (`If-None-Match: *`): two clusters that write one new object at the same time cannot overwrite each other.
    #[serde(default)]
    pub if_none_match: bool,
}

/// What was seen by operators that did not look.
fn yes() -> bool {
    true
}

/// Ready and how it came to be, for callers that hold a storage.
pub fn is_ready(storage: &BackupStorage) -> bool {
    storage
        .status
        .as_ref()
        .is_some_and(|s| crate::condition::is_true(&s.conditions, crate::condition::READY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_path_is_one_of_three_words_and_auto_where_there_is_none() {
        let spec = |path: serde_json::Value| {
            serde_json::from_value::<BackupStorageSpec>(serde_json::json!({ "dataPath": path }))
                .map(|s| s.data_path.unwrap_or_default())
        };
        for (word, path) in [
            ("Auto", DataPath::Auto),
            ("Direct", DataPath::Direct),
            ("Relay", DataPath::Relay),
        ] {
            assert_eq!(spec(word.into()).ok(), Some(path));
        }
        assert_eq!(spec(serde_json::Value::Null).ok(), Some(DataPath::Auto));
        assert!(spec("relay".into()).is_err());
    }
}
