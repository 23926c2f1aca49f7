//! Another set of recipients for a backup that is there: what is asked for, how far it is, and what became of it.
use crate::run::Location;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the annotation `backup-operator.io/rewrap` holds, as JSON: `{"add": ["age1..."], "remove": ["age1..."]}`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RewrapRequest {
    /// Whom it is to be encrypted for, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    /// Whom it is to be encrypted for no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// A rewrap under way: the backup is read, decrypted and encrypted again into an object of its own. The backup's own object stays until that is proved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Rewrap {
    /// When it was taken up.
    pub since: Time,
    /// Whom the backup is to be encrypted for.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub recipients: Vec<String>,
    /// The path of the object that is being made.
    pub path: String,
    /// Its key in the bucket.
    pub key: String,
    /// Its upload, named before the first part is sent.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "uploadID")]
    pub upload_id: Option<String>,
    /// How often it has failed. It is tried so often and no more.
    #[serde(default, skip_serializing_if = "is_none")]
    pub failures: u32,
    /// When it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Time>,
}

/// A rewrap that was done.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Rewrapped {
    /// When the new object was proved; of a run that was brought back without its status, when that was. Who asked for it is in the API server's audit log.
    pub time: Time,
    /// Whom the backup was encrypted for before.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub before: Vec<String>,
    /// SHA-256 of the object that it lay in before, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// An object of before a rewrap, which is still to be removed: who has a key that was taken out can still read it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// The further storage that it lies in; absent: the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Its key in the bucket.
    pub key: String,
    /// The store's ETag of it. Absent: it was not proved, and says itself whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The store's version of it, where its bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "versionID")]
    pub version_id: Option<String>,
    /// Where its storage led to when it was made. What is not there any more is not gone where the storage names another place since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// An upload under that key which was not finished.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "uploadID")]
    pub upload_id: Option<String>,
}

fn is_none(number: &u32) -> bool {
    *number == 0
}
