//! The errands themselves: what is removed from a store for a run. Each may be done again.
use std::time::Duration;

use api::BackupRun;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use planner::run::leaving::{Fate, fate, kept};
use planner::run::moved::Moved;
use planner::run::{Event, Reason, Unguarded};
use store::{Held, ObjectInfo, Removed, StoreError, StoreErrorKind};

use super::replaced;
use super::told::Weight;
use crate::context::Context;
use crate::log::about_run;
use crate::records;
use crate::run::{leaving, left_behind};
use crate::stores::OpenStore;
use crate::transfer::uploads;
use crate::write::WriteError;
use crate::{claims, events};

/// Until an object that is held is looked at again.
const HELD: Duration = Duration::from_secs(3600);
/// Until an object that is being brought back is looked at again.
const THAW: Duration = Duration::from_secs(300);

/// Why an errand failed; it is run again.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The API server does not say what is around the run.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The storage's store cannot be opened.
    #[error("{0}")]
    Open(String),
    /// The object is not where the storage points now.
    #[error("object {key} is not there: it {}", .moved.words())]
    Elsewhere {
        /// Object key.
        key: String,
        /// Where it was stored.
        moved: Moved,
    },
    /// A lock or a legal hold lies on the object.
    #[error("the store keeps object {key}: it is {held}")]
    Held {
        /// Object key.
        key: String,
        /// What keeps it.
        held: Held,
        /// When to ask again.
        again: Duration,
    },
    /// It is for a person to remove, or to leave.
    #[error("object {key} is left: {why}")]
    Stays {
        /// Object key.
        key: String,
        /// Why.
        why: String,
    },
    /// The object is not back from its archive yet.
    #[error("object {key} lies in an archive ({class}), and the store was asked to bring it back")]
    Thawing {
        /// Object key.
        key: String,
        /// Its class or tier.
        class: String,
    },
    /// The hold on the object is as it was.
    #[error("the legal hold is not changed: {0}")]
    Hold(String),
    /// The store did not do it.
    #[error("the store did not {0}")]
    Store(&'static str, #[source] StoreError),
}

impl StepError {
    /// How much it says of the store.
    pub fn weight(&self) -> Weight {
        match self {
            Self::Store(_, error) if matches!(error.kind(), StoreErrorKind::Unreachable | StoreErrorKind::Timeout) => {
                Weight::Silence
            }
            Self::Store(_, error) if error.passes() => Weight::Busy,
            Self::Store(..)
            | Self::Open(_)
            | Self::Elsewhere { .. }
            | Self::Held { .. }
            | Self::Hold(_)
            | Self::Stays { .. }
            | Self::Thawing { .. } => Weight::Answer,
            Self::Write(_) => Weight::Silence,
        }
    }

    /// It is as it is to be, and changes by itself: when to ask again.
    pub fn expected(&self) -> Option<Duration> {
        match self {
            Self::Held { again, .. } => Some(*again),
            Self::Thawing { .. } => Some(THAW),
            // Rights are given by people.
            Self::Hold(_) | Self::Stays { .. } => Some(HELD),
            _ => None,
        }
    }
}

