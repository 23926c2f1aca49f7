//! A server whose own certificate stands in the bundle. OpenSSL makes self-signed certificates that are authorities, too, unless
//! it is told not to, and most home-made stores show such a one: as a server's it is refused by the rules of the web (RFC 5280),
//! though whoever put just that certificate into the bundle could not have said more clearly whom to trust.
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::Bundle;

/// Asks the authorities first; what only they refuse is taken where the bundle holds it.
#[derive(Debug)]
pub(crate) struct Pinned {
    authorities: Arc<WebPkiServerVerifier>,
    bundle: Bundle,
}

impl Pinned {
    pub(crate) fn new(authorities: Arc<WebPkiServerVerifier>, bundle: &Bundle) -> Self {
        Self {
            authorities,
            bundle: bundle.clone(),
        }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self
            .authorities
            .verify_server_cert(shown, intermediates, name, ocsp_response, now)
        {
            Err(_) if self.bundle.holds(shown) && is_in_force(shown, now) => {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Whether nothing is wrong with a certificate but who signed it. With nobody to trust, all that can be said of a good one is that
/// its issuer is unknown, or, which is looked at after its time, that it is an authority's.
fn is_in_force(shown: &CertificateDer<'_>, now: UnixTime) -> bool {
    let Ok(shown) = webpki::EndEntityCert::try_from(shown) else {
        return false;
    };
    let verdict = shown.verify_for_usage(&[], &[], &[], now, webpki::KeyUsage::server_auth(), None, None);
    matches!(
        verdict.err(),
        Some(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity)
    )
}

/// Whether an authority's certificate was shown as a server's.
pub(crate) fn is_authority(refused: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = refused else {
        return false;
    };
    matches!(
        other.0.downcast_ref::<webpki::Error>(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}
