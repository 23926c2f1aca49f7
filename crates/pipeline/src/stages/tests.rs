//! Streams that come back whole, and streams that were cut, changed or appended to.
use std::sync::{Arc, Mutex};

use age::secrecy::ExposeSecret;
use proptest::prelude::*;

use super::*;
use crate::error::Fault;

/// Collects what the stages make.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<(Vec<u8>, bool)>>);

impl Write for Store {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Store {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.lock().unwrap().1 = true;
        Ok(())
    }
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("disk full"))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Full {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Err(io::Error::other("disk full"))
    }
}

/// A combination of stages and the key to read it back with.
struct Case {
    name: &'static str,
    compression: Option<Compression>,
    recipient: Option<String>,
    identity: Option<String>,
}

const GZIP: Compression = Compression::Gzip { level: 6 };
const ZSTD: Compression = Compression::Zstd { level: 3 };
const SSH: &str = include_str!("../encrypt/keys/ed25519");
const SSH_PUBLIC: &str = include_str!("../encrypt/keys/ed25519.pub");

fn key() -> (String, String) {
    let identity = age::x25519::Identity::generate();
    (
        identity.to_public().to_string(),
        identity.to_string().expose_secret().to_string(),
    )
}

fn cases() -> Vec<Case> {
    let (to, from) = key();
    let x25519 = Some((to, from));
    let ssh = Some((SSH_PUBLIC.to_string(), SSH.to_string()));
    let case = |name, compression, key: &Option<(String, String)>| Case {
        name,
        compression,
        recipient: key.as_ref().map(|k| k.0.clone()),
        identity: key.as_ref().map(|k| k.1.clone()),
    };
    vec![
        case("plain", None, &None),
        case("gzip", Some(GZIP), &None),
        case("zstd", Some(ZSTD), &None),
        case("age", None, &x25519),
        case("gzip + age", Some(GZIP), &x25519),
        case("zstd + ssh", Some(ZSTD), &ssh),
    ]
}

impl Case {
    fn stages(&self) -> Stages {
        let recipients: Vec<_> = self.recipient.iter().collect();
        Stages::to_write(self.compression, Recipients::parse(&recipients).unwrap())
    }
    /// Written in pieces of this size.
    fn write(&self, bytes: &[u8], piece: usize) -> Vec<u8> {
        let store = Store::default();
        let mut writer = self.stages().writer(Box::new(store.clone())).unwrap();
        for piece in bytes.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap();
        let (stored, finished) = std::mem::take(&mut *store.0.lock().unwrap());
        assert!(finished, "{}: the sink was not finished", self.name);
        stored
    }
    fn read(&self, stored: &[u8]) -> Result<Vec<u8>, Fault> {
        let identities = self.identity.as_ref().map(|text| Identities::parse(text).unwrap());
        let read = || {
            let mut plain = Vec::new();
            let source = io::Cursor::new(stored.to_vec());
            Stages::to_read(self.compression, identities, Allowance::default())
                .reader(Box::new(source))?
                .read_to_end(&mut plain)?;
            Ok(plain)
        };
        read().map_err(Fault::of)
    }
}

