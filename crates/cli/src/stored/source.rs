//! Which object is read, and what is known of it from before: by flags, by a record, or by a run of the cluster.
use std::sync::Arc;
use std::time::Duration;

use pipeline::{Allowance, Compression, Stages};
use proof::http::Way;
use proof::{Done, Object, Wanted};
use protocol::Outcome;

use crate::read::fault::Fault;
use crate::stored::bucket::Bucket;
use crate::stored::key::Key;
use crate::stored::lent::Lent;
use crate::stored::signer::Signer;

/// What was done to the plain bytes before they were encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Packing {
    /// Nothing: what is stored is what the command printed.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Packing {
    /// As a run or a record says it.
    pub fn of(compression: Option<&api::run::Compression>) -> Self {
        match compression.map(|c| c.algorithm) {
            None => Self::None,
            Some(api::run::Algorithm::Gzip) => Self::Gzip,
            Some(api::run::Algorithm::Zstd) => Self::Zstd,
        }
    }
}

/// An object, and what it has to be.
#[derive(Clone)]
pub struct Source {
    /// Where it is.
    pub at: At,
    /// Its key, prefix included.
    pub key: String,
    /// Which version of the key. None: what is there now.
    pub version_id: Option<String>,
    /// Bytes as stored, where they are known.
    pub size: Option<u64>,
    /// Its ETag, where it is known.
    pub etag: Option<String>,
    /// SHA-256 of the stored bytes, hexadecimal, where it is known.
    pub sha256: Option<String>,
    /// None: nobody says.
    pub packing: Option<Packing>,
    /// It was encrypted. None: nobody says.
    pub encrypted: Option<bool>,
    /// What opens it.
    pub key_file: Option<Key>,
    /// The largest window of a zstd frame, as a power of two.
    pub window_log: Option<u32>,
}

/// Where an object is, and who signs for it.
#[derive(Clone)]
pub enum At {
    /// A bucket whose keys are here.
    Bucket(Box<Bucket>),
    /// With the operator, which is asked for URLs.
    Lent(Arc<Lent>),
}

/// What was done to an object, to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// What is said of it, and what is not said was not done.
    Said,
    /// What is said of it, and else what its first bytes say.
    Seen,
    /// Nothing: the stored bytes.
    Nothing,
}

/// An object that is there.
#[derive(Clone, Debug)]
pub struct Found {
    /// Bytes as stored.
    pub size: u64,
    /// Of its bytes; another one is another object.
    etag: Option<String>,
    /// SHA-256 of the stored bytes, and who says so.
    pub sha256: Option<(String, Witness)>,
    /// The run that made it, as `namespace/name`, where its metadata say so.
    pub run: Option<String>,
}

/// Who says what the hash has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// A flag, a record or a run.
    Expected,
    /// The store, which was given it with the bytes.
    Store,
}

/// The step at which an object is refused for want of a flag; nothing is wrong with it.
pub const UNSAID: &str = "flags";
/// Where there is no key.
const LOCKED: &str = "it is encrypted with age, and no key is given: add --identity FILE";
/// How long a store is tried again of which only URLs are known: as long as where a storage says nothing of it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How a store inside a cluster is reached from outside: `NAME.NAMESPACE.svc` is a Service.
fn forwarded(host: &str) -> String {
    let mut labels = host.split('.');
    match (labels.next(), labels.next(), labels.next()) {
        (Some(service), Some(namespace), None | Some("svc")) => format!(
            "\nThis name may be known in the cluster alone: kubectl -n {namespace} port-forward svc/{service} 9000, and the same command with --endpoint http://127.0.0.1:9000"
        ),
        _ => "\nWhere the store has another address from here, give it as --endpoint URL".into(),
    }
}

impl Source {
    /// For people: the object, its prefix and its bucket.
    pub fn told(&self) -> String {
        match &self.at {
            At::Bucket(bucket) => bucket.parameters.object(&self.key),
            At::Lent(lent) => format!("object {:?} of storage {}", self.key, lent.storage),
        }
    }

