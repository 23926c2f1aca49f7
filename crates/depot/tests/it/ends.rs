//! How a server ends, and that there is one of it.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;
use servers::exchange;
use store::{Checksum, Wanted};

use super::ledger::{metadata, url_for};
use super::running::{BUCKET, Depot, block};

#[test]
fn a_second_server_over_the_same_folder_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let first = Depot::start(folder.path(), &[]);
    let mut second = Depot::spawn(folder.path(), &[]);
    let ended = second.child.wait().unwrap();
    assert!(
        !ended.success() && second.said().contains("another server has this folder"),
        "{}",
        second.said()
    );
    assert_eq!(block(first.store().keys("")).unwrap(), Vec::<String>::new());
    first.kill();
    // A kill is no reason to wait.
    let third = Depot::start(folder.path(), &[]);
    block(third.store().keys("")).unwrap();
}

#[test]
fn a_server_that_is_told_to_end_finishes_what_is_under_way_and_takes_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let mut depot = Depot::start(folder.path(), &[]);
    let store = depot.store();
    let bytes = vec![7; 1 << 20];
    let digest = Checksum::Sha256.digest(&bytes);
    let signed = url_for(
        &store,
        &Wanted::whole("late", 1 << 20, Checksum::Sha256, &digest, &metadata("late"), false),
        Timestamp::now(),
    );
    let path = signed.url.reveal().split_once(&format!(":{}", depot.port)).unwrap().1;
    let mut stream = TcpStream::connect(("127.0.0.1", depot.port)).unwrap();
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
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    stream.write_all(half).unwrap();
    let begun = || std::fs::read_dir(folder.path().join("data/.uploads")).is_ok_and(|entries| entries.count() > 0);
    wait(&mut depot, "the object is begun", |_| begun());
    depot.signal(Signal::TERM);
    let port = depot.port;
    wait(&mut depot, "it takes no more connections", |_| {
        TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    stream.write_all(rest).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    wait(&mut depot, "it has ended", |depot| {
        depot.child.try_wait().unwrap().is_some()
    });
    assert!(depot.child.wait().unwrap().success(), "{}", depot.said());
    let lease = std::fs::read_to_string(folder.path().join("data/.lease")).unwrap();
    assert_eq!(lease.trim_end(), "free", "the next one would wait");
    let file = std::fs::read(folder.path().join("data").join(BUCKET).join("late")).unwrap();
    assert!(file == bytes, "a plain file, for whoever takes it away");
}

#[test]
fn a_kubelet_is_told_how_it_is_and_lines_of_the_log_are_json() {
    let folder = tempfile::tempdir().unwrap();
    let depot = Depot::start(folder.path(), &[]);
    let answer = exchange("GET", &format!("http://127.0.0.1:{}/healthz", depot.health), &[], b"").unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"ok\n".as_slice()));
    // Nobody but who has the keys gets more than that.
    let anyone = exchange(
        "GET",
        &format!("http://127.0.0.1:{}/{BUCKET}?list-type=2", depot.port),
        &[],
        b"",
    )
    .unwrap();
    assert_eq!(anyone.status, 403);
    let line = depot.said().lines().next().unwrap().to_owned();
    assert!(
        line.starts_with('{') && line.contains("\"message\":\"serving\""),
        "{line}"
    );
}

fn wait(depot: &mut Depot, what: &str, mut is_so: impl FnMut(&mut Depot) -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so(depot) {
        assert!(Instant::now() < until, "not in 30 s: {what}; {}", depot.said());
        std::thread::sleep(Duration::from_millis(5));
    }
}
