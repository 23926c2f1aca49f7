//! Records of good backups: written beside the object once it is proved, read when a run was made of one, removed with the object.
//!
//! A record describes; it never proves. What it says of an object counts only where the object's own metadata, size and ETag agree.
mod sync;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use api::place::Place;
use api::{BackupRun, labels};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::is_finished;
use planner::run::{Recorded, StoredObject};
use record::{Needs, Record, schema};
use store::{Removed, StoreError};

use crate::log::about_run;
use crate::stores::OpenStore;
use crate::transfer::commit::{patiently, within};

pub use sync::{Syncs, begin as sync};

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

/// The place of a run's record.
pub fn place(run: &BackupRun) -> Place {
    Place {
        namespace: run.namespace().unwrap_or_default(),
        schedule: run.labels().get(labels::SCHEDULE).cloned(),
        run: run.name_any(),
    }
}

/// Writes the record of a proved backup, if its storage wants one. `renewed` gives the store with the keys of now.
///
/// Crash window: an operator that dies behind this and before the run's status proves and writes again; the key is the same.
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
    let put = || async { renewed().await.store.write(&key, bytes.clone(), store.checksum).await };
    match patiently(within(PATIENCE.min(store.parameters.retry())), put).await {
        Ok(()) => Recorded::There(key),
        Err(error) => Recorded::Failed(crate::events::causes(&error)),
    }
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
pub async fn read(store: &OpenStore, run: &BackupRun) -> Option<(String, Record)> {
    let namespace = run.namespace().unwrap_or_default();
    let folder = store.folder(&namespace);
    let made_of = run.annotations().get(labels::RECORD).cloned();
    let key = made_of.unwrap_or_else(|| place(run).key(&folder));
    // An annotation is a tenant's word: it leads to records only, and where namespaces are kept apart to those of its own.
    Place::of(&key).filter(|(prefix, _)| *prefix == folder)?;
    match store.store.read(&key, Some((0, schema::LONGEST as u64))).await {
        Ok(bytes) => match Record::read(&bytes) {
            Ok(record) => Some((key, record)),
            Err(error) => {
                about_run!(
                    warn,
                    run,
                    key,
                    error = crate::events::causes(&error),
                    "a record is not believed"
                );
                None
            }
        },
        Err(_) => None,
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
    object.sha256 = record.sha256.clone().or_else(|| object.sha256.take());
    // No backup is of tomorrow: it would be the newest for ever.
    object.stored_at = Some(record.completion_time.min(now));
    object.record = Recorded::There(key);
}

/// Removes a run's record, before its object: a record without an object would speak of what is not there.
/// Where the store keeps it, which it may for some minutes longer than its object: why.
pub async fn remove(store: &OpenStore, run: &BackupRun) -> Result<Removed, StoreError> {
    let folder = store.folder(&run.namespace().unwrap_or_default());
    let own = place(run).key(&folder);
    let noted = run.status.as_ref().and_then(|s| s.record.clone());
    // A label that was changed since moves the place; what the status names is removed only where it is this run's.
    let noted = noted.filter(|key| {
        Place::of(key).is_some_and(|(prefix, at)| {
            prefix == folder && Some(&at.namespace) == run.metadata.namespace.as_ref() && at.run == run.name_any()
        })
    });
    let key = noted.unwrap_or(own);
    let plain = store.store.remove(&key, None).await?;
    if plain != Removed::Gone {
        return Ok(plain);
    }
    if run.status.as_ref().is_some_and(|s| s.version_id.is_some()) {
        // A plain deletion only hides it. Where versions cannot be listed, that is all that can be had.
        let versions = store.store.versions(&key).await.unwrap_or_default();
        for version in versions.iter().filter(|version| version.key == key) {
            let removed = store.store.remove(&key, Some(&version.id)).await?;
            if removed != Removed::Gone {
                return Ok(removed);
            }
        }
    }
    Ok(Removed::Gone)
}

/// Removes the record of a backup whose object was replaced. What fails is left, and said: such a record agrees with no object any more.
pub async fn replaced(store: &OpenStore, run: &BackupRun, old: &Place) {
    if *old == place(run) {
        return;
    }
    let Some(folder) = store.records_of(&old.namespace) else {
        return;
    };
    let key = old.key(&folder);
    if let Err(error) = store.store.remove(&key, None).await {
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

    fn object() -> StoredObject {
        StoredObject {
            key: "db.sql".into(),
            size: 10,
            etag: "\"e\"".into(),
            run: Some("team/db".into()),
            run_uid: Some("uid-1".into()),
            ..StoredObject::default()
        }
    }

    fn facts() -> Facts<'static> {
        Facts {
            attempt: "backup-1",
            cluster: "c",
            key: "db.sql",
            etag: "\"e\"",
            version_id: None,
            bytes: Some(30),
            stored_bytes: 10,
            sha256: Some("abababababababababababababababababababababababababababababababab"),
        }
    }

    fn recorded() -> Record {
        let mut run = testing::backup_run();
        run.status = Some(api::BackupRunStatus {
            path: Some("/db.sql".into()),
            ..api::BackupRunStatus::default()
        });
        run.metadata.labels = Some(BTreeMap::from([
            (labels::SCHEDULE.to_string(), "nightly".to_string()),
            ("app".to_string(), "shop".to_string()),
        ]));
        describe(&run, &facts(), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_record_says_what_a_restore_needs_and_nothing_of_the_operators_own_labels() {
        let record = recorded();
        assert_eq!(record.schedule.as_deref(), Some("nightly"));
        assert_eq!(record.labels, BTreeMap::from([("app".to_string(), "shop".to_string())]));
        assert_eq!(record.open(None).unwrap(), testing::backup_run().spec);
        assert_eq!(Record::read(&record.to_bytes().unwrap()).unwrap(), record);
    }

    #[test]
    fn a_record_is_believed_only_where_the_object_says_the_same() {
        let uid = "uid-1".to_string();
        let now = Timestamp::UNIX_EPOCH;
        let tell = |change: fn(&mut Record)| {
            let (mut object, mut record) = (object(), recorded());
            change(&mut record);
            believe(&mut object, "k".into(), &record, Some(&uid), now);
            object.record == Recorded::There("k".into()) && object.bytes == Some(30) && object.sha256.is_some()
        };
        assert!(tell(|_| {}));
        assert!(!tell(|r| r.etag = "\"f\"".into()));
        assert!(!tell(|r| r.stored_bytes = 11));
        assert!(!tell(|r| r.key = "other/db.sql".into()));
        assert!(!tell(|r| r.uid = "uid-2".into()));
        assert!(!tell(|r| r.namespace = "others".into()));
        let mut theirs = object();
        believe(&mut theirs, "k".into(), &recorded(), Some(&"uid-3".to_string()), now);
        assert_eq!(theirs.record, Recorded::None, "the run never was that one");
        let (mut ours, mut late) = (object(), recorded());
        late.completion_time = "2100-01-01T00:00:00Z".parse().unwrap();
        believe(&mut ours, "k".into(), &late, Some(&uid), now);
        assert_eq!(ours.stored_at, Some(now), "no backup is of tomorrow");
    }
}
