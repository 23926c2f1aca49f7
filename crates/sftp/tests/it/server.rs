//! A server of SFTP over a folder, and the store in front of it.
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use servers::SftpServer;
use store::{Credentials, Kind, Parameters, Proxies, Secret, Store};

pub const ACCESS: &str = "backups";
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub const BUCKET: &str = "backups";
const UP: Duration = Duration::from_secs(60);

/// A server of SFTP, and stores in front of it.
pub struct Sftp(SftpServer);

impl std::ops::Deref for Sftp {
    type Target = SftpServer;

    fn deref(&self) -> &SftpServer {
        &self.0
    }
}

impl Sftp {
    pub fn start(kind: &str, folder: &Path, environment: &[(&str, &str)]) -> Self {
        Self(SftpServer::start(kind, folder, environment))
    }

    /// The store over its user's home, by the user's key.
    pub fn ask(&self) -> Value {
        json!({
            "host": "127.0.0.1",
            "port": self.port,
            "user": "backup",
            "hostKey": self.host_key(),
            "privateKey": self.key(),
            "holder": "test",
            "accessKey": ACCESS,
            "secretKey": SECRET,
        })
    }

    /// The same, with some of it said otherwise; null: not at all.
    pub fn depot(&self, other: Value) -> Depot {
        let mut ask = self.ask();
        for (name, value) in other.as_object().unwrap() {
            ask[name] = value.clone();
        }
        ask.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        Depot::spawn(&self.folder, &ask)
    }
}

/// The store as a process.
pub struct Depot {
    pub port: u16,
    pub log: PathBuf,
    pub child: Child,
    /// It ends when this is closed.
    pub input: Option<ChildStdin>,
}

impl Drop for Depot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Depot {
    /// Starts it.
    pub fn spawn(folder: &Path, ask: &Value) -> Self {
        let log = tempfile::Builder::new()
            .prefix("log-")
            .tempfile_in(folder)
            .unwrap()
            .keep()
            .unwrap()
            .1;
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(env!("CARGO_BIN_EXE_sftp"))
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{ask}").unwrap();
        Self {
            port: 0,
            log,
            child,
            input: Some(input),
        }
    }

    /// Waits until it serves.
    pub fn up(mut self) -> Self {
        let until = Instant::now() + UP;
        while self.port == 0 {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{ended:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(2));
            let said = self.said();
            let told = said.split_once("\"address\":\"127.0.0.1:").map(|(_, rest)| rest);
            let port = told.and_then(|rest| rest.split('"').next()?.parse().ok());
            self.port = port.unwrap_or_default();
        }
        self
    }

    /// What it says when it does not come up.
    pub fn refused(mut self) -> String {
        let ended = self.child.wait().unwrap();
        assert!(!ended.success());
        self.said()
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it as the kernel does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn store(&self) -> Store {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let all = [
            ("bucket", BUCKET),
            ("endpoint", &endpoint),
            ("s3ForcePathStyle", "true"),
        ];
        let all = all.map(|(name, value)| (name.to_string(), value.to_string()));
        let parameters = Parameters::parse(Kind::S3, &all.into()).unwrap();
        let credentials = Credentials::new(ACCESS, Secret::new(SECRET), None);
        Store::open(&parameters, credentials, &Proxies::default()).unwrap()
    }
}

/// Servers of tests that start their store often, by folder. They end with the threads of those tests.
static BY_FOLDER: Mutex<Option<HashMap<PathBuf, Sftp>>> = Mutex::new(None);

/// The store over the folder's `data`, and the server below it where there is none yet.
pub fn over(kind: &str, folder: &Path) -> Depot {
    let data = folder.join("data");
    let mut all = BY_FOLDER.lock().unwrap();
    let server = all
        .get_or_insert_default()
        .entry(folder.to_owned())
        .or_insert_with(|| Sftp::start(kind, folder, &[]));
    server.depot(json!({ "path": data }))
}
