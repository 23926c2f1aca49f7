//! A store behind a real HTTP proxy: tinyproxy, which wants a name and a password.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use servers::Running;
use store::{Credentials, Proxies, S3Parameters, Secret, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// tinyproxy on a free port of the loopback, gone when dropped.
struct Tinyproxy {
    port: u16,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tinyproxy {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let conf = folder.path().join("conf");
        let log = folder.path().join("log");
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nLogLevel Connect\nLogFile \"{}\"\nTimeout 600\nBasicAuth ann hunter2\n",
            log.display()
        );
        std::fs::write(&conf, text).unwrap();
        let child = Command::new("tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy is not installed: run `make test`, or install Debian's tinyproxy-bin");
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "tinyproxy does not answer on port {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, child, folder }
    }

    /// Tunnels that it opened or refused so far.
    fn tunnels(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.lines().filter(|line| line.contains("CONNECT ")).count()
    }

    fn proxies(&self, password: &str) -> Proxies {
        let proxy = format!("http://ann:{password}@127.0.0.1:{}", self.port);
        Proxies::from_environment(|name| (name == "HTTP_PROXY").then(|| proxy.clone()), "").unwrap()
    }
}

/// A MinIO with the bucket `test`.
fn minio() -> Running {
    let running = Running::start(servers::server("minio"));
    running.bucket("test");
    running
}

fn open(proxies: &Proxies, endpoint: &str) -> Store {
    let parameters = [("bucket", "test"), ("endpoint", endpoint), ("s3ForcePathStyle", "true")];
    let parameters: BTreeMap<_, _> = parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let credentials = Credentials::new(
        servers::server("minio").access_key,
        Secret::new(servers::SECRET_KEY),
        None,
    );
    Store::s3_behind(proxies, S3Parameters::parse(&parameters).unwrap(), credentials).unwrap()
}

#[tokio::test]
async fn a_proxy_of_the_environment_carries_all_requests_and_what_is_relayed() {
    let (server, proxy) = (minio(), Tinyproxy::start());
    let store = open(&proxy.proxies("hunter2"), &server.endpoint());
    store.probe("", "1", None).await.unwrap();
    let probed = proxy.tunnels();
    assert!(probed > 0);
    let (host, port) = store.address().unwrap();
    let mut stream = store.dial().connect(&host, port).await.unwrap();
    assert!(proxy.tunnels() > probed);
    let hello = b"GET /test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(hello).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("AccessDenied"), "{answer}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let (server, proxy) = (minio(), Tinyproxy::start());
    let store = open(&proxy.proxies("wrong-one"), &server.endpoint());
    let words = store.probe("", "1", None).await.unwrap_err().to_string();
    assert!(
        words.contains(&format!(
            "the proxy 127.0.0.1:{} (the operator's environment)",
            proxy.port
        )) && words.contains("take its user and password")
            && !words.contains("wrong-one"),
        "{words}"
    );
}
