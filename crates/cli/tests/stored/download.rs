//! `download`: a file has its name only when all of it was proved.
use std::fs;
use std::os::unix::fs::PermissionsExt;

use servers::Cut;

use super::bucket::*;

#[test]
fn an_object_becomes_a_file_decrypted_decompressed_and_named_by_its_path() {
    let bucket = Bucket::new();
    let bytes = noise(3_000_000);
    let object = stored(&bytes, ZSTD, true);
    bucket.put("shop.sql.zst.age", &object);
    let opened = ["--compression", "zstd", "--identity", IDENTITY];
    let said = bucket
        .run("download", &[&["--path", "shop.sql.zst.age"], &opened[..]].concat())
        .good();
    assert!(
        said.starts_with("shop.sql: ") && said.contains("as the store has it"),
        "{said}"
    );
    assert!(fs::read(bucket.path("shop.sql")).unwrap() == bytes);
    let mode = fs::metadata(bucket.path("shop.sql")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "others may read it");

    let raw = bucket.run("download", &["--path", "shop.sql.zst.age", "--raw"]).good();
    assert!(raw.contains(&sha256(&object)), "{raw}");
    assert!(fs::read(bucket.path("shop.sql.zst.age")).unwrap() == object);

    let ran = bucket.run(
        "download",
        &[&["--path", "shop.sql.zst.age", "-o", "-"], &opened[..]].concat(),
    );
    assert!(
        ran.out == bytes && ran.err.contains("as the store has it"),
        "{}",
        ran.err
    );
    assert_eq!(bucket.files(), ["shop.sql", "shop.sql.zst.age"], "nothing else is left");
}

#[test]
fn what_is_not_whole_or_not_wanted_leaves_no_file() {
    let bucket = Bucket::new();
    let whole = stored(&noise(3_000_000), ZSTD, false);
    let hash = sha256(&whole);
    bucket.put("whole", &whole);
    bucket.put("cut", &whole[..whole.len() - 1]);
    bucket.put("closed", &stored(b"secret", None, true));
    for (flags, words) in [
        (&["--path", "cut", "--compression", "zstd"][..], "(decompress)"),
        (&["--path", "cut", "--raw", "--sha256", &hash], "(hash)"),
        (&["--path", "whole"], "--compression zstd"),
        (&["--path", "closed"], "--identity"),
        (&["--path", "closed", "--identity", OTHER], "none of those"),
        (&["--path", "none"], "there is no object"),
        (&["--path", "whole", "--raw", "-o", "no/folder"], "no/folder"),
    ] {
        let err = bucket.run("download", flags).bad();
        assert!(err.contains(words) && err.contains("\ntry: "), "{flags:?}: {err}");
        assert_eq!(bucket.files(), [""; 0], "{flags:?}");
    }
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_asked_and_only_by_a_whole_one() {
    let bucket = Bucket::new();
    bucket.put("db", b"new");
    fs::write(bucket.path("db"), "old").unwrap();
    let err = bucket.run("download", &["--path", "db"]).bad();
    assert!(err.contains("is there already"), "{err}");
    let wrong = "0".repeat(64);
    bucket
        .run("download", &["--path", "db", "--force", "--sha256", &wrong])
        .bad();
    assert_eq!(bucket.text("db").as_deref(), Some("old"));
    bucket.run("download", &["--path", "db", "--force"]).good();
    assert_eq!(bucket.text("db").as_deref(), Some("new"));
    assert_eq!(bucket.files(), ["db"]);
}

#[test]
fn a_download_goes_on_where_its_connection_broke() {
    let bucket = Bucket::new();
    let bytes = noise(6_000_000);
    bucket.put("db", &bytes);
    // The look at the object goes over the first connection.
    let cut = Cut::of(&bucket.running.address, 1, 2_000_000);
    bucket.lead_to(&cut.address);
    bucket.run("download", &["--path", "db"]).good();
    assert!(fs::read(bucket.path("db")).unwrap() == bytes);
    assert!(cut.connections() > 2, "nothing was cut");
}

#[test]
fn keys_come_from_the_environment_where_the_file_has_none_and_are_never_shown() {
    let bucket = Bucket::new();
    bucket.put("db", b"x");
    let manifest = bucket.text("storage.yaml").unwrap();
    let storage = manifest.split("---\n").nth(1).unwrap();
    fs::write(bucket.path("storage.yaml"), storage).unwrap();
    let err = bucket.run("download", &["--path", "db"]).bad();
    assert!(
        err.contains("it has no Secret minio/keys") && err.contains("AWS_ACCESS_KEY_ID"),
        "{err}"
    );
    let with = |secret: &str| {
        let mut command = bucket.command("download", &["--path", "db"]);
        command.env("AWS_ACCESS_KEY_ID", bucket.running.server.access_key);
        command.env("AWS_SECRET_ACCESS_KEY", secret);
        Ran::of(command.output().unwrap())
    };
    let err = with("hunter2hunter2").bad();
    assert!(!err.contains("hunter2") && err.contains("\ntry: "), "{err}");
    with(servers::SECRET_KEY).good();
    assert_eq!(bucket.text("db").as_deref(), Some("x"));
}