/// Runs an errand.
pub async fn take(run: &BackupRun, context: &Context, step: &Unguarded) -> Result<(), StepError> {
    match step {
        Unguarded::AbortUpload { key, upload_id } => {
            let store = open(run, context).await?;
            let dropped = store.store.drop_upload(key, upload_id).await;
            dropped.map(drop).map_err(|e| StepError::Store("abort the upload", e))
        }
        Unguarded::AbortStrays { key } => {
            let store = open(run, context).await?;
            let others = claims::others(key, run, &context.runs, &context.storages);
            let aborted = uploads::abort_strays(&store, run, key, None, &others, &context.ages).await;
            passed(run, "abort strayed uploads", aborted)
        }
        Unguarded::TakeBack { key, attempt } => {
            let store = open(run, context).await?;
            // Without metadata nothing says whose an object is.
            if !store.metadata {
                return Ok(());
            }
            let taken = uploads::take_back(&store, run, key, attempt, context.cluster()).await;
            passed(run, "remove what a failed attempt stored", taken)
        }
        Unguarded::DeleteCopy {
            storage,
            key,
            etag,
            version_id,
            upload_id,
        } => {
            let object = Recorded {
                key,
                etag,
                version_id: version_id.as_deref(),
                moved: None,
            };
            delete_copy(run, context, storage, &object, upload_id.as_deref()).await
        }
        Unguarded::RemoveReplaced {
            storage,
            key,
            etag,
            version_id,
            upload_id,
            moved,
            looked_for,
        } => {
            let old = replaced::Old {
                storage: storage.as_deref(),
                key,
                etag: etag.as_deref(),
                version_id: version_id.as_deref(),
                upload_id: upload_id.as_deref(),
                moved: moved.as_ref(),
                looked_for: *looked_for,
            };
            replaced::remove(run, context, &old).await
        }
        Unguarded::Hold { key, version_id, on } => hold(run, context, key, version_id.as_deref(), *on).await,
        Unguarded::Thaw {
            storage,
            key,
            version_id,
        } => {
            let storage = storage.as_deref().unwrap_or(&run.spec.storage.name);
            thaw(run, context, storage, key, version_id.as_deref()).await
        }
        Unguarded::DeleteObject {
            key,
            etag,
            version_id,
            moved,
        } => {
            let object = Recorded {
                key,
                etag,
                version_id: version_id.as_deref(),
                moved: moved.as_ref(),
            };
            delete_object(run, context, &object).await
        }
        _ => Ok(()),
    }
}

/// What the store refuses for good is left, and said; what may pass is tried again.
fn passed(run: &BackupRun, step: &'static str, done: Result<(), StoreError>) -> Result<(), StepError> {
    match done {
        Err(error) if error.passes() => return Err(StepError::Store(step, error)),
        Err(error) => about_run!(warn, run, step, %error, "the store refuses; it is left"),
        Ok(()) => {}
    }
    Ok(())
}

/// Also with the access keys that it last had, where the Secret went first, as in a namespace that is deleted.
pub(super) async fn open(run: &BackupRun, context: &Context) -> Result<OpenStore, StepError> {
    open_of(&run.spec.storage.name, context).await
}

pub(super) async fn open_of(name: &str, context: &Context) -> Result<OpenStore, StepError> {
    let opened = context.stores.open_named_to_remove(name, &context.storages).await;
    opened.map_err(StepError::Open)
}

/// An object, as a run has recorded it.
struct Recorded<'a> {
    key: &'a str,
    etag: &'a str,
    version_id: Option<&'a str>,
    moved: Option<&'a Moved>,
}

/// Removes the object only while it is the one that this run wrote; a bucket may have been written to by others.
///
/// A version of an object is this run's alone and never changes: it is removed by its id, whoever wrote there since.
///
/// That an object of that key is not in another bucket says nothing of the one in which it was stored. Another endpoint may be another name
/// of the same store: there it is looked for.
async fn delete_object(run: &BackupRun, context: &Context, object: &Recorded<'_>) -> Result<(), StepError> {
    let Recorded {
        key,
        etag,
        version_id,
        moved,
    } = *object;
    // Looked at last: whoever deletes a schedule may do so between the decision and this.
    let around = leaving::around(run, &context.client).await?;
    if let Fate::Kept(why) = fate(run, &around) {
        // In a namespace that goes no Event can be made.
        about_run!(
            info,
            run,
            storage = run.spec.storage.name,
            key,
            why,
            "an object was kept"
        );
        events::publish(&context.client, run.object_ref(&()), &kept(run, key, &why)).await;
        return Ok(());
    }
    if let Some(moved) = moved.filter(|moved| moved.is_elsewhere()) {
        let event = left_elsewhere(run, key, moved);
        left_behind::tell(run, context, event.clone()).await?;
        events::publish(&context.client, run.object_ref(&()), &event).await;
        return Ok(());
    }
    let store = open(run, context).await?;
    let object = store
        .store
        .look(key, version_id)
        .await
        .map_err(|e| StepError::Store("look at the object", e))?;
    let Some(object) = object else {
        return match moved {
            Some(moved) => Err(StepError::Elsewhere {
                key: key.into(),
                moved: moved.clone(),
            }),
            None => Ok(()),
        };
    };
    let name = format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any());
    if let Some(why) = left_alone(&object, etag, version_id, context.cluster(), &name) {
        say_left(run, context, key, &why).await;
        return Ok(());
    }
    let now = Timestamp::now();
    if object.held.holds(now) {
        // In a namespace that goes, nothing waits for months.
        if around.namespace_goes {
            let event = left_locked(run, key, &object.held);
            left_behind::tell(run, context, event.clone()).await?;
            return Ok(());
        }
        return Err(kept_by_store(key, object.held, now));
    }
    let removed = records::remove(&store, run).await;
    if let Removed::Held(held) = removed.map_err(|e| StepError::Store("delete the object's record", e))? {
        return Err(kept_by_store(key, held, now));
    }
    let what = match version_id {
        Some(version) => format!("version {version} of object {key}"),
        None => format!("object {key}"),
    };
    // Another run may have stored its backup there while the record was removed.
    let deleted = uploads::remove_seen(&store.store, key, &object, version_id).await;
    match deleted.map_err(|e| StepError::Store("delete the object", e))? {
        Some(Removed::Gone) => {}
        Some(Removed::Held(held)) => return Err(kept_by_store(key, held, Timestamp::now())),
        None => {
            say_left(run, context, key, "another one was stored in its place just now").await;
            return Ok(());
        }
    }
    let why = context.rotated.of(&run.uid().unwrap_or_default());
    let why = why.map_or(String::new(), |why| format!(": its run is {why}"));
    say_deleted(run, context, format!("{what} was deleted (retainPolicy: Delete){why}")).await;
    Ok(())
}

