//! Looks at what lies under a run's key, beside reconcile, which never waits for a store.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::BackupRun;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::{Found, StoredObject};
use store::ObjectInfo;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::context::Context;
use crate::transfer::uploads;

/// How many stores are asked at once: a cluster that was brought back has thousands of runs to look for.
const AT_ONCE: usize = 8;
/// Until a store has answered, its turn included.
const ANSWER: Duration = Duration::from_secs(120);

/// What was found, by the UID of the run that it was looked for.
pub struct Looks {
    entries: Mutex<HashMap<String, Entry>>,
    turns: Arc<Semaphore>,
}

struct Entry {
    key: String,
    found: Found,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
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
        let found = timeout(ANSWER, look(&run, &context, &key)).await;
        let found = found.unwrap_or_else(|_| Found::Unseen(format!("no answer within {} s", ANSWER.as_secs())));
        context.looks.end(&uid, &key, found);
        context.registry.wake(ObjectRef::from_obj(run.as_ref()));
    });
}

async fn look(run: &BackupRun, context: &Context, key: &str) -> Found {
    // The semaphore is never closed.
    let _turn = context.looks.turns.acquire().await;
    let store = match super::apply::open(run, context).await {
        Ok(store) => store,
        Err(error) => return Found::Unseen(crate::events::causes(&error)),
    };
    match store.store.head(key).await {
        Ok(Some(object)) => Found::Object(Box::new(stored(key, &object, Timestamp::now()))),
        Ok(None) => Found::Nothing,
        Err(error) => Found::Unseen(crate::events::causes(&error)),
    }
}

/// What the store tells of an object, as far as a decision needs it.
fn stored(key: &str, object: &ObjectInfo, now: Timestamp) -> StoredObject {
    let said = |name: &str| object.metadata.get(name).cloned();
    StoredObject {
        key: key.into(),
        size: object.size,
        etag: object.etag.clone(),
        version_id: object.version_id.clone(),
        sha256: object.checksum_sha256.as_deref().and_then(store::hex_of_sha256),
        stored_at: object.age.and_then(|age| now.checked_sub(age).ok()),
        run: said(uploads::NAME),
        run_uid: said(uploads::RUN),
        attempt: said(uploads::ATTEMPT),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn an_object_is_told_of_with_its_maker_its_hash_and_the_time_by_the_stores_clock() {
        let metadata = BTreeMap::from([
            (uploads::RUN.to_string(), "u-1".to_string()),
            (uploads::ATTEMPT.to_string(), "backup-1".to_string()),
            (uploads::NAME.to_string(), "team/db".to_string()),
        ]);
        let mut object = ObjectInfo {
            size: 7,
            etag: "\"e\"".into(),
            metadata,
            checksum_sha256: Some("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into()),
            version_id: None,
            age: Some(SignedDuration::from_secs(60)),
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
