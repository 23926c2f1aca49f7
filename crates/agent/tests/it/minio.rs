//! The agent against a real S3 server: MinIO, with URLs as the operator signs them.
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusty_s3::actions::{CreateMultipartUpload, S3Action};
use rusty_s3::{Bucket, Credentials, UrlStyle};

use super::rig::*;
use protocol::{Action, Compression, Outcome, PartPlan, Report, Secret, ToAgent, UrlRequest};

const KEY: &str = "folder/a backup+1.gz";
const VALID: Duration = Duration::from_secs(600);
const USER: &str = "test-user";
const PASSWORD: &str = "test-password";

/// `make test` names the program; a person's `cargo test` finds the one that it left.
fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("MINIO_BIN") {
        let path = PathBuf::from(named);
        assert!(
            path.is_file(),
            "MINIO_BIN={} is no file: run `make test`",
            path.display()
        );
        return path;
    }
    let cache = std::env::var_os("BACKUP_DEV_CACHE").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cache/backup-operator-dev"))
    });
    let left = cache.and_then(|cache| {
        let programs = fs::read_dir(cache.join("bin")).ok()?.flatten();
        programs.map(|e| e.path()).find(|p| {
            p.file_name()
                .is_some_and(|n| n.as_encoded_bytes().starts_with(b"minio-"))
        })
    });
    left.expect("MINIO_BIN is not set and no MinIO was built yet: run `make test`")
}

struct Minio {
    child: Child,
    bucket: Bucket,
    credentials: Credentials,
    address: String,
    _data: tempfile::TempDir,
}

impl Drop for Minio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Minio {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("test")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new(binary())
            .args(["server", "--address", &address])
            .arg(data.path())
            .env("MINIO_ROOT_USER", USER)
            .env("MINIO_ROOT_PASSWORD", PASSWORD)
            .env("MINIO_BROWSER", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://{address}").parse().unwrap();
        let bucket = Bucket::new(endpoint, UrlStyle::Path, "test", "us-east-1").unwrap();
        let credentials = Credentials::new(USER, PASSWORD);
        let minio = Self {
            child,
            bucket,
            credentials,
            address,
            _data: data,
        };
        let until = Instant::now() + LONG;
        // Refused is an answer; 503 is said until it is ready.
        while minio
            .ask("GET", "/test", &[])
            .is_none_or(|(status, _, _)| status >= 500)
        {
            assert!(Instant::now() < until, "MinIO does not answer on {}", minio.address);
            std::thread::sleep(Duration::from_millis(20));
        }
        minio
    }

