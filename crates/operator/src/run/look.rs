//! Looks at what lies under a run's key, beside reconcile, which never waits for a store.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::BackupRun;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::{Found, Kept, Recorded, StoredObject, life};
use tokio::time::timeout;

use crate::context::Context;
use crate::records::{self, Facts};
use crate::stores::OpenStore;
use crate::transfer::uploads;

/// Until a store has answered, once it is the look's turn.
const ANSWER: Duration = Duration::from_secs(60);

/// The name that the run's own storage has among those that are looked at.
pub const OWN: &str = "";

/// What was found, by the UID of the run that it was looked for.
#[derive(Default)]
pub struct Looks {
    entries: Mutex<HashMap<String, Vec<Entry>>>,
    /// When a look at each copy has ended.
    ended: Mutex<HashMap<String, HashMap<String, Instant>>>,
    /// Why attempts were interrupted whose key is looked at.
    kept: Mutex<HashMap<String, Kept>>,
}

struct Entry {
    /// The further storage, or the run's own.
    storage: String,
    key: String,
    found: Found,
}

/// What is looked at.
pub struct Of {
    /// The further storage that it lies in; none: the run's own.
    pub storage: Option<String>,
    /// Object key.
    pub key: String,
    /// The version that was recorded.
    pub version_id: Option<String>,
}

impl Looks {
    /// What was found for a run in a storage, so far.
    pub fn found(&self, uid: &str, storage: &str) -> Found {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let of = entries.get(uid).into_iter().flatten().find(|e| e.storage == storage);
        of.map(|e| e.found.clone()).unwrap_or_default()
    }

    /// How long ago a look at a copy has ended.
    pub fn ago(&self, uid: &str, storage: &str, now: Instant) -> Option<Duration> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let at = ended.get(uid)?.get(storage)?;
        Some(now.saturating_duration_since(*at))
    }

    /// The run is gone.
    pub fn gone(&self, uid: &str) {
        self.forget(uid);
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Remembers why the attempt of a run was interrupted, until what is found is forgotten.
    pub fn keep(&self, uid: &str, kept: Kept) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(uid.into(), kept);
    }

    /// Why the attempt of a run was interrupted, by its Pod when its key was last looked at.
    pub fn kept(&self, uid: &str) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(uid).cloned()
    }

    /// What was found is not needed any more, nor what it was looked for.
    pub fn forget(&self, uid: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Takes a new look in; false where the same one is under way.
    fn begin(&self, uid: &str, storage: &str, key: &str) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let of = entries.entry(uid.into()).or_default();
        if of.iter().any(|e| e.storage == storage && e.key == key) {
            return false;
        }
        of.retain(|e| e.storage != storage);
        of.push(Entry {
            storage: storage.into(),
            key: key.into(),
            found: Found::Unknown,
        });
        true
    }

    fn end(&self, uid: &str, storage: &str, key: &str, found: Found) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of = entries.get_mut(uid).into_iter().flatten();
        if let Some(entry) = of.find(|e| e.storage == storage && e.key == key) {
            entry.found = found;
            if storage != OWN {
                let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
                let of = ended.entry(uid.into()).or_default();
                of.insert(storage.into(), Instant::now());
            }
        }
    }
}

/// Begins to look, unless that is under way; the run is woken when something was found.
pub fn begin(run: &Arc<BackupRun>, context: &Arc<Context>, of: Of) {
    let uid = run.uid().unwrap_or_default();
    let storage = of.storage.clone().unwrap_or_else(|| OWN.into());
    if !context.looks.begin(&uid, &storage, &of.key) {
        return;
    }
    let (run, context) = (run.clone(), context.clone());
    crate::runtime::spawn(async move {
        let asked = of.storage.as_ref().unwrap_or(&run.spec.storage.name);
        let turn = context.turns.take(asked, &context.storages).await;
        let look = async {
            match &of.storage {
                None if of.version_id.is_none() => look(&run, &context, &of.key).await,
                // It is known which one is looked for, and nothing is adopted: it is there, or it is not.
                _ => look_at_one(asked, &context, &of).await,
            }
        };
        let found = timeout(ANSWER, look).await;
        let found = found.unwrap_or_else(|_| unseen(format!("no answer within {} s", ANSWER.as_secs()), true));
        drop(turn);
        context.looks.end(&uid, &storage, &of.key, found);
        context.registry.wake(ObjectRef::from_obj(run.as_ref()));
    });
}

