//! Looks at what lies under a run's key, beside reconcile, which never waits for a store.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::BackupRun;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::Found;
use tokio::time::timeout;

use crate::context::Context;
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
    match store.store.head(key, None).await {
        Ok(Some(object)) => Found::Object(Box::new(uploads::stored(key, &object, Timestamp::now()))),
        Ok(None) => Found::Nothing,
        Err(error) => unseen(crate::events::causes(&error), error.may_pass()),
    }
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
