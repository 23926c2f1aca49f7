//! What the webhook serves with: follows the Secret, or a folder that somebody else (cert-manager) keeps.
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::Settings;
use super::expiry::ends;
use crate::certificates::Held;
use crate::metrics::Metrics;

/// Between two looks at files: a mounted Secret follows within a minute or so.
const LOOK: Duration = Duration::from_secs(10);

/// Why a certificate cannot be served with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No file, or none that may be read.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// No PEM.
    #[error("no certificate or key in PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// They do not go together, or are of a kind that is not known.
    #[error("the certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// How the webhook serves, once there is a certificate.
pub type Served = watch::Sender<Option<Arc<ServerConfig>>>;

/// How to serve with a certificate, and when that ends.
fn server(chain: &[u8], key: &[u8]) -> Result<(Arc<ServerConfig>, Option<Timestamp>), Error> {
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
    let end = chain.first().and_then(|certificate| ends(certificate));
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), end))
}

fn serve_with((config, end): (Arc<ServerConfig>, Option<Timestamp>), served: &Served, metrics: &Metrics) {
    served.send_replace(Some(config));
    if let Some(end) = end {
        metrics.certificate_ends(end);
    }
}

/// Follows the Secret. One that is gone or unreadable changes nothing: the leader makes another.
pub async fn follow_secret(client: Client, of: &Settings, served: &Served, metrics: &Metrics) {
    let secrets: Api<Secret> = Api::namespaced(client, &of.namespace);
    let mut stream = std::pin::pin!(watch_object(secrets, &of.secret).default_backoff());
    let mut last = None;
    while let Some(seen) = stream.next().await {
        let secret = match seen {
            Ok(secret) => secret,
            Err(error) => {
                tracing::warn!(
                    error = crate::events::causes(&error),
                    "the webhook's Secret cannot be watched; trying again"
                );
                continue;
            }
        };
        let Some(held) = secret.as_ref().and_then(Held::read) else {
            continue;
        };
        if last.as_ref() == Some(&held.serving) {
            continue;
        }
        match server(held.serving.chain.as_bytes(), held.serving.key.as_bytes()) {
            Ok(made) => {
                serve_with(made, served, metrics);
                last = Some(held.serving);
            }
            Err(error) => tracing::warn!(%error, "the webhook's Secret"),
        }
    }
}

/// Follows `tls.crt` and `tls.key` in a folder.
pub async fn follow_folder(folder: &Path, served: &Served, metrics: &Metrics) {
    let mut last = (Vec::new(), Zeroizing::new(Vec::new()));
    loop {
        match read(folder) {
            Ok(now) if now == last => {}
            Ok(now) => match server(&now.0, &now.1) {
                Ok(made) => {
                    serve_with(made, served, metrics);
                    last = now;
                }
                // A certificate and a key of different moments, for one: the next look sees both.
                Err(error) => tracing::warn!(%error, folder = %folder.display(), "the webhook's certificate"),
            },
            Err(error) => tracing::warn!(%error, "the webhook's certificate"),
        }
        sleep(LOOK).await;
    }
}

fn read(folder: &Path) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), Error> {
    let file = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|e| Error::File(path, e))
    };
    Ok((file("tls.crt")?, Zeroizing::new(file("tls.key")?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::Pair;

    #[test]
    fn what_is_made_can_be_served_with_and_a_key_of_another_certificate_cannot() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let make = || Pair::make("webhook", "ours", false, Timestamp::now()).unwrap();
        let (one, other) = (make(), make());
        let (_, end) = server(one.chain.as_bytes(), one.key.as_bytes()).unwrap();
        let days = end.unwrap().duration_since(one.made).as_hours() / 24;
        assert!((88..=91).contains(&days), "{days}");
        assert!(matches!(
            server(one.chain.as_bytes(), other.key.as_bytes()),
            Err(Error::Tls(_))
        ));
        assert!(matches!(server(one.chain.as_bytes(), b"no key"), Err(Error::Pem(_))));
    }
}
