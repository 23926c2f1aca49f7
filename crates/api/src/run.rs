//! `BackupRun`: one backup, and its restores.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use crate::download::Download;
use crate::rewrap::{Replaced, Rewrap, Rewrapped};
use crate::rules;
use crate::source::{PickedSource, Source};

/// Where a backup goes when `spec.storage.path` is not given. With namespace and name in it no two runs get one object. Objects of
/// before this default keep the one that was written into them: the time alone.
pub const DEFAULT_PATH: &str = r#"/{{ .namespace }}/{{ .name }}-{{ now | date "20060102-150405" }}.backup"#;
/// Seconds that a Pod has to become ready when `spec.startDeadlineSeconds` is not given.
pub const DEFAULT_START_DEADLINE_SECONDS: u32 = 600;

/// One backup of whatever the command prints, and on demand its restores.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "backup-operator.io",
    version = "v1",
    kind = "BackupRun",
    plural = "backupruns",
    shortname = "br",
    namespaced,
    status = "BackupRunStatus",
    derive = "PartialEq",
    doc = "BackupRun is one backup of whatever its command prints and, on demand, its restores: annotate it with backup-operator.io/restore to stream the backup back into the restore command.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether the backup is good, or in a run without one the last restore"}"#,
    printcolumn = r#"{"name":"State","type":"string","jsonPath":".status.state","description":"What happened last"}"#,
    printcolumn = r#"{"name":"Duration","type":"string","jsonPath":".status.duration","description":"How long the backup took, or in a run without one the last restore"}"#,
    printcolumn = r#"{"name":"Size","type":"string","jsonPath":".status.size","description":"Stored bytes"}"#,
    printcolumn = r#"{"name":"Ratio","type":"string","jsonPath":".status.ratio","description":"How many times smaller it is stored than the command printed it"}"#,
    printcolumn = r#"{"name":"Storage","type":"string","jsonPath":".spec.storage.name","description":"Where the backup goes","priority":1}"#,
    printcolumn = r#"{"name":"Path","type":"string","jsonPath":".status.path","description":"Path of the object in the storage","priority":1}"#,
    printcolumn = r#"{"name":"Copied","type":"string","jsonPath":".status.conditions[?(@.type==\"Copied\")].status","description":"Whether each copy that it is to have is made; empty where it is to have none","priority":1}"#,
    printcolumn = r#"{"name":"Started","type":"date","jsonPath":".status.startTime","description":"When the backup began","priority":1}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason","description":"Why it is ready, or is not","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = rules::BACKUP_STAYS.rule(),
    validation = rules::STORAGE_STAYS.rule(),
    validation = rules::SOURCE_STAYS.rule(),
    validation = rules::COMPRESSION_STAYS.rule(),
    validation = rules::ENCRYPTION_STAYS.rule(),
    validation = rules::START_DEADLINE_STAYS.rule(),
    validation = rules::BACKOFF_LIMIT_STAYS.rule(),
    validation = rules::AGENT_STAYS.rule(),
    validation = rules::COPIES_STAY.rule(),
    validation = rules::TEMPLATE_STAYS.rule()
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::BACKUP_OR_RESTORE.rule(),
    validation = rules::BACKUP_NEEDS_RECIPIENT.rule(),
    validation = rules::RESTORE_NEEDS_KEY.rule(),
    validation = rules::PASSPHRASE_RESTORES.rule(),
    validation = rules::RESTORE_ONLY_RETAINS.rule(),
    validation = rules::STORAGE_OR_SOURCE.rule(),
    validation = rules::SOURCE_RESTORES.rule(),
    validation = rules::SOURCE_SAYS_HOW.rule(),
    validation = rules::COPIES_ARE_ELSEWHERE.rule(),
    validation = rules::COPIES_NEED_BACKUP.rule(),
    validation = rules::BACKUP_CONTAINER.rule(),
    validation = rules::RESTORE_CONTAINER.rule(),
    validation = rules::CHECK_CONTAINER.rule()
)]
pub struct BackupRunSpec {
    /// What happens to the stored object when this run is deleted, by hand or by rotation.
    #[serde(default = "retain", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "retain")]
    pub retain_policy: Option<RetainPolicy>,

    /// The command whose standard output is the backup. A run makes one backup, ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupAction>,

    /// The command that gets the backup on its standard input, each time the run is annotated `backup-operator.io/restore`.
    /// Without `backup`, the run also restores `storage.path` once when it is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreAction>,

    /// Where the backup is stored, or in a run without `backup` lies. Needed, unless there is a `source`.
    #[serde(default, skip_serializing_if = "RunStorage::is_left_out")]
    pub storage: RunStorage,

