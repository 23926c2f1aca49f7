//! The upload of a backup: created late, recorded before its first URL, every URL bound to one body.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::BackupRun;
pub use api::metadata::{ATTEMPT, CLUSTER, NAME, RUN, SCHEDULE};
use api::run::Lock;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use planner::run::{StoredObject, TransferOrder, taken};
use protocol::{Secret, ToAgent, UrlRequest};
use store::{Held, ObjectInfo, Removed, Signed, Store, StoreError, Upload, Wanted};

use crate::ages::Ages;
use crate::log::about_run;
use crate::stores::OpenStore;

/// How long a URL is good: enough for the largest part on a slow line, short enough to be worthless in a log.
const EXPIRES: Duration = Duration::from_secs(15 * 60);
/// What the object says of its maker.
pub fn metadata(run: &BackupRun, order: &TransferOrder) -> BTreeMap<String, String> {
    label(run, &order.attempt, &order.cluster)
}

/// The same, of an attempt by its name.
pub fn label(run: &BackupRun, attempt: &str, cluster: &str) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::from([
        (RUN.to_string(), run.uid().unwrap_or_default()),
        (ATTEMPT.to_string(), attempt.to_owned()),
        (
            NAME.to_string(),
            format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any()),
        ),
    ]);
    metadata.extend(taken::schedule_of(run).map(|schedule| (SCHEDULE.to_string(), schedule)));
    if !cluster.is_empty() {
        metadata.insert(CLUSTER.into(), cluster.to_owned());
    }
    metadata
}

/// What the store tells of an object, as far as a decision needs it.
pub fn stored(key: &str, object: &ObjectInfo, now: Timestamp) -> StoredObject {
    let said = |name: &str| object.metadata.get(name).cloned();
    StoredObject {
        key: key.into(),
        size: object.size,
        etag: object.etag.clone(),
        version_id: object.version_id.clone(),
        lock: lock_of(&object.held),
        sha256: object.checksum_sha256.as_deref().and_then(store::hex_of_sha256),
        stored_at: object.age.and_then(|age| now.checked_sub(age).ok()),
        run: said(NAME),
        run_uid: said(RUN),
        attempt: said(ATTEMPT),
        schedule: said(SCHEDULE),
        cluster: said(CLUSTER),
        ..StoredObject::default()
    }
}

/// What keeps an object from being removed, as a status has it.
pub fn lock_of(held: &Held) -> Option<Lock> {
    let lock = Lock {
        mode: held.mode.clone(),
        until: held.until.map(Time),
        legal_hold: held.legal,
    };
    Some(lock).filter(|lock| *lock != Lock::default())
}

/// The other cluster that wrote an object: it is that one's, whatever a copy of its runs says here.
pub fn elsewheres<'o>(object: &'o ObjectInfo, cluster: &str) -> Option<&'o str> {
    let theirs = object.metadata.get(CLUSTER)?;
    (theirs != cluster && !cluster.is_empty()).then_some(theirs)
}

/// The object's metadata name this attempt of this run.
pub fn is_made_by(object: &ObjectInfo, run: &BackupRun, attempt: &str) -> bool {
    let says = |name: &str, want: &str| object.metadata.get(name).is_some_and(|seen| seen == want);
    says(RUN, &run.uid().unwrap_or_default()) && says(ATTEMPT, attempt)
}

/// Removes the object that a failed attempt has made visible, and no other.
pub async fn take_back(
    store: &OpenStore,
    run: &BackupRun,
    key: &str,
    attempt: &str,
    cluster: &str,
) -> Result<(), StoreError> {
    let Some(object) = store.store.look(key, None).await? else {
        return Ok(());
    };
    if !is_made_by(&object, run, attempt) || elsewheres(&object, cluster).is_some() {
        return Ok(());
    }
    about_run!(info, run, attempt, key, "the object of a failed backup is removed");
    store.store.remove(key, object.version_id.as_deref()).await?.gone(key)
}

/// Removes an object that was looked at, and judged, before something else was done. Without a version what lies there by now may be another's: it
/// is looked at once more right before, and left where it is not the same any more, which is `None`. What was looked at is gone then.
///
/// Accepted: what is stored between that look and the removal goes with it. No condition is kept by every store.
pub async fn remove_seen(
    store: &Store,
    key: &str,
    seen: &ObjectInfo,
    version: Option<&str>,
) -> Result<Option<Removed>, StoreError> {
    if version.is_none()
        && let Some(there) = store.look(key, None).await?
        && !is_same(&there, seen)
    {
        return Ok(None);
    }
    store.remove(key, version).await.map(Some)
}

/// One object, and not another one of the same bytes, which may have the same ETag.
fn is_same(one: &ObjectInfo, other: &ObjectInfo) -> bool {
    let says = |name: &str| one.metadata.get(name) == other.metadata.get(name);
    one.etag == other.etag && [RUN, ATTEMPT].into_iter().all(says)
}

