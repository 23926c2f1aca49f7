//! What a client was answered, and what it asked for without getting an answer.
use std::collections::BTreeMap;
use std::time::Duration;

use fuzz::Random;
use jiff::Timestamp;
use servers::exchange;
use store::{Checksum, CompletedPart, Finish, Signed, Store, Wanted};

pub const EXPIRES: Duration = Duration::from_secs(300);

/// One upload, or one object that is put whole.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub key: String,
    /// Its upload; none of an object that is put whole.
    pub upload: Option<String>,
    /// Bytes of each part that was answered, or of the whole.
    pub parts: BTreeMap<u32, (Vec<u8>, CompletedPart)>,
    pub asked: Asked,
    /// The last request was answered.
    pub answered: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    #[default]
    Parts,
    Whole,
    Complete,
    Remove,
    Abort,
}

impl Entry {
    pub fn bytes(&self) -> Vec<u8> {
        self.parts
            .values()
            .flat_map(|(bytes, _)| bytes.iter().copied())
            .collect()
    }

    pub fn claims(&self) -> Vec<CompletedPart> {
        self.parts.values().map(|(_, part)| part.clone()).collect()
    }

    /// Whether the object must be there (true), must not be (false), or may be (None).
    pub fn visible(&self) -> Option<bool> {
        match (self.asked, self.answered) {
            (Asked::Parts, _) | (Asked::Remove | Asked::Abort, true) => Some(false),
            (Asked::Whole | Asked::Complete, true) => Some(true),
            // It was there before.
            (Asked::Remove | Asked::Whole | Asked::Complete, false) => None,
            (Asked::Abort, false) => Some(false),
        }
    }
}

pub fn metadata(key: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("run".to_owned(), key.to_owned())])
}

fn noise(random: &mut Random, size: usize) -> Vec<u8> {
    (0..size.div_ceil(8))
        .flat_map(|_| random.any().to_le_bytes())
        .take(size)
        .collect()
}

/// Sends to a signed URL: the ETag of what was taken. None: no answer.
pub fn send(signed: &Signed, bytes: &[u8]) -> Option<String> {
    let answer = exchange("PUT", signed.url.reveal(), &signed.headers, bytes)?;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.header("etag").map(ToOwned::to_owned)
}

pub fn put_part(store: &Store, key: &str, upload: &str, number: u32, bytes: &[u8]) -> Option<CompletedPart> {
    let digest = Checksum::Sha256.digest(bytes);
    let size = bytes.len() as u64;
    let signed = url_for(
        store,
        &Wanted::part(key, upload, number, size, Checksum::Sha256, &digest),
        Timestamp::now(),
    );
    let etag = send(&signed, bytes)?;
    Some(CompletedPart { number, etag, digest })
}

/// Asks until there is no server any more, and writes all of it down.
pub async fn ask(store: &Store, name: &str, seed: u64, ledger: &mut Vec<Entry>) {
    let mut random = Random::new(seed);
    for turn in 0.. {
        let key = format!("{name}/{}/{turn}", ["a", "b"][random.below(2)]);
        ledger.push(Entry {
            key: key.clone(),
            ..Entry::default()
        });
        let entry = ledger.last_mut().unwrap();
        if course(store, entry, &mut random).await.is_none() {
            return;
        }
    }
}