    /// In a run without `backup`: the backup of another run, in place of `storage`. Its place, compression, encryption, version and SHA-256 are taken from that run, and it is proved as if that run restored it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,

    /// Further storages that a good backup is copied to, as it is stored: three copies, in two places, one of them elsewhere. The operator reads the object, proves it by its SHA-256 and writes it there; a copy that fails is made again, and leaves the backup as good as it is (condition Copied). They go with the run as its object does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["storage"]))]
    pub copies: Vec<CopyTo>,

    /// Compress the backup before it is encrypted and stored. Default: not compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,

    /// Encrypt the backup with age (https://age-encryption.org) before it is stored. Default: not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,

    /// The Pod that the commands run in. Its containers must stay alive while the command runs (for example with the command `sleep infinity`); any image will do, with or without a shell.
    pub template: PodTemplate,

    /// How many seconds the Pod may take to become ready before the run fails, counted from the run's turn. What is looked at after that and before the command (how the Pod reaches the store, the object of a restore) have limits of their own, 5 minutes together. An operator that takes the run over counts anew, of a restore for 15 minutes longer at most. Default: 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub start_deadline_seconds: Option<u32>,

    /// How often a backup that failed is made again before the run has failed: each time in a fresh Pod, after 10 seconds, then 20, 40 and so on up to 6 minutes. What no new try can cure (a wrong spec, a Pod that is refused, a missing key) fails at once. Restores are never made again by themselves. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub backoff_limit: Option<u32>,

    /// How the agent is put into the Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
}

/// How the agent is put into the Pod.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// What the init container `backup-operator-agent`, which copies the agent into the Pod and ends where no image volume brings it, requests and is limited to: for namespaces whose LimitRange or ResourceQuota wants other amounts than the operator's own (`agent.cpu`, `agent.memory` of the chart). It works within 1m of CPU and 16Mi of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
}

fn retain() -> Option<RetainPolicy> {
    Some(RetainPolicy::Retain)
}

/// What happens to the stored object when this run is deleted, by hand or by rotation. Retain (default): it stays.
/// Delete: it is removed, unless another run has written the same path since.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainPolicy {
    /// The object stays.
    #[default]
    Retain,
    /// The object is removed, if this run still owns it.
    Delete,
}

/// The backup command.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::MIN_SIZE.rule(), validation = rules::EXPECTED_SIZE.rule())]
pub struct BackupAction {
    /// Container of the template to run in. Default: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
    /// Command to run, without a shell, in the container's environment and working directory. Its standard output is the backup; its exit status 0 makes it good.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Arguments, put after the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Seconds after which the command is stopped and the backup fails. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub deadline_seconds: Option<u64>,
    /// Take a backup of zero bytes for a good one. Default: false, because a dump that prints nothing has usually failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_empty: Option<bool>,
    /// The fewest bytes that a good backup has, as the command prints them (before compression): a quantity such as `10Mi`, or a percentage such as `50%` of
    /// the median of the last five good backups of the same schedule, which counts from the second on. A smaller one fails with the reason `TooSmall`, and nothing of it is stored.
    /// Default: no limit, and a Warning Event `Shrunk` where a backup has less than half of that median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub min_size: Option<String>,
    /// About how large the backup will be in the store (after compression and encryption), as in `200Gi`: parts of an upload are as large as that wants from the
    /// start, so that the agent needs less memory. A larger backup is stored all the same. Default: twice the size of the newest good backup of the same schedule; without
    /// one, parts grow with the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub expected_size: Option<String>,
}

/// The restore command.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RestoreAction {
    /// Container of the template to run in. Default: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
    /// Command to run, without a shell. It reads the backup from its standard input, which ends only after the last byte proved whole.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Arguments, put after the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Seconds after which the command is stopped and the restore fails. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub deadline_seconds: Option<u64>,
    /// Command to run once the restore command has taken the whole backup and ended well: the restore is good only where this one ends with exit status 0, too. It counts what was restored, or compares it with a number that the backup command wrote into the dump. The last 4 KiB of what it prints, on both outputs, are kept in `status.log`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

/// What proves a restore.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Container of the template to run in, such as that of a scratch server, whose clients and sockets are there. Default: that of the restore command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
    /// Command to run, without a shell.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Arguments, put after the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Seconds after which the check is stopped and the restore fails. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub deadline_seconds: Option<u64>,
}

