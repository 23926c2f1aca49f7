//! The server's certificate: two files, read again when they change, so that whoever renews them restarts nothing.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// What the files have.
type Texts = [Zeroizing<Vec<u8>>; 2];

/// A certificate and its key, kept as the files have them.
pub struct Certificate {
    files: [PathBuf; 2],
    now: RwLock<(Arc<ServerConfig>, Texts)>,
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn config(texts: &Texts) -> Result<Arc<ServerConfig>, String> {
    let [chain, key] = texts;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key cannot be read: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| format!("certificate and key cannot be used: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl Certificate {
    /// Of these two files.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, String> {
        let texts = [read(certificate)?, read(key)?];
        Ok(Self {
            files: [certificate.to_owned(), key.to_owned()],
            now: RwLock::new((config(&texts)?, texts)),
        })
    }

    /// For the next connection.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Looks whether the files have changed: whether they had. What cannot be used, as while they are being written, changes nothing.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn look(&self) -> Result<bool, String> {
        let [certificate, key] = &self.files;
        let texts = [read(certificate)?, read(key)?];
        if self.now.read().unwrap_or_else(PoisonError::into_inner).1 == texts {
            return Ok(false);
        }
        let config = config(&texts)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = (config, texts);
        Ok(true)
    }

    /// Keeps looking.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.look() {
                Ok(true) => tracing::info!("the certificate was renewed"),
                Ok(false) => {}
                Err(error) => tracing::warn!(error, "the certificate's files cannot be used; the one before is kept"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_renewed_is_taken_and_half_of_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let write = |both: bool| {
            let made = rcgen::generate_simple_self_signed(["store".to_owned()]).unwrap();
            fs::write(&certificate, made.cert.pem()).unwrap();
            if both {
                fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            }
        };
        assert!(Certificate::open(&certificate, &key).is_err());
        write(true);
        let kept = Certificate::open(&certificate, &key).unwrap();
        let first = kept.current();
        assert_eq!(kept.look(), Ok(false));
        write(false);
        assert!(kept.look().is_err());
        assert!(Arc::ptr_eq(&first, &kept.current()));
        write(true);
        assert_eq!(kept.look(), Ok(true));
        assert!(!Arc::ptr_eq(&first, &kept.current()));
    }
}
