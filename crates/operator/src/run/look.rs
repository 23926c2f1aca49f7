//! Looks at what lies under a run's key, beside reconcile, which never waits for a store.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::BackupRun;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::{Found, Recorded, StoredObject, life};
use tokio::time::timeout;

use crate::context::Context;
use crate::records::{self, Facts};
use crate::stores::OpenStore;
use crate::transfer::uploads;

/// Until a store has answered, once it is the look's turn.
const ANSWER: Duration = Duration::from_secs(60);

/// What was found, by the UID of the run that it was looked for.
#[derive(Default)]
pub struct Looks {
    entries: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    key: String,
    found: Found,
}

impl Looks {
    /// What was found for a run, so far.
    pub fn found(&self, uid: &str) -> Found {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(uid).map(|e| e.found.clone()).unwrap_or_default()
    }

    /// It is not needed any more.
    pub fn forget(&self, uid: &str) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Takes a new look in; false where the same one is under way.
    fn begin(&self, uid: &str, key: &str) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.get(uid).is_some_and(|e| e.key == key) {
            return false;
        }
        let entry = Entry {
            key: key.into(),
            found: Found::Unknown,
        };
        entries.insert(uid.into(), entry);
        true
    }

    fn end(&self, uid: &str, key: &str, found: Found) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(uid).filter(|e| e.key == key) {
            entry.found = found;
        }
    }
}

/// Begins to look, unless that is under way; the run is woken when something was found.
pub fn begin(run: &Arc<BackupRun>, context: &Arc<Context>, key: String) {
    let uid = run.uid().unwrap_or_default();
    if !context.looks.begin(&uid, &key) {
        return;
    }
    let (run, context) = (run.clone(), context.clone());
    crate::runtime::spawn(async move {
        let turn = context.turns.take(&run.spec.storage.name, &context.storages).await;
        let found = timeout(ANSWER, look(&run, &context, &key)).await;
        let found = found.unwrap_or_else(|_| unseen(format!("no answer within {} s", ANSWER.as_secs()), true));
        drop(turn);
        context.looks.end(&uid, &key, found);
        context.registry.wake(ObjectRef::from_obj(run.as_ref()));
    });
}

async fn look(run: &BackupRun, context: &Context, key: &str) -> Found {
    let store = match super::apply::open(run, context).await {
        Ok(store) => store,
        Err(error) => return unseen(crate::events::causes(&error), true),
    };
    let earlier = life::earlier(run);
    let record = match earlier {
        Some(_) => records::read(&store, run).await,
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
    fn a_key_is_looked_at_once_until_it_is_forgotten() {
        let looks = Looks::default();
        assert!(looks.begin("u", "a"));
        assert!(!looks.begin("u", "a"));
        looks.end("u", "b", Found::Nothing);
        assert_eq!(looks.found("u"), Found::Unknown);
        looks.end("u", "a", Found::Nothing);
        assert_eq!(looks.found("u"), Found::Nothing);
        looks.forget("u");
        assert_eq!(looks.found("u"), Found::Unknown);
    }
}
