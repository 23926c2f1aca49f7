//! A server over a folder that outlives it, and clients of it.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use store::{Credentials, Kind, Parameters, Proxies, Secret, Store};

pub const ACCESS: &str = "backups";
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub const BUCKET: &str = "backups";

/// A server that runs; killed when dropped.
pub struct Depot {
    pub port: u16,
    pub health: u16,
    pub log: PathBuf,
    pub child: Child,
}

impl Drop for Depot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Depot {
    /// Starts one over the folder's `data`, and waits until it serves.
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        let mut depot = Self::spawn(folder, more);
        let until = Instant::now() + Duration::from_secs(60);
        while depot.port == 0 {
            let ended = depot.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{ended:?}: {}", depot.said());
            std::thread::sleep(Duration::from_millis(2));
            let said = depot.said();
            let of = |name: &str| {
                let rest = said.split_once(&format!("\"{name}\":\"127.0.0.1:"))?.1;
                rest.split('"').next()?.parse::<u16>().ok()
            };
            if let (Some(port), Some(health)) = (of("address"), of("health")) {
                (depot.port, depot.health) = (port, health);
            }
        }
        depot
    }

    /// The same, which may not come up.
    pub fn spawn(folder: &Path, more: &[&str]) -> Self {
        let data = folder.join("data");
        fs::create_dir_all(&data).unwrap();
        let log = tempfile::Builder::new()
            .prefix("log-")
            .tempfile_in(folder)
            .unwrap()
            .keep()
            .unwrap()
            .1;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(env!("CARGO_BIN_EXE_depot"))
            .arg("--folder")
            .arg(&data)
            .args(["--bucket", BUCKET])
            .args(["--address", "127.0.0.1:0", "--health-address", "127.0.0.1:0"])
            .args(more)
            .env("AWS_ACCESS_KEY_ID", ACCESS)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Self {
            port: 0,
            health: 0,
            log,
            child,
        }
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills it as the kernel does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn store(&self) -> Store {
        self.store_of(&format!("http://127.0.0.1:{}", self.port), &[])
    }

    pub fn store_of(&self, endpoint: &str, more: &[(&str, &str)]) -> Store {
        let usual = [("bucket", BUCKET), ("endpoint", endpoint), ("s3ForcePathStyle", "true")];
        let all = usual.iter().chain(more);
        let all = all
            .map(|(name, value)| ((*name).to_string(), (*value).to_string()))
            .collect();
        let credentials = Credentials::new(ACCESS, Secret::new(SECRET), None);
        Store::open(
            &Parameters::parse(Kind::S3, &all).unwrap(),
            credentials,
            &Proxies::default(),
        )
        .unwrap()
    }
}

pub fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}
