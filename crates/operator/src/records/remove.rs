//! Removes records: with their object, and what a rewrap leaves below the one that was written last.
use api::BackupRun;
use api::place::Place;
use kube::ResourceExt;
use store::{Held, Removed, StoreError, StoreErrorKind, Version};

use super::whose::is_own;
use super::{Unread, place, read};
use crate::log::about_run;
use crate::stores::OpenStore;

/// Removes a run's record, before its object: a record without an object would speak of what is not there. What is not shown to be this run's stays.
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

/// Of a bucket with versions each goes by its id: a plain deletion would hide another run's, too, and keep the bytes.
///
/// Accepted: where the bucket keeps none, what another run writes between the look and the removal goes with it.
async fn remove_at(store: &OpenStore, run: &BackupRun, key: &str) -> Result<Removed, StoreError> {
    let mut versions = Vec::new();
    if run.status.as_ref().is_some_and(|s| s.version_id.is_some()) {
        // Where they cannot be listed, hiding the newest is all that can be had.
        let listed = store.store.versions(key).await.unwrap_or_default();
        versions.extend(listed.into_iter().filter(|v| v.key == key).map(|v| Some(v.id)));
    }
    if versions.is_empty() {
        versions.push(None);
    }
    for version in &versions {
        let version = version.as_deref();
        if !is_shown(store, run, key, version).await? {
            continue;
        }
        let removed = store.store.remove(key, version).await?;
        if removed != Removed::Gone {
            return Ok(removed);
        }
    }
    Ok(Removed::Gone)
}

/// What lies there is shown to be this run's. The marker of a deletion cannot be read, and stays, too.
async fn is_shown(store: &OpenStore, run: &BackupRun, key: &str, version: Option<&str>) -> Result<bool, StoreError> {
    let why = match read(store, key, version).await {
        Ok(record) if is_own(&record, run) => return Ok(true),
        Ok(record) => format!("it is that of run UID {}", record.uid),
        Err(Unread::Store(error)) if error.kind() == StoreErrorKind::NotFound => return Ok(false),
        Err(Unread::Store(error)) if !says_no(&error) => return Err(error),
        Err(error) => crate::events::causes(&error),
    };
    about_run!(
        info,
        run,
        key,
        version,
        why,
        "a record is left: it is not shown to be this run's"
    );
    Ok(false)
}

/// An answer that is no other one the next time.
fn says_no(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::AccessDenied
            | StoreErrorKind::Refused
            | StoreErrorKind::Unsupported
            | StoreErrorKind::NoSuchBucket
    )
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

/// Removes what lies beside the record that was written last, and of a bucket with versions below it: sealed for whom the backup was for before.
/// Of another run's nothing goes. What the store keeps is told, with its key, and keeps none of the others.
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
        if is_shown(store, run, &key, Some(version)).await?
            && let Removed::Held(held) = store.store.remove(&key, Some(version)).await?
        {
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
    let removed = match read(store, &key, None).await {
        Ok(record) if record.key != written => return,
        Err(Unread::Store(error)) if error.kind() == StoreErrorKind::NotFound => return,
        Ok(_) => store.store.remove(&key, None).await.map_err(Unread::Store),
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