/// The object is asked for again when its lock ends, and every hour: somebody may take it off.
pub(super) fn kept_by_store(key: &str, held: Held, now: Timestamp) -> StepError {
    let left = held
        .until
        .filter(|_| !held.legal)
        .map(|until| until.duration_since(now));
    let left = left.and_then(|left| Duration::try_from(left).ok());
    // By whose clock it ends is the store's to say.
    let again = left.map_or(HELD, |left| left.saturating_add(Duration::from_secs(2)).min(HELD));
    StepError::Held {
        key: key.into(),
        held,
        again,
    }
}

/// What is said of an object that may not be removed while its namespace goes.
pub(super) fn left_locked(run: &BackupRun, key: &str, held: &Held) -> Event {
    Event {
        warning: true,
        reason: Reason::LeftBehind.word(),
        action: "Delete",
        note: format!(
            "run {}/{} left object {key} behind: it is {held}, and its namespace goes. Remove it by hand after that",
            run.namespace().unwrap_or_default(),
            run.name_any()
        ),
    }
}

async fn hold(run: &BackupRun, context: &Context, key: &str, version: Option<&str>, on: bool) -> Result<(), StepError> {
    let store = open(run, context).await?;
    let done = match may_hold(run, context, &store, key, version, on).await? {
        Some(why) => Err(why),
        None => store.store.hold(key, version, on).await.map_err(|e| match e.passes() {
            true => Why::Passes(e),
            false => Why::Refused(e.to_string()),
        }),
    };
    let (warning, reason, note) = match &done {
        Err(Why::Passes(_)) => (true, Reason::LegalHoldRefused, None),
        Err(Why::Refused(error)) => {
            let what = if on {
                "put a legal hold on"
            } else {
                "take the legal hold off"
            };
            let note = format!("the store does not {what} object {key}: {error}");
            (true, Reason::LegalHoldRefused, Some(note))
        }
        Ok(()) if on => (
            false,
            Reason::LegalHold,
            Some(format!("a legal hold lies on object {key}")),
        ),
        Ok(()) => (
            false,
            Reason::LegalHold,
            Some(format!("the legal hold is off object {key}")),
        ),
    };
    if let Some(note) = note {
        let event = Event {
            warning,
            reason: reason.word(),
            action: "Hold",
            note,
        };
        events::publish(&context.client, run.object_ref(&()), &event).await;
    }
    done.map_err(|why| match why {
        Why::Passes(error) => StepError::Store("change the legal hold", error),
        Why::Refused(words) => StepError::Hold(words),
    })
}

/// Why a hold is as it was.
enum Why {
    /// It may be otherwise in a moment.
    Passes(StoreError),
    /// In words.
    Refused(String),
}

