//! What a rewrap leaves to be done in the store: the record of the backup as it is now, and what was before.
use std::collections::BTreeMap;

use api::BackupRun;
use api::names::{Action, attempt};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use planner::run::leaving::{Fate, fate};
use planner::run::life;
use planner::run::moved::Moved;
use planner::run::{Event, Reason, Recorded};
use store::{Held, Removed, StoreError};

use super::steps::{StepError, kept_by_store, left_alone, left_locked, open, open_of, unlabelled};
use crate::context::Context;
use crate::events;
use crate::log::about_run;
use crate::records::{self, Facts, Way};
use crate::run::{leaving, left_behind};
use crate::stores::OpenStore;
use crate::transfer::uploads;

/// An object that is to go.
pub(super) struct Old<'a> {
    pub(super) storage: Option<&'a str>,
    pub(super) key: &'a str,
    /// None: it says itself whose it is.
    pub(super) etag: Option<&'a str>,
    pub(super) version_id: Option<&'a str>,
    pub(super) upload_id: Option<&'a str>,
    /// Where it was stored, if its storage names another place now.
    pub(super) moved: Option<&'a Moved>,
    /// One that is not there then is looked for again.
    pub(super) looked_for: bool,
}

impl Old<'_> {
    /// Whatever a status says: what the run has now is not removed as what it had before.
    fn is_current(&self, run: &BackupRun) -> bool {
        let Some(status) = run.status.as_ref() else {
            return false;
        };
        let is = |key: Option<&str>, etag: Option<&str>, version: Option<&str>| {
            key == Some(self.key)
                && match self.version_id {
                    Some(_) => version == self.version_id,
                    None => etag == self.etag || self.etag.is_none(),
                }
        };
        match self.storage {
            None => is(
                status.key.as_deref(),
                status.etag.as_deref(),
                status.version_id.as_deref(),
            ),
            Some(name) => status
                .copies
                .iter()
                .filter(|c| c.storage == name)
                .any(|c| is(Some(&c.key), c.etag.as_deref(), c.version_id.as_deref())),
        }
    }
}

/// Removes an object that a rewrap has replaced, only while it is the one that this run wrote. A version goes for good.
pub(super) async fn remove(run: &BackupRun, context: &Context, old: &Old<'_>) -> Result<(), StepError> {
    if old.is_current(run) {
        return Ok(());
    }
    let store = match old.storage {
        None => open(run, context).await?,
        Some(name) => open_of(name, context).await?,
    };
    if let Some(moved) = old.moved {
        // Another endpoint may be another name of the same store: there it is looked for, and before anything else is written there.
        let looked = store.store.look(old.key, old.version_id).await;
        let object = looked.map_err(|e| StepError::Store("look at the object of before", e))?;
        if object.is_none() && old.looked_for {
            return Err(StepError::Elsewhere {
                key: old.key.into(),
                moved: moved.clone(),
            });
        }
        if object.is_none() {
            let event = left(run, old, &format!("it {}, and is not there now", moved.words()));
            left_behind::tell(run, context, event.clone()).await?;
            events::publish(&context.client, run.object_ref(&()), &event).await;
            return Ok(());
        }
    }
    if let Some(upload) = old.upload_id {
        let dropped = store.store.drop_upload(old.key, upload).await;
        dropped.map_err(|e| StepError::Store("drop the upload of a rewrap", e))?;
    }
    // A run whose schedule or namespace goes leaves its backup, whatever its retainPolicy is: what is left has to be whole without the run.
    let deleted = run.metadata.deletion_timestamp.is_some();
    let goes = deleted && fate(run, &leaving::around(run, &context.client).await?) == Fate::Removed;
    if deleted && !goes && !is_made_anew(run, old.storage) {
        let why = "the backup stays without its run, and no copy of it was made anew there";
        kept(run, context, old.key, why).await;
        return Ok(());
    }
    let mut held = None;
    if old.storage.is_none() && old.etag.is_some() && !goes {
        // Before the object that the record of before describes is gone.
        held = rewrite_record(run, context).await?;
    } else if old.storage.is_some() && is_made_anew(run, old.storage) && old.version_id.is_some() && !goes {
        held = records::remove_older(&store, &as_copied(run, old))
            .await
            .map_err(OF_BEFORE)?;
    }
    remove_object(run, context, old, &store, goes).await?;
    let Some((key, held)) = held else { return Ok(()) };
    // The object is gone, and what described it is for whom it was for: it is waited for as the object would be.
    if leaving::around(run, &context.client).await?.namespace_goes {
        left_behind::tell(run, context, left_locked(run, &key, &held)).await?;
        return Ok(());
    }
    Err(kept_by_store(&key, held, Timestamp::now()))
}

