//! The flags that name an object and say what it has to be, of all verbs that read one.
use std::path::PathBuf;

use crate::read::fault::Fault;
use crate::stored::bucket::Bucket;
use crate::stored::key::Key;
use crate::stored::recorded;
use crate::stored::source::{At, Packing, Source};

/// Where the object is.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Store")]
pub struct Place {
    /// Manifest with a BackupStorage (the last one counts) and the Secret that it names, `-` for standard input. Without the Secret, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment.
    #[arg(long, value_name = "FILE")]
    pub storage_file: Option<PathBuf>,
}

/// How the store is reached from here.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Store")]
pub struct Reached {
    /// Where the store is reached from here, in place of the storage's own endpoint: `http://127.0.0.1:9000` of a kubectl port-forward.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

/// Who signs for the backup of a run.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Store")]
pub struct By {
    /// Read the storage's Secret with your own rights and sign here. Without it the operator is asked for URLs, which needs the right to create backupruns/download.
    #[arg(long)]
    pub with_secret: bool,
}

/// Which one it is.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
#[command(next_help_heading = "Object")]
pub struct Which {
    /// The object, below the storage's prefix: status.path of the run, and with namespaceIsolation: Prefix its namespace before it.
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// The record of the backup, which says all of the object: a file, or a key of the bucket ([PREFIX/].backup-operator/records/NAMESPACE/SCHEDULE/RUN.json).
    #[arg(long, value_name = "RECORD", conflicts_with_all = ["version_id", "sha256", "compression"])]
    pub record: Option<String>,
}

/// What it has to be.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Object")]
pub struct Expected {
    /// Version of the object, where the bucket keeps versions. Default: what is there now.
    #[arg(long, value_name = "ID")]
    pub version_id: Option<String>,
    /// SHA-256 of the object as it is stored (status.sha256 of the run). Default: what the store has of it, if it has one.
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub sha256: Option<String>,
}

/// How it is undone.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Stages")]
pub struct Opened {
    /// What compressed the object (spec.compression of the run).
    #[arg(long, value_name = "ALGORITHM")]
    pub compression: Option<Packing>,
    /// What decrypts it: a file of age-keygen, or an SSH private key without a passphrase.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// The same, where it was encrypted with a passphrase: a file that holds it.
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    pub passphrase_file: Option<PathBuf>,
    /// The largest window of a zstd frame to take, as a power of two.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=31))]
    pub window_log: Option<u32>,
}

fn sha256(text: &str) -> Result<String, String> {
    let is_one = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let hash = is_one.then(|| text.to_ascii_lowercase());
    hash.ok_or_else(|| "is no SHA-256: it has 64 hexadecimal digits".into())
}

impl Place {
    /// The bucket.
    ///
    /// # Errors
    /// What is missing or wrong in the file.
    pub fn open(&self) -> Result<Bucket, Fault> {
        let none = || {
            Fault::new(
                "open the store",
                "nothing says where it is",
                "the same command with --storage-file FILE",
            )
        };
        let file = self.storage_file.as_ref().ok_or_else(none)?;
        Bucket::of_file(file, |name| std::env::var(name).ok()).map_err(|e| {
            let next = format!("kubectl backup lint -f {}", file.display());
            Fault::new("open the store", e.to_string(), next)
        })
    }
}

impl Opened {
    /// What opens it.
    ///
    /// # Errors
    /// It is no key.
    pub fn key(&self) -> Result<Option<Key>, Fault> {
        let (file, passphrase) = match (&self.identity, &self.passphrase_file) {
            (Some(file), _) => (file, false),
            (None, Some(file)) => (file, true),
            (None, None) => return Ok(None),
        };
        let key = Key::read(file, passphrase).map_err(|why| {
            let next = match passphrase {
                true => "the same command with the file that holds the passphrase",
                false => "age-keygen -y FILE, which reads what --identity reads",
            };
            Fault::new("read the key", why, next)
        })?;
        Ok(Some(key))
    }
}

/// An object, by its path below the storage's prefix.
pub fn by_path(bucket: &Bucket, path: &str, expected: &Expected, opened: &Opened, key: Option<Key>) -> Source {
    Source {
        at: At::Bucket(Box::new(bucket.clone())),
        etag: None,
        key: bucket.parameters.key(path),
        version_id: expected.version_id.clone(),
        size: None,
        sha256: expected.sha256.clone(),
        packing: opened.compression,
        encrypted: None,
        key_file: key,
        window_log: opened.window_log,
    }
}

/// An object, by its record.
///
/// # Errors
/// There is no such record.
pub fn by_record(bucket: &Bucket, name: &str, opened: &Opened, key: Option<Key>) -> Result<Source, Fault> {
    let record = recorded::read(bucket, name)?;
    Ok(recorded::source(bucket, &record, key, opened.window_log))
}

impl Which {
    /// The object.
    ///
    /// # Errors
    /// There is no such record.
    pub fn source(
        &self,
        bucket: &Bucket,
        expected: &Expected,
        opened: &Opened,
        key: Option<Key>,
    ) -> Result<Source, Fault> {
        match (&self.record, &self.path) {
            (Some(record), _) => by_record(bucket, record, opened, key),
            (None, Some(path)) => Ok(by_path(bucket, path, expected, opened, key)),
            (None, None) => Err(Fault::new(
                "read the object",
                "nothing says which one",
                "the same command with --path PATH or --record RECORD",
            )),
        }
    }
}
