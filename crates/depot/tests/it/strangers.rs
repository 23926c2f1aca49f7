//! Requests that no client of ours makes.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use fuzz::Random;
use jiff::Timestamp;
use rusty_s3::{Method, signing};
use servers::exchange;
use store::{Checksum, Wanted};

use super::ledger::{metadata, url_for};
use super::running::{ACCESS, BUCKET, Depot, SECRET, block};

/// A URL of any path and query, signed.
fn signed(depot: &Depot, method: Method, path: &str, query: &[(&str, &str)]) -> String {
    let url = url::Url::parse(&format!("http://127.0.0.1:{}/{path}", depot.port)).unwrap();
    let none = std::iter::empty();
    signing::sign(
        &Timestamp::now(),
        method,
        url,
        ACCESS,
        SECRET,
        None,
        "any",
        60,
        query.iter().copied(),
        none,
    )
    .to_string()
}

#[test]
fn keys_that_are_no_names_of_files_are_refused_and_reach_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let depot = Depot::start(folder.path(), &[]);
    let none = ("content-length".to_string(), "0".to_string());
    let long = "x".repeat(256);
    for key in [
        "a//b",
        "a/",
        "%00",
        "a%0Ab",
        "a/%2E%2E%2F%2E%2E%2Fetc",
        ".uploads/x",
        ".labels/x",
        long.as_str(),
        "%ff%fe",
    ] {
        let put = exchange(
            "PUT",
            &signed(&depot, Method::Put, &format!("{BUCKET}/{key}"), &[]),
            std::slice::from_ref(&none),
            b"",
        )
        .unwrap();
        let body = String::from_utf8_lossy(&put.body).into_owned();
        assert!(
            (400..500).contains(&put.status) && body.contains("<Message>"),
            "{key}: {} {body}",
            put.status
        );
        let get = exchange(
            "GET",
            &signed(&depot, Method::Get, &format!("{BUCKET}/{key}"), &[]),
            &[],
            b"",
        )
        .unwrap();
        assert!((400..500).contains(&get.status), "{key}: {}", get.status);
    }
    // The first is resolved to no bucket at all.
    for bucket in ["..", ".uploads", ".labels", "UPPER", "a"] {
        let bucket = bucket.replace('.', "%2E");
        let get = exchange(
            "GET",
            &signed(&depot, Method::Get, &bucket, &[("list-type", "2")]),
            &[],
            b"",
        )
        .unwrap();
        assert!(get.status >= 400, "{bucket}: {}", get.status);
    }
    let there: Vec<_> = std::fs::read_dir(folder.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(there.len() <= 5, "{there:?}");
    assert_eq!(block(depot.store().keys("")).unwrap(), Vec::<String>::new());
}

#[test]
fn whatever_bytes_come_the_server_answers_or_closes_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let depot = Depot::start(folder.path(), &[]);
    let mut random = Random::new(1);
    let good = signed(
        &depot,
        Method::Put,
        &format!("{BUCKET}/k"),
        &[("partNumber", "1"), ("uploadId", "u")],
    );
    let path = good.split_once(&format!(":{}", depot.port)).unwrap().1.to_owned();
    for _ in 0..300 {
        let mut request = format!(
            "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 3\r\nRange: bytes=0-\r\n\r\nabc",
            depot.port
        )
        .into_bytes();
        for _ in 0..=random.below(6) {
            let at = random.below(request.len());
            match random.below(3) {
                0 => request[at] = random.byte(),
                1 => drop(request.remove(at)),
                _ => request.insert(at, random.byte()),
            }
        }
        let mut stream = TcpStream::connect(("127.0.0.1", depot.port)).unwrap();
        let _ = stream.write_all(&request);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = Vec::new();
        // A reset is an end, too.
        let ended = stream.read_to_end(&mut answer);
        assert!(
            !matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "it hangs at {:?}",
            String::from_utf8_lossy(&request)
        );
        assert!(
            !answer.starts_with(b"HTTP/1.1 2"),
            "{}",
            String::from_utf8_lossy(&request)
        );
    }
    assert_eq!(block(depot.store().keys("")).unwrap(), Vec::<String>::new());
    assert!(!depot.said().contains("panicked"), "{}", depot.said());
}

#[test]
fn a_body_that_is_cut_or_is_another_one_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let depot = Depot::start(folder.path(), &[]);
    let store = depot.store();
    let bytes = vec![9; 3 << 20];
    for checksum in [Checksum::Sha256, Checksum::Md5] {
        let digest = checksum.digest(&bytes);
        let signed = url_for(
            &store,
            &Wanted::whole("k", bytes.len() as u64, checksum, &digest, &metadata("k"), false),
            Timestamp::now(),
        );
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        let answer = exchange("PUT", signed.url.reveal(), &signed.headers, &other).unwrap();
        assert!(answer.status == 400 && String::from_utf8_lossy(&answer.body).contains("BadDigest"));
        // The sender goes in the middle.
        let mut stream = TcpStream::connect(("127.0.0.1", depot.port)).unwrap();
        let path = signed
            .url
            .reveal()
            .split_once(&format!(":{}", depot.port))
            .unwrap()
            .1
            .to_owned();
        let headers: String = signed
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        write!(
            stream,
            "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{headers}\r\n",
            depot.port
        )
        .unwrap();
        stream.write_all(&bytes[..2 << 20]).unwrap();
        drop(stream);
    }
    let uploads = folder.path().join("data/.uploads");
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while std::fs::read_dir(&uploads).unwrap().count() > 0 {
        assert!(std::time::Instant::now() < until, "something is left");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(block(store.look("k", None)).unwrap(), None);
}