const OF_BEFORE: fn(StoreError) -> StepError = |e| StepError::Store("remove the record of before", e);

/// The run as it is looked at in a further storage, where its record lies in the place that its name has, and whose bucket may keep versions
/// where the run's own keeps none.
fn as_copied(run: &BackupRun, old: &Old<'_>) -> BackupRun {
    let mut there = run.clone();
    if let Some(status) = &mut there.status {
        (status.record, status.version_id) = (None, old.version_id.map(ToString::to_string));
    }
    there
}

/// That an object of before a rewrap is left for good.
fn left(run: &BackupRun, old: &Old<'_>, why: &str) -> Event {
    Event {
        warning: true,
        reason: Reason::LeftBehind.word(),
        action: "Rewrap",
        note: format!(
            "run {}/{} left object {} of before a rewrap behind in storage {}: {why}. Remove it by hand",
            run.namespace().unwrap_or_default(),
            run.name_any(),
            old.key,
            old.storage.unwrap_or(&run.spec.storage.name)
        ),
    }
}

async fn remove_object(
    run: &BackupRun,
    context: &Context,
    old: &Old<'_>,
    store: &OpenStore,
    goes: bool,
) -> Result<(), StepError> {
    let looked = store.store.look(old.key, old.version_id).await;
    let Some(object) = looked.map_err(|e| StepError::Store("look at the object of before", e))? else {
        return Ok(());
    };
    if old.storage.is_none() && !goes && !is_spare(run, store).await? {
        // Crash window: it was finished, and its operator died before the status named it. Or it is what was before, and waited for its readers.
        // What the status names has gone meanwhile, by whatever hand: then this is the backup.
        let why = "what the status names is not there any more, so that this may be the backup";
        return stays(run, context, old.key, why).await;
    }
    if let Some(theirs) = uploads::elsewheres(&object, context.cluster()) {
        let why = format!(
            "it was written by the operator of another cluster (the UID of its kube-system is {theirs}), whose backup it may be; remove it by hand where it is not"
        );
        return stays(run, context, old.key, &why).await;
    }
    let name = format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any());
    let etag = old.etag.unwrap_or(&object.etag);
    let left = left_alone(&object, etag, old.version_id, context.cluster(), &name);
    // The run's own may be of the Go operator, which named nobody.
    let left = left.or_else(|| old.storage.and_then(|_| unlabelled(&object, store.metadata)));
    let ours = old.etag.is_some() || says_so(&object.metadata, run.metadata.uid.as_ref(), life::earlier(run), &name);
    if left.is_some() || !ours {
        let why = left.unwrap_or_else(|| "it does not say that this run wrote it".into());
        kept(run, context, old.key, &why).await;
        return Ok(());
    }
    let now = Timestamp::now();
    if object.held.holds(now) {
        // In a namespace that goes, nothing waits for months.
        if leaving::around(run, &context.client).await?.namespace_goes {
            left_behind::tell(run, context, left_locked(run, old.key, &object.held)).await?;
            return Ok(());
        }
        return Err(kept_by_store(old.key, object.held, now));
    }
    if !is_made_anew(run, old.storage) {
        // Nobody writes over it: what is sealed in it is for others.
        let removed = records::remove_of_copy(store, run, object.version_id.clone()).await;
        if let Removed::Held(held) = removed.map_err(|e| StepError::Store("delete the copy's record", e))? {
            return Err(kept_by_store(old.key, held, now));
        }
    }
    // Of what was never noted the version is the one that was just looked at.
    let version = old
        .version_id
        .or(object.version_id.as_deref().filter(|_| old.etag.is_none()));
    // Another run may have stored its backup under this key since the first look. What was written over is gone as it is.
    let removed = uploads::remove_seen(&store.store, old.key, &object, version).await;
    match removed.map_err(|e| StepError::Store("delete the object of before", e))? {
        Some(Removed::Gone) | None => Ok(()),
        Some(Removed::Held(held)) => Err(kept_by_store(old.key, held, now)),
    }
}

/// There is a copy of the new object in that storage, whose record took the place of this one's. The run's own is written anew beforehand.
fn is_made_anew(run: &BackupRun, storage: Option<&str>) -> bool {
    let mut copies = run.status.iter().flat_map(|s| &s.copies);
    storage.is_none_or(|name| copies.any(|c| c.storage == name && c.completion_time.is_some()))
}

