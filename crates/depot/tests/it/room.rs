//! A disk that is full.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use servers::exchange;
use store::{Checksum, CompletedPart, Finish, ProbeError, Removed, StoreErrorKind, Wanted};

use super::ledger::{metadata, put_part, url_for};
use super::running::{BUCKET, Depot, block};

const MIB: usize = 1 << 20;

/// Runs the rest of a test with a small disk of its own, in namespaces of its own: with them the disk goes, however the test ends.
fn on_a_small_disk(test: &str) -> Option<tempfile::TempDir> {
    if let Some(disk) = std::env::var_os("DEPOT_SMALL_DISK") {
        // Within: the folder is the disk.
        let folder = tempfile::Builder::new()
            .prefix("on-")
            .tempdir_in(Path::new(&disk))
            .unwrap();
        return Some(folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=24m depot \"$DEPOT_SMALL_DISK\" && exec \"$0\" --exact \"$1\" --nocapture";
    // Who is root already may not be allowed to be it once more.
    let root: &[&str] = if rustix::process::geteuid().is_root() {
        &[]
    } else {
        &["--user", "--map-root-user"]
    };
    let output = Command::new("unshare")
        .args(root)
        .args(["--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("DEPOT_SMALL_DISK", folder.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    assert!(String::from_utf8_lossy(&said).contains("1 passed"));
    None
}

/// Fills the disk to its last byte: the file that does.
fn fill(folder: &Path) -> PathBuf {
    let filler = folder.join("filler");
    while fs::metadata(&filler).map_or(0, |m| m.len()) < 64 << 20 {
        let old = fs::read(&filler).unwrap_or_default();
        if fs::write(&filler, [old, vec![1; MIB]].concat()).is_err() {
            break;
        }
    }
    filler
}

#[test]
fn a_full_disk_ends_no_store_and_keeps_nothing_from_being_removed() {
    let Some(folder) = on_a_small_disk("it::room::a_full_disk_ends_no_store_and_keeps_nothing_from_being_removed")
    else {
        return;
    };
    let depot = Depot::start(folder.path(), &[]);
    let store = depot.store();
    for key in ["old", "kept"] {
        block(store.write(key, vec![7; 100 << 10], Checksum::Sha256)).unwrap();
    }
    let known = block(store.probe("", "id", None)).unwrap();
    fill(folder.path());
    // For longer than a lease is good that is not renewed.
    std::thread::sleep(Duration::from_secs(25));
    let health = format!("http://127.0.0.1:{}/", depot.health);
    assert_eq!(exchange("GET", &health, &[], b"").unwrap().status, 200);
    // A restore asks a storage whose probe says this, and no other that failed.
    for fault in [
        block(store.probe("", "id", None)).map(drop),
        block(store.probe_again("", "id", known)),
    ] {
        assert!(fault.as_ref().is_err_and(ProbeError::is_full), "{fault:?}");
    }
    assert_eq!(block(store.remove("old", None)).unwrap(), Removed::Gone);
    assert_eq!(block(store.look("old", None)).unwrap(), None);
    assert!(block(store.look("kept", None)).unwrap().is_some());
}

#[test]
fn a_full_disk_is_said_in_words_and_takes_nothing_of_what_is_there() {
    let Some(folder) = on_a_small_disk("it::room::a_full_disk_is_said_in_words_and_takes_nothing_of_what_is_there")
    else {
        return;
    };
    let depot = Depot::start(folder.path(), &[]);
    let store = depot.store();
    let begin = |key: &str| block(store.begin(key, &metadata(key), Checksum::Sha256));
    let upload = begin("k").unwrap();
    let bytes = vec![7; 5 * MIB];
    let mut parts: Vec<CompletedPart> = (1..=3)
        .map(|number| put_part(&store, "k", &upload, number, &bytes).unwrap())
        .collect();
    let more = begin("more").unwrap();
    // Somebody else fills the disk while a part comes, and then all of it.
    let refused = |number: u32, upload: &str, key: &str, size: usize| {
        let bytes = vec![8; size];
        let digest = Checksum::Sha256.digest(&bytes);
        let signed = url_for(
            &store,
            &Wanted::part(key, upload, number, size as u64, Checksum::Sha256, &digest),
            Timestamp::now(),
        );
        let answer = exchange("PUT", signed.url.reveal(), &signed.headers, &bytes).unwrap();
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status == 507 && body.contains("InsufficientStorage") && body.contains("disk is full"),
            "{body}"
        );
    };
    refused(1, &more, "more", 12 * MIB);
    let filler = fill(folder.path());
    refused(4, &upload, "k", 1 << 10);
    let error = begin("other").unwrap_err();
    assert!(
        error.kind() == StoreErrorKind::Full && error.to_string().contains("disk is full"),
        "{error}"
    );
    assert!(
        block(store.write("small", vec![1; 100], Checksum::Sha256))
            .unwrap_err()
            .to_string()
            .contains("507")
    );
    fs::remove_file(&filler).unwrap();
    parts.push(put_part(&store, "k", &upload, 4, b"end").unwrap());
    block(store.finish(&Finish::new(
        "k",
        &upload,
        &parts,
        Checksum::Sha256,
        &metadata("k"),
        false,
    )))
    .unwrap();
    let object = fs::read(folder.path().join("data").join(BUCKET).join("k")).unwrap();
    assert!(object == [vec![7; 15 * MIB], b"end".to_vec()].concat());
    block(store.drop_upload("more", &more)).unwrap();
    assert_eq!(
        fs::read_dir(folder.path().join("data/.uploads")).unwrap().count(),
        0,
        "what was refused left something"
    );
}
