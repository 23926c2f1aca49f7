//! `spec.catalog.sync`: runs are made of the records that a bucket has, so that backups of a cluster that is gone can be restored here.
//!
//! Only records of other clusters: what was deleted here was meant to go. Such a run executes nothing: it says that it has lived, and its
//! object is looked at before the run is called good.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::place::{Place, below};
use api::storage::NamespaceIsolation;
use api::{BackupRun, BackupRunSpec, BackupStorage, labels};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use pipeline::Identities;
use planner::run::Event;
use planner::storage::{Reason, access};
use record::revive::{self, Revival};
use record::{Needs, Record};
use store::Listed;

use super::read;
use crate::cache::name_of;
use crate::context::Context;
use crate::events;
use crate::stores::OpenStore;
use crate::transfer::job;
use crate::write::{WriteError, bounded};

/// Between two looks at a bucket.
const EVERY: Duration = Duration::from_secs(600);
/// How long one may take.
const LONGEST: Duration = Duration::from_secs(1800);
/// How many runs are made in one look: the rest follow in the next.
const MOST: usize = 2000;
/// A storage that this many runs name gets no more by itself: each is held by the API server, and a bucket may have any number of records.
const ALL: u32 = 10_000;
/// How many records of a bucket are remembered that become no run.
const REMEMBERED: usize = 100_000;
/// How many reasons are told of records that became no run.
const TOLD: usize = 3;

/// When each storage's bucket was looked through last, by its UID.
#[derive(Default)]
pub struct Syncs(Mutex<HashMap<String, State>>);

#[derive(Clone)]
struct State {
    ended: Option<Instant>,
    generation: Option<i64>,
    said: String,
    passed: Passed,
}

/// Keys of records that become no run here, with the ETag that each had: they are not read again until they are written again.
type Passed = HashMap<String, String>;

impl Syncs {
    /// Takes a look in; false where one is under way or was not long ago for the same spec.
    fn begin(&self, uid: &str, generation: Option<i64>, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(uid);
        let due = before.is_none_or(|state| match state.ended {
            None => false,
            Some(ended) => state.generation != generation || now.saturating_duration_since(ended) >= EVERY,
        });
        if due {
            // Another spec may mean another bucket.
            let same = before.filter(|state| state.generation == generation);
            let state = State {
                ended: None,
                generation,
                said: before.map(|state| state.said.clone()).unwrap_or_default(),
                passed: same.map(|state| state.passed.clone()).unwrap_or_default(),
            };
            all.insert(uid.into(), state);
        }
        due
    }

    /// What is not to be read again.
    fn passed(&self, uid: &str) -> Passed {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(uid).map(|state| state.passed.clone()).unwrap_or_default()
    }

    /// It is not to be read again.
    fn pass(&self, uid: &str, key: String, etag: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = all.get_mut(uid).filter(|state| state.passed.len() < REMEMBERED) {
            state.passed.insert(key, etag);
        }
    }

    /// It has ended; true where what is to be said of it was not said before.
    fn end(&self, uid: &str, words: &str, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = all.get_mut(uid) else { return false };
        state.ended = Some(now);
        let new = state.said != words;
        state.said = words.into();
        new
    }

    /// The storage is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// What came of a look.
#[derive(Debug, Default)]
struct Outcome {
    made: usize,
    /// Records that became no run, and why, the first few.
    left: usize,
    why: Vec<String>,
    /// There are more than one look makes runs of.
    more: bool,
    /// There are more than a storage gets by itself.
    full: bool,
}

/// What became of a record.
enum Fate {
    Made,
    /// None is made, whatever comes: it is this cluster's own, or its object is not the one that it describes.
    Passed,
    /// One of its name is there.
    There,
}

impl Outcome {
    fn leave(&mut self, place: &Place, why: String) {
        self.left += 1;
        if self.why.len() < TOLD {
            self.why.push(format!("{}/{}: {why}", place.namespace, place.run));
        }
    }

