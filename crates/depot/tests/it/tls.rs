//! TLS, by a certificate that is renewed.
use std::fs;
use std::path::Path;

use store::Checksum;

use super::running::{Depot, block};

fn write(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

#[test]
fn it_is_served_by_tls_where_it_has_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let authority = write(folder.path());
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let depot = Depot::start(
        folder.path(),
        &[
            "--tls-certificate",
            certificate.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
        ],
    );
    let endpoint = format!("https://localhost:{}", depot.port);
    let store = depot.store_of(&endpoint, &[("caBundle", &authority)]);
    block(store.write("k", b"by TLS".to_vec(), Checksum::Sha256)).unwrap();
    assert_eq!(block(store.read("k", None)).unwrap(), b"by TLS");
    // Not without it.
    assert!(block(depot.store().read("k", None)).is_err());
}