async fn look_at_one(storage: &str, context: &Context, of: &Of) -> Found {
    let store = match context.stores.open_named(storage, &context.storages).await {
        Ok(store) => store,
        Err(why) => return unseen(why, true),
    };
    match store.store.look(&of.key, of.version_id.as_deref()).await {
        Ok(Some(object)) => Found::Object(Box::new(uploads::stored(&of.key, &object, Timestamp::now()))),
        Ok(None) => Found::Nothing,
        Err(error) => unseen(crate::events::causes(&error), error.may_pass()),
    }
}

async fn look(run: &BackupRun, context: &Context, key: &str) -> Found {
    let store = match context
        .stores
        .open_named(&run.spec.storage.name, &context.storages)
        .await
    {
        Ok(store) => store,
        Err(why) => return unseen(why, true),
    };
    let earlier = life::earlier(run);
    // In its place may lie that of another run: the version that it names is none of this one's.
    let record = match earlier {
        Some(uid) => records::of(&store, run).await.filter(|(_, record)| record.uid == *uid),
        None => None,
    };
    let version = record.as_ref().and_then(|(_, record)| record.version_id.as_deref());
    let mut seen = store.store.look(key, version).await;
    if version.is_some() && matches!(seen, Ok(None)) {
        // A record that names a version that is gone says nothing of the object that is there.
        seen = store.store.look(key, None).await;
    }
    match seen {
        Ok(Some(object)) => {
            let mut object = uploads::stored(key, &object, Timestamp::now());
            match record {
                Some((at, record)) => records::believe(&mut object, at, &record, earlier, Timestamp::now()),
                None => object.record = record_adopted(run, context, &store, &object).await,
            }
            Found::Object(Box::new(object))
        }
        Ok(None) => Found::Nothing,
        Err(error) => unseen(crate::events::causes(&error), error.may_pass()),
    }
}

/// Crash window: an operator died between the completion and the record, and the Pod went, too. What is found of the attempt under way will be
/// adopted, and gets its record before the run says so.
async fn record_adopted(run: &BackupRun, context: &Context, store: &OpenStore, object: &StoredObject) -> Recorded {
    let transfer = run.status.as_ref().and_then(|s| s.transfer.as_ref());
    let Some(transfer) = transfer.filter(|t| t.command_started_at.is_some()) else {
        return Recorded::None;
    };
    if object.run_uid != run.uid() || object.attempt.as_ref() != Some(&transfer.attempt) {
        return Recorded::None;
    }
    let facts = Facts {
        attempt: &transfer.attempt,
        cluster: context.cluster(),
        key: &object.key,
        etag: &object.etag,
        version_id: object.version_id.as_deref(),
        bytes: None,
        stored_bytes: object.size,
        sha256: object.sha256.as_deref(),
    };
    records::write(store, || async { store.clone() }, run, &facts).await
}

fn unseen(words: String, passes: bool) -> Found {
    Found::Unseen { words, passes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_looked_at_once_in_each_storage_until_it_is_forgotten() {
        let looks = Looks::default();
        assert!(looks.begin("u", OWN, "a"));
        assert!(!looks.begin("u", OWN, "a"));
        assert!(looks.begin("u", "far", "a"));
        looks.end("u", OWN, "b", Found::Nothing);
        assert_eq!(looks.found("u", OWN), Found::Unknown);
        looks.end("u", OWN, "a", Found::Nothing);
        assert_eq!(looks.found("u", OWN), Found::Nothing);
        assert_eq!(looks.found("u", "far"), Found::Unknown);
        assert!(looks.begin("u", OWN, "b"), "another key is another look");
        assert_eq!(looks.found("u", OWN), Found::Unknown);
        assert_eq!(looks.ago("u", "far", Instant::now()), None);
        looks.end("u", "far", "a", Found::Nothing);
        looks.forget("u");
        assert_eq!(looks.found("u", "far"), Found::Unknown);
        assert!(
            looks.ago("u", "far", Instant::now()).is_some(),
            "when it was looked at stays known"
        );
        assert_eq!(looks.ago("u", OWN, Instant::now()), None);
        looks.gone("u");
        assert!(looks.entries.lock().unwrap().is_empty() && looks.ended.lock().unwrap().is_empty());
    }

    #[test]
    fn why_an_attempt_was_interrupted_is_kept_as_it_was_last_known_until_what_is_found_is_forgotten() {
        let looks = Looks::default();
        let kept = |message: &str| Kept {
            pod_uid: "pod-1".into(),
            message: message.into(),
        };
        assert_eq!(looks.kept("u"), None);
        looks.keep("u", kept("the Pod was deleted"));
        looks.keep("u", kept("the Pod was deleted: evicted"));
        assert_eq!(looks.kept("u"), Some(kept("the Pod was deleted: evicted")));
        assert_eq!(looks.kept("v"), None);
        looks.forget("u");
        assert_eq!(looks.kept("u"), None);
    }
}
