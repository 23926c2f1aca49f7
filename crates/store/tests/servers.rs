//! The store against real servers: MinIO and versitygw, each started for a test and gone with it.
//! `make test` names their binaries in MINIO_BIN and VERSITYGW_BIN.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "servers/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use server::{Kind, Server, put};
use store::{Checksum, CompletedPart, Credentials, S3Parameters, Secret, Store, StoreErrorKind, composite_sha256};

const EXPIRES: Duration = Duration::from_secs(300);

fn parameters(endpoint: &str, more: &[(&str, &str)]) -> S3Parameters {
    let all = [("bucket", "test"), ("endpoint", endpoint), ("s3ForcePathStyle", "true")];
    let map = all
        .iter()
        .chain(more)
        .map(|(k, v)| ((*k).to_string(), (*v).to_string()))
        .collect();
    S3Parameters::parse(&map).unwrap()
}

fn open(endpoint: &str, secret: &str, more: &[(&str, &str)]) -> Store {
    let credentials = Credentials::new(server::USER, Secret::new(secret), None);
    Store::s3(parameters(endpoint, more), credentials).unwrap()
}

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("backup-operator-run".to_string(), "uid-1".to_string()),
        ("name".to_string(), "ns/ä b".to_string()),
    ])
}

async fn nothing_is_left(store: &Store) {
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
    assert_eq!(store.list_uploads("").await.unwrap(), vec![]);
}

async fn a_probe_finds_what_the_store_can_do_and_leaves_nothing(kind: Kind) {
    let server = Server::start(kind).await;
    let store = open(&server.endpoint, server::PASSWORD, &[]);
    let found = store.probe("", "1", None).await.unwrap();
    assert_eq!(
        (
            found.checksum,
            found.metadata,
            found.composite_checksum,
            found.if_none_match
        ),
        (Checksum::Sha256, true, true, true),
        "{kind:?}"
    );
    assert!(found.enforced && found.deletable && found.listable, "{kind:?}");
    let forced = store.probe("team/", "2", Some(Checksum::None)).await.unwrap();
    assert_eq!((forced.checksum, forced.enforced), (Checksum::None, false));
    nothing_is_left(&store).await;
}

async fn a_signed_url_takes_the_body_that_it_was_signed_for_and_no_other(kind: Kind) {
    let server = Server::start(kind).await;
    let store = open(&server.endpoint, server::PASSWORD, &[]);
    for checksum in [Checksum::Sha256, Checksum::Md5] {
        let digest = checksum.digest(b"right");
        let signed = store.sign_object(
            "a/b",
            5,
            checksum,
            &digest,
            &metadata(),
            false,
            EXPIRES,
            Timestamp::now(),
        );
        assert!(put(&signed, b"wrong").await.0 >= 400, "{checksum:?}");
        assert_eq!(
            store.head("a/b", None).await.unwrap(),
            None,
            "{checksum:?}: a body that was refused is not there"
        );
        assert_eq!(put(&signed, b"right").await.0, 200, "{checksum:?}");
        let object = store.head("a/b", None).await.unwrap().unwrap();
        assert_eq!((object.size, object.metadata), (5, metadata()));
        assert_eq!(store.get("a/b", None).await.unwrap(), b"right");
        assert_eq!(store.get("a/b", Some((1, 3))).await.unwrap(), b"igh");
        store.delete("a/b").await.unwrap();
        store.delete("a/b").await.unwrap();
    }
    nothing_is_left(&store).await;
}

async fn an_upload_is_invisible_until_it_is_completed_and_completes_once(kind: Kind) {
    let server = Server::start(kind).await;
    let store = open(&server.endpoint, server::PASSWORD, &[]);
    let (first, second) = (vec![7_u8; 5 << 20], b"end".to_vec());
    let upload = store.create_upload("big", &metadata(), Checksum::Sha256).await.unwrap();
    let listed = store.list_uploads("big").await.unwrap();
    assert_eq!((listed.len(), listed[0].id.as_str()), (1, upload.as_str()));
    let age = listed[0].age.expect("a time");
    assert!(age.abs().as_secs() < 60, "{age:?}");
    let mut parts = Vec::new();
    for (number, body) in [(1, &first), (2, &second)] {
        let digest = Checksum::Sha256.digest(body);
        let size = body.len() as u64;
        let signed = store.sign_part(
            "big",
            &upload,
            number,
            size,
            Checksum::Sha256,
            &digest,
            EXPIRES,
            Timestamp::now(),
        );
        let (status, etag) = put(&signed, body).await;
        assert_eq!(status, 200);
        // The same part again: an agent that lost the answer.
        assert_eq!(put(&signed, body).await.0, 200);
        parts.push(CompletedPart { number, etag, digest });
    }
    assert_eq!(store.head("big", None).await.unwrap(), None);
    store
        .complete("big", &upload, &parts, Checksum::Sha256, false)
        .await
        .unwrap();
    let object = store.head("big", None).await.unwrap().unwrap();
    assert_eq!((object.size, object.metadata), ((5 << 20) + 3, metadata()));
    assert_eq!(
        object.checksum_sha256,
        Some(composite_sha256(parts.iter().map(|p| p.digest.as_str())))
    );
    match store.complete("big", &upload, &parts, Checksum::Sha256, false).await {
        // Either is fine: the object decides.
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), StoreErrorKind::NoSuchUpload, "{error}"),
    }
    store.abort("big", &upload).await.unwrap();
    assert!(
        store.head("big", None).await.unwrap().is_some(),
        "an abort that comes too late removes nothing"
    );
    store.delete("big").await.unwrap();

    let upload = store.create_upload("big", &metadata(), Checksum::None).await.unwrap();
    store.abort("big", &upload).await.unwrap();
    store.abort("big", &upload).await.unwrap();
    nothing_is_left(&store).await;
}

