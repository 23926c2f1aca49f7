//! `spec.parameters` of an S3 storage: all that can be said about it without asking the store.
mod fault;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use url::Url;

pub use fault::{ParameterFault, faults};

use crate::checksum::Checksum;
use crate::proxy;

/// Every parameter that is understood, in the order in which it is documented.
pub const KNOWN: [&str; 17] = [
    "bucket",
    "endpoint",
    "region",
    "insecure",
    "s3ForcePathStyle",
    "accessKey",
    "secretKey",
    "sessionToken",
    "prefix",
    "partSize",
    "retrySeconds",
    "caBundle",
    "proxy",
    "storageClass",
    "serverSideEncryption",
    "kmsKeyId",
    "checksum",
];

/// How long a store that fails is tried again.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// Where the keys are inside the Secret that `spec.credentials` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialKeys {
    /// Key of the access key id. Default `AWS_ACCESS_KEY_ID`.
    pub access_key: String,
    /// Key of the secret access key. Default `AWS_SECRET_ACCESS_KEY`.
    pub secret_key: String,
    /// Key of the session token, which need not be there. Default `AWS_SESSION_TOKEN`.
    pub session_token: String,
}

/// A store, as its parameters describe it: well-formed, not yet known to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Parameters {
    pub(crate) bucket: String,
    /// With a scheme and without credentials, query or fragment.
    pub(crate) endpoint: Url,
    pub(crate) region: String,
    pub(crate) path_style: bool,
    /// Empty, or ends with `/` and does not begin with one.
    pub(crate) prefix: String,
    pub(crate) storage_class: Option<String>,
    pub(crate) server_side_encryption: Option<String>,
    pub(crate) kms_key_id: Option<String>,
    checksum: Option<Checksum>,
    part_size: Option<u64>,
    retry: Duration,
    ca_bundle: Option<String>,
    proxy: Option<String>,
    keys: CredentialKeys,
}

impl S3Parameters {
    /// Reads all parameters; an empty value counts as not given.
    ///
    /// # Errors
    /// Every fault that was found, not only the first.
    pub fn parse(parameters: &BTreeMap<String, String>) -> Result<Self, Vec<ParameterFault>> {
        let mut given = Given {
            parameters,
            faults: fault::unknown(parameters),
        };
        let bucket = given.required("bucket", value::bucket);
        let insecure = given.optional("insecure", value::boolean).unwrap_or(false);
        let region = given
            .optional("region", value::region)
            .unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint = given.optional("endpoint", |text| value::endpoint(text, insecure));
        let path_style = given.optional("s3ForcePathStyle", value::boolean).unwrap_or(false);
        let keys = CredentialKeys {
            access_key: given.key_name("accessKey", "AWS_ACCESS_KEY_ID"),
            secret_key: given.key_name("secretKey", "AWS_SECRET_ACCESS_KEY"),
            session_token: given.key_name("sessionToken", "AWS_SESSION_TOKEN"),
        };
        let prefix = given.optional("prefix", value::prefix).unwrap_or_default();
        let part_size = given.optional("partSize", value::part_size);
        let retry = given.optional("retrySeconds", value::retry).unwrap_or(RETRY);
        let ca_bundle = given.optional("caBundle", value::ca_bundle);
        let proxy = given.optional("proxy", proxy::parameter);
        let storage_class = given.optional("storageClass", value::storage_class);
        let server_side_encryption = given.optional("serverSideEncryption", value::server_side_encryption);
        let kms_key_id = given.optional("kmsKeyId", value::kms_key_id);
        if kms_key_id.is_some() && server_side_encryption.as_deref() != Some("aws:kms") {
            given.fault("kmsKeyId", "only means something with serverSideEncryption: aws:kms");
        }
        let checksum = given.optional("checksum", value::checksum).flatten();
        let endpoint = endpoint.or_else(|| value::aws_endpoint(&region, insecure));
        match (bucket, endpoint) {
            (Some(bucket), Some(endpoint)) if given.faults.is_empty() => Ok(Self {
                path_style: path_style || value::needs_path_style(&bucket, &endpoint),
                bucket,
                endpoint,
                region,
                prefix,
                storage_class,
                server_side_encryption,
                kms_key_id,
                checksum,
                part_size,
                retry,
                ca_bundle,
                proxy,
                keys,
            }),
            _ => Err(given.faults),
        }
    }

    /// The object key of a path: `prefix`, then the path without its leading slashes. It never begins with `/`.
    pub fn key(&self, path: &str) -> String {
        format!("{}{}", self.prefix, path.trim_start_matches('/'))
    }

    /// An object as it is told of: its key, what of it is the prefix, and its bucket.
    pub fn object(&self, key: &str) -> String {
        let prefix = match self.prefix.as_str() {
            prefix if !prefix.is_empty() && key.starts_with(prefix) => {
                format!(" (spec.parameters.prefix is {:?})", prefix.trim_end_matches('/'))
            }
            _ => String::new(),
        };
        format!(
            "object {key:?}{prefix} in bucket {:?} at {}",
            self.bucket,
            self.endpoint()
        )
    }

    /// The smallest part of a multipart upload in bytes, where `partSize` says one: 5 MiB to 5 GiB.
    pub fn part_size(&self) -> Option<u64> {
        self.part_size
    }

    /// How long a part, a download, the creation or the completion of an upload is tried again while the store fails:
    /// 10 s to a week, 15 minutes where `retrySeconds` says nothing.
    pub fn retry(&self) -> Duration {
        self.retry
    }

    /// PEM certificates to trust beside the public authorities.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.ca_bundle.as_deref()
    }

    /// The HTTP proxy through which the store is reached: scheme, host and port.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Where the keys are inside the Secret.
    pub fn credential_keys(&self) -> CredentialKeys {
        self.keys.clone()
    }

    /// How bodies are bound to their URLs, where `checksum` says so; None (`auto`) is for the probe to find out.
    pub fn checksum(&self) -> Option<Checksum> {
        self.checksum
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Where requests go, without the bucket: scheme, host and port, and the path that the store is served below, if any.
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str().trim_end_matches('/')
    }
}

/// The map while it is read, and what was wrong in it so far.
struct Given<'a> {
    parameters: &'a BTreeMap<String, String>,
    faults: Vec<ParameterFault>,
}

impl Given<'_> {
    fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push(ParameterFault {
            name: name.to_owned(),
            message: message.into(),
        });
    }

    fn optional<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.parameters.get(name).filter(|text| !text.is_empty())?;
        match read(text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, message);
                None
            }
        }
    }

    /// Only the bucket is; the words are those that the API server has for it.
    fn required<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        if self.parameters.get(name).is_none_or(String::is_empty) {
            let hint = fault::meant(
                name,
                self.parameters.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            );
            self.fault(
                name,
                format!("needed; name the bucket that backups are stored in{hint}"),
            );
            return None;
        }
        self.optional(name, read)
    }

    fn key_name(&mut self, name: &str, default: &str) -> String {
        self.optional(name, value::secret_key_name)
            .unwrap_or_else(|| default.to_owned())
    }
}

#[cfg(test)]
mod tests;