    /// Asks the store for the object, and holds it to what is known before a byte is read.
    ///
    /// # Errors
    /// It is not there, cannot be looked at or read, or is another one.
    pub fn look(&self) -> Result<Found, Fault> {
        let fault = |why: String, next: &str| Fault::new("read the object", why, next);
        let bucket = match &self.at {
            At::Bucket(bucket) => bucket,
            At::Lent(_) => return self.known(),
        };
        let head = bucket.store.look(&self.key, self.version_id.as_deref());
        let object = bucket
            .wait(head)
            .map_err(|e| fault(e.to_string(), "the same command again"))?
            .map_err(|e| fault(e.to_string(), "the same command, with what is named above corrected in the storage file"))?
            .ok_or_else(|| {
                let version = self.version_id.as_ref().map(|id| format!(" of version {id:?}")).unwrap_or_default();
                fault(
                    format!("there is no {}{version}", self.told()),
                    "kubectl backup catalog STORAGE, which lists what is there; a --path is the run's status.path, below the storage's prefix and, with namespaceIsolation: Prefix, its namespace",
                )
                .coded(404)
            })?;
        if let Some(archived) = object.archived {
            let (why, next) = match archived.coming {
                true => (
                    "is being brought back from",
                    "the same command when the store has brought it back",
                ),
                false => (
                    "lies in",
                    "to have the store bring it back (RestoreObject), and the same command then",
                ),
            };
            return Err(fault(
                format!("{} {why} an archive ({})", self.told(), archived.class),
                next,
            ));
        }
        if let Some(size) = self.size.filter(|size| *size != object.size) {
            return Err(fault(
                format!(
                    "expected {size} bytes, and {} has {}: it was replaced or cut",
                    self.told(),
                    object.size
                ),
                "kubectl backup catalog STORAGE, which says what lies there now; --version-id, where the bucket keeps versions",
            )
            .coded(412));
        }
        let stores = object.checksum_sha256.as_deref().and_then(store::hex_of_sha256);
        let expected = self.sha256.clone().map(|hash| (hash, Witness::Expected));
        Ok(Found {
            size: object.size,
            etag: Some(object.etag).filter(|etag| !etag.is_empty()),
            sha256: expected.or(stores.map(|hash| (hash, Witness::Store))),
            run: object.metadata.get(api::metadata::NAME).cloned(),
        })
    }

    /// What the run says of it: nobody here can ask the store before a byte is read, and what is read is held to it.
    fn known(&self) -> Result<Found, Fault> {
        let size = self.size.ok_or_else(|| {
            Fault::new(
                "read the object",
                format!("the run does not say how many bytes {} has", self.told()),
                "the same command with --with-secret, or with --storage-file and --path",
            )
        })?;
        Ok(Found {
            size,
            etag: self.etag.clone(),
            sha256: self.sha256.clone().map(|hash| (hash, Witness::Expected)),
            run: None,
        })
    }

    /// The words of a store that was not reached, with what would help here: the name that Pods know it by is none of this machine's.
    pub fn elsewhere(&self, words: String) -> String {
        let (host, said) = match &self.at {
            At::Bucket(bucket) => (bucket.store.address().map(|(host, _)| host), false),
            At::Lent(lent) => (lent.host(), lent.endpoint.is_some()),
        };
        match host {
            Some(host) if !said && words.contains("is not found") => format!("{words}{}", forwarded(&host)),
            _ => words,
        }
    }

    /// All that was done to it is said, and can be undone.
    pub fn is_said(&self) -> bool {
        self.packing.is_some() && (self.encrypted == Some(false) || self.key_file.is_some())
    }

