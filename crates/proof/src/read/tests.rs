//! Objects that a small server of HTTP has, read into sinks.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use pipeline::{Allowance, Compression, Identities, Stages};

use super::*;
use crate::http::Way;
use crate::object::Done;
use crate::{NoUrl, SignedUrl, Signs, Wanted};

/// Answers each GET with all of an object.
fn serve(object: &'static [u8]) -> String {
    serve_some(object, object.len())
}

/// Answers each GET with so many bytes of an object, and holds the connection open where more would come.
pub(crate) fn serve_some(object: &'static [u8], sent: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/k", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut held = Vec::new();
        for mut tcp in listener.incoming().flatten() {
            answer(&mut tcp, object, sent);
            held.extend(Some(tcp).filter(|_| sent < object.len()));
        }
    });
    url
}

fn answer(tcp: &mut TcpStream, object: &[u8], sent: usize) {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match tcp.read(&mut piece) {
            Ok(n) if n > 0 => head.extend_from_slice(&piece[..n]),
            _ => return,
        }
    }
    let said = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", object.len());
    // Whoever stops reading has what it wants.
    let _ = tcp
        .write_all(said.as_bytes())
        .and_then(|()| tcp.write_all(&object[..sent]));
}

pub(crate) struct Signed(pub String);

impl Signs for Signed {
    fn url(&self, _: u32) -> Result<SignedUrl, NoUrl> {
        Ok(SignedUrl {
            url: protocol::Secret::new(self.0.clone()),
            headers: vec![].into(),
        })
    }
    fn pause(&self, _: Duration) -> bool {
        true
    }
    fn stop(&self) {}
}

pub(crate) fn object(bytes: &'static [u8], sha256: Option<String>, done: Done) -> Object {
    Object {
        client: Way::default().client().unwrap(),
        signs: Arc::new(Signed(serve(bytes))),
        wanted: Wanted {
            size: bytes.len() as u64,
            etag: None,
            patience: Duration::from_secs(5),
            memory: None,
            relayed: false,
            pace: Arc::default(),
        },
        sha256,
        done,
    }
}

fn plain() -> Done {
    Done::Said(Stages::to_read(None, None, Allowance::default()))
}

pub(crate) fn read(object: Object) -> (Vec<u8>, Vec<&'static str>, Result<Whole, Outcome>) {
    let mut got = Vec::new();
    let reading = match Reading::open(object, Arc::default()) {
        Ok(reading) => reading,
        Err(outcome) => return (got, vec![], Err(outcome)),
    };
    let undone = reading.undone().to_vec();
    let whole = reading.copy(&mut got).map_err(|broken| match broken {
        Broken::Object(outcome) => outcome,
        Broken::Sink(error) => panic!("{error}"),
    });
    (got, undone, whole)
}

pub(crate) const AGE_OF_GZIP: &[u8] = include_bytes!("../../../pipeline/tests/foreign/age-of-gzip");
const KEY: &str = include_str!("../../../pipeline/tests/foreign/keys/age");

pub(crate) fn identities() -> Option<Identities> {
    Some(Identities::parse(KEY).unwrap())
}

#[test]
fn the_end_of_what_is_not_proved_is_held_back() {
    let bytes: &[u8] = Vec::leak((0..3 * CHUNK + 5).map(|n| (n % 251) as u8).collect());
    let mut hash = pipeline::Sha256::default();
    hash.update(bytes);
    let (got, _, whole) = read(object(bytes, Some(hash.hex().to_uppercase()), plain()));
    let whole = whole.unwrap();
    assert!(got == bytes && whole.sha256 == hash.hex());
    assert_eq!(
        (whole.bytes, whole.stored_bytes),
        (bytes.len() as u64, bytes.len() as u64)
    );

    let (got, _, whole) = read(object(bytes, Some("0".repeat(64)), plain()));
    assert!(matches!(whole, Err(Outcome::BadObject { step, .. }) if step == "hash"));
    assert!(got.len() < bytes.len(), "all was given on");
    let (got, _, whole) = read(object(b"", None, plain()));
    assert!(got.is_empty() && whole.is_ok());
}

#[test]
fn what_the_first_bytes_say_is_undone_in_its_order_and_what_cannot_be_opened_stays() {
    let seen = |key| read(object(AGE_OF_GZIP, None, Done::Seen(key, Allowance::default())));
    let (opened, undone, whole) = seen(identities());
    assert_eq!(undone, ["age", "gzip"]);
    assert_eq!(whole.unwrap().bytes, opened.len() as u64);
    let said = Stages::to_read(Some(Compression::Gzip { level: 1 }), identities(), Allowance::default());
    let (wanted, undone, _) = read(object(AGE_OF_GZIP, None, Done::Said(said)));
    assert!(opened == wanted && undone.is_empty());

    let (closed, undone, whole) = seen(None);
    assert!(closed == AGE_OF_GZIP && undone.is_empty() && whole.is_ok());
    let (text, undone, _) = read(object(b"text", None, Done::Seen(identities(), Allowance::default())));
    assert!(text == b"text" && undone.is_empty());
}

#[test]
fn a_cut_is_seen_by_what_the_first_bytes_say() {
    let cut = &AGE_OF_GZIP[..AGE_OF_GZIP.len() - 1];
    let (_, _, whole) = read(object(cut, None, Done::Seen(identities(), Allowance::default())));
    assert!(
        matches!(&whole, Err(Outcome::BadObject { step, .. }) if step == "decrypt"),
        "{whole:?}"
    );
}

#[test]
fn a_sink_that_takes_nothing_is_told_from_an_object_that_is_bad() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let reading = Reading::open(object(b"text", None, plain()), Arc::default()).unwrap();
    assert_eq!(reading.packed(), None);
    assert!(matches!(reading.copy(&mut Full), Err(Broken::Sink(_))));
}
