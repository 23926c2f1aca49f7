//! One store, whatever it speaks: the seam between what is wanted of a store and the dialects.
//!
//! What holds for each of them (`G1` to `G7`), and is tried by one suite (`tests/servers`): nothing is visible before an upload is
//! finished; a URL is good for the bytes that it was signed for; a URL has no credential in it that opens anything else; an upload goes
//! on with another client; finishing twice is one object, or an error after which a look decides; a dropped upload leaves nothing, or
//! says until when; the label comes back with a look.
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::azure::Container;
use crate::checksum::Checksum;
use crate::credentials::{Credentials, CredentialsError};
use crate::dial::Dial;
use crate::error::{ProbeError, StoreError, StoreErrorKind};
use crate::fence::Fence;
use crate::parameters::Parameters;
use crate::probe::Capabilities;
use crate::proxy::Proxies;
use crate::s3::{Bucket, Completed, CompletedPart, ObjectInfo, Page, Upload, Version};
use crate::signing::Signed;
use crate::wanted::{Dropped, Finish, Label, Removed, Terms, Thaw, Wanted};

/// How long the URL of a part is good that is sent from here.
const SENT: Duration = Duration::from_secs(600);

/// A place that objects are kept in, with the credentials to use it. Cheap to clone.
#[derive(Clone)]
pub enum Store {
    /// Amazon S3 and what speaks its protocol, Google's store among them in words of its own.
    S3(Bucket),
    /// Azure Blob Storage.
    Azure(Container),
}

impl Store {
    /// The store of these parameters, reached through their proxy, or through one of `proxies` where they name none. Nothing is sent.
    ///
    /// # Errors
    /// The endpoint or the CA bundle cannot be used, or the credentials are of another kind.
    pub fn open(parameters: &Parameters, credentials: Credentials, proxies: &Proxies) -> Result<Self, StoreError> {
        match parameters {
            Parameters::S3(s3) => Bucket::open(s3, credentials, proxies).map(Self::S3),
            Parameters::Azure(azure) => Container::open(azure, credentials, proxies).map(Self::Azure),
            Parameters::Gcs(gcs) => Bucket::open(&gcs.s3, credentials, proxies).map(Self::S3),
            // Whoever serves it opens what is served.
            Parameters::Sftp(_) => {
                let why = CredentialsError::Served.to_string();
                Err(StoreError::new("open the store", StoreErrorKind::Refused, why))
            }
        }
    }

    /// The same, whose own requests are sent for as long as that holds. What it has signed is not held up.
    pub fn fenced(self, fence: Fence) -> Self {
        match self {
            Self::S3(bucket) => Self::S3(bucket.fenced(fence)),
            Self::Azure(container) => Self::Azure(container.fenced(fence)),
        }
    }

    /// How it wants uploads.
    pub fn terms(&self) -> Terms {
        match self {
            Self::S3(bucket) => bucket.terms(),
            Self::Azure(container) => container.terms(),
        }
    }

    /// Where its signed URLs go, without anything signed: scheme, host and port.
    pub fn origin(&self) -> String {
        match self {
            Self::S3(bucket) => bucket.origin(),
            Self::Azure(container) => container.origin(),
        }
    }

    /// The way there.
    pub fn dial(&self) -> &Dial {
        match self {
            Self::S3(bucket) => bucket.dial(),
            Self::Azure(container) => container.dial(),
        }
    }

    /// Host and port of its endpoint, to connect to. None where it has neither, which parameters refuse.
    pub fn address(&self) -> Option<(String, u16)> {
        match self {
            Self::S3(bucket) => bucket.address(),
            Self::Azure(container) => container.address(),
        }
    }

