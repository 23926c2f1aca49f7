//! Objects whose header is damaged, and whole ones that another key opens.
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use pipeline::{Allowance, Compression, Identities, Stages};

use super::*;
use crate::object::{Done, Object};
use crate::read::Reading;
use crate::read::tests::{AGE_OF_GZIP, Signed, identities, object, read, serve_some};
use crate::{Wanted, Watched};

/// Opens nothing here.
const OTHER: &str = include_str!("../../../pipeline/tests/foreign/keys/other");
const CLOSED: &str = "the key is none of those that the backup was encrypted for: X25519 keys (age1…)";

fn other() -> Option<Identities> {
    Some(Identities::parse(OTHER).unwrap())
}

/// Said, and seen by its first bytes.
fn both(key: fn() -> Option<Identities>) -> [Done; 2] {
    let allowance = Allowance::default();
    let said = Stages::to_read(Some(Compression::Gzip { level: 1 }), key(), allowance);
    [Done::Said(said), Done::Seen(key(), allowance)]
}

/// Far more than the stages read of it before its header is known.
fn whole() -> Vec<u8> {
    [AGE_OF_GZIP, &vec![7; 2 << 20]].concat()
}

fn hash(bytes: &[u8]) -> Option<String> {
    let mut hash = pipeline::Sha256::default();
    hash.update(bytes);
    Some(hash.hex())
}

/// With the lowest bit of one byte flipped: the first behind `at` that stays a letter or digit, so that the header can still be read.
fn rotten(at: &[u8]) -> &'static [u8] {
    let mut bytes = whole();
    let begin = bytes.windows(at.len()).position(|found| found == at).unwrap() + at.len();
    let letters = |byte: u8| byte.is_ascii_alphanumeric() && (byte ^ 1).is_ascii_alphanumeric();
    let at = (begin..).find(|at| letters(bytes[*at])).unwrap();
    bytes[at] ^= 1;
    Vec::leak(bytes)
}

