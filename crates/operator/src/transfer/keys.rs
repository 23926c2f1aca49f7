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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::BackupStorage;
    use serde_json::json;
    use store::{Credentials, Kind, Parameters, Proxies, Secret, Store, Wanted};

    use super::*;
    use crate::cache::Packed;

    fn opened(bucket: &str, key: &str) -> OpenStore {
        let parameters = Parameters::parse(Kind::S3, &[("bucket".to_string(), bucket.to_string())].into()).unwrap();
        let credentials = Credentials::new(key, Secret::new("secret"), None);
        OpenStore {
            data_path: api::storage::DataPath::Auto,
            store: Store::open(&parameters, credentials, &Proxies::default()).unwrap(),
            parameters,
            checksum: store::Checksum::Sha256,
            metadata: true,
            composite: true,
            if_none_match: true,
            records: true,
            isolation: api::storage::NamespaceIsolation::None,
            ends: None,
        }
    }

    async fn signs_with(store: &OpenStore, key: &str) -> bool {
        let wanted = Wanted::read("k", None);
        let signed = store
            .store
            .sign(&wanted, Duration::from_secs(60), jiff::Timestamp::UNIX_EPOCH);
        signed.await.unwrap().url.reveal().contains(key)
    }

    #[tokio::test]
    async fn work_goes_on_with_the_keys_of_its_own_storage_as_they_are_now_and_where_it_was_begun() {
        let context = crate::mocked::context(crate::mocked::connect().0, Default::default()).0;
        for (name, bucket) in [("near", "near"), ("far", "far"), ("moved", "elsewhere")] {
            let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage",
                "metadata": {"name": name, "uid": name}, "spec": {"type": "s3"}});
            let storage: BackupStorage = serde_json::from_value(storage).unwrap();
            context.storages.put(Packed::of(&storage));
            context.stores.hold(&storage, opened(bucket, &format!("new-{name}")));
        }
        for (name, now) in [
            ("near", "new-near"),
            ("far", "new-far"),
            // The keys of another bucket are not for this one, and of a storage that is gone there are none.
            ("moved", "old-moved"),
            ("gone", "old-gone"),
        ] {
            let begun = opened(name, &format!("old-{name}"));
            let keys = Keys {
                context: context.clone(),
                storage: name.into(),
            };
            assert!(signs_with(&keys.renewed(&begun).await, now).await, "{name}");
        }
    }
}
