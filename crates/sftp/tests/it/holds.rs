//! One server a folder, and who goes on with what another has begun.
use std::fs;

use serde_json::json;
use store::Checksum;

use super::openssh::ledger::{metadata, put_part};
use super::openssh::running::block;
use super::server::{BUCKET, Sftp};

#[test]
fn a_folder_is_held_by_one_server_and_the_next_of_its_name_goes_on_with_its_uploads() {
    let folder = tempfile::tempdir().unwrap();
    let server = Sftp::start("openssh", folder.path(), &[]);
    let first = server.depot(json!({})).up();
    let store = first.store();
    let upload = block(store.begin("team/db", &metadata("team/db"), Checksum::Sha256)).unwrap();
    let one = put_part(&store, "team/db", &upload, 1, &vec![7; 5 << 20]).unwrap();
    // Another storage on the same folder.
    let other = server.depot(json!({ "holder": "other" })).refused();
    assert!(
        other.contains("denied") && other.contains("another server has this folder"),
        "{other}"
    );
    // The next leader, while the last one still believes that it is the one.
    let second = server.depot(json!({})).up();
    let store = second.store();
    let two = put_part(&store, "team/db", &upload, 2, b"end").unwrap();
    assert_eq!(
        block(store.look("team/db", None)).unwrap(),
        None,
        "nothing is visible before the end"
    );
    let label = metadata("team/db");
    let parts = [one, two];
    let finish = store::Finish::new("team/db", &upload, &parts, Checksum::Sha256, &label, false);
    let done = block(store.finish(&finish)).unwrap();
    assert_eq!(block(store.finish(&finish)).unwrap().etag, done.etag, "twice is once");
    let object = block(store.look("team/db", None)).unwrap().unwrap();
    assert_eq!((object.size, object.metadata), ((5 << 20) + 3, label));
    let file = fs::read(server.home().join(BUCKET).join("team/db")).unwrap();
    assert_eq!(file.len(), (5 << 20) + 3, "a plain file in the login directory");
    // An upload that is dropped leaves nothing.
    let upload = block(store.begin("other", &metadata("other"), Checksum::Sha256)).unwrap();
    put_part(&store, "other", &upload, 1, b"part").unwrap();
    block(store.drop_upload("other", &upload)).unwrap();
    assert_eq!(fs::read_dir(server.home().join(".uploads")).unwrap().count(), 0);
    // The first one sees it within seconds, and ends.
    let said = first.refused();
    assert!(said.contains("another server has taken the folder"), "{said}");
}

#[test]
fn whoever_is_left_alone_ends_and_gives_the_folder_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Sftp::start("proftpd", folder.path(), &[]);
    let mut depot = server.depot(json!({ "path": "deep/er" })).up();
    assert!(server.home().join("deep/er/.lease").exists());
    drop(depot.input.take());
    assert!(depot.child.wait().unwrap().success(), "{}", depot.said());
    let lease = fs::read_to_string(server.home().join("deep/er/.lease")).unwrap();
    assert_eq!(lease.trim_end(), "free");
    // At once, though of another name.
    server.depot(json!({ "path": "deep/er", "holder": "other" })).up();
}
