//! A MinIO behind a gateway that changes what it says, or answers in its place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use servers::Running;
use store::{Credentials, Kind, Parameters, Proxies, Secret, Store, StoreErrorKind};

/// What the gateway makes of a request's first line and the store's answer.
type Change = fn(&str, Vec<u8>) -> Vec<u8>;

/// One request a connection, each passed on as it was signed. Its port.
fn gateway(store: u16, change: Change) -> u16 {
    serve(store, |_| false, change)
}

/// The same, which answers some requests itself: AccessDenied.
fn serve(store: u16, refuses: fn(&str) -> bool, change: Change) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            std::thread::spawn(move || pass(client, store, refuses, change));
        }
    });
    port
}

fn pass(mut client: TcpStream, store: u16, refuses: fn(&str) -> bool, change: Change) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let (mut head, mut line) = (Vec::new(), String::new());
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("connection:") {
            head.extend_from_slice(line.as_bytes());
        }
    }
    head.extend_from_slice(b"connection: close\r\n\r\n");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let first = String::from_utf8_lossy(&head).lines().next()?.to_string();
    if refuses(&first) {
        return client.write_all(&denied()).ok();
    }
    let mut upstream = TcpStream::connect(("127.0.0.1", store)).ok()?;
    upstream.write_all(&head).ok()?;
    upstream.write_all(&body).ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).ok()?;
    client.write_all(&change(&first, answer)).ok()
}

/// The answer with another line in the place of its ETag's; nothing leaves it out.
fn with_etag(answer: Vec<u8>, etag: fn(&str) -> String) -> Vec<u8> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(answer.len());
    let (head, rest) = answer.split_at(end);
    let head: Vec<_> = String::from_utf8_lossy(head)
        .split("\r\n")
        .filter_map(|line| match line.to_ascii_lowercase().strip_prefix("etag:") {
            Some(value) => Some(etag(value.trim())).filter(|line| !line.is_empty()),
            None => Some(line.to_string()),
        })
        .collect();
    [head.join("\r\n").as_bytes(), rest].concat()
}

fn denied() -> Vec<u8> {
    let body = "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>";
    format!("HTTP/1.1 403 Forbidden\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nx-amz-request-id: 1\r\nconnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

fn open(port: u16) -> Store {
    let endpoint = format!("http://127.0.0.1:{port}");
    let parameters = [
        ("bucket", "test"),
        ("endpoint", endpoint.as_str()),
        ("s3ForcePathStyle", "true"),
    ];
    let parameters: BTreeMap<_, _> = parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let credentials = Credentials::new(
        servers::server("minio").access_key,
        Secret::new(servers::SECRET_KEY),
        None,
    );
    Store::open(
        &Parameters::parse(Kind::S3, &parameters).unwrap(),
        credentials,
        &Proxies::default(),
    )
    .unwrap()
}

fn minio() -> (Running, u16) {
    let running = Running::start(servers::server("minio"));
    running.bucket("test");
    let port = running.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    (running, port)
}

/// What answers a request by its first line.
type Says = fn(&str) -> Vec<u8>;

/// No store: each request, none of which has a body, is answered at once. Its port.
fn in_its_place(says: Says) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|n| n > 0) {}
            let _ = client.write_all(&says(head.lines().next().unwrap_or_default()));
        }
    });
    port
}

