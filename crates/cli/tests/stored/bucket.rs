//! A bucket with objects as backups leave them, a manifest that leads to it, and the program.
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use pipeline::{Compression, Recipients, Sink, Stages};
use servers::{Running, SECRET_KEY, put, server};
use store::{Checksum, Credentials, Kind, Parameters, Proxies, Secret, Store, Wanted};

const BUCKET: &str = "backups";
/// Opens what is encrypted in these tests.
pub const PUBLIC: &str = include_str!("../../../agent/tests/it/keys/ed25519.pub");
/// The private key of it.
pub const IDENTITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../agent/tests/it/keys/ed25519");
/// Another's.
pub const OTHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline/tests/foreign/keys/age");

pub const GZIP: Option<Compression> = Some(Compression::Gzip { level: 1 });
pub const ZSTD: Option<Compression> = Some(Compression::Zstd { level: 1 });

/// A server with a bucket, and a folder for what the program writes.
pub struct Bucket {
    pub running: Running,
    pub dir: tempfile::TempDir,
    store: Store,
}

impl Bucket {
    /// An empty one, to which a storage file leads.
    pub fn new() -> Self {
        let running = Running::start(server("minio"));
        running.bucket(BUCKET);
        let parameters = [
            ("bucket", BUCKET),
            ("endpoint", &running.endpoint()),
            ("s3ForcePathStyle", "true"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_string(), value.to_string()));
        let keys = Credentials::new(running.server.access_key, Secret::new(SECRET_KEY), None);
        let store = Store::open(
            &Parameters::parse(Kind::S3, &parameters.into()).unwrap(),
            keys,
            &Proxies::default(),
        )
        .unwrap();
        let bucket = Self {
            dir: tempfile::tempdir().unwrap(),
            store,
            running,
        };
        bucket.lead_to(&bucket.running.address);
        bucket
    }

    /// From now on the storage file leads there.
    pub fn lead_to(&self, address: &str) {
        let access_key = self.running.server.access_key;
        let manifest = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys, namespace: minio}}\nstringData: {{AWS_ACCESS_KEY_ID: {access_key}, AWS_SECRET_ACCESS_KEY: {SECRET_KEY}}}\n---\n\
             apiVersion: backup-operator.io/v1\nkind: BackupStorage\nmetadata: {{name: minio}}\nspec:\n  parameters: {{bucket: {BUCKET}, endpoint: 'http://{address}', s3ForcePathStyle: 'true', prefix: daily, retrySeconds: '30'}}\n  credentials: {{name: keys, namespace: minio}}\n"
        );
        std::fs::write(self.path("storage.yaml"), manifest).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    /// Stores bytes under a path, below the storage's prefix.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let metadata = BTreeMap::from([("backup-operator-name".to_string(), "shop/db".to_string())]);
        self.put_bound(path, bytes, Checksum::Sha256, &metadata);
    }

    /// The same, of which the store has no SHA-256.
    pub fn put_without_hash(&self, path: &str, bytes: &[u8]) {
        self.put_bound(path, bytes, Checksum::None, &BTreeMap::new());
    }

    fn put_bound(&self, path: &str, bytes: &[u8], checksum: Checksum, label: &BTreeMap<String, String>) {
        let (key, digest) = (format!("daily/{path}"), checksum.digest(bytes));
        let wanted = Wanted::whole(&key, bytes.len() as u64, checksum, &digest, label, false);
        let signed = self.store.sign(&wanted, Duration::from_secs(600), Timestamp::now());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let signed = runtime.block_on(signed).unwrap();
        let (status, _) = put(signed.url.reveal(), &signed.headers, bytes);
        assert_eq!(status, 200, "{}", self.running.log());
    }

    /// Stores the record of an object, as the operator writes it; returns its key.
    pub fn record(&self, path: &str, object: &[u8], compression: Option<&str>, encrypted: bool) -> String {
        let mut record = serde_json::json!({
            "record": 1, "writtenBy": "backup-operator 0.1.0", "namespace": "shop", "run": "db", "uid": "u", "attempt": "backup-1",
            "schedule": "nightly", "storage": "minio", "path": format!("/{path}"), "key": format!("daily/{path}"), "etag": "e",
            "storedBytes": object.len(), "sha256": sha256(object), "completionTime": "2026-11-28T01:00:09Z", "leftOut": "not needed here",
        });
        if let Some(algorithm) = compression {
            record["compression"] = serde_json::json!({ "algorithm": algorithm });
        }
        if encrypted {
            record["encryption"] = serde_json::json!({ "recipients": [PUBLIC.trim()] });
        }
        let key = ".backup-operator/records/shop/nightly/db.json";
        self.put(key, record.to_string().as_bytes());
        std::fs::write(self.path("record.json"), record.to_string()).unwrap();
        format!("daily/{key}")
    }

    /// The version of what is there now.
    pub fn version(&self, path: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let found = runtime.block_on(self.store.look(&format!("daily/{path}"), None));
        found.unwrap().unwrap().version_id.unwrap()
    }

    /// The program with a verb, which is told the storage file.
    pub fn command(&self, verb: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"));
        command.args([verb, "--storage-file"]).arg(self.path("storage.yaml"));
        command.args(more).current_dir(self.dir.path());
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command
    }

    pub fn run(&self, verb: &str, more: &[&str]) -> Ran {
        Ran::of(self.command(verb, more).output().unwrap())
    }

    /// What the program has written into its folder.
    pub fn files(&self) -> Vec<String> {
        files(self.dir.path())
    }
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = names
        .map(|e| e.file_name().into_string().unwrap())
        .filter(|name| !["storage.yaml", "record.json"].contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// How it ended.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It was well.
    pub fn good(self) -> String {
        assert_eq!(self.status, Some(0), "{}", self.err);
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// It was not, and why.
    pub fn bad(self) -> String {
        assert_eq!(self.status, Some(1), "{self:?}");
        self.err
    }
}

/// Bytes as a backup with these stages stores them.
pub fn stored(bytes: &[u8], compression: Option<Compression>, encrypted: bool) -> Vec<u8> {
    let recipients: &[&str] = if encrypted { &[PUBLIC] } else { &[] };
    let sink = Kept::default();
    let stages = Stages::to_write(compression, Recipients::parse(recipients).unwrap());
    let mut writer = stages.writer(Box::new(sink.clone())).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap();
    let kept = sink.0.lock().unwrap();
    kept.clone()
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Kept {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    let mut hash = pipeline::Sha256::default();
    hash.update(bytes);
    hash.hex()
}

/// Bytes that do not compress, the same each time, and some that do.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length / 2 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.resize(length, b'a');
    bytes
}
