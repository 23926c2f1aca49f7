//! A server that runs: on a free port of the loopback, with its files in a folder of its own, gone when dropped.
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};
use rusty_s3::{Bucket, Method, UrlStyle};

use crate::exchange::{Answer, exchange};
use crate::table::Server;

/// The secret of all servers' access keys.
pub const SECRET_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Until the first bucket is made: a Java program on a busy machine takes its time.
const READY: Duration = Duration::from_secs(90);

/// A server that runs.
pub struct Running {
    /// What it is.
    pub server: &'static Server,
    /// Host and port.
    pub address: String,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        // All that it has started is in its group.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Running {
    /// Brings a server up, and returns when it has made a bucket. Call it in the thread that lives as long as the test: where that
    /// ends in whatever way, the kernel ends the server (`setpriv --pdeathsig`).
    pub fn start(server: &'static Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = File::create(folder.path().join("log")).unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(stores().join(server.folder).join("start"))
            .arg(program(server))
            .arg(port.to_string())
            .arg(&data)
            .env("S3_ACCESS_KEY", server.access_key)
            .env("S3_SECRET_KEY", SECRET_KEY)
            .current_dir(&data)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut running = Self {
            server,
            address: format!("127.0.0.1:{port}"),
            child,
            folder,
        };
        running.wait();
        running
    }

    fn wait(&mut self) {
        let until = Instant::now() + READY;
        loop {
            let answer = self.make("first-bucket");
            if answer.as_ref().is_some_and(|a| a.status == self.server.created()) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < until,
                "{} does not serve on {}; its last answer: {}; its end: {ended:?}; its log: {}",
                self.server.name,
                self.address,
                words(answer.as_ref()),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The end of what it has printed.
    pub fn log(&self) -> String {
        let all = fs::read(self.folder.path().join("log")).unwrap_or_default();
        let end = all.len().saturating_sub(1500);
        String::from_utf8_lossy(all.get(end..).unwrap_or_default()).into_owned()
    }

    /// Scheme, host and port.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        let answer = self.make(name);
        // One is there before anybody asks, where the server is begun with it.
        let there = |a: &Answer| String::from_utf8_lossy(&a.body).contains("BucketAlreadyOwnedByYou");
        let made = answer
            .as_ref()
            .is_some_and(|a| a.status == self.server.created() || there(a));
        assert!(
            made,
            "{} makes no bucket: {}\n{}",
            self.server.name,
            words(answer.as_ref()),
            self.log()
        );
    }

    /// From now on the bucket keeps what is overwritten or deleted. False: the server refuses.
    pub fn keep_versions(&self, bucket: &str) -> bool {
        if self.server.kind != "s3" {
            return false;
        }
        let body = b"<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
        let answer = self.ask(Method::Put, bucket, &[("versioning", "")], body);
        answer.is_some_and(|a| a.status < 300)
    }

    fn make(&self, bucket: &str) -> Option<Answer> {
        if self.server.kind == "azure" {
            return self.azure("PUT", &format!("/{bucket}"), &[("restype", "container")], &[], b"");
        }
        self.ask(Method::Put, bucket, &[], b"")
    }

    /// Makes a bucket that can lock objects. False: the server makes none, or one that cannot.
    pub fn bucket_with_lock(&self, name: &str) -> bool {
        let header = ("x-amz-bucket-object-lock-enabled".to_string(), "true".to_string());
        let made = self.ask_with(Method::Put, name, &[], vec![header], b"");
        let made = made.is_some_and(|a| a.status < 300);
        let told = self.ask(Method::Get, name, &[("object-lock", "")], b"");
        made && told.is_some_and(|a| a.status == 200 && String::from_utf8_lossy(&a.body).contains("Enabled"))
    }

    fn ask(&self, method: Method, bucket: &str, query: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        self.ask_with(method, bucket, query, Vec::new(), body)
    }

    fn ask_with(
        &self,
        method: Method,
        bucket: &str,
        query: &[(&str, &str)],
        mut headers: Vec<(String, String)>,
        body: &[u8],
    ) -> Option<Answer> {
        let endpoint = self.endpoint().parse().unwrap();
        let region = self.server.region.unwrap_or("us-east-1");
        let bucket = Bucket::new(endpoint, UrlStyle::Path, bucket.to_string(), region.to_string()).unwrap();
        let url = rusty_s3::signing::sign(
            &jiff::Timestamp::now(),
            method,
            bucket.base_url().clone(),
            self.server.access_key,
            SECRET_KEY,
            None,
            bucket.region(),
            60,
            query.iter().copied(),
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        );
        headers.push(("content-length".to_string(), body.len().to_string()));
        exchange(method.to_str(), url.as_str(), &headers, body)
    }
}

fn words(answer: Option<&Answer>) -> String {
    let words = |a: &Answer| format!("{} {}", a.status, String::from_utf8_lossy(&a.body));
    answer.map_or_else(|| "none".to_string(), words)
}

/// The folder of this checkout that has a folder for each server.
fn stores() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/stores")
}

/// The program, or its folder: named by a variable, as `make test` does, or the newest one that it has left in the cache.
pub fn program(server: &Server) -> PathBuf {
    let variable = server.variable();
    if let Some(named) = std::env::var_os(&variable) {
        let path = PathBuf::from(named);
        assert!(
            path.exists(),
            "{variable}={} is not there: run `make test`",
            path.display()
        );
        return path;
    }
    let cache = std::env::var_os("BACKUP_DEV_CACHE").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cache/backup-operator-dev"))
    });
    let key = |name: &str| Some(name.strip_prefix(server.folder)?.strip_prefix('-')?.to_string());
    let left = cache.and_then(|cache| {
        let programs = fs::read_dir(cache.join("bin")).ok()?.flatten();
        let own = programs.filter(|e| {
            let key = e.file_name().to_str().and_then(key);
            key.is_some_and(|k| k.len() == 16 && k.bytes().all(|b| b.is_ascii_hexdigit()))
        });
        let newest = |e: &fs::DirEntry| {
            e.metadata()
                .and_then(|m| m.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH)
        };
        own.max_by_key(newest).map(|e| e.path())
    });
    left.unwrap_or_else(|| {
        panic!(
            "{variable} is not set, and no {} was built yet: run `dev/s3-server {}`",
            server.name, server.folder
        )
    })
}