    /// Begins an upload: its id, which is to be recorded before a part of it is signed.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(&self, key: &str, label: &Label, checksum: Checksum) -> Result<String, StoreError> {
        match self {
            Self::S3(bucket) => bucket.create_upload(key, label, checksum).await,
            Self::Azure(container) => container.begin(),
        }
    }

    /// A URL, with the headers that have to be sent with it, which does one thing until it expires.
    ///
    /// # Errors
    /// Where somebody else signs, theirs.
    pub async fn sign(&self, wanted: &Wanted<'_>, expires: Duration, now: Timestamp) -> Result<Signed, StoreError> {
        match self {
            Self::S3(bucket) => bucket.sign(wanted, expires, now).await,
            Self::Azure(container) => container.sign(wanted, expires, now).await,
        }
    }

    /// Makes the object of an upload's parts. From here on it is visible.
    ///
    /// # Errors
    /// `NoSuchUpload` also where an earlier call whose answer was lost has done it: look at the object. `Exists`, of an upload that
    /// stays, where something is visible under the key and nothing but a new one was wanted.
    pub async fn finish(&self, upload: &Finish<'_>) -> Result<Completed, StoreError> {
        match self {
            Self::S3(bucket) => bucket.complete(upload).await,
            Self::Azure(container) => container.finish(upload).await,
        }
    }

    /// Drops an upload and its parts; one that is not there is fine.
    ///
    /// # Errors
    /// The store's.
    pub async fn drop_upload(&self, key: &str, upload: &str) -> Result<Dropped, StoreError> {
        match self {
            Self::S3(bucket) => bucket.abort(key, upload).await.map(|()| Dropped::Gone),
            Self::Azure(container) => container.drop_upload(key, upload).await,
        }
    }

    /// Looks at an object, or at one version of it; None where there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn look(&self, key: &str, version: Option<&str>) -> Result<Option<ObjectInfo>, StoreError> {
        match self {
            Self::S3(bucket) => bucket.head(key, version).await,
            Self::Azure(container) => container.look(key, version).await,
        }
    }

    /// Reads an object, or the bytes from the first to the last of a range; at most 16 MiB.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(&self, key: &str, range: Option<(u64, u64)>) -> Result<Vec<u8>, StoreError> {
        self.read_version(key, None, range).await
    }

    /// The same of one version of it.
    ///
    /// # Errors
    /// The store's.
    pub async fn read_version(
        &self,
        key: &str,
        version: Option<&str>,
        range: Option<(u64, u64)>,
    ) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::S3(bucket) => bucket.get(key, version, range).await,
            Self::Azure(container) => container.read(key, version, range).await,
        }
    }

    /// Sends a part, as an agent does: bound to its URL by its checksum.
    ///
    /// # Errors
    /// The store's.
    pub async fn send_part(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        body: Bytes,
        checksum: Checksum,
    ) -> Result<CompletedPart, StoreError> {
        let digest = checksum.digest(&body);
        let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let wanted = Wanted::part(key, upload, number, size, checksum, &digest);
        let signed = self.sign(&wanted, SENT, Timestamp::now()).await?;
        let answer = match self {
            Self::S3(bucket) => bucket.send(&signed, body).await?,
            Self::Azure(container) => container.send(&signed, body).await?,
        };
        let etag = answer.header("etag").unwrap_or_default();
        Ok(CompletedPart { number, etag, digest })
    }

    /// Puts a small object whole, so that it can be read at any time.
    ///
    /// # Errors
    /// The store's.
    pub async fn write(&self, key: &str, body: Vec<u8>, checksum: Checksum) -> Result<(), StoreError> {
        match self {
            Self::S3(bucket) => bucket.put(key, body, checksum).await,
            Self::Azure(container) => container.write(key, body).await,
        }
    }

    /// Removes an object, or one version of it for good; one that is not there is fine. Without a version, a store that keeps them only
    /// hides the object, and keeps its bytes.
    ///
    /// # Errors
    /// The store's. That it holds the object is an answer.
    pub async fn remove(&self, key: &str, version: Option<&str>) -> Result<Removed, StoreError> {
        match self {
            Self::S3(bucket) => bucket.remove(key, version).await,
            Self::Azure(container) => container.remove(key, version).await,
        }
    }

    /// Puts a legal hold on an object, or on one version of it, or takes it off.
    ///
    /// # Errors
    /// The store's; `Unsupported` where it has no such thing.
    pub async fn hold(&self, key: &str, version: Option<&str>, on: bool) -> Result<(), StoreError> {
        match self {
            Self::S3(bucket) => bucket.hold(key, version, on).await,
            Self::Azure(container) => container.hold(key, version, on).await,
        }
    }

    /// Asks for an object in an archive to be readable for some days; a look tells when it is. That it is under way already is fine.
    ///
    /// # Errors
    /// The store's; `Unsupported` where it has no such thing.
    pub async fn thaw(&self, key: &str, version: Option<&str>, thaw: Thaw) -> Result<(), StoreError> {
        match self {
            Self::S3(bucket) => bucket.thaw(key, version, thaw).await,
            Self::Azure(container) => container.thaw(key, version, thaw).await,
        }
    }

    /// Versions below a prefix, markers of deletions too, the first thousand.
    ///
    /// # Errors
    /// The store's.
    pub async fn versions(&self, prefix: &str) -> Result<Vec<Version>, StoreError> {
        match self {
            Self::S3(bucket) => bucket.list_versions(prefix).await,
            Self::Azure(container) => container.versions(prefix).await,
        }
    }

    /// Uploads below a prefix that are not finished, the first thousand.
    ///
    /// # Errors
    /// The store's.
    pub async fn uploads(&self, prefix: &str) -> Result<Vec<Upload>, StoreError> {
        match self {
            Self::S3(bucket) => bucket.list_uploads(prefix).await,
            Self::Azure(container) => container.uploads(prefix).await,
        }
    }

    /// Keys below a prefix, the first thousand.
    ///
    /// # Errors
    /// The store's.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        match self {
            Self::S3(bucket) => bucket.list(prefix).await,
            Self::Azure(container) => container.keys(prefix).await,
        }
    }

    /// Objects below a prefix, a page at a time.
    ///
    /// # Errors
    /// The store's; also where it says that there are more and not where they begin.
    pub async fn page(&self, prefix: &str, next: Option<&str>) -> Result<Page, StoreError> {
        match self {
            Self::S3(bucket) => bucket.page(prefix, next).await,
            Self::Azure(container) => container.page(prefix, next).await,
        }
    }

    /// The folders right below a prefix, each with its `/`, the first thousand.
    ///
    /// # Errors
    /// The store's.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        match self {
            Self::S3(bucket) => bucket.folders(prefix).await,
            Self::Azure(container) => container.folders(prefix).await,
        }
    }

    /// Writes, reads and deletes objects of its own below `prefix`; `id` keeps probes of two storages apart; of one there is one at a
    /// time. Nothing is left behind, also in a bucket that keeps versions.
    ///
    /// # Errors
    /// The step that failed, and the cure.
    pub async fn probe(&self, prefix: &str, id: &str, wanted: Option<Checksum>) -> Result<Capabilities, ProbeError> {
        match self {
            Self::S3(bucket) => bucket.probe(prefix, id, wanted).await,
            Self::Azure(container) => container.probe(prefix, id, wanted).await,
        }
    }

    /// Looks whether a store that was probed well still takes and refuses what it did: without making an object, which one that keeps
    /// versions or locks them would keep each time.
    ///
    /// # Errors
    /// The step that failed, and the cure.
    pub async fn probe_again(&self, prefix: &str, id: &str, known: Capabilities) -> Result<(), ProbeError> {
        match self {
            Self::S3(bucket) => bucket.probe_again(prefix, id, known).await,
            Self::Azure(container) => container.probe_again(prefix, id, known).await,
        }
    }
}