    /// One request and its answer: status, ETag, body.
    fn ask(&self, method: &str, target: &str, body: &[u8]) -> Option<(u16, String, Vec<u8>)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut etag = String::new();
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("etag") {
                etag = value.trim().to_string();
            }
        }
        let mut body = Vec::new();
        reader.read_to_end(&mut body).ok()?;
        Some((status, etag, body))
    }

    /// A signed request of the test's own.
    fn signed<'a>(&self, method: &str, action: &impl S3Action<'a>, body: &[u8]) -> (u16, String, Vec<u8>) {
        let url = action.sign(VALID);
        let target = format!("{}?{}", url.path(), url.query().unwrap());
        self.ask(method, &target, body).unwrap()
    }

    fn object(&self) -> Option<(String, Vec<u8>)> {
        let get = self.bucket.get_object(Some(&self.credentials), KEY);
        let (status, etag, body) = self.signed("GET", &get, &[]);
        (status == 200).then_some((etag, body))
    }

    fn bind<'a>(action: &mut impl S3Action<'a>, size: u64, checksum: &str) -> Vec<(String, String)> {
        let headers = [
            ("content-length", size.to_string()),
            ("x-amz-checksum-sha256", checksum.to_string()),
        ];
        for (name, value) in &headers {
            action.headers_mut().insert(*name, value.clone());
        }
        headers.map(|(name, value)| (name.to_string(), value)).to_vec()
    }

    fn sign(&self, request: &UrlRequest, upload: Option<&str>) -> ToAgent {
        let who = Some(&self.credentials);
        let (url, headers) = match request {
            UrlRequest::Part { number, size, checksum } => {
                let number = u16::try_from(*number).unwrap();
                let mut action = self.bucket.upload_part(who, KEY, number, upload.unwrap());
                let headers = Self::bind(&mut action, *size, checksum);
                (action.sign(VALID), headers)
            }
            UrlRequest::Object { size, checksum } => {
                let mut action = self.bucket.put_object(who, KEY);
                let headers = Self::bind(&mut action, *size, checksum);
                (action.sign(VALID), headers)
            }
            UrlRequest::Get { .. } => (self.bucket.get_object(who, KEY).sign(VALID), vec![]),
        };
        ToAgent::Url {
            request: request.clone(),
            url: Secret::new(url.into()),
            headers,
        }
    }

    /// Runs a job as the operator does: the upload is created at the first part and completed after a good end.
    fn run(&self, rig: &Rig, job: protocol::Job) -> Report {
        let mut link = rig.connect();
        link.say(&ToAgent::Start(Box::new(job)));
        let mut upload: Option<String> = None;
        let report = loop {
            match link.hear() {
                protocol::FromAgent::NeedUrl(request) => {
                    if matches!(request, UrlRequest::Part { .. }) && upload.is_none() {
                        upload = Some(self.create());
                    }
                    link.say(&self.sign(&request, upload.as_deref()));
                }
                protocol::FromAgent::Finished(report) => break *report,
                _ => {}
            }
        };
        if let (Some(upload), Outcome::Done) = (&upload, &report.outcome) {
            let etags = report.parts.iter().map(|p| p.etag.trim_matches('"'));
            let complete = self
                .bucket
                .complete_multipart_upload(Some(&self.credentials), KEY, upload, etags);
            let body = complete.clone().body();
            let (status, _, answer) = self.signed("POST", &complete, body.as_bytes());
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        }
        report
    }

    fn create(&self) -> String {
        let action = self.bucket.create_multipart_upload(Some(&self.credentials), KEY);
        let (status, _, body) = self.signed("POST", &action, &[]);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        CreateMultipartUpload::parse_response(std::str::from_utf8(&body).unwrap())
            .unwrap()
            .upload_id()
            .to_string()
    }
}

fn real_parts(mut job: protocol::Job) -> protocol::Job {
    if let Action::Backup { plan, .. } = &mut job.action {
        *plan = PartPlan::default();
    }
    job
}

#[test]
fn backups_of_all_sizes_and_stages_come_back_from_a_real_store() {
    let minio = Minio::start();
    let (public, secret) = (include_str!("keys/ed25519.pub"), include_str!("keys/ed25519"));
    let plain = [noise(12 << 20), vec![b'a'; 9 << 20]].concat();
    for (length, compression, encrypted) in [
        (11, None, false),
        (plain.len(), None, false),
        (plain.len(), Some(Compression::Gzip { level: 6 }), true),
        (plain.len(), Some(Compression::Zstd { level: 3 }), false),
        (1000, Some(Compression::Zstd { level: 3 }), true),
    ] {
        let bytes = &plain[..length];
        let rig = Rig::new();
        fs::write(rig.path("in"), bytes).unwrap();
        let recipients = if encrypted { vec![public] } else { vec![] };
        let mut job = real_parts(backup(words(&["cat", rig.path("in").to_str().unwrap()])));
        job = with_recipients(job, &recipients);
        job.compression = compression;
        let report = minio.run(&rig, job);
        done(&report);
        let (etag, object) = minio.object().unwrap();
        assert_eq!(
            (report.stored_bytes, report.sha256.clone()),
            (object.len() as u64, sha256(&object))
        );

        let rig = Rig::new();
        let identity = encrypted.then(|| Secret::new(secret.into()));
        let action = Action::Restore {
            identity,
            window_log: None,
            passphrase: false,
            size: report.stored_bytes,
            sha256: Some(report.sha256),
            etag: Some(etag),
        };
        let script = sh(&format!("cat > {}", rig.path("out").display()));
        let job = protocol::Job {
            action,
            compression,
            ..backup(script)
        };
        done(&minio.run(&rig, job));
        assert!(
            fs::read(rig.path("out")).unwrap() == bytes,
            "{length} {compression:?} {encrypted}"
        );
    }
}

