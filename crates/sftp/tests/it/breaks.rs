//! Connections that break in the middle of what goes over them.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use servers::exchange;
use store::{Checksum, CompletedPart, Store, Wanted};

use super::openssh::ledger::{metadata, url_for};
use super::openssh::running::block;
use super::server::Sftp;

/// Something between that breaks all connections, when it is told to or after so many bytes more.
struct Between {
    port: u16,
    all: Arc<All>,
}

#[derive(Default)]
struct All {
    open: Mutex<Vec<TcpStream>>,
    /// Until they are broken; 0 is never.
    bytes_left: AtomicUsize,
}

impl Between {
    fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let all = Arc::<All>::default();
        let passes = all.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else {
                    return;
                };
                let both = [near.try_clone().unwrap(), far.try_clone().unwrap()];
                passes.open.lock().unwrap().extend(both);
                for (from, to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                    let all = passes.clone();
                    thread::spawn(move || all.pass(from, to));
                }
            }
        });
        Self { port: own, all }
    }
}

impl All {
    fn cut(&self) {
        for stream in std::mem::take(&mut *self.open.lock().unwrap()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 8192];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            let less = |left: usize| left.checked_sub(read.min(left)).filter(|_| left > 0);
            let (relaxed, before) = (Ordering::Relaxed, |left| left <= read);
            if self.bytes_left.fetch_update(relaxed, relaxed, less).is_ok_and(before) {
                self.cut();
            }
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

/// None: it is to be sent again.
fn put_part(store: &Store, upload: &str, number: u32, bytes: &[u8]) -> Option<CompletedPart> {
    let digest = Checksum::Sha256.digest(bytes);
    let wanted = Wanted::part("k", upload, number, bytes.len() as u64, Checksum::Sha256, &digest);
    let signed = url_for(store, &wanted, jiff::Timestamp::now());
    let answer = exchange("PUT", signed.url.reveal(), &signed.headers, bytes)?;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(
        answer.status == 200 || answer.status == 503 && body.contains("broke"),
        "{} {body}",
        answer.status
    );
    let etag = answer.header("etag").unwrap_or_default().to_owned();
    (answer.status == 200).then_some(CompletedPart { number, etag, digest })
}

#[test]
fn a_connection_that_breaks_costs_what_was_under_way_and_nothing_that_was_answered() {
    for kind in ["openssh", "proftpd"] {
        let folder = tempfile::tempdir().unwrap();
        let server = Sftp::start(kind, folder.path(), &[]);
        let between = Between::before(server.port);
        let depot = server.depot(json!({ "port": between.port })).up();
        let store = depot.store();
        let upload = block(store.begin("k", &metadata("k"), Checksum::Sha256)).unwrap();
        let bytes = |number: u8| vec![number; 5 << 20];
        let (mut parts, mut lost, mut number, mut cut) = (Vec::new(), 0, 1_u8, 0);
        let until = Instant::now() + Duration::from_secs(300);
        while number <= 12 {
            assert!(Instant::now() < until, "{kind}: {}", depot.said());
            // In the midst of it, each time elsewhere.
            let cuts = lost == 0 || number % 3 == 0 && cut != number;
            let bytes_left = if cuts { usize::from(number) * 300_000 } else { 0 };
            between.all.bytes_left.store(bytes_left, Ordering::Relaxed);
            cut = number;
            // As an agent does: again, until it is answered.
            match put_part(&store, &upload, number.into(), &bytes(number)) {
                Some(part) => {
                    parts.push(part);
                    number += 1;
                }
                None => lost += 1,
            }
        }
        assert!(lost > 0, "{kind}: no connection broke in the middle of a part");
        let label = metadata("k");
        between.all.cut();
        let finish = store::Finish::new("k", &upload, &parts, Checksum::Sha256, &label, false);
        while let Err(error) = block(store.finish(&finish)) {
            assert!(Instant::now() < until, "{kind}: {error}");
        }
        between.all.cut();
        for number in 1..=12_u8 {
            let first = u64::from(number - 1) * (5 << 20);
            let read = || block(store.read("k", Some((first, first + (5 << 20) - 1))));
            let mut found = read();
            while found.is_err() {
                assert!(Instant::now() < until, "{kind}: {found:?}");
                found = read();
            }
            assert!(found.unwrap() == bytes(number), "{kind}: part {number} has other bytes");
        }
    }
}
