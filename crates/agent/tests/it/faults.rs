//! Stores that fail, and operators that refuse.
use super::rig::*;
use super::store::{Fault, Store};
use protocol::{Action, Checksum, Compression, Job, Outcome, ToAgent};

const ZEROS: &str = "head -c 3000000 /dev/zero";

fn failed(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::TransferFailed { step, message } => (step, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_passes_is_tried_again_with_a_fresh_url() {
    for fault in [
        Fault::Drop,
        Fault::LoseAnswer,
        Fault::Answer(500, "InternalError", "We failed"),
        Fault::Answer(503, "SlowDown", ""),
        Fault::Answer(403, "AccessDenied", "Request has expired"),
        // The session that signed it has ended: the next one is signed by another.
        Fault::Answer(400, "ExpiredToken", "The provided token has expired."),
        Fault::Answer(
            403,
            "InvalidTokenId",
            "The security token included in the request is invalid",
        ),
        Fault::Answer(400, "BadDigest", "damaged"),
    ] {
        let (rig, store) = (Rig::new(), Store::new());
        store.fail(&[fault.clone(), fault.clone()]);
        let mut link = rig.connect();
        link.say(&ToAgent::Start(Box::new(backup(sh(ZEROS)))));
        let report = link.serve(&store);
        done(&report);
        assert_eq!(store.joined(), vec![0; 3_000_000], "{fault:?}");
        assert_eq!((report.parts.len(), link.requests.len()), (3, 5), "{fault:?}");
    }
}

#[test]
fn what_does_not_pass_fails_with_the_stores_words_and_ends_the_command() {
    let (rig, store) = (Rig::new(), Store::new());
    store.fail(&vec![Fault::Answer(404, "NoSuchUpload", "It may have been aborted"); 2]);
    let report = rig.run(&backup(sh("cat /dev/zero")), &store);
    let (step, message) = failed(report.outcome);
    assert!(step.starts_with("upload part "), "{step}");
    assert_eq!(message, "the store answered 404 NoSuchUpload: It may have been aborted");
}

#[test]
fn whose_an_object_is_that_is_there_already_is_for_the_operator_to_see() {
    // S3's words, and Azure's.
    for (status, code) in [(412, "PreconditionFailed"), (409, "BlobAlreadyExists")] {
        let (rig, store) = (Rig::new(), Store::new());
        // The answer is lost; the object that is there then is this backup's own.
        store.fail(&[Fault::LoseAnswer, Fault::Answer(status, code, "")]);
        let report = rig.run(&backup(sh("echo x")), &store);
        done(&report);
        assert_eq!(report.object_etag.as_deref(), Some(""));
    }
    // A part has no such condition.
    let (rig, store) = (Rig::new(), Store::new());
    store.fail(&vec![Fault::Answer(412, "PreconditionFailed", ""); 3]);
    let (step, _) = failed(rig.run(&backup(sh(ZEROS)), &store).outcome);
    assert!(step.starts_with("upload part "), "{step}");
}

#[test]
fn a_digest_that_is_bad_again_and_again_fails_after_a_few_tries() {
    let (rig, store) = (Rig::new(), Store::new());
    store.fail(&vec![Fault::Answer(400, "BadDigest", "no"); 5]);
    let report = rig.run(&backup(sh("echo x")), &store);
    let (step, message) = failed(report.outcome);
    assert_eq!(
        (step.as_str(), message.as_str()),
        ("upload", "the store answered 400 BadDigest: no")
    );
    assert_eq!(store.log().len(), 5);
}

#[test]
fn a_store_that_stays_away_is_given_up_after_the_patience() {
    let (rig, store) = (Rig::new(), Store::new());
    store.fail(&vec![Fault::Drop; 1000]);
    let mut job = backup(sh("echo x"));
    job.retry_seconds = 1;
    let (step, _) = failed(rig.run(&job, &store).outcome);
    assert_eq!(step, "upload");
}

#[test]
fn an_operator_that_refuses_or_stays_away_ends_the_transfer() {
    let (rig, _store) = (Rig::new(), Store::new());
    let mut link = rig.connect();
    link.say(&ToAgent::Start(Box::new(backup(sh(ZEROS)))));
    let request = link.request();
    link.say(&ToAgent::Refuse {
        request,
        message: "the Secret is gone".into(),
    });
    let (_, message) = failed(link.report().outcome);
    assert!(message.contains("the Secret is gone"), "{message}");

    let rig = Rig::new();
    let mut link = rig.connect();
    let mut job = backup(sh("cat /dev/zero"));
    job.absence_seconds = 1;
    link.say(&ToAgent::Start(Box::new(job)));
    let (_, message) = failed(link.report().outcome);
    assert!(message.contains("did not answer within 1 s"), "{message}");
}

#[test]
fn what_cannot_work_is_refused_before_the_command_starts() {
    let mark = |rig: &Rig| sh(&format!("touch {}; echo x", rig.path("ran").display()));
    let bad_level = |job: Job| with_compression(job, Compression::Gzip { level: 12 });
    let bad_bundle = |job: Job| Job {
        ca_bundle: Some("no PEM".into()),
        ..job
    };
    let bad_recipient = |job: Job| with_recipients(job, &["age1nonsense"]);
    for (change, step, word) in [
        (&bad_level as &dyn Fn(Job) -> Job, "compress", "gzip has no level 12"),
        (&bad_bundle, "tls", "caBundle "),
        (&bad_recipient, "encrypt", "recipients[0]: "),
    ] {
        let (rig, store) = (Rig::new(), Store::new());
        let report = rig.run(&change(backup(mark(&rig))), &store);
        let (seen, message) = failed(report.outcome);
        assert!(seen == step && message.contains(word), "{seen}: {message}");
        assert_eq!(rig.text("ran"), None, "{step}");
    }
}

#[test]
fn a_store_that_takes_too_few_parts_fails_with_the_number() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut job = backup(sh("cat /dev/zero"));
    if let Action::Backup { plan, .. } = &mut job.action {
        plan.max_parts = 3;
    }
    let (step, message) = failed(rig.run(&job, &store).outcome);
    assert_eq!(
        (step.as_str(), message.as_str()),
        ("upload", "the backup is too large: the store takes 3 parts")
    );
}

#[test]
fn a_part_is_bound_by_the_checksum_that_the_plan_names() {
    // Of "x\n", by sha256sum and md5sum.
    for (named, sum) in [
        (Checksum::Sha256, "c8s4WKaHqElMozIwUwFigvPa051Cz2LKTnndoqrH2aw="),
        (Checksum::Md5, "QBsw47i11iljWlxhPNt5GQ=="),
        (Checksum::None, ""),
    ] {
        let (rig, store) = (Rig::new(), Store::new());
        let mut job = backup(sh("echo x"));
        if let Action::Backup { checksum, .. } = &mut job.action {
            *checksum = named;
        }
        let mut link = rig.connect();
        link.say(&ToAgent::Start(Box::new(job)));
        done(&link.serve(&store));
        let asked = protocol::UrlRequest::Object {
            size: 2,
            checksum: sum.into(),
        };
        assert_eq!(link.requests, [asked], "{named:?}");
    }
}

#[test]
fn parts_grow_from_step_to_step() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut job = backup(sh("head -c 9000000 /dev/zero"));
    if let Action::Backup { plan, .. } = &mut job.action {
        plan.step = 2;
    }
    let report = rig.run(&job, &store);
    done(&report);
    let sizes: Vec<_> = report.parts.iter().map(|p| p.size).collect();
    assert_eq!(sizes, [PART, PART, 2 * PART, 2 * PART, 9_000_000 - 6 * PART]);
    assert_eq!(store.joined().len(), 9_000_000);
}