async fn what_is_wrong_with_a_store_is_said_with_its_cure(kind: Kind) {
    let server = Server::start(kind).await;
    let cases = [
        (open(&server.endpoint, "wrong-secret-key", &[]), "spec.credentials"),
        (
            open(&server.endpoint, server::PASSWORD, &[("bucket", "nowhere")]),
            "spec.parameters.bucket",
        ),
        (
            open("http://127.0.0.1:1", server::PASSWORD, &[]),
            "spec.parameters.endpoint",
        ),
    ];
    for (store, cure) in cases {
        let error = store.probe("", "1", None).await.unwrap_err().to_string();
        assert!(error.contains(cure), "{kind:?}: {error}");
        assert!(
            !error.contains("Signature=") && !error.contains(server::PASSWORD),
            "{error}"
        );
    }
}

/// As after a rotation of the access key: what the store then says must not read as "it is gone".
async fn nothing_is_gone_for_who_has_the_wrong_keys(kind: Kind) {
    let server = Server::start(kind).await;
    let store = open(&server.endpoint, server::PASSWORD, &[]);
    let digest = Checksum::None.digest(b"kept");
    let signed = store.sign_object(
        "kept",
        4,
        Checksum::None,
        &digest,
        &metadata(),
        false,
        EXPIRES,
        Timestamp::now(),
    );
    assert_eq!(put(&signed, b"kept").await.0, 200);
    let upload = store.create_upload("kept", &metadata(), Checksum::None).await.unwrap();
    for (key, secret) in [
        ("nobody-knows-me", server::PASSWORD),
        (server::USER, "wrong-secret-key"),
    ] {
        let credentials = Credentials::new(key, Secret::new(secret), None);
        let stranger = Store::s3(parameters(&server.endpoint, &[]), credentials).unwrap();
        let errors = [
            ("head", stranger.head("kept", None).await.map(drop)),
            ("head of a missing one", stranger.head("missing", None).await.map(drop)),
            ("delete", stranger.delete("kept").await),
            ("delete a version", stranger.delete_version("kept", "v1").await),
            ("abort", stranger.abort("kept", &upload).await),
        ];
        for (what, done) in errors {
            let error = done.expect_err(what);
            assert_eq!(
                error.kind(),
                StoreErrorKind::BadCredentials,
                "{kind:?} {key} {what}: {error}"
            );
        }
    }
    assert!(store.head("kept", None).await.unwrap().is_some());
    assert_eq!(store.list_uploads("kept").await.unwrap().len(), 1);
}

async fn a_version_that_is_gone_is_gone_however_often_it_is_removed(kind: Kind) {
    let server = Server::start(kind).await;
    server.keep_versions().await;
    let store = open(&server.endpoint, server::PASSWORD, &[]);
    let mut versions = Vec::new();
    for body in [b"first", b"other"] {
        let digest = Checksum::None.digest(body);
        let signed = store.sign_object(
            "k",
            5,
            Checksum::None,
            &digest,
            &metadata(),
            false,
            EXPIRES,
            Timestamp::now(),
        );
        assert_eq!(put(&signed, body).await.0, 200);
        let object = store.head("k", None).await.unwrap().unwrap();
        versions.push((object.version_id.expect("a version"), object.etag));
    }
    let [(old, etag), (new, _)] = versions.try_into().unwrap();
    let first = store.head("k", Some(&old)).await.unwrap().unwrap();
    assert_eq!((first.etag, first.version_id.as_deref()), (etag, Some(old.as_str())));
    for _ in 0..2 {
        store.delete_version("k", &old).await.unwrap();
    }
    assert_eq!(store.head("k", Some(&old)).await.unwrap(), None);
    let left = store.head("k", None).await.unwrap().unwrap();
    assert_eq!(left.version_id, Some(new));
}

async fn a_probe_leaves_no_version_and_a_second_one_makes_no_object(kind: Kind) {
    let server = Server::start(kind).await;
    server.keep_versions().await;
    let store = open(&server.endpoint, server::PASSWORD, &[]);
    let known = store.probe("team/", "1", None).await.unwrap();
    assert_eq!(store.list_versions("").await.unwrap(), [], "{kind:?}");
    for _ in 0..3 {
        store.probe_again("team/", known).await.unwrap();
    }
    assert_eq!(store.list_versions("").await.unwrap(), [], "{kind:?}");
    assert_eq!(store.list_uploads("").await.unwrap(), [], "{kind:?}");
    let none = store::Capabilities {
        checksum: Checksum::None,
        ..known
    };
    let error = store.probe_again("", none).await.unwrap_err().to_string();
    assert!(error.contains("refused before"), "{kind:?}: {error}");
    assert_eq!(store.list_uploads("").await.unwrap(), [], "{kind:?}");
}

macro_rules! on_each_server {
    ($($rule:ident),* $(,)?) => { $(
        mod $rule {
            use super::*;
            #[tokio::test]
            async fn on_minio() { super::$rule(Kind::Minio).await; }
            #[tokio::test]
            async fn on_versitygw() { super::$rule(Kind::Versitygw).await; }
        }
    )* };
}

on_each_server!(
    a_probe_finds_what_the_store_can_do_and_leaves_nothing,
    a_signed_url_takes_the_body_that_it_was_signed_for_and_no_other,
    an_upload_is_invisible_until_it_is_completed_and_completes_once,
    what_is_wrong_with_a_store_is_said_with_its_cure,
    nothing_is_gone_for_who_has_the_wrong_keys,
    a_version_that_is_gone_is_gone_however_often_it_is_removed,
    a_probe_leaves_no_version_and_a_second_one_makes_no_object,
);