/// Text that compresses to about a half.
fn text(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"0123456789abcdef"[(state >> 28) as usize]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn what_was_written_forwards_is_read_backwards_whatever_its_size_and_pieces() {
    // Around a member of gzip, a job of zstd and a chunk of age.
    for length in [0, 1, 65_535, 65_536, 65_537, 512 << 10, (512 << 10) + 1, 3_000_000] {
        let bytes = text(length);
        for case in cases() {
            for piece in [10_007, 256 << 10] {
                let stored = case.write(&bytes, piece);
                assert!(case.read(&stored).unwrap() == bytes, "{} of {length} bytes", case.name);
            }
        }
    }
}

#[test]
fn a_cut_stream_is_an_error_of_the_stage_that_sees_it() {
    let bytes = text(1_300_000);
    for case in cases().into_iter().filter(|c| c.name != "plain") {
        let stored = case.write(&bytes, 256 << 10);
        let members = if case.name == "gzip" {
            member_starts(&stored)
        } else {
            vec![]
        };
        for cut in (0..stored.len())
            .step_by(stored.len() / 40)
            .chain(stored.len() - 20..stored.len())
        {
            if cut > 0 && members.contains(&cut) {
                continue;
            }
            let fault = case
                .read(&stored[..cut])
                .err()
                .unwrap_or_else(|| panic!("{} cut at {cut}", case.name));
            let step = if case.recipient.is_some() {
                Step::Decrypt
            } else {
                Step::Decompress
            };
            assert_eq!(fault.step, step, "{} cut at {cut}: {fault}", case.name);
        }
    }
}

/// Offsets where a member starts, found by decoding one after the other.
fn member_starts(stored: &[u8]) -> Vec<usize> {
    let (mut starts, mut rest) = (Vec::new(), stored);
    while !rest.is_empty() {
        starts.push(stored.len() - rest.len());
        let mut member = flate2::bufread::GzDecoder::new(rest);
        io::copy(&mut member, &mut io::sink()).unwrap();
        rest = member.into_inner();
    }
    starts
}

/// What the crate's first lines say: these cuts are for the hash of the stored stream.
#[test]
fn a_cut_between_two_members_or_frames_is_valid_to_the_format_and_only_the_hash_shows_it() {
    let bytes = text(1_300_000);
    let case = &cases()[1];
    let stored = case.write(&bytes, 256 << 10);
    let starts = member_starts(&stored);
    assert_eq!(starts.len(), 3);
    let cut = &stored[..starts[1]];
    assert_eq!(case.read(cut).unwrap(), bytes[..512 << 10]);
    let zstd = &cases()[2];
    let two = [zstd.write(b"one", 9), zstd.write(b"two", 9)].concat();
    assert_eq!(zstd.read(&two).unwrap(), b"onetwo");
    assert_eq!(zstd.read(&zstd.write(b"one", 9)).unwrap(), b"one");
    let hash = |bytes: &[u8]| {
        let mut hash = crate::Sha256::default();
        hash.update(bytes);
        (hash.bytes(), hash.hex())
    };
    assert_ne!(hash(cut), hash(&stored));
}

#[test]
fn bytes_behind_the_end_are_an_error() {
    for case in cases().into_iter().filter(|c| c.name != "plain") {
        for length in [0, 100, 65_536, 600_000] {
            for garbage in [&b"x"[..], b"\0", b"garbage behind the end", &[0; 70_000]] {
                let stored = [&case.write(&text(length), 65_536), garbage].concat();
                // Zeros behind gzip's last member are padding.
                let padding = case.name == "gzip" && garbage.iter().all(|byte| *byte == 0);
                assert_eq!(
                    case.read(&stored).ok(),
                    padding.then(|| text(length)),
                    "{} of {length} and {} more",
                    case.name,
                    garbage.len()
                );
            }
        }
    }
}

#[test]
fn no_bytes_at_all_are_an_error_of_every_format() {
    for case in cases().into_iter().filter(|c| c.name != "plain") {
        assert!(case.read(b"").is_err(), "{}", case.name);
    }
}

#[test]
fn a_flipped_bit_is_an_error() {
    let bytes = text(700_000);
    for case in cases().into_iter().filter(|c| c.name != "plain") {
        let stored = case.write(&bytes, 65_536);
        for at in (10..stored.len()).step_by(stored.len() / 25) {
            let mut changed = stored.clone();
            changed[at] ^= 4;
            assert!(case.read(&changed).is_err(), "{} flipped at {at}", case.name);
        }
    }
}

#[test]
fn a_stream_of_another_format_is_refused() {
    let all = cases();
    for written in &all {
        let stored = written.write(&text(10_000), 4096);
        for read in all.iter().filter(|c| c.name != "plain") {
            let inner = read.compression.is_none() || written.compression == read.compression;
            let same = inner && written.recipient == read.recipient;
            assert_eq!(
                read.read(&stored).is_ok(),
                same,
                "{} read as {}",
                written.name,
                read.name
            );
        }
    }
}

#[test]
fn another_key_is_refused_in_words() {
    let mut case = cases().remove(3);
    let stored = case.write(b"hello", 9);
    case.identity = Some(key().1);
    let fault = case.read(&stored).unwrap_err();
    let want = "decrypt: the key is none of those that the backup was encrypted for: X25519 keys (age1…)";
    assert_eq!((fault.step, fault.to_string().as_str()), (Step::Decrypt, want));
}

#[test]
fn each_of_several_recipients_can_read() {
    let keys = [key(), (SSH_PUBLIC.into(), SSH.into()), key()];
    let recipients = Recipients::parse(&keys.clone().map(|k| k.0)).unwrap();
    let store = Store::default();
    let mut writer = Stages::to_write(None, recipients)
        .writer(Box::new(store.clone()))
        .unwrap();
    writer.write_all(b"hello").unwrap();
    writer.finish().unwrap();
    let stored = store.0.lock().unwrap().0.clone();
    for (_, identity) in keys {
        let case = Case {
            name: "",
            compression: None,
            recipient: None,
            identity: Some(identity),
        };
        assert_eq!(case.read(&stored).unwrap(), b"hello");
    }
}

#[test]
fn a_header_that_does_not_end_is_not_held() {
    let endless = io::Cursor::new(b"age-encryption.org/v1\n".to_vec())
        .chain(io::repeat(b'-').take(3))
        .chain(io::repeat(b'a').take(64 << 20));
    let identities = Identities::parse(&key().1).unwrap();
    let refused = Stages::to_read(None, Some(identities), Allowance::default()).reader(Box::new(endless));
    assert_eq!(Fault::of(refused.err().unwrap()).step, Step::Decrypt);
}

#[test]
fn a_sink_or_source_that_fails_is_not_taken_for_a_stage() {
    struct Broken(io::Cursor<Vec<u8>>);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("connection lost")),
                n => Ok(n),
            }
        }
    }
    for case in cases() {
        let wrote = case.stages().writer(Box::new(Full)).and_then(|mut writer| {
            writer.write_all(&text(4_000_000))?;
            writer.finish()
        });
        let fault = Fault::of(wrote.unwrap_err());
        assert_eq!(
            (fault.step, fault.source.to_string().as_str()),
            (Step::Edge, "disk full"),
            "{}",
            case.name
        );

        let stored = case.write(&text(600_000), 65_536);
        let half = Broken(io::Cursor::new(stored[..stored.len() / 2].to_vec()));
        let identities = case.identity.as_ref().map(|text| Identities::parse(text).unwrap());
        let read = Stages::to_read(case.compression, identities, Allowance::default())
            .reader(Box::new(half))
            .and_then(|mut plain| io::copy(&mut plain, &mut io::sink()));
        let fault = Fault::of(read.unwrap_err());
        assert_eq!(
            (fault.step, fault.source.to_string().as_str()),
            (Step::Edge, "connection lost"),
            "{}",
            case.name
        );
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_a_stream_that_its_reader_refuses() {
    for case in cases().into_iter().filter(|c| c.name != "plain") {
        let store = Store::default();
        let mut writer = case.stages().writer(Box::new(store.clone())).unwrap();
        writer.write_all(&text(100_000)).unwrap();
        drop(writer);
        let (stored, finished) = store.0.lock().unwrap().clone();
        assert!(!finished && case.read(&stored).is_err(), "{}", case.name);
    }
}

#[test]
fn keys_of_the_wrong_direction_are_refused() {
    let (to, from) = key();
    let read = Stages::to_read(None, Some(Identities::parse(&from).unwrap()), Allowance::default());
    assert!(read.writer(Box::new(Store::default())).is_err());
    let write = Stages::to_write(None, Recipients::parse(&[to]).unwrap());
    assert!(write.reader(Box::new(io::empty())).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn hostile_bytes_never_panic_and_never_read_as_a_whole_stream(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        head in 0usize..5,
    ) {
        let heads: [&[u8]; 5] = [b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"age-encryption.org/v1\n", b"\x50\x2a\x4d\x18"];
        let stored = [heads[head], &bytes].concat();
        for case in cases() {
            if let Ok(plain) = case.read(&stored) {
                // A skippable frame, or an empty block, may be valid; bytes out of nothing are not.
                prop_assert!(case.name == "plain" || plain.len() < 128 << 10);
            }
        }
    }
}