/// Creates the multipart upload.
pub async fn create(store: &OpenStore, run: &BackupRun, order: &TransferOrder) -> Result<String, StoreError> {
    store
        .store
        .begin(&order.key, &metadata(run, order), store.checksum)
        .await
}

/// Aborts uploads of the key that nobody knows of. Crash window: an operator created one and died, or the store's answer
/// was lost, before it was recorded. Uploads say nothing of their maker, so only those are touched that were begun while this
/// attempt was under way, and none while one of the `others` is at work on the same key: an upload that was there before, that came
/// after, or of which the store does not say when it was begun, may be another tool's. What is `recorded` is none of them while it is used.
pub async fn abort_strays(
    store: &OpenStore,
    run: &BackupRun,
    key: &str,
    recorded: Option<&str>,
    others: &[Arc<BackupRun>],
    ages: &Ages,
) -> Result<(), StoreError> {
    let status = run.status.as_ref();
    let Some(transfer) = status.and_then(|s| s.transfer.as_ref()) else {
        return Ok(());
    };
    let ended = transfer.failed_at.as_ref();
    let ended = ended.or_else(|| status.and_then(|s| s.completion_time.as_ref()));
    if is_at_work(others, key) {
        return Ok(());
    }
    let listed = store.store.uploads(key).await?;
    let uid = run.uid().unwrap_or_default();
    let age = |t: &Time| ages.one(&uid, t.0, Timestamp::now(), Instant::now());
    let (begun, ended) = (age(&transfer.started_at), ended.map(age));
    let strayed = |u: &&Upload| u.key == key && recorded != Some(&u.id) && is_of_attempt(u, begun, ended);
    for stray in listed.iter().filter(strayed) {
        about_run!(
            info,
            run,
            attempt = transfer.attempt,
            key,
            "an upload that was not recorded is aborted"
        );
        let _ = store.store.drop_upload(key, &stray.id).await?;
    }
    Ok(())
}

/// How long after the end of an attempt an upload may be begun for it: a request of a dead operator under way.
const LATE: Duration = Duration::from_secs(120);

/// How long ago the upload was begun is told by the store's own clock, and since when the attempt is there, or over, by ours: it
/// does not matter that they differ. Seconds are lost on the way; a stray comes after the Pod, which takes longer than that.
fn is_of_attempt(upload: &Upload, begun: Duration, ended: Option<Duration>) -> bool {
    let in_time = |age: Duration| age <= begun && ended.is_none_or(|ended| age.saturating_add(LATE) >= ended);
    // Answered within the second in which it was begun.
    upload
        .age
        .is_some_and(|age| in_time(Duration::try_from(age).unwrap_or_default()))
}

fn is_at_work(runs: &[Arc<BackupRun>], key: &str) -> bool {
    let at_work = |run: &BackupRun| Some(run.status.as_ref()?.transfer.as_ref()?.key.as_deref() == Some(key));
    runs.iter().any(|run| at_work(run) == Some(true))
}

/// Why a URL was not signed.
#[derive(Debug, thiserror::Error)]
pub enum Unsigned {
    /// A part has to have an upload.
    #[error("a part was asked for without an upload")]
    NoUpload,
    /// Who signs for the store did not.
    #[error("the URL cannot be signed: {0}")]
    Store(#[from] StoreError),
}

impl Unsigned {
    /// It may pass while the agent waits.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_pass())
    }
}

/// Signs what the agent asks for. A part has to have an upload; `only_new` is for an object put whole.
pub async fn sign(
    store: &OpenStore,
    run: &BackupRun,
    order: &TransferOrder,
    upload_id: Option<&str>,
    only_new: bool,
    request: UrlRequest,
    now: Timestamp,
) -> Result<ToAgent, Unsigned> {
    let (key, bound) = (order.key.as_str(), store.checksum);
    let label = metadata(run, order);
    let wanted = match (&request, upload_id) {
        (UrlRequest::Part { number, size, checksum }, Some(upload)) => {
            Wanted::part(key, upload, *number, *size, bound, checksum)
        }
        (UrlRequest::Part { .. }, None) => return Err(Unsigned::NoUpload),
        (UrlRequest::Object { size, checksum }, _) => Wanted::whole(key, *size, bound, checksum, &label, only_new),
        (UrlRequest::Get { .. }, _) => Wanted::read(key, version_of(run, order)),
    };
    let signed: Signed = store.store.sign(&wanted, EXPIRES, now).await?;
    Ok(ToAgent::Url {
        request,
        url: Secret::new(signed.url.reveal().to_string()),
        headers: signed.headers.into(),
    })
}