async fn course(store: &Store, entry: &mut Entry, random: &mut Random) -> Option<()> {
    let key = entry.key.clone();
    let size = 1 + random.below(300_000);
    if random.below(4) == 0 {
        let bytes = noise(random, size);
        let digest = Checksum::Sha256.digest(&bytes);
        entry.parts.insert(
            1,
            (
                bytes.clone(),
                CompletedPart {
                    number: 1,
                    etag: String::new(),
                    digest: digest.clone(),
                },
            ),
        );
        entry.asked = Asked::Whole;
        let now = Timestamp::now();
        let signed = url_for(
            store,
            &Wanted::whole(&key, size as u64, Checksum::Sha256, &digest, &metadata(&key), false),
            now,
        );
        send(&signed, &bytes)?;
    } else {
        let upload = store.begin(&key, &metadata(&key), Checksum::Sha256).await.ok()?;
        entry.upload = Some(upload.clone());
        let count = 1 + random.below(4) as u32;
        for number in 1..=count {
            // The last one may be smaller, and may come before its neighbour.
            let number = if random.below(8) == 0 {
                count + 1 - number
            } else {
                number
            };
            if entry.parts.contains_key(&number) {
                continue;
            }
            let bytes = noise(random, if number == count { size / 2 + 1 } else { size });
            let part = put_part(store, &key, &upload, number, &bytes)?;
            entry.parts.insert(number, (bytes, part));
        }
        if random.below(5) == 0 {
            entry.asked = Asked::Abort;
            store.drop_upload(&key, &upload).await.ok()?;
        } else {
            entry.asked = Asked::Complete;
            let claims = entry.claims();
            store
                .finish(&Finish::new(
                    &key,
                    &upload,
                    &claims,
                    Checksum::Sha256,
                    &metadata(&key),
                    false,
                ))
                .await
                .ok()?;
        }
    }
    entry.answered = true;
    if entry.asked != Asked::Abort && random.below(3) == 0 {
        (entry.asked, entry.answered) = (Asked::Remove, false);
        store.remove(&key, None).await.ok()?;
        entry.answered = true;
    }
    Some(())
}

/// Holds a server against what was answered: all of that is there, byte for byte, and nothing else.
pub async fn verify(store: &Store, name: &str, ledger: &[Entry]) {
    let mut expected = Vec::new();
    for entry in ledger {
        let key = &entry.key;
        let object = store.look(key, None).await.unwrap();
        if let Some(visible) = entry.visible() {
            assert_eq!(object.is_some(), visible, "{key}: {:?} {}", entry.asked, entry.answered);
        }
        if let Some(object) = &object {
            assert!(
                store.read(key, None).await.unwrap() == entry.bytes(),
                "{key} has other bytes"
            );
            assert_eq!(object.metadata, metadata(key), "{key}");
            expected.push(key.clone());
        }
    }
    expected.sort_unstable();
    let listed = store.keys(&format!("{name}/")).await.unwrap();
    assert!(listed.len() >= 1000 || listed == expected, "{listed:?}\n{expected:?}");
    let open = store.uploads(&format!("{name}/")).await.unwrap();
    for upload in &open {
        let own = ledger
            .iter()
            .find(|entry| entry.key == upload.key)
            .expect("an upload of ours");
        assert!(!own.answered && own.asked != Asked::Whole, "{own:?}");
        // The begin that was not answered, too.
        assert!(own.upload.is_none() || own.upload.as_ref() == Some(&upload.id));
    }
    for entry in ledger {
        let (key, Some(upload)) = (&entry.key, &entry.upload) else {
            continue;
        };
        if entry.answered || entry.asked == Asked::Remove || entry.parts.is_empty() {
            continue;
        }
        // The client goes on; an abort may have been done.
        let made = store
            .finish(&Finish::new(
                key,
                upload,
                &entry.claims(),
                Checksum::Sha256,
                &metadata(key),
                false,
            ))
            .await;
        assert!(made.is_ok() || entry.asked == Asked::Abort, "{key}: {made:?}");
        if made.is_ok() {
            assert!(
                store.read(key, None).await.unwrap() == entry.bytes(),
                "{key} has other bytes"
            );
        }
    }
    for upload in store.uploads(&format!("{name}/")).await.unwrap() {
        store.drop_upload(&upload.key, &upload.id).await.unwrap();
    }
}

/// What a store signs by itself, without asking anybody: at once.
pub fn url_for(store: &Store, wanted: &Wanted<'_>, now: Timestamp) -> Signed {
    let mut work = std::pin::pin!(store.sign(wanted, EXPIRES, now));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match work.as_mut().poll(&mut context) {
        std::task::Poll::Ready(signed) => signed.unwrap(),
        std::task::Poll::Pending => panic!("somebody is asked"),
    }
}