fn end(object: Object) -> (String, String, bool) {
    match read(object).2 {
        Err(outcome @ Outcome::BadObject { .. }) => {
            let is_closed = outcome.is_closed();
            let Outcome::BadObject { step, message } = outcome else {
                unreachable!()
            };
            (step, message, is_closed)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bit_that_has_rotted_in_a_header_is_the_objects_fault_and_not_the_keys() {
    // Behind what it is, and whether the header alone would say that a key does not fit. The third is the end of the stanza's first line.
    for (at, alone) in [
        (&b"-> X"[..], true),
        (b"-> X25519 ", true),
        (b"wSmI\n", true),
        (b"\n--- ", false),
        (b"age-", false),
    ] {
        for done in both(identities) {
            let seen = matches!(done, Done::Seen(..));
            let (step, message, closed) = end(object(rotten(at), hash(&whole()), done));
            assert_eq!(step, "hash", "{at:?}: {message}");
            // By its first bytes it is no age file any more, and nothing was opened.
            if !(seen && at == b"age-") {
                assert!(
                    message.contains("the stored object is damaged: its SHA-256 differs"),
                    "{message}"
                );
            }
            assert!(!closed && !message.contains("none of those"), "{message}");
        }
        let [said, _] = both(identities);
        let (step, message, closed) = end(object(rotten(at), None, said));
        assert_eq!((step.as_str(), closed), ("decrypt", alone), "{at:?}: {message}");
    }
}

#[test]
fn a_key_that_does_not_fit_is_the_keys_fault_where_the_object_is_whole() {
    let bytes: &[u8] = Vec::leak(whole());
    for done in both(other) {
        let (step, message, closed) = end(object(bytes, hash(bytes), done));
        assert_eq!((step.as_str(), message.as_str(), closed), ("decrypt", CLOSED, true));
    }
}

#[test]
fn a_key_that_does_not_fit_an_object_of_which_nothing_is_known_may_be_the_objects_fault() {
    for done in both(other) {
        let (step, message, closed) = end(object(Vec::leak(whole()), None, done));
        assert_eq!((step.as_str(), closed), ("decrypt", true), "{message}");
        assert!(message.starts_with(CLOSED), "{message}");
        assert!(message.contains("or its header is damaged: no SHA-256"), "{message}");
    }
}

/// Of which the header comes, and no end.
fn endless() -> Object {
    let bytes: &[u8] = Vec::leak(whole());
    let [done, _] = both(other);
    let object = object(b"", hash(bytes), done);
    Object {
        signs: Arc::new(Signed(serve_some(bytes, 1 << 20))),
        wanted: Wanted {
            size: bytes.len() as u64,
            patience: Duration::from_secs(600),
            ..object.wanted
        },
        ..object
    }
}

fn until(holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until);
        thread::yield_now();
    }
}

#[test]
fn what_does_not_open_is_read_on_for_no_longer_than_somebody_wants_it() {
    let watched = Arc::new(Watched::default());
    let (seen, object) = (watched.clone(), endless());
    let reading = thread::spawn(move || Reading::open(object, seen).err().unwrap());
    until(|| watched.bytes.load(Ordering::Relaxed) > 512 << 10);
    assert!(!reading.is_finished(), "it does not wait for its hash");
    watched.stop.store(true, Ordering::Relaxed);
    let outcome = reading.join().unwrap();
    assert!(matches!(outcome, Outcome::TransferFailed { .. }), "{outcome:?}");
}

#[test]
fn a_store_that_fails_meanwhile_is_told_with_what_was_seen() {
    let [done, _] = both(other);
    let bytes: &[u8] = Vec::leak(whole());
    let object = object(bytes, hash(bytes), done);
    let watched = Arc::new(Watched::default());
    let check = object.check(&watched);
    let mut source = Source::new(crate::Download::new(
        object.client,
        object.signs,
        object.wanted,
        watched.clone(),
    ));
    source.read_exact(&mut [0; 100]).unwrap();
    watched.stop.store(true, Ordering::Relaxed);
    let closed = Outcome::BadObject {
        step: "decrypt".into(),
        message: CLOSED.into(),
    };
    match judged(source, closed, &check, &|_| ()) {
        Outcome::TransferFailed { message, .. } => assert!(message.ends_with(CLOSED), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
mod restores {
    use std::io::PipeWriter;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::command::Errors;
    use crate::event::{Cancel, Event};
    use crate::restore::{Ended, Guard, Order, run};

    struct Nobody;

    impl Guard for Nobody {
        fn hold(&self, _: &PipeWriter) {}
        fn release(&self) {
            panic!("nothing was proved");
        }
    }

    /// Restores it into a command that must not begin; cancelled when so many stored bytes have come.
    fn restored(object: Object, deadline_seconds: Option<u64>, cancel: Option<u64>) -> Ended {
        let (events, inbox) = channel();
        let order = Order {
            object,
            command: &["/no/such/command".into()],
            opened: &|_| panic!("it does not open"),
            errors: Errors::Inherited,
            deadline_seconds,
            grace: Duration::ZERO,
            guard: Arc::new(Nobody),
            check: None,
        };
        let canceller = events.clone();
        run(order, &events, inbox, &|_, stored| {
            if cancel.is_some_and(|after| stored >= after) {
                let reason = "not wanted".into();
                let _ = canceller.send(Event::Cancel(Cancel {
                    reason,
                    grace_seconds: 0,
                }));
            }
        })
    }

    #[test]
    fn a_restore_of_what_does_not_open_reads_it_whole_and_begins_nothing() {
        let [said, _] = both(identities);
        let ended = restored(object(rotten(b"-> X25519 "), hash(&whole()), said), Some(600), None);
        assert!(
            matches!(&ended.outcome, Outcome::BadObject { step, .. } if step == "hash"),
            "{:?}",
            ended.outcome
        );
        assert_eq!((ended.bytes, ended.stored_bytes), (0, whole().len() as u64));
    }

    #[test]
    fn a_restore_of_what_does_not_open_ends_at_its_deadline_or_when_it_is_cancelled() {
        let ended = restored(endless(), Some(1), None);
        let Outcome::BadObject { message, .. } = &ended.outcome else {
            panic!("{:?}", ended.outcome)
        };
        assert!(ended.outcome.is_closed() && message.starts_with(CLOSED), "{message}");
        assert!(
            message.contains("or its header is damaged") && message.contains("deadline"),
            "{message}"
        );

        let reason = "not wanted".into();
        let ended = restored(endless(), None, Some(512 << 10));
        assert_eq!(ended.outcome, Outcome::Cancelled { reason });
    }
}