/// Where a run's backup is stored.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[x_kube(validation = rules::PATH_FORM.rule(), validation = rules::PATH_DOTS.rule(), validation = rules::PATH_OWN.rule())]
pub struct RunStorage {
    /// Name of a BackupStorage.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Path of the object: a Go template with Sprig's functions, rendered once when the backup starts and recorded in `status.path`.
    /// Begins with `/`, has no empty, `.`, `..` or `.backup-operator` segment and at most 1,000 bytes once rendered. It is on you to add an extension for what the run does to the bytes (`.gz`, `.zst`, `.age`).
    /// Default: namespace, name and time, as in `/shop/nightly-1769904000-20260201-000000.backup`.
    #[serde(default = "default_path")]
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}

impl RunStorage {
    fn is_left_out(&self) -> bool {
        self.name.is_empty()
    }
}

impl Default for RunStorage {
    fn default() -> Self {
        Self {
            name: String::new(),
            path: default_path(),
        }
    }
}

fn default_path() -> String {
    DEFAULT_PATH.into()
}

/// A further place for a good backup.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CopyTo {
    /// Name of another BackupStorage than the backup's own.
    #[schemars(length(min = 1, max = 253))]
    pub storage: String,
    /// Path of the copy there: a template as `storage.path` is one, rendered when the copy is begun. Default: the backup's own path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub path: Option<String>,
}

/// How a backup is compressed.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::LEVEL.rule(), validation = rules::WINDOW_LOG.rule())]
pub struct Compression {
    /// gzip (default) or zstd; zstd is several times faster at a better ratio.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// gzip: 1 to 9 (default 6); 0, -1 and -2 are taken as the default. zstd: 1 to 19 (default 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2, max = 19))]
    pub level: Option<i32>,
    /// zstd only: the largest window of an object that a restore takes, as a power of two, 10 to 31. What `zstd --long=31` makes of a pipe needs 31, and the container 2 GiB of memory for it. A window that the memory limit has no room for is refused whatever is allowed here. Backups do not depend on it, so it can be changed after creation; what this operator itself has stored is read with any value. Default: 27 (128 MiB), or more where half of the container's memory limit is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_log: Option<i32>,
}

/// Compression algorithms.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RFC 1952.
    #[default]
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// How a backup is encrypted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// Who can decrypt: age recipients (`age1...`) or SSH public keys (`ssh-ed25519 ...`, `ssh-rsa ...`). Needed with `backup`, here or in `recipientsFrom`; a run that only restores needs none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// More of them, out of ConfigMaps or Secrets of the run's namespace, so that one edit changes whom the next backups of all schedules are for. Each is a file as age's `-R` reads it: a recipient a line, empty lines and comments (`#`) between. They are read when the run begins, and stand in `status.recipients` from then on. A run waits for one that is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub recipients_from: Vec<RecipientsFrom>,
    /// Where the matching identity, or the passphrase, is kept; needed for restores. During a restore it is in the memory of the user's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decryption_key: Option<DecryptionKey>,
}

/// Where recipients are kept: exactly one of the two.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::RECIPIENTS_FROM_ONE.rule())]
pub struct RecipientsFrom {
    /// A key of a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyRef>,
    /// A key of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyRef>,
}

/// A key of an object of the run's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A key of a Secret that holds an age identity, an SSH private key, or a passphrase.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct DecryptionKey {
    /// Name of the Secret.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Namespace of the Secret. Default: the run's own. Another one is honoured only where the Secret is annotated
    /// `backup-operator.io/allowed-namespaces` with the run's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Key inside the Secret.
    #[schemars(length(min = 1))]
    pub key: String,
    /// What is kept there.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub key_type: Option<KeyType>,
}

/// What a decryption key is; nothing is guessed. Identity (default): age identities as `age-keygen` writes them, or an SSH private key.
/// Passphrase: what somebody has typed for `age -p`, for restores of what was encrypted so; never with `backup`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyType {
    /// Age identities or an SSH private key.
    #[default]
    Identity,
    /// A passphrase.
    Passphrase,
}

/// The Pod that commands run in.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
pub struct PodTemplate {
    /// Labels and annotations of the Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,
    /// Specification of the Pod, as in any workload.
    pub spec: PodSpec,
}

/// Labels and annotations that a template adds.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// What happened last, in one word; kept for dashboards made for the Go operator.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A backup is being made.
    Backuping,
    /// The backup is good.
    BackupSuccessful,
    /// The backup failed.
    BackupFailed,
    /// A restore is being made.
    Restoring,
    /// The last restore ended well.
    RestoreSuccessful,
    /// The last restore failed.
    RestoreFailed,
    /// The run waits for its storage.
    StorageError,
    /// The run waits for its turn.
    Queued,
    /// A restore waits until the store has brought the object back from its archive.
    Thawing,
    /// The backup or restore was cut off and cannot go on.
    InterruptedFailed,
}

