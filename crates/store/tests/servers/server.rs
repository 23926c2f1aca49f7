//! A real S3 server on a free port of the loopback, with one bucket, gone when dropped.
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusty_s3::{Bucket, Method, UrlStyle};
use store::Signed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const USER: &str = "test-user";
pub const PASSWORD: &str = "test-password";

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Minio,
    Versitygw,
}

pub struct Server {
    pub endpoint: String,
    child: Child,
    _data: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub async fn start(kind: Kind) -> Self {
        let variable = match kind {
            Kind::Minio => "MINIO_BIN",
            Kind::Versitygw => "VERSITYGW_BIN",
        };
        let binary = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make test`"));
        let data = tempfile::tempdir().unwrap();
        let [root, sidecar, versions] = ["root", "sidecar", "versions"].map(|name| data.path().join(name));
        // Both servers take a folder for a bucket.
        std::fs::create_dir_all(root.join("test")).unwrap();
        std::fs::create_dir(&sidecar).unwrap();
        std::fs::create_dir(&versions).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(binary);
        match kind {
            Kind::Minio => command.args(["server", "--address", &address]).arg(&root),
            // A side-car folder holds what it would put into extended attributes, which not every file system has.
            Kind::Versitygw => command
                .args(["--port", &address, "posix", "--sidecar"])
                .arg(&sidecar)
                .arg("--versioning-dir")
                .arg(&versions)
                .arg(&root),
        };
        command
            .env("MINIO_ROOT_USER", USER)
            .env("MINIO_ROOT_PASSWORD", PASSWORD)
            .env("MINIO_BROWSER", "off")
            .env("ROOT_ACCESS_KEY", USER)
            .env("ROOT_SECRET_KEY", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let server = Self {
            endpoint: format!("http://{address}"),
            child,
            _data: data,
        };
        let until = Instant::now() + Duration::from_secs(30);
        let hello = b"GET /test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        // Refused is an answer, 503 is not: MinIO says it until it is ready.
        while exchange(&address, hello)
            .await
            .is_none_or(|a| a.starts_with("HTTP/1.1 5"))
        {
            assert!(Instant::now() < until, "{kind:?} does not answer on {address}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }
}

impl Server {
    /// From now on the bucket keeps what is overwritten or deleted.
    pub async fn keep_versions(&self) {
        let bucket = Bucket::new(
            self.endpoint.parse().unwrap(),
            UrlStyle::Path,
            "test".to_string(),
            "us-east-1".to_string(),
        )
        .unwrap();
        let url = rusty_s3::signing::sign(
            &jiff::Timestamp::now(),
            Method::Put,
            bucket.base_url().clone(),
            USER,
            PASSWORD,
            None,
            bucket.region(),
            60,
            [("versioning", "")].into_iter(),
            std::iter::empty(),
        );
        let body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        let signed = Signed {
            url: store::Secret::new(url.to_string()),
            headers: vec![("content-length".into(), body.len().to_string())],
        };
        assert_eq!(put(&signed, body).await.0, 200);
    }
}

/// Sends a body to a signed URL with the headers that were signed, and nothing of the store's own client: what an agent
/// does. The status and the ETag are returned.
pub async fn put(signed: &Signed, body: &[u8]) -> (u16, String) {
    let url = signed.url.reveal().strip_prefix("http://").unwrap();
    let (address, path) = url.split_once('/').unwrap();
    let mut request = format!("PUT /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in &signed.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let answer = exchange(address, &[request.as_bytes(), body].concat())
        .await
        .expect("an answer");
    let head = answer.split("\r\n\r\n").next().unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let etag = head
        .lines()
        .find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case("etag")));
    (status, etag.map(|(_, v)| v.to_string()).unwrap_or_default())
}

async fn exchange(address: &str, bytes: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    // A server that refuses early closes before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    read.ok()?.ok().or(Some(0))?;
    (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
}
