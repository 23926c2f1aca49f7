//! Status of a request for a URL to download a backup by: asked by an annotation, answered once, to whoever asked.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer to the annotation `backup-operator.io/download`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Download {
    /// The value of the annotation: an age recipient (`age1...`), whose key only the one who asked has.
    pub recipient: String,
    /// Until when the URL is good; the answer is removed then.
    pub expires_at: Time,
    /// The signed URL and what is needed to use it, encrypted for the recipient (age, ASCII armor).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What is sealed. Nothing of it stands anywhere in the clear: whoever has the URL can read the object as it is stored.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lent {
    /// GET it, with any `Range` and `If-Match`.
    pub url: String,
    /// To be sent as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Certificates to trust beside the public ones, PEM: `caBundle` of the storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}

/// The ValidatingAdmissionPolicy, and its binding, that keeps requests to those who may. Without it none is answered.
pub const POLICY: &str = "backup-operator-downloads";
/// What somebody needs the right to `create` in a run's namespace, to have its backup's URL.
pub const SUBRESOURCE: &str = "download";