/// An answer to a request with this first line.
fn said(first: &str, status: &str, headers: &str, body: &str) -> Vec<u8> {
    let body = if first.starts_with("HEAD") { "" } else { body };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

const PAGE: &str = "<html><h1>No</h1></html>";
const NO_VERSION: &str = "<Error><Code>InvalidArgument</Code><Message>Invalid version id specified</Message></Error>";

#[tokio::test]
async fn a_version_is_gone_by_the_stores_own_word_only() {
    let cases: [(&str, Says, bool); 6] = [
        (
            "a page that was not found",
            |first| said(first, "404 Not Found", "content-type: text/html\r\n", PAGE),
            false,
        ),
        (
            "a page that is forbidden",
            |first| said(first, "403 Forbidden", "content-type: text/html\r\n", PAGE),
            false,
        ),
        (
            "a redirect",
            |first| said(first, "308 Permanent Redirect", "location: https://elsewhere/\r\n", ""),
            false,
        ),
        (
            "a store's word, and a page",
            |first| match first.starts_with("DELETE") {
                true => said(first, "400 Bad Request", "", NO_VERSION),
                false => said(first, "404 Not Found", "content-type: text/html\r\n", PAGE),
            },
            false,
        ),
        (
            "versitygw",
            |first| said(first, "400 Bad Request", "", NO_VERSION),
            true,
        ),
        (
            "a version that is not there",
            |first| said(first, "404 Not Found", "", "<Error><Code>NoSuchVersion</Code></Error>"),
            true,
        ),
    ];
    for (what, says, gone) in cases {
        let removed = open(in_its_place(says)).remove("k", Some("v1")).await;
        assert_eq!(removed.is_ok(), gone, "{what}: {removed:?}");
    }
}

#[tokio::test]
async fn a_404_that_bears_no_mark_of_a_store_says_nothing_of_an_object() {
    // Envoy without a route.
    let bare = open(in_its_place(|first| said(first, "404 Not Found", "", "")));
    let looked = bare.look("k", None).await.unwrap_err();
    assert_eq!(looked.kind(), StoreErrorKind::Refused, "{looked}");
    let removed = bare.remove("k", None).await.unwrap_err();
    assert_eq!(removed.kind(), StoreErrorKind::Refused, "{removed}");
    let dropped = bare.drop_upload("k", "u").await;
    assert!(dropped.is_err(), "{dropped:?}");
    let marked = open(in_its_place(|first| {
        said(first, "404 Not Found", "x-amz-request-id: 1\r\n", "")
    }));
    assert_eq!(marked.look("k", None).await.unwrap(), None);
    assert!(marked.remove("k", None).await.is_ok());
}

#[tokio::test]
async fn a_gateway_that_changes_etags_is_found_before_a_backup_depends_on_them() {
    let (_running, port) = minio();
    let cases: [(Change, &str); 4] = [
        (|_, answer| answer, ""),
        // mod_deflate of what it reads.
        (
            |first, answer| match first.starts_with("PUT") || first.starts_with("POST") {
                true => answer,
                false => with_etag(answer, |etag| format!("etag: {}-gzip\"", etag.trim_end_matches('"'))),
            },
            "changes ETags on their way",
        ),
        (
            |first, answer| match first.starts_with("PUT") {
                true => with_etag(answer, |etag| format!("etag: W/{etag}")),
                false => answer,
            },
            "had a weak ETag (W/",
        ),
        (
            |first, answer| match first.starts_with("PUT") && first.contains("partNumber") {
                true => with_etag(answer, |_| String::new()),
                false => answer,
            },
            "",
        ),
    ];
    for (n, (change, words)) in cases.into_iter().enumerate() {
        let probed = open(gateway(port, change)).probe("", "1", None).await;
        match probed {
            Ok(_) => assert_eq!((n, words), (0, "")),
            Err(error) => {
                let error = error.to_string();
                assert!(n > 0 && error.contains(words), "{n}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_may_not_abort_leaves_one_upload_however_often_it_is_probed() {
    let (_running, port) = minio();
    let limited = open(serve(port, |first| first.starts_with("DELETE"), |_, answer| answer));
    for _ in 0..3 {
        let error = limited.probe("", "1", None).await.unwrap_err();
        assert!(error.is_denial());
        let error = error.to_string();
        for words in [
            "at abort upload: ",
            "Access Denied; the access key needs s3:AbortMultipartUpload",
        ] {
            assert!(error.contains(words), "{error}");
        }
        let left = open(port).uploads(".backup-operator/probe-1").await.unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
    }
    // Its rights are given: all is well, and nothing stays.
    open(port).probe("", "1", None).await.unwrap();
    assert_eq!(open(port).uploads(".backup-operator/probe-1").await.unwrap(), []);
}
