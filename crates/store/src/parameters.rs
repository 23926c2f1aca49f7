//! `spec.parameters` of a storage: all that can be said about it without asking the store.
pub(crate) mod azure;
mod fault;
pub(crate) mod gcs;
mod given;
pub(crate) mod s3;
pub(crate) mod sftp;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

pub use azure::AzureParameters;
pub use fault::{ParameterFault, faults};
pub use gcs::GcsParameters;
pub(crate) use given::Given;
pub use s3::{CredentialKeys, S3Parameters};
pub use sftp::SftpParameters;

use crate::checksum::Checksum;
use crate::kind::Kind;
use crate::proxy;
use crate::wanted::Thaw;

/// How long a store that fails is tried again.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// A store, as its parameters describe it: well-formed, not yet known to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // There is one of a storage, and what it is moves little.
pub enum Parameters {
    /// Amazon S3 and what speaks its protocol.
    S3(S3Parameters),
    /// Azure Blob Storage.
    Azure(AzureParameters),
    /// Google Cloud Storage.
    Gcs(GcsParameters),
    /// A folder of a server of SFTP.
    Sftp(SftpParameters),
}

/// What every kind of store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) bucket: String,
    /// With a scheme and without credentials, query or fragment.
    pub(crate) endpoint: Url,
    /// Empty, or ends with `/` and does not begin with one.
    pub(crate) prefix: String,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) part_size: Option<u64>,
    pub(crate) retry: Duration,
    pub(crate) ca_bundle: Option<String>,
    pub(crate) proxy: Option<String>,
    pub(crate) bandwidth: Option<u64>,
}

/// What every kind of store takes, as it is written; bucket and endpoint are each kind's own.
pub(crate) struct Common {
    prefix: String,
    checksum: Option<Checksum>,
    part_size: Option<u64>,
    retry: Duration,
    ca_bundle: Option<String>,
    proxy: Option<String>,
    bandwidth: Option<u64>,
}

impl Common {
    /// Bytes are not to be bound to their URLs.
    pub(crate) fn is_unbound(&self) -> bool {
        self.checksum == Some(Checksum::None)
    }

    pub(crate) fn read(given: &mut Given<'_>) -> Self {
        Self {
            prefix: given.optional("prefix", value::prefix).unwrap_or_default(),
            part_size: given.optional("partSize", value::part_size),
            retry: given.optional("retrySeconds", value::retry).unwrap_or(RETRY),
            ca_bundle: given.optional("caBundle", value::ca_bundle),
            proxy: given.optional("proxy", proxy::parameter),
            bandwidth: given.optional("bandwidth", value::bandwidth),
            checksum: given.optional("checksum", value::checksum).flatten(),
        }
    }

    pub(crate) fn at(self, bucket: String, endpoint: Url) -> Place {
        Place {
            bucket,
            endpoint,
            prefix: self.prefix,
            checksum: self.checksum,
            part_size: self.part_size,
            retry: self.retry,
            ca_bundle: self.ca_bundle,
            proxy: self.proxy,
            bandwidth: self.bandwidth,
        }
    }
}

impl Parameters {
    /// Reads all parameters of a kind of store; an empty value counts as not given.
    ///
    /// # Errors
    /// Every fault that was found, not only the first.
    pub fn parse(kind: Kind, parameters: &BTreeMap<String, String>) -> Result<Self, Vec<ParameterFault>> {
        let given = Given::new(kind, parameters);
        match kind {
            Kind::S3 => S3Parameters::read(given).map(Self::S3),
            Kind::Azure => AzureParameters::read(given).map(Self::Azure),
            Kind::Gcs => GcsParameters::read(given).map(Self::Gcs),
            Kind::Sftp => SftpParameters::read(given).map(Self::Sftp),
        }
    }

    /// Which kind of store they are of.
    pub fn kind(&self) -> Kind {
        match self {
            Self::S3(_) => Kind::S3,
            Self::Azure(_) => Kind::Azure,
            Self::Gcs(_) => Kind::Gcs,
            Self::Sftp(_) => Kind::Sftp,
        }
    }

