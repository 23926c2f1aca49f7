//! Parameters of `type: gcs`.
use super::{Common, Given, ParameterFault, Place, S3Parameters, value};
use crate::gcs::key::is_account;

/// Every parameter that is understood, in the order in which it is documented.
pub(crate) const KNOWN: [&str; 12] = [
    "bucket",
    "endpoint",
    "insecure",
    "keyFile",
    "serviceAccount",
    "prefix",
    "partSize",
    "retrySeconds",
    "caBundle",
    "proxy",
    "bandwidth",
    "storageClass",
];

/// The key of the Secret that has the service account's key file.
const KEY_FILE: &str = "key.json";
/// Where the service itself is.
const ENDPOINT: &str = "https://storage.googleapis.com";

/// A bucket, as its parameters describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcsParameters {
    /// What it has as a bucket of S3.
    pub(crate) s3: S3Parameters,
    pub(crate) key_file: String,
    /// In whose name Google signs, where the operator has no key.
    pub(crate) service_account: Option<String>,
}

impl GcsParameters {
    pub(super) fn read(mut given: Given<'_>) -> Result<Self, Vec<ParameterFault>> {
        let bucket = given.required("bucket", "name the bucket that backups are stored in", value::bucket);
        let insecure = given.optional("insecure", value::boolean).unwrap_or(false);
        let endpoint = given.optional("endpoint", |text| endpoint(text, insecure));
        let key_file = given.key_name("keyFile", KEY_FILE);
        let service_account = given.optional("serviceAccount", account);
        let storage_class = given.optional("storageClass", value::storage_class);
        let common = Common::read(&mut given);
        let endpoint = endpoint.or_else(|| ENDPOINT.parse().ok());
        match (bucket, endpoint) {
            (Some(bucket), Some(endpoint)) if given.faults.is_empty() => Ok(Self {
                s3: S3Parameters::in_path(common.at(bucket, endpoint), "auto", storage_class),
                key_file,
                service_account,
            }),
            _ => Err(given.faults),
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.s3.place
    }

    pub(crate) fn place_mut(&mut self) -> &mut Place {
        &mut self.s3.place
    }
}

/// Requests carry a token that is as good as a key.
fn endpoint(text: &str, insecure: bool) -> Result<url::Url, String> {
    let url = value::endpoint(text, false)?;
    match url.scheme() {
        "http" if !insecure => Err(
            "must be https: the operator's access token would be readable on its way (insecure: \"true\" allows it all the same)"
                .to_owned(),
        ),
        _ => Ok(url),
    }
}

fn account(text: &str) -> Result<String, String> {
    match is_account(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{text:?} is no service account's address, as in backups@project.iam.gserviceaccount.com"
        )),
    }
}
