//! A real MinIO that speaks TLS, and what is said where the endpoint or the bundle does not fit it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use servers::{Running, SECRET_KEY, free_port, program, server};
use store::{Credentials, Kind, Parameters, Proxies, Secret, Store};

/// The server, gone when dropped.
struct Secure {
    port: u16,
    pem: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With the bucket `test`, and a certificate as OpenSSL makes it: it signed itself.
fn minio() -> Secure {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let folder = tempfile::tempdir().unwrap();
    let (certificates, data) = (folder.path().join("certificates"), folder.path().join("data"));
    fs::create_dir_all(data.join("test")).unwrap();
    fs::create_dir(&certificates).unwrap();
    fs::write(certificates.join("public.crt"), &pem).unwrap();
    fs::write(certificates.join("private.key"), key.serialize_pem()).unwrap();
    let port = free_port();
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(program(server("minio")))
        .args([
            "server",
            "--quiet",
            "--address",
            &format!("127.0.0.1:{port}"),
            "--certs-dir",
        ])
        .args([&certificates, &data])
        .env("MINIO_ROOT_USER", server("minio").access_key)
        .env("MINIO_ROOT_PASSWORD", SECRET_KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "MinIO does not answer on port {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Secure {
        port,
        pem,
        child,
        _folder: folder,
    }
}

fn open(endpoint: &str, more: &[(&str, &str)]) -> Store {
    let parameters = [("bucket", "test"), ("endpoint", endpoint), ("s3ForcePathStyle", "true")];
    let all = parameters.iter().chain(more);
    let parameters: BTreeMap<_, _> = all.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let credentials = Credentials::new(server("minio").access_key, Secret::new(SECRET_KEY), None);
    Store::open(
        &Parameters::parse(Kind::S3, &parameters).unwrap(),
        credentials,
        &Proxies::default(),
    )
    .unwrap()
}

async fn probed(store: &Store) -> Result<(), String> {
    store.probe("", "1", None).await.map(drop).map_err(|e| e.to_string())
}

#[tokio::test]
async fn a_store_of_tls_is_told_apart_from_one_of_plain_http_and_from_one_that_does_not_run() {
    let (secure, plain) = (minio(), Running::start(server("minio")));
    let good = open(
        &format!("https://127.0.0.1:{}", secure.port),
        &[("caBundle", &secure.pem)],
    );
    // It may have to begin yet.
    let until = Instant::now() + Duration::from_secs(60);
    while let Err(words) = probed(&good).await {
        assert!(Instant::now() < until, "{words}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (http, https) = (
        format!("http://127.0.0.1:{}", secure.port),
        format!("https://{}", plain.address),
    );
    for (endpoint, says) in [
        (
            http,
            "the store speaks TLS: spec.parameters.endpoint should begin with https://",
        ),
        (https, "does not speak TLS: write http:// in spec.parameters.endpoint"),
        (
            format!("https://127.0.0.1:{}", secure.port),
            "spec.parameters.caBundle is not given",
        ),
    ] {
        let words = probed(&open(&endpoint, &[])).await.unwrap_err();
        assert!(words.contains(says) && words.contains(&endpoint), "{words}");
        assert!(!words.contains("that the store runs"), "{words}");
    }
    let gone = format!("http://127.0.0.1:{}", free_port());
    let words = probed(&open(&gone, &[])).await.unwrap_err();
    assert!(
        words.contains("that the store runs") && !words.contains("TLS"),
        "{words}"
    );
}
