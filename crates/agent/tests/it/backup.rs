//! Backups that end well.
use super::rig::*;
use super::store::Store;
use protocol::{Action, Outcome, UrlRequest};

#[test]
fn a_backup_smaller_than_a_part_is_one_object_that_is_asked_for_after_the_end() {
    let (rig, store) = (Rig::new(), Store::new());
    let report = rig.run(&backup(sh("echo hello; echo note >&2")), &store);
    done(&report);
    assert_eq!(store.object().unwrap(), b"hello\n");
    assert_eq!((report.bytes, report.stored_bytes), (6, 6));
    assert_eq!(report.sha256, sha256(b"hello\n"));
    assert_eq!((report.object_etag.as_deref(), report.parts.len()), (Some("\"e\""), 0));
    assert_eq!(report.stderr, "note\n");
    assert_eq!(rig.text("log").unwrap(), "note\n");
    assert!(report.peak_memory > 0);
}

#[test]
fn a_larger_backup_is_parts_of_equal_size_and_a_rest() {
    let (rig, store) = (Rig::new(), Store::new());
    let bytes = noise(7 * PART as usize / 2);
    std::fs::write(rig.path("in"), &bytes).unwrap();
    let report = rig.run(&backup(words(&["cat", rig.path("in").to_str().unwrap()])), &store);
    done(&report);
    assert_eq!(store.joined(), bytes);
    assert_eq!(report.sha256, sha256(&bytes));
    let sizes: Vec<_> = report.parts.iter().map(|p| (p.number, p.size)).collect();
    assert_eq!(sizes, [(1, PART), (2, PART), (3, PART), (4, PART / 2)]);
    assert!(report.parts.iter().all(|p| p.etag == "\"e\"" && p.checksum.len() == 44));
}

#[test]
fn exactly_one_part_is_one_object_and_exactly_two_are_two_parts() {
    for (length, parts) in [(PART, 0), (2 * PART, 2)] {
        let (rig, store) = (Rig::new(), Store::new());
        let report = rig.run(&backup(sh(&format!("head -c {length} /dev/zero"))), &store);
        done(&report);
        assert_eq!((report.parts.len(), report.stored_bytes), (parts, length));
    }
}

#[test]
fn a_backup_below_the_least_size_fails_before_anything_is_an_object() {
    // Put whole, and in parts.
    for (bytes, minimum, good) in [(999, 1000, false), (1000, 1000, true), (3_000_000, 3_000_001, false)] {
        let (rig, store) = (Rig::new(), Store::new());
        let mut job = backup(words(&["head", "-c", &bytes.to_string(), "/dev/zero"]));
        if let Action::Backup { minimum: least, .. } = &mut job.action {
            *least = minimum;
        }
        let mut link = rig.connect();
        link.say(&protocol::ToAgent::Start(Box::new(job)));
        let report = link.serve(&store);
        if good {
            done(&report);
        } else {
            assert_eq!((report.outcome, report.bytes), (Outcome::TooSmall, bytes));
            let whole = link.requests.iter().any(|r| matches!(r, UrlRequest::Object { .. }));
            assert!(!whole, "{:?}", link.requests);
        }
    }
}

#[test]
fn nothing_printed_is_a_failure_unless_it_is_allowed() {
    for allowed in [false, true] {
        let (rig, store) = (Rig::new(), Store::new());
        let mut job = backup(words(&["true"]));
        if let Action::Backup { allow_empty, .. } = &mut job.action {
            *allow_empty = allowed;
        }
        let mut link = rig.connect();
        link.say(&protocol::ToAgent::Start(Box::new(job)));
        let report = link.serve(&store);
        if allowed {
            done(&report);
            assert!(matches!(link.requests[..], [UrlRequest::Object { size: 0, .. }]));
            assert_eq!(store.object().unwrap(), b"");
        } else {
            assert_eq!(report.outcome, Outcome::Empty);
            assert!(link.requests.is_empty() && store.log().is_empty());
        }
    }
}