/// Whether the object that the status names is there: then one that nobody has named is one too many.
async fn is_spare(run: &BackupRun, store: &OpenStore) -> Result<bool, StepError> {
    let Some(status) = &run.status else { return Ok(false) };
    let (Some(key), Some(etag)) = (&status.key, &status.etag) else {
        return Ok(false);
    };
    let looked = store.store.look(key, status.version_id.as_deref()).await;
    let object = looked.map_err(|e| StepError::Store("look at the object", e))?;
    Ok(object.is_some_and(|object| status.version_id.is_some() || object.etag == *etag))
}

/// That something is not removed for a reason that may pass, by whatever hand: the status names it for as long. A run that goes says it once.
async fn stays(run: &BackupRun, context: &Context, key: &str, why: &str) -> Result<(), StepError> {
    if run.metadata.deletion_timestamp.is_none() {
        return Err(StepError::Stays {
            key: key.into(),
            why: why.into(),
        });
    }
    kept(run, context, key, why).await;
    Ok(())
}

/// That something was left, and why.
async fn kept(run: &BackupRun, context: &Context, key: &str, why: &str) {
    let event = Event {
        warning: true,
        reason: Reason::ObjectKept.word(),
        action: "Rewrap",
        note: format!("object {key} of a rewrap was left: {why}"),
    };
    events::publish(&context.client, run.object_ref(&()), &event).await;
}

/// Whether an object that was never noted is this run's, as it says itself. The UID of a run's earlier life is an annotation, which a tenant may
/// have written: by that one it is this run's only where it names it, too.
fn says_so(metadata: &BTreeMap<String, String>, uid: Option<&String>, earlier: Option<&String>, name: &str) -> bool {
    let of = |key| metadata.get(key);
    let maker = of(uploads::RUN);
    let before = maker == earlier && of(uploads::NAME).is_some_and(|named| named == name);
    maker.is_some() && (maker == uid || before)
}

/// Writes the record of the backup as its status has it now, over the one of before, whose sealed part was for others. Of a bucket with versions
/// the older ones go after that; the one that the store keeps is returned.
///
/// Crash window: between the status and this the record describes the old object, which is still there, or agrees with nothing.
async fn rewrite_record(run: &BackupRun, context: &Context) -> Result<Option<(String, Held)>, StepError> {
    let Some(status) = run
        .status
        .as_ref()
        .filter(|s| s.record.is_some() && !s.rewraps.is_empty())
    else {
        return Ok(None);
    };
    let (Some(key), Some(etag)) = (&status.key, &status.etag) else {
        return Ok(None);
    };
    let store = open(run, context).await?;
    let looked = store.store.look(key, status.version_id.as_deref()).await;
    let object = looked.map_err(|e| StepError::Store("look at the object", e))?;
    let made = object.and_then(|object| object.metadata.get(uploads::ATTEMPT).cloned());
    let made = made.unwrap_or_else(|| attempt(Action::Backup, 1));
    let facts = Facts {
        attempt: &made,
        cluster: context.cluster(),
        key,
        etag,
        version_id: status.version_id.as_deref(),
        bytes: status.bytes,
        stored_bytes: status.size_in_bytes.unwrap_or(0),
        sha256: status.sha256.as_deref(),
    };
    // What lies there is that run's, and none of this one's is left to be written anew; its versions go all the same.
    if let Ok(Way::Taken(words)) = records::way(&store, run, &facts).await {
        about_run!(warn, run, words, "the record of a backup is not written anew");
        return records::remove_older(&store, run).await.map_err(OF_BEFORE);
    }
    let opened = store.clone();
    let renewed = || async { opened.clone() };
    if let Recorded::Failed(words) = records::renew(&store, renewed, run, &facts).await {
        let why = format!("the record of the backup is not written anew: {words}");
        return Err(StepError::Open(why));
    }
    records::remove_older(&store, run).await.map_err(OF_BEFORE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_was_never_noted_is_this_runs_by_its_uid_or_by_an_earlier_uid_and_its_name() {
        let object = |run: &str, name: Option<&str>| -> BTreeMap<String, String> {
            let all = [(uploads::RUN, Some(run)), (uploads::NAME, name)];
            let all = all
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
            all.collect()
        };
        let (uid, earlier) = ("now".to_owned(), "before".to_owned());
        for (run, name, ours) in [
            ("now", None, true),
            ("before", Some("team/db"), true),
            // Whoever writes the annotation knows another's UID.
            ("before", None, false),
            ("before", Some("other/db"), false),
            ("else", Some("team/db"), false),
        ] {
            let said = says_so(&object(run, name), Some(&uid), Some(&earlier), "team/db");
            assert_eq!(said, ours, "{run} {name:?}");
        }
        assert!(!says_so(&BTreeMap::new(), None, None, "team/db"));
    }
}