/// The version that a run restores: its own, where it has recorded one. Who reads by a path takes the newest, and so does who reads from another
/// place than the one that the version is of.
pub fn version_of<'r>(run: &'r BackupRun, order: &TransferOrder) -> Option<&'r str> {
    let own = |key: Option<&str>| key == Some(order.key.as_str()) && !order.moved;
    let status = run.status.as_ref().filter(|s| own(s.key.as_deref()))?;
    status.version_id.as_deref()
}

#[cfg(test)]
mod tests {
    use api::run::Transfer;
    use jiff::SignedDuration;

    use super::*;
    use crate::bucket::Bucket;

    #[tokio::test]
    async fn what_another_run_has_stored_since_the_look_is_not_removed() {
        for (by, bytes, removed) in [("u-1", "a", true), ("u-2", "a", false), ("u-1", "b", false)] {
            let bucket = Bucket::default();
            let store = bucket.open().await;
            bucket.put("db.sql", "a", &[(RUN, "u-1")]);
            let seen = store.store.look("db.sql", None).await.unwrap().unwrap();
            bucket.put("db.sql", bytes, &[(RUN, by)]);
            let done = remove_seen(&store.store, "db.sql", &seen, None).await.unwrap();
            assert_eq!(done, removed.then_some(Removed::Gone), "{by} {bytes}");
            assert_eq!(bucket.count("db.sql"), usize::from(!removed), "{by} {bytes}");
        }
        // What is gone is gone.
        let bucket = Bucket::default();
        let store = bucket.open().await;
        bucket.put("db.sql", "a", &[]);
        let seen = store.store.look("db.sql", None).await.unwrap().unwrap();
        bucket.clear("db.sql");
        let done = remove_seen(&store.store, "db.sql", &seen, None).await.unwrap();
        assert_eq!(done, Some(Removed::Gone));
    }

    fn run(key: Option<&str>) -> Arc<BackupRun> {
        let mut run = testing::backup_run();
        run.status = Some(api::BackupRunStatus {
            transfer: key.map(|key| Transfer {
                agent: None,
                attempt: "backup-1".into(),
                started_at: Time(Timestamp::UNIX_EPOCH),
                pod_uid: None,
                command_started_at: None,
                key: Some(key.into()),
                upload_id: None,
                storage: None,
                location: None,
                route: "Direct".into(),
                waited_for: vec![],
                failed_at: None,
                cancelled_at: None,
            }),
            ..api::BackupRunStatus::default()
        });
        Arc::new(run)
    }

    #[test]
    fn an_upload_that_was_there_before_the_attempt_or_came_after_it_is_not_ours_to_abort() {
        let (ago, of) = (SignedDuration::from_secs, Duration::from_secs);
        for (age, ended, ours) in [
            (Some(ago(901)), None, false),
            (Some(ago(900)), None, true),
            (Some(ago(0)), None, true),
            (Some(ago(-1)), None, true),
            (None, None, false),
            (Some(ago(680)), Some(of(800)), true),
            (Some(ago(679)), Some(of(800)), false),
        ] {
            let upload = Upload {
                key: "db.sql".into(),
                id: "u".into(),
                age,
            };
            assert_eq!(is_of_attempt(&upload, of(900), ended), ours, "{age:?} {ended:?}");
        }
    }

    #[test]
    fn a_key_is_shared_while_another_run_is_at_work_on_it() {
        let cases = [
            (run(Some("db.sql")), true),
            (run(Some("db.sql.gz")), false),
            (run(None), false),
        ];
        for (other, shared) in cases {
            assert_eq!(
                is_at_work(std::slice::from_ref(&other), "db.sql"),
                shared,
                "{:?}",
                other.status
            );
        }
    }

    #[test]
    fn an_object_is_told_of_with_its_maker_its_hash_and_the_time_by_the_stores_clock() {
        let metadata = BTreeMap::from([
            (RUN.to_string(), "u-1".to_string()),
            (ATTEMPT.to_string(), "backup-1".to_string()),
            (NAME.to_string(), "team/db".to_string()),
        ]);
        let mut object = ObjectInfo {
            size: 7,
            etag: "\"e\"".into(),
            metadata,
            checksum_sha256: Some("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into()),
            version_id: None,
            age: Some(SignedDuration::from_secs(60)),
            archived: None,
            held: store::Held::default(),
        };
        let now = Timestamp::from_second(1_000).unwrap();
        let seen = stored("a/b", &object, now);
        assert_eq!(
            (seen.run.as_deref(), seen.run_uid.as_deref(), seen.attempt.as_deref()),
            (Some("team/db"), Some("u-1"), Some("backup-1"))
        );
        assert_eq!(seen.stored_at, Timestamp::from_second(940).ok());
        assert_eq!(
            seen.sha256.as_deref(),
            Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        );
        // The composite checksum of a multipart object is not the hash of its bytes.
        object.checksum_sha256 = Some("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-3".into());
        assert_eq!(stored("a/b", &object, now).sha256, None);
    }
}
