//! A full disk behind a server that says "failure" of everything.
use serde_json::json;
use servers::exchange;
use store::{Checksum, Wanted};

use super::openssh::ledger::{metadata, put_part, url_for};
use super::openssh::running::block;
use super::server::Sftp;

#[test]
fn a_full_disk_is_said_in_words_and_takes_nothing_of_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = Sftp::start("openssh", folder.path(), &[("SIZE", "24m")]);
    let depot = server.depot(json!({})).up();
    let store = depot.store();
    let upload = block(store.begin("k", &metadata("k"), Checksum::Sha256)).unwrap();
    let part = put_part(&store, "k", &upload, 1, &vec![7; 8 << 20]).unwrap();
    // More than there is: refused before it is written.
    let refused = |number: u32, size: usize| {
        let bytes = vec![8; size];
        let digest = Checksum::Sha256.digest(&bytes);
        let wanted = Wanted::part("k", &upload, number, size as u64, Checksum::Sha256, &digest);
        let signed = url_for(&store, &wanted, jiff::Timestamp::now());
        let answer = exchange("PUT", signed.url.reveal(), &signed.headers, &bytes).unwrap();
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status == 507 && body.contains("disk is full"),
            "{} {body}",
            answer.status
        );
    };
    refused(2, 20 << 20);
    let parts = [part];
    let label = metadata("k");
    block(store.finish(&store::Finish::new(
        "k",
        &upload,
        &parts,
        Checksum::Sha256,
        &label,
        false,
    )))
    .unwrap();
    assert_eq!(block(store.look("k", None)).unwrap().unwrap().size, 8 << 20);
}
