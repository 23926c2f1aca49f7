//! The access keys of a transfer: they may be changed while it is under way.
use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;

use crate::context::Context;
use crate::stores::OpenStore;

/// Where the keys of a storage are found.
pub struct Keys {
    /// Stores that are open, storages that were seen.
    pub context: Arc<Context>,
    /// The storage.
    pub storage: String,
}

impl Keys {
    /// The same store with the keys that its Secret holds now. Where they cannot be read, or the storage is another one
    /// by now, those that were good until now: an upload goes on where it was begun.
    pub async fn renewed(&self, store: &OpenStore) -> OpenStore {
        let Some(storage) = self.context.storages.get(&ObjectRef::new(&self.storage)) else {
            return store.clone();
        };
        match self.context.stores.open(&storage).await {
            Ok(now) => store.with_keys_of(now),
            Err(error) => {
                tracing::warn!(
                    storage = self.storage,
                    error = error.text(),
                    "the access keys cannot be read again"
                );
                store.clone()
            }
        }
    }
}
