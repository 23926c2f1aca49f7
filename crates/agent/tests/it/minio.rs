//! The agent against MinIO, with URLs as the operator signs them: stages, endings, damage. What is asked of every server is in
//! `each_server.rs`.
use std::fs;

use super::real::*;
use super::rig::*;
use protocol::{Compression, Outcome, ToAgent, UrlRequest};

#[test]
fn backups_of_all_sizes_and_stages_come_back_from_a_real_store() {
    let minio = Real::start("minio");
    let (public, secret) = (include_str!("keys/ed25519.pub"), include_str!("keys/ed25519"));
    let plain = [noise(12 << 20), vec![b'a'; 9 << 20]].concat();
    for (length, compression, encrypted) in [
        (11, None, false),
        (plain.len(), None, false),
        (plain.len(), Some(Compression::Gzip { level: 6 }), true),
        (plain.len(), Some(Compression::Zstd { level: 3 }), false),
        (1000, Some(Compression::Zstd { level: 3 }), true),
    ] {
        let bytes = &plain[..length];
        let rig = Rig::new();
        fs::write(rig.path("in"), bytes).unwrap();
        let recipients = if encrypted { vec![public] } else { vec![] };
        let mut job = real_parts(backup(words(&["cat", rig.path("in").to_str().unwrap()])));
        job = with_recipients(job, &recipients);
        job.compression = compression;
        let report = minio.run(&rig, job);
        done(&report);
        let (etag, object) = minio.object().unwrap();
        assert_eq!(
            (report.stored_bytes, report.sha256.clone()),
            (object.len() as u64, sha256(&object))
        );

        let rig = Rig::new();
        let mut job = back(&rig, &report, etag);
        job.compression = compression;
        if encrypted {
            job = with_identity(job, secret);
        }
        done(&minio.run(&rig, job));
        assert!(
            fs::read(rig.path("out")).unwrap() == bytes,
            "{length} {compression:?} {encrypted}"
        );
    }
}

#[test]
fn an_object_that_was_replaced_since_is_refused_by_its_etag() {
    let minio = Real::start("minio");
    let first = minio.run(&Rig::new(), real_parts(backup(sh("echo one"))));
    done(&first);
    let (etag, _) = minio.object().unwrap();
    done(&minio.run(&Rig::new(), real_parts(backup(sh("echo two")))));
    let rig = Rig::new();
    match minio.run(&rig, back(&rig, &first, etag)).outcome {
        Outcome::BadObject { step, .. } => assert_eq!(step, "etag"),
        other => panic!("{other:?}"),
    }
    assert!(!rig.path("out").exists(), "the command ran");
}

/// A URL that does not fit the bytes: what a store does with a part that was damaged on its way.
#[test]
fn a_checksum_that_does_not_fit_is_refused_in_the_stores_words() {
    let minio = Real::start("minio");
    let rig = Rig::new();
    let mut link = rig.connect();
    link.say(&ToAgent::Start(Box::new(backup(sh("echo x")))));
    let report = loop {
        match link.hear() {
            protocol::FromAgent::NeedUrl(request) => {
                let wrong = UrlRequest::Object {
                    size: 2,
                    checksum: "A".repeat(43) + "=",
                };
                let ToAgent::Url { url, headers, .. } = minio.sign(&wrong, None) else {
                    unreachable!()
                };
                link.say(&ToAgent::Url { request, url, headers });
            }
            protocol::FromAgent::Finished(report) => break *report,
            _ => {}
        }
    };
    match report.outcome {
        Outcome::TransferFailed { step, message } => {
            assert!(
                step == "upload" && message.starts_with("the store answered 400 "),
                "{step}: {message}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(minio.object().is_none());
}
