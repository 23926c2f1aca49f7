//! Power cuts, one after each step of many courses of requests: what was answered is there, and nothing else is.
mod archives;
mod cache;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use fuzz::Random;

use super::*;
use crate::files::Files;
use cache::Cache;

const BUCKET: &str = "bucket";
const KEYS: [&str; 3] = ["a", "f/b", "f/g/c"];

/// What an object is: its bytes, and which request made it.
type Content = (Vec<u8>, String);

/// What is known of an upload that was answered.
#[derive(Clone, Debug)]
struct Open {
    key: &'static str,
    mark: String,
    parts: BTreeMap<u32, Vec<u8>>,
    /// A part that was sent, and not answered.
    coming: Option<(u32, Vec<u8>)>,
    /// Its end was asked for, and not answered.
    ending: bool,
}

/// What a client knows by the answers that it got.
#[derive(Clone, Debug, Default)]
struct Known {
    objects: BTreeMap<&'static str, Content>,
    uploads: BTreeMap<String, Open>,
    /// What may be under a key instead: the answer never came.
    maybe: Option<(&'static str, Option<Content>)>,
}

fn shown(mark: &str) -> Shown {
    Shown {
        metadata: BTreeMap::from([("run".to_owned(), mark.to_owned())]),
        content_type: None,
        class: None,
    }
}

fn bytes(random: &mut Random) -> Vec<u8> {
    let byte = random.byte();
    let size = 1 + random.below(1500);
    (0..size).map(|at| byte.wrapping_add((at / 7) as u8)).collect()
}

fn write_part<F: Files>(
    shelf: &Shelf<F>,
    upload: &Arc<Upload<F>>,
    number: u32,
    bytes: &[u8],
    told: bool,
) -> Result<String, Fault> {
    let digest = sha256(&[bytes]);
    let part = shelf.part(upload, number, bytes.len() as u64, told.then_some(digest))?;
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    let written = shelf
        .write(&part, 0, half)
        .and_then(|()| shelf.write(&part, half.len() as u64, rest));
    written
        .and_then(|()| shelf.note(&part, digest))
        .inspect_err(|_| shelf.drop_part(&part))
}

fn claims(open: &Open) -> Vec<Claim> {
    let claim = |(number, bytes): (&u32, &Vec<u8>)| Claim {
        number: *number,
        etag: format!("\"{}\"", hex(&sha256(&[bytes]))),
        checksum: Some(BASE64_STANDARD.encode(sha256(&[bytes]))),
    };
    open.parts.iter().map(claim).collect()
}

fn joined(open: &Open) -> Content {
    (open.parts.values().flatten().copied().collect(), open.mark.clone())
}

/// One request that the client makes up; what it learns from the answer. None: the power went.
fn request(shelf: &Shelf<Cache>, known: &mut Known, random: &mut Random, step: usize, now: i64) -> Option<()> {
    let mark = format!("step-{step}");
    let key = KEYS[random.below(KEYS.len())];
    let ids: Vec<_> = known.uploads.keys().cloned().collect();
    let id = random.pick(&ids).cloned();
    match (random.below(10), id) {
        (0..3, _) | (_, None) => {
            let id = shelf.begin(BUCKET, key, shown(&mark), now).ok()?;
            let open = Open {
                key,
                mark,
                parts: BTreeMap::new(),
                coming: None,
                ending: false,
            };
            known.uploads.insert(id, open);
        }
        (3, _) => {
            let bytes = bytes(random);
            let incoming = shelf.incoming(BUCKET, key, 1).ok()?;
            shelf.fill(&incoming, 0, &bytes).ok()?;
            let size = bytes.len() as u64;
            known.maybe = Some((key, Some((bytes.clone(), mark.clone()))));
            shelf
                .put(
                    BUCKET,
                    key,
                    &incoming,
                    size,
                    sha256(&[&bytes]),
                    shown(&mark),
                    false,
                    now,
                )
                .ok()?;
            known.objects.insert(key, (bytes, mark));
        }
        (4, _) => {
            known.maybe = Some((key, None));
            shelf.remove(BUCKET, key).ok()?;
            known.objects.remove(key);
        }
        (5, Some(id)) => {
            known.uploads.get_mut(&id)?.ending = true;
            let key = known.uploads.get(&id)?.key;
            shelf.abort(BUCKET, key, &id).ok()?;
            known.uploads.remove(&id);
        }
        (6 | 7, Some(id)) if !known.uploads[&id].parts.is_empty() => {
            let open = known.uploads.get_mut(&id)?;
            open.ending = true;
            let open = open.clone();
            known.maybe = Some((open.key, Some(joined(&open))));
            let done = shelf.complete(BUCKET, open.key, &id, &claims(&open), false, now).ok()?;
            let again = shelf.complete(BUCKET, open.key, &id, &claims(&open), false, now).ok()?;
            assert_eq!(done, again, "completed twice");
            known.objects.insert(open.key, joined(&open));
            known.uploads.remove(&id);
        }
        (kind, Some(id)) => {
            let key = known.uploads[&id].key;
            let number = 1 + random.below(4) as u32;
            let bytes = known.uploads[&id]
                .parts
                .get(&number)
                .cloned()
                .filter(|_| kind == 8)
                .unwrap_or_else(|| bytes(random));
            let upload = shelf.upload(BUCKET, key, &id).ok()?;
            let open = known.uploads.get_mut(&id)?;
            open.coming = Some((number, bytes.clone()));
            write_part(shelf, &upload, number, &bytes, kind == 8).ok()?;
            open.parts.insert(number, bytes);
            open.coming = None;
        }
    }
    known.maybe = None;
    Some(())
}

fn content(shelf: &Shelf<Cache>, key: &str) -> Option<Content> {
    let object = shelf.object(BUCKET, key).ok()?;
    let bytes = shelf.read(&object.file, 0, object.label.size + 1).unwrap();
    assert_eq!(bytes.len() as u64, object.label.size);
    Some((bytes.to_vec(), object.label.shown.metadata["run"].clone()))
}

/// Holds what is there against what was answered.
fn verify(disk: &Cache, known: &Known, now: i64) {
    let shelf = Shelf::new(disk.clone(), || Ok(()));
    shelf.sweep(true, now).unwrap();
    let mut there = BTreeSet::new();
    for key in KEYS {
        let found = content(&shelf, key);
        let answered = known.objects.get(key).cloned();
        let maybe = known
            .maybe
            .as_ref()
            .filter(|(other, _)| *other == key)
            .map(|(_, content)| content.clone());
        assert!(
            found == answered || Some(&found) == maybe.as_ref(),
            "{key}: {found:?}\nnot {answered:?}\nnor {maybe:?}"
        );
        there.extend(found.map(|_| key.to_owned()));
    }
    let asked = Asked {
        most: 1000,
        ..Asked::default()
    };
    let listed: BTreeSet<_> = shelf
        .page(BUCKET, &asked)
        .unwrap()
        .objects
        .into_iter()
        .map(|listed| listed.key)
        .collect();
    assert_eq!(listed, there, "what is listed is what is there");
    let open: BTreeSet<_> = shelf
        .unfinished(BUCKET, "")
        .unwrap()
        .into_iter()
        .map(|upload| upload.id)
        .collect();
    for (id, upload) in &known.uploads {
        assert!(open.contains(id) || upload.ending, "{id} is gone");
    }
    for (id, upload) in &known.uploads {
        if upload.parts.is_empty() {
            continue;
        }
        // A client that goes on. Where other bytes were on their way for a part that had been answered, either are there.
        let mut upload = upload.clone();
        let mut made = shelf.complete(BUCKET, upload.key, id, &claims(&upload), false, now + 9);
        if let Some((number, bytes)) = upload.coming.take().filter(|_| made.is_err()) {
            upload.parts.insert(number, bytes);
            made = shelf.complete(BUCKET, upload.key, id, &claims(&upload), false, now + 9);
        }
        // It may have been aborted, or completed once already; nothing else.
        assert!(made.is_ok() || upload.ending, "{made:?} of {upload:?}");
        if made.is_ok() {
            assert_eq!(content(&shelf, upload.key), Some(joined(&upload)), "{upload:?}");
            shelf
                .complete(BUCKET, upload.key, id, &claims(&upload), false, now + 9)
                .unwrap();
        }
    }
    for left in shelf.unfinished(BUCKET, "").unwrap() {
        shelf.abort(BUCKET, &left.key, &left.id).unwrap();
    }
    shelf.sweep(true, now).unwrap();
    assert_eq!(disk.list(UPLOADS).unwrap(), [], "an upload has left something");
}

/// A course of requests on a disk whose power goes after so many steps; whether it did.
fn course(seed: u64, steps: usize) -> bool {
    let disk = Cache::new(steps + 1, seed ^ steps as u64);
    let shelf = Shelf::new(disk.clone(), || Ok(()));
    let mut random = Random::new(seed);
    let mut known = Known::default();
    shelf.make_bucket(BUCKET).unwrap();
    // Several within a second: the time alone tells no two files apart.
    let all = (0..25).all(|step| request(&shelf, &mut known, &mut random, step, 1000 + step as i64 / 8).is_some());
    let went = disk.is_off();
    assert!(went || all, "a request failed while there was power");
    verify(&disk.after(), &known, 1005);
    went
}

#[test]
fn a_power_cut_at_any_step_takes_nothing_that_was_answered_and_shows_nothing_that_was_not() {
    let (mut cuts, mut whole) = (0, 0);
    for seed in 0..60 {
        for steps in 0.. {
            let told = std::panic::catch_unwind(|| course(seed, steps));
            match told {
                Ok(true) => cuts += 1,
                Ok(false) => break,
                Err(_) => panic!("course {seed}, the power went after step {steps}: see above"),
            }
        }
        whole += 1;
    }
    assert!(cuts > 2000 && whole == 60, "{cuts} {whole}");
}

#[test]
fn one_power_cut_after_another_leaves_an_object_that_was_stored_with_its_own_label() {
    // All of one size, and within one second.
    let put = |shelf: &Shelf<Cache>, mark: &str| {
        let incoming = shelf.incoming(BUCKET, "k", 5)?;
        shelf.fill(&incoming, 0, mark.as_bytes())?;
        shelf.put(
            BUCKET,
            "k",
            &incoming,
            5,
            sha256(&[mark.as_bytes()]),
            shown(mark),
            false,
            1000,
        )
    };
    let object = |mark: &str| Some((mark.as_bytes().to_vec(), mark.to_owned()));
    let mut seen = BTreeSet::new();
    for (first, second) in (0..16).flat_map(|first| (0..16).map(move |second| (first, second))) {
        for random in 0..4 {
            let disk = Cache::new(usize::MAX, 0);
            let shelf = Shelf::new(disk.clone(), || Ok(()));
            shelf.make_bucket(BUCKET).unwrap();
            put(&shelf, "first").unwrap();
            disk.cut_after(first, random);
            let _ = put(&shelf, "other");
            let disk = disk.after();
            let shelf = Shelf::new(disk.clone(), || Ok(()));
            let between = content(&shelf, "k");
            assert!(
                between == object("first") || between == object("other"),
                "{first}: {between:?}"
            );
            disk.cut_after(second, random);
            let _ = put(&shelf, "third");
            let after = content(&Shelf::new(disk.after(), || Ok(())), "k");
            assert!(
                after == between || after == object("third"),
                "{first} {second}: {after:?}, not {between:?}"
            );
            seen.insert((between, after));
        }
    }
    assert_eq!(seen.len(), 4, "each that can be was");
}
