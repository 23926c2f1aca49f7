//! Certificates that the operator makes and renews: of its webhook, and of the store that comes with it.
mod certificate;
mod keeper;
mod own_store;
mod rotation;

pub use certificate::Held;
#[cfg(test)]
pub use certificate::Pair;
pub use own_store::OwnStore;

use futures::future::OptionFuture;
use keeper::{Subject, keep};
use kube::Client;

use crate::admin::Ready;

/// Which certificates are kept, by the names of what they are for.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Service and ValidatingWebhookConfiguration of the webhook, where nobody else keeps its certificate.
    pub webhook: Option<(String, String)>,
    /// Service of the operator's own store, where it is served by a certificate of the operator's.
    pub store: Option<String>,
}

impl Kept {
    /// Whether the webhook's is among them.
    pub fn webhook(&self) -> bool {
        self.webhook.is_some()
    }

    /// What is known of the own store, below the operator's namespace.
    pub fn own_store(&self, namespace: &str) -> OwnStore {
        let service = self.store.as_deref();
        service
            .map(|service| OwnStore::at(service, namespace))
            .unwrap_or_default()
    }

    /// Keeps them, for as long as it is polled.
    pub async fn keep(&self, client: Client, ready: &Ready) {
        let namespace = client.default_namespace();
        let webhook = self.webhook.as_ref().map(|(service, configuration)| {
            let subject = Subject::webhook(namespace, service, configuration);
            keep(client.clone(), subject, || ready.trusted())
        });
        let store = self.store.as_ref().map(|service| {
            let subject = Subject::store(namespace, service);
            keep(client.clone(), subject, || ())
        });
        futures::join!(OptionFuture::from(webhook), OptionFuture::from(store));
    }
}

/// The Secret with the certificate of the operator's own store: the store's access keys lie in another.
pub fn store_secret(service: &str) -> String {
    format!("{service}-tls")
}
