//! Whom to trust at the operator's own store: its authorities lie in the Secret of its certificate, which the leader keeps.
use std::sync::{Arc, PoisonError, RwLock};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client};

use super::certificate::Held;
use crate::events::causes;

/// The operator's own store, where the operator keeps its certificate.
#[derive(Clone, Debug, Default)]
pub struct OwnStore(Option<Arc<Known>>);

#[derive(Debug)]
struct Known {
    service: String,
    namespace: String,
    authorities: RwLock<Option<String>>,
}

impl OwnStore {
    /// The one that is served at a Service of the operator's namespace.
    pub fn at(service: &str, namespace: &str) -> Self {
        Self(Some(Arc::new(Known {
            service: service.into(),
            namespace: namespace.into(),
            authorities: RwLock::default(),
        })))
    }

    /// Whether an endpoint is that store's, by TLS: `https://SERVICE.NAMESPACE.svc`, whatever its port.
    fn is_at(known: &Known, endpoint: &str) -> bool {
        let Some(host) = endpoint.strip_prefix("https://") else {
            return false;
        };
        let host = host.split(['/', ':']).next().unwrap_or_default();
        let name = format!("{}.{}.svc", known.service, known.namespace);
        host == name || host.strip_prefix(&name) == Some(".cluster.local")
    }

    /// Whom to trust at an endpoint beside the public authorities, as PEM: None where it is none of ours.
    ///
    /// # Errors
    /// It is, and its certificate is not made yet.
    pub fn authorities(&self, endpoint: &str) -> Result<Option<String>, String> {
        let Some(known) = self.0.as_deref().filter(|known| Self::is_at(known, endpoint)) else {
            return Ok(None);
        };
        let now = known.authorities.read().unwrap_or_else(PoisonError::into_inner).clone();
        now.map(Some).ok_or_else(|| {
            format!(
                "the certificate of the operator's own store is not made yet (Secret {}/{})",
                known.namespace,
                super::store_secret(&known.service)
            )
        })
    }

    fn learn(&self, held: Held) {
        if let Some(known) = &self.0 {
            *known.authorities.write().unwrap_or_else(PoisonError::into_inner) = Some(held.trusted);
        }
    }

    /// Keeps knowing it, for as long as it is polled. A Secret that is gone changes nothing: the leader makes another.
    pub async fn follow(&self, client: Client) {
        let Some(known) = &self.0 else { return };
        let secrets: Api<Secret> = Api::namespaced(client, &known.namespace);
        let name = super::store_secret(&known.service);
        let mut stream = std::pin::pin!(watch_object(secrets, &name).default_backoff());
        while let Some(seen) = stream.next().await {
            match seen {
                Ok(secret) => {
                    if let Some(held) = secret.as_ref().and_then(Held::read) {
                        self.learn(held);
                    }
                }
                Err(error) => tracing::warn!(
                    error = causes(&error),
                    "the Secret with the store's certificate cannot be watched; trying again"
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::certificates::Pair;

    #[test]
    fn the_own_store_is_trusted_by_its_authority_and_nobody_else_is() {
        let own = OwnStore::at("store", "ours");
        let at = "https://store.ours.svc:9000";
        assert!(own.authorities(at).unwrap_err().contains("Secret ours/store-tls"));
        let serving = Pair::make("store", "ours", true, Timestamp::UNIX_EPOCH).unwrap();
        let trusted = serving.authority().to_string();
        own.learn(Held {
            serving,
            next: None,
            trusted: trusted.clone(),
        });
        for ours in [
            at,
            "https://store.ours.svc",
            "https://store.ours.svc.cluster.local:9000",
        ] {
            assert_eq!(own.authorities(ours), Ok(Some(trusted.clone())), "{ours}");
        }
        for other in [
            "http://store.ours.svc:9000",
            "https://store.other.svc:9000",
            "https://store.ours.svc.example.com",
            "https://s3.eu-central-1.amazonaws.com",
        ] {
            assert_eq!(own.authorities(other), Ok(None), "{other}");
        }
        assert_eq!(OwnStore::default().authorities(at), Ok(None));
    }
}
