//! Turns at a storage: a few at once each, so that thousands of runs do not fall upon one store, nor a store that hangs holds up
//! another.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::BackupStorage;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cache::Cache;

/// How many errands a store is asked at once.
const AT_ONCE: usize = 8;

/// The turns of each storage, by its UID.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<String, Arc<Semaphore>>>);

impl Turns {
    /// Waits for a turn at the storage of that name. None where there is no such storage: nobody is asked there.
    pub async fn take(&self, storage: &str, storages: &Cache<BackupStorage>) -> Option<OwnedSemaphorePermit> {
        let uid = storages.get(&ObjectRef::new(storage))?.uid()?;
        let turns = self.of(&uid);
        // It is never closed.
        turns.acquire_owned().await.ok()
    }

    fn of(&self, uid: &str) -> Arc<Semaphore> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = all
            .entry(uid.into())
            .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
        turns.clone()
    }

    /// The storage is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::cache::Packed;

    #[test]
    fn a_store_that_never_answers_holds_up_nobody_who_wants_another_one() {
        let storages = Cache::default();
        for name in ["hangs", "well"] {
            let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage",
                "metadata": {"name": name, "uid": name}, "spec": {"type": "s3"}});
            storages.put(Packed::of(&serde_json::from_value::<BackupStorage>(storage).unwrap()));
        }
        let turns = Turns::default();
        let take = |name: &str| turns.take(name, &storages).now_or_never();
        let held: Vec<_> = (0..300).map(|_| take("hangs")).collect();
        assert_eq!(held.iter().flatten().flatten().count(), AT_ONCE);
        assert!(matches!(take("well"), Some(Some(_))));
        assert!(matches!(take("gone"), Some(None)), "nobody waits for what is not there");
        drop(held);
        assert!(matches!(take("hangs"), Some(Some(_))));
    }
}