#[test]
fn a_failed_backup_leaves_no_object() {
    let minio = Minio::start();
    let rig = Rig::new();
    let report = minio.run(&rig, real_parts(backup(sh("head -c 20000000 /dev/zero; exit 9"))));
    assert_eq!(report.outcome, Outcome::CommandFailed { code: 9 });
    assert!(minio.object().is_none());
}

#[test]
fn an_object_that_was_replaced_since_is_refused_by_its_etag() {
    let minio = Minio::start();
    let first = minio.run(&Rig::new(), real_parts(backup(sh("echo one"))));
    done(&first);
    let (etag, _) = minio.object().unwrap();
    done(&minio.run(&Rig::new(), real_parts(backup(sh("echo two")))));
    let action = Action::Restore {
        identity: None,
        window_log: None,
        passphrase: false,
        size: 4,
        sha256: Some(first.sha256),
        etag: Some(etag),
    };
    let rig = Rig::new();
    let script = sh(&format!("cat > {}", rig.path("out").display()));
    match minio
        .run(
            &rig,
            protocol::Job {
                action,
                ..backup(script)
            },
        )
        .outcome
    {
        Outcome::BadObject { step, .. } => assert_eq!(step, "etag"),
        other => panic!("{other:?}"),
    }
    assert!(!rig.path("out").exists(), "the command ran");
}

/// A URL that does not fit the bytes: what a store does with a part that was damaged on its way.
#[test]
fn a_checksum_that_does_not_fit_is_refused_in_the_stores_words() {
    let minio = Minio::start();
    let rig = Rig::new();
    let mut link = rig.connect();
    link.say(&ToAgent::Start(Box::new(backup(sh("echo x")))));
    let report = loop {
        match link.hear() {
            protocol::FromAgent::NeedUrl(request) => {
                let wrong = UrlRequest::Object {
                    size: 2,
                    checksum: "A".repeat(43) + "=",
                };
                let ToAgent::Url { url, headers, .. } = minio.sign(&wrong, None) else {
                    unreachable!()
                };
                link.say(&ToAgent::Url { request, url, headers });
            }
            protocol::FromAgent::Finished(report) => break *report,
            _ => {}
        }
    };
    match report.outcome {
        Outcome::TransferFailed { step, message } => {
            assert!(
                step == "upload" && message.starts_with("the store answered 400 "),
                "{step}: {message}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(minio.object().is_none());
}

/// MinIO answers before it has read such a part, and closes: who stops at the failed write never hears why, and tries again.
#[test]
fn what_a_store_says_before_it_has_read_a_part_is_heard() {
    let minio = Minio::start();
    let upload = minio.create();
    let abort = minio
        .bucket
        .abort_multipart_upload(Some(&minio.credentials), KEY, &upload);
    assert_eq!(minio.signed("DELETE", &abort, &[]).0, 204);
    for _ in 0..3 {
        let rig = Rig::new();
        let mut link = rig.connect();
        let mut job = backup(sh("cat /dev/zero"));
        if let Action::Backup { plan, .. } = &mut job.action {
            // More than the sockets between them hold.
            plan.smallest = 16 << 20;
        }
        link.say(&ToAgent::Start(Box::new(job)));
        let report = loop {
            match link.hear() {
                protocol::FromAgent::NeedUrl(request) => link.say(&minio.sign(&request, Some(&upload))),
                protocol::FromAgent::Finished(report) => break *report,
                _ => {}
            }
        };
        match report.outcome {
            Outcome::TransferFailed { message, .. } => assert!(message.contains("404 NoSuchUpload"), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}
