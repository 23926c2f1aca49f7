#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConnection, ServerConfig, ServerConnection};

use super::*;

/// A store: what it shows, and its key.
struct Store {
    pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

/// A certificate that signed itself, changed by the test.
fn self_signed(names: &[&str], change: impl Fn(&mut CertificateParams)) -> Store {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Store {
        pem: certificate.pem(),
        chain: vec![certificate.der().clone()],
        key,
    }
}

/// What `openssl req -x509` makes: an authority that is a server, too.
fn as_openssl_makes_it(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

/// A whole handshake with the store under a name, in memory.
fn handshake(store: &Store, bundle: &Bundle, name: &'static str) -> Result<(), rustls::Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(store.key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(store.chain.clone(), key)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut client = ClientConnection::new(Arc::new(client(bundle)?), ServerName::try_from(name).unwrap())?;
    while client.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

/// The words for a handshake that fails.
fn refusal(store: &Store, bundle: &str, name: &'static str) -> String {
    told(
        &handshake(store, &Bundle::parse(bundle).unwrap(), name).unwrap_err(),
        true,
    )
}

/// A certificate that has nothing to do with any store.
fn other() -> String {
    self_signed(&["other.example"], as_openssl_makes_it).pem
}

#[test]
fn a_certificate_that_stands_in_the_bundle_is_taken_whatever_signed_it() {
    let authority = self_signed(&["minio"], as_openssl_makes_it);
    let plain = self_signed(&["minio", "10.0.0.7"], |_| {});
    let issuer_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    as_openssl_makes_it(&mut params);
    let issuer = Issuer::new(params, issuer_key);
    let key = KeyPair::generate().unwrap();
    let signed = CertificateParams::new(vec!["minio".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    // Its authority is not in the bundle.
    let leaf = Store {
        pem: signed.pem(),
        chain: vec![signed.der().clone()],
        key,
    };
    for (store, name) in [
        (&authority, "minio"),
        (&plain, "minio"),
        (&plain, "10.0.0.7"),
        (&leaf, "minio"),
    ] {
        let both = Bundle::parse(&format!("{}\n{}", other(), store.pem)).unwrap();
        assert_eq!(handshake(store, &both, name), Ok(()), "{name}");
        assert!(handshake(store, &Bundle::default(), name).is_err(), "{name}");
    }
}

#[test]
fn a_pinned_certificate_is_for_its_names_and_for_its_time_only() {
    let authority = self_signed(&["minio"], as_openssl_makes_it);
    assert!(refusal(&authority, &authority.pem, "minio.elsewhere").contains("is not for \"minio.elsewhere\""));
    let expired = self_signed(&["minio"], |params| {
        as_openssl_makes_it(params);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    assert!(refusal(&expired, &expired.pem, "minio").contains("expired"));
    let early = self_signed(&["minio"], |params| {
        as_openssl_makes_it(params);
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
    });
    assert!(refusal(&early, &early.pem, "minio").contains("clock"));
}

#[test]
fn another_certificate_of_the_same_name_is_not_the_one_that_is_pinned() {
    let authority = self_signed(&["minio"], as_openssl_makes_it);
    let impostor = self_signed(&["minio"], as_openssl_makes_it);
    assert!(refusal(&impostor, &authority.pem, "minio").contains("put exactly that one there"));
    // Its own key is needed, too: the certificate is public.
    let thief = Store {
        key: impostor.key,
        ..authority
    };
    assert!(handshake(&thief, &Bundle::parse(&thief.pem).unwrap(), "minio").is_err());
}

#[test]
fn what_is_wrong_is_told_with_its_cure() {
    let named = |params: &mut CertificateParams| params.distinguished_name.push(DnType::CommonName, "minio");
    let plain = self_signed(&["minio"], named);
    let made_anew = self_signed(&["minio"], named);
    let nameless = self_signed(&[], as_openssl_makes_it);
    for (store, bundle, name, says) in [
        (&plain, other(), "minio", "spec.parameters.caBundle"),
        (&plain, made_anew.pem, "minio", "if the authority was made anew"),
        (&plain, plain.pem.clone(), "10.1.2.3", "subjectAltName IP:10.1.2.3"),
        (&plain, plain.pem.clone(), "10.1.2.3", "but for minio: use"),
        (&plain, plain.pem.clone(), "s3.example", "subjectAltName DNS:s3.example"),
        (&nameless, nameless.pem.clone(), "minio", "no common name"),
    ] {
        let words = refusal(store, &bundle, name);
        assert!(words.starts_with("TLS: ") && words.contains(says), "{words}");
    }
    let plain_http = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
    let words = told(&plain_http, false);
    assert!(words.contains("write http:// in spec.parameters.endpoint"), "{words}");
}

#[test]
fn a_bundle_that_is_not_given_is_not_said_to_lack_something() {
    let itself = self_signed(&["minio"], as_openssl_makes_it);
    let plain = self_signed(&["minio"], |_| {});
    for (store, says) in [(&itself, "signed itself"), (&plain, "signed by no public authority")] {
        let words = told(&handshake(store, &Bundle::default(), "minio").unwrap_err(), false);
        assert!(
            words.contains(says) && words.contains("caBundle is not given"),
            "{words}"
        );
        let words = refusal(store, &other(), "minio");
        assert!(!words.contains("not given"), "{words}");
    }
}

#[test]
fn an_error_of_tls_is_found_behind_those_of_sockets() {
    let inner = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let io = std::io::Error::new(std::io::ErrorKind::InvalidData, inner.clone());
    let twice = std::io::Error::other(io);
    assert_eq!(found_in(&twice), Some(&inner));
    assert_eq!(found_in(&std::io::Error::other("x")), None);
}

#[test]
fn a_bundle_that_cannot_be_read_says_which_of_its_certificates() {
    let good = other();
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let fault = |pem: &str| Bundle::parse(pem).unwrap_err();
    assert!(matches!(
        fault(&format!("{good}\n{bad}")),
        BundleFault::Unreadable(2, 2, _)
    ));
    assert_eq!(fault("hello"), BundleFault::Empty);
    for kind in ["", "RSA ", "EC ", "ENCRYPTED "] {
        let key = format!("-----BEGIN {kind}PRIVATE KEY-----\nc2VjcmV0\n-----END {kind}PRIVATE KEY-----\n");
        let found = fault(&format!("{good}\n{key}"));
        assert_eq!(found, BundleFault::PrivateKey);
        assert!(!found.to_string().contains("c2VjcmV0"));
    }
    assert!(matches!(
        fault("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"),
        BundleFault::NotPem(_)
    ));
}