    /// The formats that it is said to have, the outermost first: each of them proves that it came to its end.
    pub fn formats(&self) -> Vec<&'static str> {
        let is_opened = self.key_file.is_some() && self.encrypted != Some(false);
        let packing = match self.packing {
            Some(Packing::Gzip) => Some("gzip"),
            Some(Packing::Zstd) => Some("zstd"),
            Some(Packing::None) | None => None,
        };
        is_opened.then_some("age").into_iter().chain(packing).collect()
    }

    /// What the proving reader reads.
    ///
    /// # Errors
    /// The key, the caBundle or the proxy cannot be used.
    pub fn object(&self, found: &Found, undo: Undo) -> Result<(Object, Arc<Signer>), Fault> {
        let fault = |why: String| {
            Fault::new(
                "read the object",
                why,
                "the same command, with what is named above corrected",
            )
        };
        let client = match &self.at {
            At::Bucket(bucket) => Way {
                ca_bundle: bucket.parameters.ca_bundle(),
                behind: bucket.store.dial().proxy(),
                outside: true,
                ..Way::default()
            }
            .client(),
            At::Lent(lent) => {
                let answer = lent.answer()?;
                lent.way(&answer).map_err(fault)?.client()
            }
        };
        let client = client.map_err(|e| fault(format!("spec.parameters: {e}")))?;
        let signer = Signer::new(self);
        let object = Object {
            client,
            signs: signer.clone(),
            wanted: Wanted {
                size: found.size,
                etag: found.etag.clone(),
                patience: self.patience(),
                memory: None,
                relayed: false,
                pace: Arc::default(),
            },
            sha256: found.sha256.as_ref().map(|(hash, _)| hash.clone()),
            done: self.done(undo).map_err(fault)?,
        };
        Ok((object, signer))
    }

    /// How long a store that fails is tried again.
    fn patience(&self) -> Duration {
        match &self.at {
            At::Bucket(bucket) => bucket.parameters.retry(),
            At::Lent(_) => PATIENCE,
        }
    }

    fn done(&self, undo: Undo) -> Result<Done, String> {
        let allowance = Allowance {
            window_log: self.window_log,
            memory: None,
        };
        let identities = || self.key_file.as_ref().map(Key::identities).transpose();
        Ok(match undo {
            Undo::Nothing => Done::Said(Stages::to_read(None, None, allowance)),
            Undo::Seen if !self.is_said() => Done::Seen(identities()?, allowance),
            Undo::Said if self.encrypted == Some(true) && self.key_file.is_none() => return Err(LOCKED.into()),
            Undo::Said | Undo::Seen => {
                let compression = match self.packing {
                    // The level is a writer's.
                    Some(Packing::Gzip) => Some(Compression::Gzip { level: 1 }),
                    Some(Packing::Zstd) => Some(Compression::Zstd { level: 1 }),
                    Some(Packing::None) | None => None,
                };
                let identities = if self.encrypted == Some(false) {
                    None
                } else {
                    identities()?
                };
                Done::Said(Stages::to_read(compression, identities, allowance))
            }
        })
    }

    /// Whether whoever is to take the plain bytes may have what they begin as. What nobody has said is not guessed, and not passed over
    /// either.
    ///
    /// # Errors
    /// The flag that is missing.
    pub fn judge(&self, packed: Option<&'static str>) -> Result<(), Outcome> {
        let refused = |why: String| {
            Err(Outcome::BadObject {
                step: UNSAID.into(),
                message: why,
            })
        };
        match packed {
            Some("age") if self.encrypted != Some(false) && self.key_file.is_none() => refused(LOCKED.into()),
            Some(algorithm @ ("gzip" | "zstd")) if self.packing.is_none() => refused(format!(
                "it begins as a {algorithm} file, and nothing says who made that: add --compression {algorithm} where the operator did, --compression none where its command did"
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use store::{Credentials, Kind, Parameters, Proxies, Secret, Store};

    fn source(packing: Option<Packing>, encrypted: Option<bool>) -> Source {
        let parameters = BTreeMap::from([("bucket".to_string(), "backups".to_string())]);
        let parameters = Parameters::parse(Kind::S3, &parameters).unwrap();
        let keys = Credentials::new("id", Secret::new("key"), None);
        Source {
            at: At::Bucket(Box::new(Bucket {
                store: Store::open(&parameters, keys, &Proxies::default()).unwrap(),
                parameters: Arc::new(parameters),
            })),
            etag: None,
            key: "a".into(),
            version_id: None,
            size: None,
            sha256: None,
            packing,
            encrypted,
            key_file: None,
            window_log: None,
        }
    }

    #[test]
    fn a_name_that_only_a_cluster_knows_is_told_with_the_way_to_it() {
        for (host, wanted) in [
            ("minio.store.svc", "kubectl -n store port-forward svc/minio 9000"),
            ("minio.store", "kubectl -n store port-forward svc/minio 9000"),
            (
                "minio.store.svc.cluster.local",
                "kubectl -n store port-forward svc/minio 9000",
            ),
            ("s3.eu-central-1.amazonaws.com", "--endpoint URL"),
            ("minio", "--endpoint URL"),
        ] {
            assert!(forwarded(host).contains(wanted), "{host}: {}", forwarded(host));
        }
    }

    #[test]
    fn what_nobody_has_said_is_neither_guessed_nor_passed_over() {
        for (packing, encrypted, packed, flag) in [
            (None, None, Some("gzip"), Some("--compression gzip")),
            (None, None, Some("zstd"), Some("--compression zstd")),
            (None, None, Some("age"), Some("--identity")),
            (None, Some(true), Some("age"), Some("--identity")),
            (None, Some(false), Some("age"), None),
            (Some(Packing::None), None, Some("gzip"), None),
            // A command printed a gzip file, and the operator packed that.
            (Some(Packing::Zstd), None, Some("gzip"), None),
            (None, None, None, None),
        ] {
            let judged = source(packing, encrypted).judge(packed);
            match (judged, flag) {
                (Ok(()), None) => {}
                (Err(Outcome::BadObject { message, .. }), Some(flag)) => assert!(message.contains(flag), "{message}"),
                (judged, _) => panic!("{packing:?} {encrypted:?} {packed:?}: {judged:?}"),
            }
        }
    }
}