/// The Go operator defaulted the state of its runs to the empty string: read as none, so that its runs can be adopted.
fn known_state<'de, D: Deserializer<'de>>(from: D) -> Result<Option<State>, D::Error> {
    let word = Option::<String>::deserialize(from)?;
    Ok(word
        .and_then(|word| State::deserialize(IntoDeserializer::<serde::de::value::Error>::into_deserializer(word)).ok()))
}

/// What the operator knows of a run.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackupRunStatus {
    /// The generation of the spec that this status was made from; -1 before an operator has looked at the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, NeverRun, InProgress, Successful and Failed speak of the backup, and in a run without one of the last restore that ended; Restored of the last restore; Restorable, Encrypted and Compressed of what is stored. Reconciling is there while the run waits or works, Stalled when it has failed for good: kstatus reads these two (Flux, Helm 4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What happened last.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known_state")]
    pub state: Option<State>,
    /// The Pod of the backup or restore under way, or of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    /// Stored bytes, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Stored bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_in_bytes: Option<u64>,
    /// The path as rendered, once, when the backup started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The object's key in the bucket: the path below the storage's prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where the backup lies: the bucket that its storage named when it was made, and where that was. A storage that names another one
    /// by now has it no more: nothing is deleted there, and a restore says so. Runs of before this field have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// When the backup (in a restore-only run: the last restore) started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// How long it took, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// How many times smaller the backup is in the store than the command printed it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<String>,
    /// How many attempts the backup took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The transfer under way: what a restarted operator needs to find it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
    /// How far the transfer under way has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Bytes that the backup command printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256 of what is stored, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The store's ETag of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The store's version of the object, where its bucket keeps versions. `retainPolicy: Delete` removes this version.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "versionID")]
    pub version_id: Option<String>,
    /// What keeps the object from being removed, as the store told when the backup was proved, or when the annotation `legal-hold` was carried out. Absent where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// In a run with `encryption.recipientsFrom`: all whom the backup is encrypted for, as they were when the run began. In a run whose backup was rewrapped: all whom it is encrypted for since, whatever the spec says. In one that was brought back without its status: what the record beside the backup says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub recipients: Vec<String>,
    /// The rewrap under way (annotation `backup-operator.io/rewrap`, `kubectl backup rewrap`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrap: Option<Rewrap>,
    /// The last ten rewraps that were done, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub rewraps: Vec<Rewrapped>,
    /// Objects of before a rewrap, which are still to be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub replaced: Vec<Replaced>,
    /// In a run with `spec.source`: the backup that was picked, when the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PickedSource>,
    /// What the last restore of the backup by another run (`spec.source`; a BackupDrill makes such runs) has shown. Condition Verified says it in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// How far the store is with bringing the object back from its archive for the restore that was asked for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thaw: Option<Thaw>,
    /// Key of the backup's record: its own description beside it in the bucket, enough to restore it without this cluster (`kubectl backup import`). Absent where none was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The copies in further storages: those that were made, and why others were not yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["storage"]))]
    pub copies: Vec<CopyStatus>,
    /// The answer to the last request for a URL to download the backup by (`kubectl backup download`), until it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<Download>,
    /// What happened last, in words: what went wrong and what would cure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The end of what the last command wrote to its standard error, at most 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Since when a restore waits for its storage or for the Pod of an earlier attempt; it expires after `startDeadlineSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_requested_at: Option<Time>,
    /// The run waits for its turn, because as many runs are under way as may be at once: `spec.maxConcurrentRuns` of its storage, or
    /// `--max-concurrent-runs` of the operator. Restores go before backups, namespaces take turns, and within one the oldest goes first. No
    /// deadline runs meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<Queued>,
    /// The last ten restores, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub restores: Vec<Restore>,
}

impl BackupRunStatus {
    /// No operator has written it: it is the default of the CRD.
    pub fn is_unseen(&self) -> bool {
        *self
            == Self {
                observed_generation: Some(crate::UNSEEN),
                ..Self::default()
            }
    }
}

/// What keeps an object from being removed (S3 Object Lock).
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// GOVERNANCE (who has a right of its own may remove it) or COMPLIANCE (nobody may), until `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// A legal hold lies on it, which has no end but being taken off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub legal_hold: bool,
}

impl Lock {
    /// It keeps the object from being removed at that time.
    pub fn holds(&self, now: jiff::Timestamp) -> bool {
        self.legal_hold || self.until.as_ref().is_some_and(|until| until.0 > now)
    }
}

