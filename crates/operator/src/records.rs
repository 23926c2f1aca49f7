//! Records of good backups: written beside the object once it is proved, read when a run was made of one, removed with the object.
//!
//! A record describes; it never proves. What it says of an object counts only where the object's own metadata, size and ETag agree.
mod remove;
mod sync;
mod whose;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use api::place::Place;
use api::{BackupRun, labels};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::is_finished;
use planner::run::{Recorded, StoredObject};
use record::{Needs, Record, RecordError, schema};
use store::{StoreError, StoreErrorKind};

use crate::log::about_run;
use crate::stores::OpenStore;
use crate::transfer::commit::{patiently, within};

pub use remove::{remove, remove_of_copy, remove_older, replaced};
pub use sync::{Syncs, begin as sync};
pub use whose::{Way, way};

/// How long a store that fails is asked to take a record: the backup is good and waits for nothing else.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is known of a backup when its record is written.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// `backup-1`.
    pub attempt: &'a str,
    /// The cluster, by UID; empty where it could not be read.
    pub cluster: &'a str,
    /// The object's key.
    pub key: &'a str,
    /// The store's ETag.
    pub etag: &'a str,
    /// The store's version, where its bucket keeps versions.
    pub version_id: Option<&'a str>,
    /// Bytes that the command printed, where somebody told.
    pub bytes: Option<u64>,
    /// Bytes of the object.
    pub stored_bytes: u64,
    /// SHA-256 of the object, where somebody told.
    pub sha256: Option<&'a str>,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The store does not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is none, or none that is believed.
    #[error(transparent)]
    Form(#[from] RecordError),
}

/// Reads a record by its key, or one version of it.
///
/// # Errors
/// The store's, or that it is none.
pub async fn read(store: &OpenStore, key: &str, version: Option<&str>) -> Result<Record, Unread> {
    let whole = Some((0, schema::LONGEST as u64));
    let bytes = store.store.read_version(key, version, whole).await?;
    Ok(Record::read(&bytes)?)
}

/// The place of a run's record.
pub fn place(run: &BackupRun) -> Place {
    Place {
        namespace: run.namespace().unwrap_or_default(),
        schedule: run.labels().get(labels::SCHEDULE).cloned(),
        run: run.name_any(),
    }
}

/// Writes the record of a proved backup, if its storage wants one. `renewed` gives the store with the keys of now. That of another run's backup
/// which is still there is not written over: it is all that would bring that one back.
///
/// Crash window: an operator that dies behind this and before the run's status proves and writes again; the key is the same.
///
/// Accepted: of two runs that write in the same moment the later one replaces what it has not seen. No condition is kept by every store.
pub async fn write<F>(store: &OpenStore, renewed: impl Fn() -> F, run: &BackupRun, facts: &Facts<'_>) -> Recorded
where
    F: Future<Output = OpenStore>,
{
    let Some(folder) = store.records_of(&run.namespace().unwrap_or_default()) else {
        return Recorded::None;
    };
    let key = place(run).key(&folder);
    let bytes = match describe(run, facts, Timestamp::now()).map(|record| record.to_bytes()) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Recorded::Failed(crate::events::causes(&error)),
        Err(error) => return Recorded::Failed(crate::events::causes(&error)),
    };
    let patience = PATIENCE.min(store.parameters.retry());
    let look = || async {
        let now = renewed().await;
        way(&now, run, facts).await
    };
    match patiently(within(patience), look).await {
        Ok(Way::Open) => {}
        Ok(Way::Taken(words) | Way::Unknown(words)) => return Recorded::Failed(words),
        Err(error) => {
            let why = crate::events::causes(&error);
            return Recorded::Failed(format!("what lies in its place cannot be looked at: {why}"));
        }
    }
    let put = || async { renewed().await.store.write(&key, bytes.clone(), store.checksum).await };
    // Room does not come in a minute, and a look that adopts a backup has no more than one.
    let mut passes = within(patience);
    let may_pass = |error: &StoreError| error.kind() != StoreErrorKind::Full && passes(error);
    match patiently(may_pass, put).await {
        Ok(()) => Recorded::There(key),
        Err(error) => Recorded::Failed(crate::events::causes(&error)),
    }
}