    fn words(&self) -> String {
        let mut words = format!("made {} runs of the bucket's records", self.made);
        if self.full {
            words.push_str(&format!(
                "; no more are made of them by itself, since {ALL} runs name this storage: kubectl backup import makes those that are wanted"
            ));
        }
        if self.more {
            words.push_str("; the next look makes more");
        }
        if self.left > 0 {
            words.push_str(&format!("; left out {}: {}", self.left, self.why.join("; ")));
        }
        words
    }
}

/// Begins a look through a storage's bucket, where that is wanted and due.
pub fn begin(storage: &Arc<BackupStorage>, context: &Arc<Context>) {
    let uid = storage.uid().unwrap_or_default();
    let wanted = storage.spec.syncs() && planner::storage::is_readable(storage);
    if !wanted || !context.syncs.begin(&uid, storage.metadata.generation, Instant::now()) {
        return;
    }
    let (storage, context) = (storage.clone(), context.clone());
    crate::runtime::spawn(async move {
        let (warning, words) = match tokio::time::timeout(LONGEST, look(&storage, &context)).await {
            Ok(Ok(outcome)) => (outcome.left > 0, outcome.words()),
            Ok(Err(error)) => (true, error),
            Err(_) => (
                true,
                format!("the bucket was not looked through within {} s", LONGEST.as_secs()),
            ),
        };
        let nothing = words == Outcome::default().words();
        if context.syncs.end(&uid, &words, Instant::now()) && !nothing {
            let event = Event {
                warning,
                reason: Reason::CatalogSynced.word(),
                action: "Sync",
                note: words,
            };
            events::publish(&context.client, storage.object_ref(&()), &event).await;
        }
    });
}

async fn look(storage: &BackupStorage, context: &Context) -> Result<Outcome, String> {
    let store = context.stores.open(storage).await.map_err(|e| e.text())?;
    let text = |e: store::StoreError| crate::events::causes(&e);
    let mut folders = vec![store.parameters.key("")];
    if store.isolation == NamespaceIsolation::Prefix {
        folders = store.store.folders(&store.parameters.key("")).await.map_err(text)?;
    }
    let mut outcome = Outcome::default();
    let mut namespaces = BTreeMap::new();
    let uid = storage.uid().unwrap_or_default();
    let passed = context.syncs.passed(&uid);
    let runs = storage.status.as_ref().and_then(|s| s.runs).unwrap_or(0);
    let room = usize::try_from(ALL.saturating_sub(runs)).unwrap_or(0);
    for folder in folders {
        let mut next = None;
        loop {
            let page = store.store.page(&below(&folder), next.as_deref()).await.map_err(text)?;
            for object in page.objects {
                if outcome.made >= MOST.min(room) {
                    outcome.full = room <= MOST;
                    outcome.more = !outcome.full;
                    return Ok(outcome);
                }
                if passed.get(&object.key) == Some(&object.etag) {
                    continue;
                }
                let Some((prefix, place)) = Place::of(&object.key) else {
                    continue;
                };
                // Where namespaces are kept apart, a record in another one's folder is nobody's.
                if prefix != folder || store.folder(&place.namespace) != folder {
                    continue;
                }
                if !is_open(&place.namespace, storage, context, &mut namespaces).await? {
                    continue;
                }
                if is_there(&place, context) {
                    // Not remembered: whoever deletes the run gets it made anew.
                    if let Ok(Some(words)) | Err(words) = look_again(&object, &place, &store, context).await {
                        outcome.leave(&place, words);
                    }
                    continue;
                }
                match make(&object.key, &place, &store, storage, context).await {
                    Ok(Fate::Made) => outcome.made += 1,
                    Ok(Fate::There) => {}
                    Ok(Fate::Passed) => context.syncs.pass(&uid, object.key, object.etag),
                    Err(why) => outcome.leave(&place, why),
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
    }
    Ok(outcome)
}

/// The namespace exists, is one of ours, and may use the storage.
async fn is_open(
    namespace: &str,
    storage: &BackupStorage,
    context: &Context,
    known: &mut BTreeMap<String, bool>,
) -> Result<bool, String> {
    if let Some(known) = known.get(namespace) {
        return Ok(*known);
    }
    let api: Api<Namespace> = Api::all(context.client.clone());
    let found = bounded("read the namespace", api.get_metadata_opt(namespace)).await;
    let found = found.map_err(|e| crate::events::causes(&e))?;
    let open = found.is_some_and(|found| {
        let labels = found.metadata.labels.unwrap_or_default();
        found.metadata.deletion_timestamp.is_none()
            && access::allows(&storage.spec, &storage.name_any(), namespace, &labels).is_ok()
    });
    known.insert(namespace.into(), open);
    Ok(open)
}

fn is_there(place: &Place, context: &Context) -> bool {
    let name = ObjectRef::<BackupRun>::new(&place.run).within(&place.namespace);
    // Not unpacked: a bucket has many.
    context.runs.packed(&name_of(&name)).is_some()
}

/// Where a run that was made of this record does not know its backup's place: the cluster that made it has encrypted it anew since, and written the
/// record anew for that. What is to be said of it.
async fn look_again(
    object: &Listed,
    place: &Place,
    store: &OpenStore,
    context: &Context,
) -> Result<Option<String>, String> {
    let run = context.runs.get(&ObjectRef::new(&place.run).within(&place.namespace));
    let made_of_it = |run: &BackupRun| {
        let made = run.creation_timestamp().map(|at| at.0);
        let is_newer = object.modified.zip(made).is_none_or(|(written, made)| written > made);
        is_newer && run.annotations().get(labels::RECORD) == Some(&object.key)
    };
    let Some(run) = run.filter(|run| made_of_it(run)) else {
        return Ok(None);
    };
    let record = read(store, &object.key, None).await;
    let record = record.map_err(|e| crate::events::causes(&e))?;
    Ok(moved(&run, &record, context.cluster()))
}

/// A record that was written anew, beside what the run that was made of it knows.
fn moved(run: &BackupRun, record: &Record, cluster: &str) -> Option<String> {
    let of_it = run.annotations().get(labels::STARTED_AS) == Some(&record.uid);
    let known = run.status.as_ref()?.key.as_ref()?;
    if record.cluster == cluster || !of_it || *known == record.key {
        return None;
    }
    let (namespace, name) = (run.namespace().unwrap_or_default(), run.name_any());
    Some(format!(
        "the cluster that made the backup has encrypted it anew, as {}, and removes {known}, which the run here names: delete that run (kubectl -n {namespace} delete backuprun {name}; \
         no object goes with it), and it is made anew of its record",
        record.key
    ))
}

/// Makes the run, where its object is the one that the record describes: one that a life-cycle rule removed would be a run that failed.
async fn make(
    key: &str,
    place: &Place,
    store: &OpenStore,
    storage: &BackupStorage,
    context: &Context,
) -> Result<Fate, String> {
    let record = read(store, key, None).await;
    let record = record.map_err(|e| crate::events::causes(&e))?;
    if record.place() != *place {
        return Err("the record speaks of another run than its key".into());
    }
    if record.cluster == context.cluster() {
        return Ok(Fate::Passed);
    }
    if !record.key.starts_with(&store.folder(&place.namespace)) {
        return Err("its object lies outside what the storage may read".into());
    }
    let found = store.store.look(&record.key, record.version_id.as_deref()).await;
    let found = found.map_err(|e| crate::events::causes(&e))?;
    if found.is_none_or(|object| object.size != record.stored_bytes || object.etag != record.etag) {
        return Ok(Fate::Passed);
    }
    let spec = open(&record, place, context).await?;
    let run = revive::run(
        &Revival {
            record: &record,
            key,
            namespace: &place.namespace,
            storage: &storage.name_any(),
        },
        spec,
    );
    let runs: Api<BackupRun> = Api::namespaced(context.client.clone(), &place.namespace);
    match bounded("create the run", runs.create(&PostParams::default(), &run)).await {
        Ok(_) => Ok(Fate::Made),
        Err(WriteError::Stale) => Ok(Fate::There),
        Err(error) => Err(crate::events::causes(&error)),
    }
}

/// The run's spec: of an encrypted backup by the Secret that its restores need, too.
async fn open(record: &Record, place: &Place, context: &Context) -> Result<BackupRunSpec, String> {
    let text = |e: record::SealError| crate::events::causes(&e);
    let Needs::Sealed(_) = &record.needs else {
        return record.open(None).map_err(text);
    };
    let key = record.encryption.as_ref().and_then(|e| e.decryption_key.as_ref());
    let key =
        key.ok_or("its template is encrypted, and it names no Secret with the key: kubectl backup import --identity")?;
    let secret = job::identity(&context.client, &place.namespace, key)
        .await
        .map_err(|e| e.message)?;
    let identities = Identities::parse(secret.reveal()).map_err(|e| e.to_string())?;
    record.open(Some(identities)).map_err(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_run_whose_backup_was_encrypted_anew_where_it_was_made_is_told_of_until_it_is_made_anew() {
        let record: Record = Record::read(
            br#"{"record":1,"writtenBy":"backup-operator 0.1.0","cluster":"theirs","namespace":"team","run":"db","uid":"u","attempt":"backup-1","storage":"minio","path":"/db.rewrap-1.sql","key":"db.rewrap-1.sql","etag":"\"e\"","storedBytes":10,"completionTime":"2026-11-28T01:00:09Z","spec":{"backup":{"command":["dump"]},"storage":{"name":"minio","path":"/db.sql"},"template":{"spec":{"containers":[{"name":"main"}]}}}}"#,
        )
        .unwrap();
        let run = |started_as: &str, key: Option<&str>| {
            let mut run = testing::backup_run();
            run.annotations_mut()
                .insert(labels::STARTED_AS.into(), started_as.into());
            run.status = serde_json::from_value(serde_json::json!({"key": key})).unwrap();
            run
        };
        for (run, cluster, told) in [
            (run("u", Some("db.sql")), "ours", true),
            (run("u", Some("db.rewrap-1.sql")), "ours", false),
            (run("another", Some("db.sql")), "ours", false),
            (run("u", None), "ours", false),
            (run("u", Some("db.sql")), "theirs", false),
        ] {
            assert_eq!(
                moved(&run, &record, cluster).is_some(),
                told,
                "{cluster} {:?}",
                run.status
            );
        }
    }

    #[test]
    fn a_bucket_is_looked_through_at_times_and_at_once_when_its_storage_was_changed() {
        let (syncs, start) = (Syncs::default(), Instant::now());
        assert!(syncs.begin("s", Some(1), start));
        assert!(!syncs.begin("s", Some(1), start + EVERY), "one is under way");
        assert!(syncs.end("s", "made 1", start), "said once");
        assert!(!syncs.begin("s", Some(1), start + EVERY / 2));
        assert!(syncs.begin("s", Some(2), start + EVERY / 2));
        assert!(!syncs.end("s", "made 1", start));
        syncs.pass("s", "k".into(), "e".into());
        assert!(syncs.begin("s", Some(2), start + EVERY));
        assert_eq!(
            syncs.passed("s").get("k").map(String::as_str),
            Some("e"),
            "not read again"
        );
        assert!(!syncs.end("s", "made 1", start + EVERY));
        assert!(syncs.begin("s", Some(3), start + EVERY));
        assert!(syncs.passed("s").is_empty(), "another spec may mean another bucket");
        syncs.forget("s");
        assert!(!syncs.end("s", "x", start), "nothing of a storage that is gone");
    }

    #[test]
    fn what_became_no_run_is_told_with_its_reason_and_not_all_of_it() {
        let mut outcome = Outcome {
            made: 2,
            ..Outcome::default()
        };
        let runs: BTreeSet<_> = (0..5).map(|n| format!("db-{n}")).collect();
        for run in runs {
            let place = Place {
                namespace: "team".into(),
                schedule: None,
                run,
            };
            outcome.leave(&place, "no key".into());
        }
        let words = outcome.words();
        assert!(
            words.starts_with("made 2 runs") && words.contains("left out 5: team/db-0: no key"),
            "{words}"
        );
        assert!(!words.contains("db-3"));
    }
}