    /// What every kind has.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::S3(s3) => &s3.place,
            Self::Azure(azure) => &azure.place,
            Self::Gcs(gcs) => gcs.place(),
            Self::Sftp(sftp) => &sftp.place,
        }
    }

    /// Where the keys are inside the Secret, as people are told.
    pub fn secret_keys(&self) -> Vec<String> {
        match self {
            Self::S3(s3) => vec![s3.keys.access_key.clone(), s3.keys.secret_key.clone()],
            Self::Azure(azure) => vec![azure.account_key.clone()],
            Self::Gcs(gcs) => vec![gcs.key_file.clone()],
            Self::Sftp(sftp) => vec![sftp.private_key.clone(), sftp.password.clone()],
        }
    }

    /// The object key of a path: `prefix`, then the path without its leading slashes. It never begins with `/`.
    pub fn key(&self, path: &str) -> String {
        format!("{}{}", self.place().prefix, path.trim_start_matches('/'))
    }

    /// An object as it is told of: its key, what of it is the prefix, and its bucket.
    pub fn object(&self, key: &str) -> String {
        let prefix = match self.place().prefix.as_str() {
            prefix if !prefix.is_empty() && key.starts_with(prefix) => {
                format!(" (spec.parameters.prefix is {:?})", prefix.trim_end_matches('/'))
            }
            _ => String::new(),
        };
        format!(
            "object {key:?}{prefix} in {} {:?} at {}",
            self.kind().noun(),
            self.place().bucket,
            self.endpoint()
        )
    }

    /// The smallest part of a multipart upload in bytes, where `partSize` says one: 5 MiB to 5 GiB.
    pub fn part_size(&self) -> Option<u64> {
        self.place().part_size
    }

    /// How long a part, a download, the creation or the completion of an upload is tried again while the store fails:
    /// 10 s to a week, 15 minutes where `retrySeconds` says nothing.
    pub fn retry(&self) -> Duration {
        self.place().retry
    }

    /// Bytes a second that all transfers of the storage share, in each direction, where `bandwidth` says how many.
    pub fn bandwidth(&self) -> Option<u64> {
        self.place().bandwidth
    }

    /// How objects are brought back that cannot be read as they are, where the storage has such.
    pub fn thaw(&self) -> Option<Thaw> {
        match self {
            Self::S3(s3) => s3.thaw,
            Self::Azure(azure) => azure.thaw,
            Self::Gcs(_) => None,
            Self::Sftp(_) => None,
        }
    }

    /// Each new object gets a legal hold.
    pub fn holds(&self) -> bool {
        matches!(self, Self::S3(s3) if s3.legal_hold)
    }

    /// New objects cannot be removed for a while, or until somebody takes a hold off.
    pub fn locks(&self) -> bool {
        match self {
            Self::S3(s3) => s3.lock.is_some() || s3.legal_hold,
            Self::Azure(_) | Self::Gcs(_) | Self::Sftp(_) => false,
        }
    }

    /// The same store, with these PEM certificates trusted beside the public authorities.
    #[must_use]
    pub fn trusting(mut self, certificates: String) -> Self {
        self.place_mut().ca_bundle = Some(certificates);
        self
    }

    /// Whether both describe one store in one way, whomever they trust there: authorities are renewed.
    pub fn same_place(&self, other: &Self) -> bool {
        let mut this = self.clone();
        this.place_mut().ca_bundle = other.place().ca_bundle.clone();
        this == *other
    }

    fn place_mut(&mut self) -> &mut Place {
        match self {
            Self::S3(s3) => &mut s3.place,
            Self::Azure(azure) => &mut azure.place,
            Self::Gcs(gcs) => gcs.place_mut(),
            Self::Sftp(sftp) => &mut sftp.place,
        }
    }

    /// PEM certificates to trust beside the public authorities.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.place().ca_bundle.as_deref()
    }

    /// The HTTP proxy through which the store is reached: scheme, host and port.
    pub fn proxy(&self) -> Option<&str> {
        self.place().proxy.as_deref()
    }

    /// How bodies are bound to their URLs, where `checksum` says so; None (`auto`) is for the probe to find out.
    pub fn checksum(&self) -> Option<Checksum> {
        self.place().checksum
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.place().bucket
    }

    /// Where requests go, without the bucket: scheme, host and port, and the path that the store is served below, if any.
    pub fn endpoint(&self) -> &str {
        self.place().endpoint.as_str().trim_end_matches('/')
    }
}

#[cfg(test)]
mod tests;