/// Puts the record of a backup as it is now over the one of before a rewrap, whose sealed part is for others. What says the same already is left:
/// a store that holds what is written there would have one more at each try, which nobody may remove.
pub async fn renew<F>(store: &OpenStore, renewed: impl Fn() -> F, run: &BackupRun, facts: &Facts<'_>) -> Recorded
where
    F: Future<Output = OpenStore>,
{
    let Some(folder) = store.records_of(&run.namespace().unwrap_or_default()) else {
        return Recorded::None;
    };
    let key = place(run).key(&folder);
    match read_at(store, run, &key).await {
        Ok(Some(record)) if is_same(&record, run, facts) => Recorded::There(key),
        Ok(_) => write(store, renewed, run, facts).await,
        // It may say the same: a further version would be held for as long as a backup.
        Err(error) => Recorded::Failed(format!(
            "what is there cannot be read: {}",
            crate::events::causes(&error)
        )),
    }
}

/// A record describes just that object of the run, for whom it is encrypted now.
fn is_same(record: &Record, run: &BackupRun, facts: &Facts<'_>) -> bool {
    run.metadata.uid.as_ref() == Some(&record.uid)
        && record.attempt == facts.attempt
        && record.key == facts.key
        && record.etag == facts.etag
        && record.version_id.as_deref() == facts.version_id
        && record.stored_bytes == facts.stored_bytes
        && record.sha256.as_deref() == facts.sha256
        && record.encryption == run.spec.encryption
}

/// What the record says.
fn describe(run: &BackupRun, facts: &Facts<'_>, now: Timestamp) -> Result<Record, record::SealError> {
    let status = run.status.as_ref();
    let ended = status
        .filter(|s| is_finished(s))
        .and_then(|s| s.completion_time.as_ref())
        .map(|t| t.0);
    let place = place(run);
    let own = |name: &String| name.starts_with("backup-operator.io/");
    let tick = run.annotations().get(labels::SCHEDULED_AT).and_then(|t| t.parse().ok());
    Ok(Record {
        record: schema::VERSION,
        written_by: concat!("backup-operator ", env!("CARGO_PKG_VERSION")).into(),
        cluster: facts.cluster.into(),
        namespace: place.namespace,
        run: place.run,
        uid: run.uid().unwrap_or_default(),
        attempt: facts.attempt.into(),
        schedule: place.schedule,
        scheduled_at: tick,
        labels: run
            .labels()
            .iter()
            .filter(|(name, _)| !own(name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect::<BTreeMap<_, _>>(),
        storage: run.spec.storage.name.clone(),
        path: status.and_then(|s| s.path.clone()).unwrap_or_default(),
        key: facts.key.into(),
        version_id: facts.version_id.map(Into::into),
        etag: facts.etag.into(),
        bytes: facts.bytes,
        stored_bytes: facts.stored_bytes,
        sha256: facts.sha256.map(Into::into),
        start_time: status.and_then(|s| s.start_time.as_ref()).map(|t| t.0),
        // Of one that has ended, as of a copy that is made later, when it did.
        completion_time: ended.unwrap_or(now),
        compression: run.spec.compression.clone(),
        encryption: run.spec.encryption.clone(),
        needs: Needs::of(&run.spec)?,
    })
}

/// The record that a run was made of, or that its earlier life left: None where there is none, or it cannot be read, which the object alone
/// is enough without.
pub async fn of(store: &OpenStore, run: &BackupRun) -> Option<(String, Record)> {
    let namespace = run.namespace().unwrap_or_default();
    let folder = store.folder(&namespace);
    let made_of = run.annotations().get(labels::RECORD).cloned();
    let key = made_of.unwrap_or_else(|| place(run).key(&folder));
    // An annotation is a tenant's word: it leads to records only, and where namespaces are kept apart to those of its own.
    Place::of(&key).filter(|(prefix, _)| *prefix == folder)?;
    let record = read_at(store, run, &key).await.ok().flatten()?;
    Some((key, record))
}

/// None: there is none, or none that is believed.
async fn read_at(store: &OpenStore, run: &BackupRun, key: &str) -> Result<Option<Record>, StoreError> {
    match read(store, key, None).await {
        Ok(record) => Ok(Some(record)),
        Err(Unread::Form(error)) => {
            about_run!(
                warn,
                run,
                key,
                error = crate::events::causes(&error),
                "a record is not believed"
            );
            Ok(None)
        }
        Err(Unread::Store(error)) if error.kind() == StoreErrorKind::NotFound => Ok(None),
        Err(Unread::Store(error)) => Err(error),
    }
}

/// Takes over what a record says of an object, where the object says so itself.
pub fn believe(object: &mut StoredObject, key: String, record: &Record, run_uid: Option<&String>, now: Timestamp) {
    let maker = format!("{}/{}", record.namespace, record.run);
    let by = object.run.as_ref().is_none_or(|run| *run == maker);
    let lives = object.run_uid.as_ref().is_none_or(|uid| *uid == record.uid) && run_uid == Some(&record.uid);
    let same = (record.key == object.key) && record.stored_bytes == object.size && record.etag == object.etag;
    if !(by && lives && same) {
        return;
    }
    object.bytes = record.bytes;
    object.began = record.start_time;
    let encryption = record.encryption.as_ref();
    object.recipients = encryption.map(|e| e.recipients.clone()).unwrap_or_default();
    object.sha256 = record.sha256.clone().or_else(|| object.sha256.take());
    // No backup is of tomorrow: it would be the newest for ever.
    object.stored_at = Some(record.completion_time.min(now));
    object.record = Recorded::There(key);
}

#[cfg(test)]
mod tests;