/// Only of the object that this run made, and never what the storage itself has put there.
async fn may_hold(
    run: &BackupRun,
    context: &Context,
    store: &OpenStore,
    key: &str,
    version: Option<&str>,
    on: bool,
) -> Result<Option<Why>, StepError> {
    if !on && store.parameters.holds() {
        let words = "the storage puts a hold on each backup (legalHold), and whoever may annotate a run shall not take it off: do that by the store's own means";
        return Ok(Some(Why::Refused(words.into())));
    }
    let looked = store.store.look(key, version).await;
    let object = looked.map_err(|e| StepError::Store("look at the object", e))?;
    let Some(object) = object else {
        return Ok(Some(Why::Refused("there is no such object".into())));
    };
    let etag = run.status.as_ref().and_then(|s| s.etag.clone()).unwrap_or_default();
    let name = format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any());
    Ok(left_alone(&object, &etag, version, context.cluster(), &name).map(Why::Refused))
}

/// Done when the object can be read, or is not there, which the restore itself says.
async fn thaw(
    run: &BackupRun,
    context: &Context,
    storage: &str,
    key: &str,
    version: Option<&str>,
) -> Result<(), StepError> {
    let store = open_of(storage, context).await?;
    let looked = store.store.look(key, version).await;
    let object = looked.map_err(|e| StepError::Store("look at the object", e))?;
    let Some(archived) = object.and_then(|object| object.archived) else {
        return Ok(());
    };
    if !archived.coming
        && let Some(thaw) = store.parameters.thaw()
    {
        let asked = store.store.thaw(key, version, thaw).await;
        asked.map_err(|e| StepError::Store("bring the object back from its archive", e))?;
        about_run!(
            info,
            run,
            storage,
            key,
            class = archived.class,
            "the store was asked to bring an object back"
        );
    }
    Err(StepError::Thawing {
        key: key.into(),
        class: archived.class,
    })
}

/// Removes a copy only while it is the one that this run made.
async fn delete_copy(
    run: &BackupRun,
    context: &Context,
    storage: &str,
    copy: &Recorded<'_>,
    upload: Option<&str>,
) -> Result<(), StepError> {
    let around = leaving::around(run, &context.client).await?;
    if let Fate::Kept(_) = fate(run, &around) {
        // What is said of the object is said of its copies.
        return Ok(());
    }
    let store = open_of(storage, context).await?;
    if let Some(upload) = upload {
        let dropped = store.store.drop_upload(copy.key, upload).await;
        dropped.map_err(|e| StepError::Store("drop the upload of a copy", e))?;
    }
    let looked = store.store.look(copy.key, copy.version_id).await;
    let Some(object) = looked.map_err(|e| StepError::Store("look at the copy", e))? else {
        return Ok(());
    };
    let name = format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any());
    // One that was never noted has no ETag in the status: it says itself whose it is.
    let noted = !copy.etag.is_empty();
    let etag = if noted { copy.etag } else { object.etag.as_str() };
    let ours = object.metadata.get(uploads::RUN) == run.uid().as_ref();
    let left = left_alone(&object, etag, copy.version_id, context.cluster(), &name);
    let left = left.or_else(|| unlabelled(&object, store.metadata));
    if left.is_some() || !(noted || ours) {
        return Ok(());
    }
    let now = Timestamp::now();
    if object.held.holds(now) {
        if around.namespace_goes {
            left_behind::tell(run, context, left_locked(run, copy.key, &object.held)).await?;
            return Ok(());
        }
        return Err(kept_by_store(copy.key, object.held, now));
    }
    let removed = records::remove_of_copy(&store, run, object.version_id.clone()).await;
    if let Removed::Held(held) = removed.map_err(|e| StepError::Store("delete the copy's record", e))? {
        return Err(kept_by_store(copy.key, held, now));
    }
    // Another run may have stored its copy there meanwhile.
    let removed = uploads::remove_seen(&store.store, copy.key, &object, copy.version_id).await;
    match removed.map_err(|e| StepError::Store("delete the copy", e))? {
        Some(Removed::Gone) | None => Ok(()),
        Some(Removed::Held(held)) => Err(kept_by_store(copy.key, held, now)),
    }
}

