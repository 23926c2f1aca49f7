//! Reads a bucket's lists and records, several at a time.
use std::collections::BTreeMap;

use api::metadata::{CLUSTER, NAME, SCHEDULE};
use api::place::{Place, is_own};
use futures::{StreamExt, stream};
use record::{Record, schema};
use store::{Store, StoreError};

use super::Gathered;

/// How many requests are under way at once.
const AT_ONCE: usize = 24;
/// The most objects that a catalog holds: some 200 bytes of memory each.
const MOST: usize = 2_000_000;

/// All that lies below a prefix.
///
/// # Errors
/// The store's, in words: of a list; a record or an object that cannot be looked at is said with it.
pub async fn gather(store: &Store, prefix: &str) -> Result<Gathered, String> {
    let mut found = Gathered::default();
    let mut records = Vec::new();
    let mut next = None;
    loop {
        let page = store.page(prefix, next.as_deref()).await.map_err(|e| e.to_string())?;
        for object in page.objects {
            if Place::of(&object.key).is_some() {
                records.push(object.key);
            } else if !is_own(&object.key) {
                found.objects.insert(object.key.clone(), object);
            }
        }
        if found.objects.len() + records.len() > MOST {
            return Err(format!(
                "the bucket has more than {MOST} objects below {prefix:?}: name a storage with a prefix"
            ));
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    found.records = read(store, records).await;
    let open: Vec<_> = found
        .records
        .iter()
        .filter_map(|(at, record)| Some((at.clone(), record.as_ref().ok()?)))
        .filter(|(_, record)| record.version_id.is_some())
        .map(|(at, record)| (at, record.clone()))
        .collect();
    found.versions = versions(store, open).await;
    let described: Vec<&str> = found
        .records
        .values()
        .filter_map(|r| r.as_ref().ok())
        .map(|r| r.key.as_str())
        .collect();
    let described: std::collections::BTreeSet<&str> = described.into_iter().collect();
    let alone: Vec<_> = found
        .objects
        .keys()
        .filter(|key| !described.contains(key.as_str()))
        .cloned()
        .collect();
    found.makers = makers(store, alone).await;
    Ok(found)
}

async fn read(store: &Store, keys: Vec<String>) -> BTreeMap<String, Result<Record, String>> {
    let one = |key: String| async move {
        let got = store.read(&key, Some((0, schema::LONGEST as u64))).await;
        let record = got
            .map_err(|e| e.to_string())
            .and_then(|bytes| Record::read(&bytes).map_err(|e| e.to_string()));
        (key, record)
    };
    stream::iter(keys).map(one).buffer_unordered(AT_ONCE).collect().await
}

/// Records whose version of the object is there and as they say.
async fn versions(store: &Store, records: Vec<(String, Record)>) -> std::collections::BTreeSet<String> {
    let one = |(at, record): (String, Record)| async move {
        let seen: Result<_, StoreError> = store.look(&record.key, record.version_id.as_deref()).await;
        let is_there = seen
            .ok()
            .flatten()
            .is_some_and(|o| o.size == record.stored_bytes && o.etag == record.etag);
        is_there.then_some(at)
    };
    stream::iter(records)
        .map(one)
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Who made objects that no record names. Of one that cannot be looked at nothing is known.
async fn makers(store: &Store, keys: Vec<String>) -> BTreeMap<String, (Place, Option<String>)> {
    let one = |key: String| async move {
        let object = store.look(&key, None).await.ok().flatten()?;
        let said = |name: &str| object.metadata.get(name).cloned();
        let maker = said(NAME)?;
        let (namespace, run) = maker.split_once('/')?;
        let schedule = said(SCHEDULE);
        let place = Place {
            namespace: namespace.into(),
            schedule: schedule
                .as_deref()
                .and_then(|s| s.split_once('/'))
                .map(|(_, name)| name.into()),
            run: run.into(),
        };
        Some((key, (place, said(CLUSTER))))
    };
    stream::iter(keys)
        .map(one)
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}
