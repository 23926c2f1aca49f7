//! Whom a store's TLS is believed: the public authorities, those of the storage's `caBundle`, and a certificate that stands
//! in the `caBundle` itself. One answer for the operator's requests and the agent's. It knows no HTTP and waits for nothing.
mod bundle;
mod pinned;
mod told;

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;

pub use bundle::{Bundle, BundleFault};
pub use told::{found_in, speaks_tls, told};

use pinned::Pinned;

/// What a TLS client of a store needs. It speaks TLS 1.2 and 1.3, and shows no certificate of its own.
///
/// # Errors
/// The verifier cannot be made. It needs an authority, and the public ones are always there.
pub fn client(bundle: &Bundle) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(bundle.roots()), provider.clone())
        .build()
        .map_err(|e| rustls::Error::General(e.to_string()))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned::new(authorities, bundle)))
        .with_no_client_auth())
}

#[cfg(test)]
mod tests;
