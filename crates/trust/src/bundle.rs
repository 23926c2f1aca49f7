//! The certificates of a `caBundle`.
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificates to trust beside the public authorities; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    certificates: Vec<CertificateDer<'static>>,
}

/// Why a text is no bundle. It reads on from "caBundle ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleFault {
    /// Something in it begins as PEM and is none.
    #[error("is not PEM: {0}")]
    NotPem(String),
    /// Somebody's secret stands in it. Nothing of it is repeated.
    #[error(
        "holds a private key, and only certificates belong there: take it out, and make a new key, because everybody who may read storages could read this one"
    )]
    PrivateKey,
    /// No certificate is in it.
    #[error("holds no certificate: it must be PEM, beginning with -----BEGIN CERTIFICATE-----")]
    Empty,
    /// PEM, and inside it no certificate: which of how many, from 1, and the parser's word.
    #[error("holds a certificate that cannot be read (number {0} of {1}): {2}")]
    Unreadable(usize, usize, String),
}

impl Bundle {
    /// Reads PEM (RFC 7468); what is no certificate in it is passed by.
    ///
    /// # Errors
    /// [`BundleFault`]
    pub fn parse(pem: &str) -> Result<Self, BundleFault> {
        let is_key = |line: &str| line.trim_start().starts_with("-----BEGIN") && line.contains("PRIVATE KEY");
        if pem.lines().any(is_key) {
            return Err(BundleFault::PrivateKey);
        }
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|e| BundleFault::NotPem(e.to_string()))?;
        if certificates.is_empty() {
            return Err(BundleFault::Empty);
        }
        for (at, certificate) in certificates.iter().enumerate() {
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|e| BundleFault::Unreadable(at + 1, certificates.len(), e.to_string()))?;
        }
        Ok(Self { certificates })
    }

    /// The authorities: the public ones and the bundle's.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        roots.add_parsable_certificates(self.certificates.iter().cloned());
        roots
    }

    /// Whether exactly this certificate stands in it.
    pub(crate) fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|own| own == certificate)
    }
}
