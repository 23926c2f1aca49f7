//! Removes records: with their object, and what a rewrap leaves below the one that was written last.
use api::BackupRun;
use api::place::Place;
use kube::ResourceExt;
use record::{Record, schema};
use store::{Held, Removed, StoreError, StoreErrorKind, Version};

use super::place;
use crate::log::about_run;
use crate::stores::OpenStore;

/// Removes a run's record, before its object: a record without an object would speak of what is not there.
/// Where the store keeps it, which it may for some minutes longer than its object: why.
pub async fn remove(store: &OpenStore, run: &BackupRun) -> Result<Removed, StoreError> {
    let folder = store.folder(&run.namespace().unwrap_or_default());
    let key = place(run).key(&folder);
    // A rewrap has written it anew where the labels say now; what stood where they said before goes, too.
    if let Some(moved) = noted(run, &folder).filter(|noted| *noted != key) {
        let removed = remove_at(store, run, &moved).await?;
        if removed != Removed::Gone {
            return Ok(removed);
        }
    }
    remove_at(store, run, &key).await
}

/// Where the status says that the record lies. A label that was changed since moves the place; what the status names is removed only where it
/// is this run's.
fn noted(run: &BackupRun, folder: &str) -> Option<String> {
    let noted = run.status.as_ref().and_then(|s| s.record.clone());
    noted.filter(|key| {
        Place::of(key).is_some_and(|(prefix, at)| {
            prefix == folder && Some(&at.namespace) == run.metadata.namespace.as_ref() && at.run == run.name_any()
        })
    })
}

async fn remove_at(store: &OpenStore, run: &BackupRun, key: &str) -> Result<Removed, StoreError> {
    let plain = store.store.remove(key, None).await?;
    if plain != Removed::Gone {
        return Ok(plain);
    }
    if run.status.as_ref().is_some_and(|s| s.version_id.is_some()) {
        // A plain deletion only hides it. Where versions cannot be listed, that is all that can be had.
        let versions = store.store.versions(key).await.unwrap_or_default();
        for version in versions.iter().filter(|version| version.key == key) {
            let removed = store.store.remove(key, Some(&version.id)).await?;
            if removed != Removed::Gone {
                return Ok(removed);
            }
        }
    }
    Ok(Removed::Gone)
}

/// Removes the record of a copy, which lies where a run's own would, whatever the status says of the original's. By the copy's version its
/// older ones are looked for.
///
/// # Errors
/// The store does not do it.
pub async fn remove_of_copy(
    store: &OpenStore,
    run: &BackupRun,
    version: Option<String>,
) -> Result<Removed, StoreError> {
    let mut there = run.clone();
    if let Some(status) = &mut there.status {
        (status.record, status.version_id) = (None, version);
    }
    remove(store, &there).await
}

/// Removes what lies beside the record that was written last, and of a bucket with versions below it: sealed for whom the backup was for before. What the store
/// keeps is told, with its key, and keeps none of the others.
///
/// # Errors
/// The store does not do it.
pub async fn remove_older(store: &OpenStore, run: &BackupRun) -> Result<Option<(String, Held)>, StoreError> {
    let folder = store.folder(&run.namespace().unwrap_or_default());
    let key = place(run).key(&folder);
    let mut kept = None;
    if let Some(moved) = noted(run, &folder).filter(|noted| *noted != key)
        && let Removed::Held(held) = remove_at(store, run, &moved).await?
    {
        kept = Some((moved, held));
    }
    if run.status.as_ref().is_none_or(|s| s.version_id.is_none()) {
        return Ok(kept);
    }
    let newest = store.store.look(&key, None).await?.and_then(|record| record.version_id);
    let Some(newest) = newest else { return Ok(kept) };
    // Where versions cannot be listed, a record over the others is all that can be had.
    let versions = store.store.versions(&key).await.unwrap_or_default();
    for version in older(&versions, &key, &newest) {
        if let Removed::Held(held) = store.store.remove(&key, Some(version)).await? {
            kept = Some((key.clone(), held));
        }
    }
    Ok(kept)
}

/// The versions of a key but the newest. The listing has those of longer keys, too.
fn older<'v>(versions: &'v [Version], key: &str, newest: &str) -> impl Iterator<Item = &'v str> {
    let of_key = versions.iter().filter(move |version| version.key == key);
    of_key
        .map(|version| version.id.as_str())
        .filter(move |id| *id != newest)
}

/// Removes the record of a backup whose object was replaced by the one that is now under `written`. What fails is left, and said: such a record
/// agrees with no object any more. One that describes another object is left: a rewrap has moved that backup away from this key meanwhile.
pub async fn replaced(store: &OpenStore, run: &BackupRun, old: &Place, written: &str) {
    if *old == place(run) {
        return;
    }
    let Some(folder) = store.records_of(&old.namespace) else {
        return;
    };
    let key = old.key(&folder);
    let read = store.store.read(&key, Some((0, schema::LONGEST as u64))).await;
    let removed = match read.map(|bytes| Record::read(&bytes)) {
        Ok(Ok(record)) if record.key != written => return,
        Err(error) if error.kind() == StoreErrorKind::NotFound => return,
        Ok(_) => store.store.remove(&key, None).await,
        Err(error) => Err(error),
    };
    if let Err(error) = removed {
        about_run!(
            warn,
            run,
            key,
            error = crate::events::causes(&error),
            "the record of a replaced backup is left"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_that_was_written_last_stays_of_its_versions() {
        let version = |key: &str, id: &str| Version {
            key: key.into(),
            id: id.into(),
            modified: None,
        };
        let all = [
            version("k", "3"),
            version("k", "2"),
            version("k.json", "1"),
            version("k", "1"),
        ];
        assert_eq!(older(&all, "k", "3").collect::<Vec<_>>(), ["2", "1"]);
    }
}
