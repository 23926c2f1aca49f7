//! Signs requests to one bucket (AWS Signature Version 4, in the query), so that whoever holds the URL can do
//! that one thing and nothing else.
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use rusty_s3::{Bucket, BucketError, Method, UrlStyle, signing};
use url::Url;

use crate::checksum::Checksum;
use crate::credentials::Credentials;
use crate::parameters::S3Parameters;
use crate::parameters::s3::Lock;
use crate::secret::Secret;

/// AWS signs for seven days at most.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an HTTP header cannot carry as it is; `%` so that it can be undone, the space because proxies trim and fold it.
const UNFIT: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// A request that its holder may send once or more, until it expires.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The URL; whoever has it has the right.
    pub url: Secret,
    /// Headers that were signed and must be sent with these values, lower-case names. `content-length` is among
    /// them for uploads: a client that sets it by itself sends the same.
    pub headers: Vec<(String, String)>,
}

/// Some stores' signature is a header's value: the names are printed alone.
impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Signed")
            .field("url", &self.url)
            .field("headers", &names)
            .finish()
    }
}

/// Header of the storage class, of creation and of what is told of an object.
pub(crate) const CLASS: &str = "x-amz-storage-class";
/// Headers of a lock, of creation and of what is told of an object.
pub(crate) const LOCK_MODE: &str = "x-amz-object-lock-mode";
pub(crate) const LOCK_UNTIL: &str = "x-amz-object-lock-retain-until-date";
pub(crate) const LEGAL_HOLD: &str = "x-amz-object-lock-legal-hold";

/// Knows the bucket and the credentials. Holds no connection and reads no clock.
#[derive(Clone)]
pub(crate) struct Signer {
    bucket: Bucket,
    credentials: Credentials,
    /// Headers of everything that makes an object: encryption and storage class.
    creation: Vec<(String, String)>,
    lock: Option<Lock>,
    legal_hold: bool,
}

/// Names and values, sorted by name.
pub(crate) type Pairs = BTreeMap<String, String>;

impl Signer {
    pub(crate) fn new(parameters: &S3Parameters, credentials: Credentials) -> Result<Self, BucketError> {
        let style = if parameters.path_style {
            UrlStyle::Path
        } else {
            UrlStyle::VirtualHost
        };
        let bucket = Bucket::new(
            parameters.place.endpoint.clone(),
            style,
            parameters.place.bucket.clone(),
            parameters.region.clone(),
        )?;
        let creation = [
            (CLASS, &parameters.storage_class),
            ("x-amz-server-side-encryption", &parameters.server_side_encryption),
            ("x-amz-server-side-encryption-aws-kms-key-id", &parameters.kms_key_id),
        ];
        let creation = creation
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
            .collect();
        Ok(Self {
            bucket,
            credentials,
            creation,
            lock: parameters.lock.clone(),
            legal_hold: parameters.legal_hold,
        })
    }

    /// The same, for objects that are removed at once: some classes are paid for by the month, or cannot be read.
    pub(crate) fn without_class(&self) -> Self {
        let mut plain = self.clone();
        plain.creation.retain(|(name, _)| name != CLASS);
        plain
    }

    /// New objects are locked, or held.
    pub(crate) fn locks(&self) -> bool {
        self.lock.is_some() || self.legal_hold
    }

    /// The same, for objects that are to be removed at once: neither paid for by the month nor kept.
    pub(crate) fn without_class_and_lock(&self) -> Self {
        Self {
            lock: None,
            legal_hold: false,
            ..self.without_class()
        }
    }

    /// Where all requests go.
    pub(crate) fn base_url(&self) -> &Url {
        self.bucket.base_url()
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// An object's URL, or the bucket's where `key` is empty.
    pub(crate) fn target(&self, key: &str) -> Url {
        match key {
            "" => self.bucket.base_url().clone(),
            key => self.bucket.object_url(&confined(key)),
        }
    }

    /// Signs a request to an object, or to the bucket where `key` is empty.
    pub(crate) fn sign(
        &self,
        method: Method,
        key: &str,
        query: &Pairs,
        headers: Pairs,
        expires: Duration,
        now: Timestamp,
    ) -> Signed {
        let target = self.target(key);
        let url = signing::sign(
            &now,
            method,
            target,
            self.credentials.access_key(),
            self.credentials.secret_key(),
            self.credentials.session_token(),
            self.bucket.region(),
            life(expires, self.credentials.expires(), now).as_secs(),
            query.iter().map(|(k, v)| (k.as_str(), v.as_str())),
            headers.iter().map(|(k, v)| (k.as_str(), v.as_str())),
        );
        Signed {
            url: Secret::new(url),
            headers: headers.into_iter().collect(),
        }
    }

    /// Headers that bind a body to its URL.
    pub(crate) fn body_headers(size: u64, checksum: Checksum, digest: &str) -> Pairs {
        let mut headers = Pairs::from([("content-length".to_owned(), size.to_string())]);
        if let Some(name) = checksum.header() {
            headers.insert(name.to_owned(), digest.to_owned());
        }
        headers
    }

    /// Headers of a new object. A lock counts from now: that of an upload from its beginning.
    pub(crate) fn creation_headers(&self, metadata: &BTreeMap<String, String>, now: Timestamp) -> Pairs {
        let metadata = metadata
            .iter()
            .map(|(name, value)| (metadata_header(name), to_header(value)));
        let mut all: Pairs = self.creation.iter().cloned().chain(metadata).collect();
        if let Some(lock) = &self.lock {
            let until = SignedDuration::from_hours(24 * i64::from(lock.days));
            let until = now.checked_add(until).unwrap_or(Timestamp::MAX);
            all.insert(LOCK_MODE.into(), lock.mode.into());
            all.insert(LOCK_UNTIL.into(), until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
        if self.legal_hold {
            all.insert(LEGAL_HOLD.into(), "ON".into());
        }
        all
    }
}

/// How long a URL can be good that is wanted for so long: none lives longer than the credentials that signed it, whatever it says. Where
/// these have ended, a second: the store says so, and whoever holds the URL asks for another.
fn life(wanted: Duration, ends: Option<Timestamp>, now: Timestamp) -> Duration {
    let left = ends.map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default());
    let possible = left.map_or(wanted, |left| left.min(wanted));
    possible.clamp(Duration::from_secs(1), LONGEST)
}

/// `x-amz-meta-` and the name in lower case; what a header's name cannot hold becomes `-`.
fn metadata_header(name: &str) -> String {
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    format!("x-amz-meta-{}", name.chars().map(fit).collect::<String>())
}

/// A metadata value as a header can carry it.
pub(crate) fn to_header(value: &str) -> String {
    utf8_percent_encode(value, UNFIT).to_string()
}

/// The opposite of what signing did to a metadata value.
pub(crate) fn from_header(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// The key with its `.` and `..` segments escaped: a URL would resolve them and so reach another key, or another
/// bucket. Paths with such segments are refused long before; this is the last wall.
fn confined(key: &str) -> String {
    let segment = |segment: &str| match segment {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        other => other.to_owned(),
    };
    key.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
