//! What a report may claim, before the store is asked.
use protocol::{Outcome, UrlRequest};

use super::*;

fn receipt(number: u32, size: u64) -> PartReceipt {
    PartReceipt {
        number,
        size,
        checksum: String::new(),
        etag: "\"e\"".into(),
    }
}

fn report(parts: Vec<PartReceipt>, stored_bytes: u64) -> Report {
    Report {
        outcome: Outcome::Done,
        bytes: 0,
        stored_bytes,
        sha256: "a".repeat(64),
        parts,
        object_etag: None,
        stderr: String::new(),
        peak_memory: 0,
        packed: None,
    }
}

fn parts(list: &[(u32, u64)]) -> Vec<PartReceipt> {
    list.iter().map(|(number, size)| receipt(*number, *size)).collect()
}

#[test]
fn a_report_whose_parts_do_not_add_up_is_refused() {
    type Case<'a> = (&'a [(u32, u64)], u64, bool);
    let cases: [Case<'_>; 8] = [
        (&[(1, 5), (2, 3)], 8, true),
        (&[], 0, false),
        (&[(1, 5), (2, 3)], 9, false),
        (&[(1, 5), (3, 3)], 8, false),
        (&[(2, 3), (1, 5)], 8, false),
        (&[(1, 5), (1, 3)], 8, false),
        (&[(0, 5), (1, 3)], 8, false),
        (&[(1, u64::MAX), (2, 9)], 8, false),
    ];
    for (list, stored, good) in cases {
        let report = report(parts(list), stored);
        assert_eq!(
            check_parts(None, &report, Checksum::None).is_ok(),
            good,
            "{list:?} {stored}"
        );
    }
    let many: Vec<_> = (1..=parts::MAX_PARTS + 1).map(|n| (n, 1)).collect();
    let report = report(parts(&many), many.len() as u64);
    assert!(check_parts(None, &report, Checksum::None).is_err());
}

#[test]
fn a_part_that_nothing_was_signed_for_is_not_completed() {
    let mut signed = SignedFor::default();
    for (number, size) in [(1, 5), (2, 3)] {
        let checksum = String::new();
        signed.add(&UrlRequest::Part { number, size, checksum });
    }
    for (list, good) in [
        (&[(1, 5), (2, 3)][..], true),
        (&[(1, 5), (2, 2)], false),
        (&[(1, 5), (2, 3), (3, 1)], false),
    ] {
        let total = list.iter().map(|(_, size)| size).sum();
        let seen = check_parts(Some(&signed), &report(parts(list), total), Checksum::None);
        assert_eq!(seen.is_ok(), good, "{list:?}");
    }
}

#[test]
fn a_receipt_has_an_etag_and_a_checksum_as_a_store_gives_them() {
    let digest = Checksum::Sha256.digest(b"a");
    for (etag, checksum, good) in [
        ("\"0cc175b9c0f1b6a831c399e269772661\"", digest.as_str(), true),
        // A store that gives none is the store's to ask.
        ("", &digest, true),
        ("a b", &digest, false),
        ("\"\0\"", &digest, false),
        ("\"ä\"", &digest, false),
        (&"e".repeat(limits::ETAG + 1), &digest, false),
        ("\"e\"", "", false),
        ("\"e\"", "</ChecksumSHA256>", false),
    ] {
        let part = PartReceipt {
            number: 1,
            size: 1,
            checksum: checksum.into(),
            etag: etag.into(),
        };
        assert_eq!(is_receipt(&part, Checksum::Sha256), good, "{etag:?} {checksum:?}");
    }
}

#[test]
fn a_backup_is_either_an_upload_or_an_object_and_was_signed_for() {
    let (mut with_object, without) = (SignedFor::default(), SignedFor::default());
    with_object.add(&UrlRequest::Object {
        size: 5,
        checksum: String::new(),
    });
    let object = || Some("\"e\"".to_string());
    let one = || parts(&[(1, 5)]);
    // Upload, what was signed, ETag of the object, parts.
    let cases = [
        (Some("u"), None, None, one(), true),
        (Some("u"), None, object(), one(), false),
        (Some("u"), None, object(), vec![], false),
        (None, None, object(), vec![], true),
        (None, Some(&with_object), object(), vec![], true),
        (None, Some(&without), object(), vec![], false),
        (None, None, object(), one(), false),
        (None, None, None, one(), false),
        (None, None, None, vec![], false),
    ];
    for (upload, signed, object_etag, parts, good) in cases {
        let claim = Claim { upload, signed };
        let report = Report {
            object_etag,
            ..report(parts, 5)
        };
        let seen = check(&claim, &report, Checksum::None);
        assert_eq!(seen.is_ok(), good, "{upload:?} {report:?} {seen:?}");
        let nameless = Report {
            sha256: String::new(),
            ..report
        };
        assert!(check(&claim, &nameless, Checksum::None).is_err());
    }
}

#[test]
fn an_object_that_was_there_before_the_attempt_is_not_its_own() {
    for (age, older) in [
        (0, false),
        (100, false),
        (160, false),
        (161, true),
        (-5, false),
        (i64::MAX, true),
    ] {
        assert_eq!(
            is_older(SignedDuration::from_secs(age), Duration::from_secs(100)),
            older,
            "{age}"
        );
    }
}
