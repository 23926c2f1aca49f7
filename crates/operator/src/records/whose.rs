//! Whose a record is that lies in the place of a run's own. That place has namespace, schedule and name, and no cluster: a run of another cluster
//! at the same bucket, or one that had the name before, may have written there.
use api::BackupRun;
use kube::ResourceExt;
use planner::run::life;
use record::{Record, RecordError};
use store::{StoreError, StoreErrorKind};

use super::{Facts, Unread, place, read};
use crate::stores::OpenStore;

/// Whether a record may be written.
#[derive(Debug, PartialEq, Eq)]
pub enum Way {
    /// It may: what lies there is this run's, or describes what is not there any more.
    Open,
    /// What lies there describes another run's backup, which is still there; in words.
    Taken(String),
    /// What lies there cannot be judged; in words.
    Unknown(String),
}

/// Looks at what lies where the record is to be, and at the object that it describes.
///
/// # Errors
/// The store does not let the one or the other be looked at.
pub async fn way(store: &OpenStore, run: &BackupRun, facts: &Facts<'_>) -> Result<Way, StoreError> {
    let key = place(run).key(&store.folder(&run.namespace().unwrap_or_default()));
    let record = match read(store, &key, None).await {
        Ok(record) => record,
        Err(Unread::Form(error @ RecordError::Version(_))) => {
            return Ok(Way::Unknown(format!(
                "what lies in its place is of another operator: {error}"
            )));
        }
        // What no operator wrote describes nothing.
        Err(Unread::Form(_)) => return Ok(Way::Open),
        Err(Unread::Store(error)) if is_nothing(&error) => return Ok(Way::Open),
        Err(Unread::Store(error)) => return Err(error),
    };
    // Under the same key its object was written over, or is an older version, as this record becomes one.
    if is_own(&record, run) || record.key == facts.key {
        return Ok(Way::Open);
    }
    let described = store.store.look(&record.key, record.version_id.as_deref()).await?;
    if described.is_none_or(|object| object.etag != record.etag) {
        return Ok(Way::Open);
    }
    let cluster = match record.cluster.as_str() {
        "" => "an unknown cluster".to_owned(),
        cluster => format!("cluster {cluster}"),
    };
    Ok(Way::Taken(format!(
        "in its place ({key}) lies the record of another run of that name (UID {} of {cluster}), whose backup {} is still there; give each cluster a prefix of its own in the bucket (spec.parameters.prefix of the storage), or remove that object where nobody wants it any more",
        record.uid, record.key
    )))
}

/// Keys that may not list are told of what is not there that they may not read it.
fn is_nothing(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::AccessDenied)
}

/// A record is this run's by its UID, or by that of its earlier life; or it describes an object that this run has, or had before a rewrap: a life
/// between those two may have written it.
///
/// Annotations and a status are what somebody may have written: by those it is this run's only where it names it, too.
pub fn is_own(record: &Record, run: &BackupRun) -> bool {
    let is_named = record.run == run.name_any() && Some(&record.namespace) == run.metadata.namespace.as_ref();
    let by = |uid: Option<&String>| uid == Some(&record.uid);
    is_named && (by(run.metadata.uid.as_ref()) || by(life::earlier(run)) || describes_its_own(record, run))
}

fn describes_its_own(record: &Record, run: &BackupRun) -> bool {
    let Some(status) = &run.status else { return false };
    let is = |key: Option<&String>, etag: Option<&String>| key == Some(&record.key) && etag == Some(&record.etag);
    is(status.key.as_ref(), status.etag.as_ref())
        || status.copies.iter().any(|copy| is(Some(&copy.key), copy.etag.as_ref()))
        || status.replaced.iter().any(|old| is(Some(&old.key), old.etag.as_ref()))
}

#[cfg(test)]
mod tests {
    use api::labels;

    use super::*;

    fn record(uid: &str, namespace: &str, key: &str) -> Record {
        let json = serde_json::json!({
            "record": 1, "writtenBy": "backup-operator 0.1.0", "cluster": "c", "namespace": namespace, "run": "db", "uid": uid,
            "attempt": "backup-1", "storage": "minio", "path": format!("/{key}"), "key": key, "etag": "\"e\"", "storedBytes": 10,
            "completionTime": "2026-11-28T01:00:09Z", "leftOut": "too long",
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_record_is_a_runs_own_by_its_uid_by_its_earlier_one_or_by_an_object_that_it_has() {
        let mut run = testing::backup_run();
        run.annotations_mut().insert(labels::STARTED_AS.into(), "uid-0".into());
        let status = serde_json::json!({
            "key": "db.sql", "etag": "\"e\"",
            "copies": [{"storage": "far", "key": "far/db.sql", "etag": "\"e\""}],
            "replaced": [{"key": "old.sql", "etag": "\"e\""}, {"key": "unproved.sql"}],
        });
        run.status = Some(serde_json::from_value(status).unwrap());
        for (uid, namespace, key, own) in [
            ("uid-1", "team", "x.sql", true),
            ("uid-0", "team", "x.sql", true),
            ("other", "team", "x.sql", false),
            ("other", "team", "db.sql", true),
            ("other", "team", "far/db.sql", true),
            ("other", "team", "old.sql", true),
            ("other", "team", "unproved.sql", false),
            // Whoever writes the annotation knows another's UID.
            ("uid-0", "others", "x.sql", false),
            ("other", "others", "db.sql", false),
        ] {
            assert_eq!(
                is_own(&record(uid, namespace, key), &run),
                own,
                "{uid} {namespace} {key}"
            );
        }
        let mut another = record("other", "team", "db.sql");
        another.etag = "\"f\"".into();
        assert!(!is_own(&another, &run));
    }
}