/// What is said of an object in a bucket that the storage does not name any more.
fn left_elsewhere(run: &BackupRun, key: &str, moved: &Moved) -> Event {
    Event {
        warning: true,
        reason: Reason::LeftBehind.word(),
        action: "Delete",
        note: format!(
            "run {}/{} left object {key} behind: it {}. Remove it by hand",
            run.namespace().unwrap_or_default(),
            run.name_any(),
            moved.words()
        ),
    }
}

/// Why an object that a run has recorded is not its own to delete.
///
/// A status is what somebody may have written: of a version, too, the object itself says whose it is.
pub(super) fn left_alone(
    object: &ObjectInfo,
    etag: &str,
    version_id: Option<&str>,
    cluster: &str,
    name: &str,
) -> Option<String> {
    if let Some(theirs) = uploads::elsewheres(object, cluster) {
        return Some(format!(
            "it was written by the operator of another cluster (the UID of its kube-system is {theirs}), and this run is a copy of that one's"
        ));
    }
    // The version "null" is written over like an object without versions.
    if version_id.is_none_or(|version| version == "null") && object.etag != etag {
        return Some(format!(
            "it is not the one that this run wrote (its ETag is {})",
            object.etag
        ));
    }
    let maker = object.metadata.get(uploads::NAME).filter(|maker| *maker != name)?;
    Some(format!("it was written by run {maker}, and not by this one"))
}

/// Why an object that a status calls a copy is none: each that is made says whose it is, where the store keeps that.
pub(super) fn unlabelled(object: &ObjectInfo, is_kept: bool) -> Option<String> {
    let is_bare = !object.metadata.contains_key(uploads::NAME);
    (is_kept && is_bare).then(|| "it does not say that this run wrote it".into())
}

async fn say_left(run: &BackupRun, context: &Context, key: &str, why: &str) {
    let event = Event {
        warning: true,
        reason: Reason::ObjectKept.word(),
        action: "Delete",
        note: format!("object {key} was left: {why}"),
    };
    events::publish(&context.client, run.object_ref(&()), &event).await;
}

async fn say_deleted(run: &BackupRun, context: &Context, note: String) {
    let event = Event {
        warning: false,
        reason: Reason::ObjectDeleted.word(),
        action: "Delete",
        note,
    };
    events::publish(&context.client, run.object_ref(&()), &event).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(maker: Option<&str>, cluster: &str) -> ObjectInfo {
        ObjectInfo {
            size: 1,
            etag: "e".into(),
            metadata: [(uploads::CLUSTER, Some(cluster)), (uploads::NAME, maker)]
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_string(), value?.to_string())))
                .collect(),
            checksum_sha256: None,
            version_id: None,
            age: None,
            archived: None,
            held: store::Held::default(),
        }
    }

    #[test]
    fn what_a_status_calls_a_copy_is_one_only_where_it_says_so_or_its_store_keeps_no_label() {
        for (maker, is_kept, left) in [(Some("team/db"), true, false), (None, true, true), (None, false, false)] {
            let why = unlabelled(&object(maker, "c"), is_kept);
            assert_eq!(why.is_some(), left, "{maker:?} {is_kept}");
        }
    }

    #[test]
    fn an_object_is_deleted_by_the_run_that_it_names_and_by_no_other_whatever_a_status_says() {
        for (maker, cluster, etag, version, left) in [
            (Some("team/db"), "c", "e", None, None),
            (Some("team/db"), "c", "old", Some("v"), None),
            // Of an operator that named nobody.
            (None, "c", "e", None, None),
            (Some("team/db"), "c", "other", None, Some("its ETag is e")),
            (Some("team/db"), "another", "e", None, Some("another cluster")),
            (Some("victim/db"), "c", "e", None, Some("by run victim/db")),
            (Some("victim/db"), "c", "forged", Some("v"), Some("by run victim/db")),
            (Some("team/db"), "c", "e", Some("null"), None),
            (None, "c", "forged", Some("null"), Some("its ETag is e")),
        ] {
            let why = left_alone(&object(maker, cluster), etag, version, "c", "team/db");
            assert_eq!(why.is_some(), left.is_some(), "{maker:?} {cluster} {etag} {version:?}");
            assert!(why.unwrap_or_default().contains(left.unwrap_or_default()));
        }
    }
}
