//! Archives of a server that was started for tests of them.
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusty_s3::{Method, signing};
use servers::exchange;
use store::{Checksum, Wanted};

use super::ledger::{metadata, url_for};
use super::running::{ACCESS, BUCKET, Depot, SECRET, block};

fn asked(depot: &Depot, method: Method, query: &[(&str, &str)], body: &str) -> servers::Answer {
    let url = url::Url::parse(&format!("http://127.0.0.1:{}/{BUCKET}/k", depot.port)).unwrap();
    let word = method.to_str();
    let (now, none) = (Timestamp::now(), std::iter::empty());
    let url = signing::sign(
        &now,
        method,
        url,
        ACCESS,
        SECRET,
        None,
        "any",
        60,
        query.iter().copied(),
        none,
    );
    let length = ("content-length".to_string(), body.len().to_string());
    exchange(word, url.as_str(), &[length], body.as_bytes()).unwrap()
}

fn put(depot: &Depot, class: &str) -> servers::Answer {
    let endpoint = format!("http://127.0.0.1:{}", depot.port);
    let store = depot.store_of(&endpoint, &[("storageClass", class)]);
    let digest = Checksum::Sha256.digest(b"cold");
    let now = Timestamp::now();
    let signed = url_for(
        &store,
        &Wanted::whole("k", 4, Checksum::Sha256, &digest, &metadata("k"), false),
        now,
    );
    exchange("PUT", signed.url.reveal(), &signed.headers, b"cold").unwrap()
}

const DAY: &str =
    "<RestoreRequest><Days>1</Days><GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters></RestoreRequest>";

#[test]
fn an_object_comes_back_from_an_archive_of_a_server_that_has_some() {
    let folder = tempfile::tempdir().unwrap();
    // One that is not asked back in this test's time, so that nothing here depends on how fast the machine is.
    let slow = Depot::start(folder.path(), &["--thaw-seconds", "100000"]);
    assert_eq!(put(&slow, "GLACIER").status, 200);
    let looked = |depot: &Depot| block(depot.store().look("k", None)).unwrap().unwrap().archived;
    let state = |depot: &Depot| looked(depot).map(|archived| (archived.class, archived.coming));
    assert_eq!(state(&slow), Some(("GLACIER".to_owned(), false)));
    let read = asked(&slow, Method::Get, &[], "");
    let body = String::from_utf8_lossy(&read.body).into_owned();
    assert!(read.status == 403 && body.contains("InvalidObjectState"), "{body}");
    // Nobody but who has the keys.
    let url = format!("http://127.0.0.1:{}/{BUCKET}/k?restore", slow.port);
    let length = ("content-length".to_string(), DAY.len().to_string());
    assert_eq!(exchange("POST", &url, &[length], DAY.as_bytes()).unwrap().status, 403);
    assert_eq!(asked(&slow, Method::Post, &[("restore", "")], DAY).status, 202);
    let again = asked(&slow, Method::Post, &[("restore", "")], DAY);
    let body = String::from_utf8_lossy(&again.body).into_owned();
    assert!(
        again.status == 409 && body.contains("RestoreAlreadyInProgress"),
        "{body}"
    );
    slow.kill();
    // It is known to the next process, too.
    let fast = Depot::start(folder.path(), &["--thaw-seconds", "0"]);
    assert_eq!(state(&fast), Some(("GLACIER".to_owned(), true)));
    assert_eq!(put(&fast, "DEEP_ARCHIVE").status, 200);
    assert_eq!(state(&fast), Some(("DEEP_ARCHIVE".to_owned(), false)));
    assert_eq!(asked(&fast, Method::Post, &[("restore", "")], DAY).status, 202);
    let until = Instant::now() + Duration::from_secs(20);
    while asked(&fast, Method::Post, &[("restore", "")], DAY).status != 200 {
        assert!(Instant::now() < until, "it does not come back");
    }
    assert_eq!(state(&fast), None);
    assert_eq!(block(fast.store().read("k", None)).unwrap(), b"cold");
}

#[test]
fn a_server_without_archives_refuses_their_classes_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let depot = Depot::start(folder.path(), &[]);
    let answer = put(&depot, "GLACIER");
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(answer.status == 501 && body.contains("x-amz-storage-class"), "{body}");
    assert_eq!(asked(&depot, Method::Post, &[("restore", "")], DAY).status, 405);
}
