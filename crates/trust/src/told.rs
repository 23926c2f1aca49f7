//! What is wrong with a store's TLS, and what would be right, in words for whoever runs the store.
use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error};

use crate::pinned::is_authority;

/// The TLS error that is behind another one: HTTP clients and sockets wrap it.
pub fn found_in<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // The source of an io::Error is the source of what it holds, which leaves out just that.
        if let Some(found) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|held| found_in(held))
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Whether a handshake that failed was one: who shows a certificate, or has an alert to give, speaks TLS.
pub fn speaks_tls(error: &(dyn StdError + 'static)) -> bool {
    found_in(error).is_some_and(|found| !matches!(found, Error::InvalidMessage(_)))
}

/// The fault and its cure. It names parameters of a storage, and nothing that is secret. `bundle` is whether there is a caBundle: one
/// that was not given is nothing to look into.
pub fn told(error: &Error, bundle: bool) -> String {
    let cure = match error {
        Error::InvalidCertificate(certificate) => {
            return format!("TLS: {}", of_certificate(error, certificate, bundle));
        }
        Error::InvalidMessage(_) => {
            return format!(
                "TLS: what answers there does not speak TLS: write http:// in spec.parameters.endpoint, or the port at which the store speaks TLS ({error})"
            );
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)
        | Error::PeerIncompatible(_) => "the store has to offer TLS 1.2 or 1.3 with a cipher suite of today",
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the store asks for a client's certificate, and none can be given: requests are signed with the access keys"
        }
        _ => return format!("TLS: {error}"),
    };
    format!("TLS: {error} ({cure})")
}

fn of_certificate(error: &Error, certificate: &CertificateError, bundle: bool) -> String {
    match certificate {
        CertificateError::UnknownIssuer if !bundle => {
            "the store's certificate is signed by no public authority, and spec.parameters.caBundle is not given: put the certificate of the authority that signed it there, or the store's own, as PEM".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "the store's certificate is signed by no public authority and by none of spec.parameters.caBundle: add the certificate of the authority that signed it there, or the store's own, as PEM".to_owned()
        }
        CertificateError::BadSignature => {
            "the store's certificate is signed by an authority that has the name of one that is known here, and another key: if the authority was made anew, put its new certificate into spec.parameters.caBundle".to_owned()
        }
        _ if is_authority(error) && !bundle => {
            "the store's certificate signed itself, and spec.parameters.caBundle is not given: put just that certificate there, as PEM (openssl s_client -showcerts -connect HOST:PORT prints it)".to_owned()
        }
        _ if is_authority(error) => {
            "the store shows an authority's certificate as its own, and not one that stands in spec.parameters.caBundle: put exactly that one there, as PEM".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let name = expected.to_str();
            let names = if presented.is_empty() {
                // A common name is no name of a server any more (RFC 9110, 4.3.4).
                "no name at all (only a subjectAltName counts, no common name)".to_owned()
            } else {
                presented.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ")
            };
            let kind = if matches!(expected, rustls::pki_types::ServerName::IpAddress(_)) {
                "IP"
            } else {
                "DNS"
            };
            format!(
                "the store's certificate is not for {name:?}, the host of spec.parameters.endpoint, but for {names}: use a name that it is for, or give it one for this (subjectAltName {kind}:{name})"
            )
        }
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the store's certificate expired {} days ago; renew it, or set the clock here right",
            time.as_secs().saturating_sub(not_after.as_secs()) / 86_400
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the store's certificate becomes valid in {} s only: is a clock wrong, here or where it was made?",
            not_before.as_secs().saturating_sub(time.as_secs())
        ),
        CertificateError::Other(_) => {
            format!("the store's certificate cannot be used: {error} (it has to be X.509 version 3, with a subjectAltName)")
        }
        _ => format!("the store's certificate is refused: {error}"),
    }
}

/// A name as webpki tells it, `DnsName("minio")`, as people write it.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}