/// What a restore of a backup by another run has shown.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// When that restore ended.
    pub time: Time,
    /// Whether it was good.
    pub successful: bool,
    /// The run that restored it.
    pub run: String,
    /// How: Read (all of it was read and proved whole) or Restore (a restore command took it, and a check, where there was one, found it right).
    pub mode: String,
    /// How long it took, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
}

/// How far the store is with bringing an object back from its archive.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Thaw {
    /// The further storage whose copy is brought back; absent: the backup's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Since when it is asked to.
    pub since: Time,
    /// Since when the object can be read; the restore begins then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Time>,
}

/// A copy of a backup in a further storage.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CopyStatus {
    /// The storage.
    pub storage: String,
    /// The copy's key in its bucket, rendered once.
    pub key: String,
    /// The bucket, and where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// When the copy was proved. Absent: it is not made yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// The store's ETag of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The store's version of it, where its bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "versionID")]
    pub version_id: Option<String>,
    /// What keeps it from being removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// The upload of a copy under way, named before its first part is sent.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "uploadID")]
    pub upload_id: Option<String>,
    /// How often it was made and found gone since, or another object in its place. It is made again twice.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lost: u32,
    /// It is not made again; the message says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_up: bool,
    /// Why it is not made yet, or not any more, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

fn is_none(number: &u32) -> bool {
    *number == 0
}

/// A bucket, and where it is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The bucket's name.
    pub bucket: String,
    /// Where it is: scheme, host and port, and the path that the store is served below, if any.
    pub endpoint: String,
}

/// The transfer under way.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// `backup-1`, `restore-2`.
    pub attempt: String,
    /// When this attempt was started.
    pub started_at: Time,
    /// UID of the Pod, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// When the command was handed to the agent; from then on the attempt is never started afresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_started_at: Option<Time>,
    /// Object key in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The storage of the copy that a restore reads, where that is not the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// The multipart upload, recorded before its first part is signed.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "uploadID")]
    pub upload_id: Option<String>,
    /// Where a backup is uploaded to; recorded before its command starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Direct (Pod to store) or Relay (through the operator); chosen before the command starts.
    pub route: String,
    /// What puts the agent into the Pod: ImageVolume (a volume of the operator's image, where the cluster serves such volumes) or InitContainer; chosen when the attempt is started, and changed to InitContainer where the volume does not come up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What kept the Pod from starting, in Kubernetes' words (ImagePullBackOff, Unschedulable, FailedMount): the first eight, of each of which an Event told once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waited_for: Vec<String>,
    /// Set once the attempt has failed and another one follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Time>,
    /// Set once it was asked for that this attempt is stopped (annotation `backup-operator.io/cancel`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Time>,
}

/// A run that waits for its turn.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Since when.
    pub since: Time,
    /// Its place when it was last told, from 1. It is told again when it has come down to a tenth.
    pub place: u32,
    /// How many waited for the same then.
    pub of: u32,
}

/// How far a transfer has come.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Bytes on the command's side.
    pub bytes: u64,
    /// Bytes on the store's side.
    pub stored_bytes: u64,
    /// When this was seen.
    pub updated_at: Time,
}

/// One restore that ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    /// Number of the restore, from 1.
    pub number: u32,
    /// When it started.
    pub start_time: Time,
    /// When it ended.
    pub completion_time: Time,
    /// Whether the command took all bytes, proved whole, and ended well.
    pub successful: bool,
    /// Bytes that the command was given.
    pub bytes: u64,
    /// What went wrong, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_is_not_ours_is_no_state() {
        let state =
            |word: &str| -> BackupRunStatus { serde_json::from_value(serde_json::json!({ "state": word })).unwrap() };
        assert_eq!(state("BackupSuccessful").state, Some(State::BackupSuccessful));
        assert_eq!(state("").state, None);
        assert_eq!(state("Dreaming").state, None);
    }

    #[test]
    fn what_is_left_out_gets_its_default() {
        let spec: BackupRunSpec = serde_json::from_value(serde_json::json!({
            "storage": { "name": "s" },
            "compression": {},
            "template": { "spec": { "containers": [] } },
        }))
        .unwrap();
        assert_eq!(spec.retain_policy, Some(RetainPolicy::Retain));
        assert_eq!(spec.storage.path, DEFAULT_PATH);
        assert_eq!(
            spec.compression,
            Some(Compression {
                algorithm: Algorithm::Gzip,
                level: None,
                window_log: None
            })
        );
    }
}
