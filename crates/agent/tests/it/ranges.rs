//! Restores of objects that are read in ranges, some ahead of the command: in order, whole, and of one object.
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use super::rig::*;
use super::store::{Fault, Store};
use protocol::{Action, Job, Outcome};

fn taker(rig: &Rig) -> Vec<String> {
    let (out, eof) = (rig.path("out"), rig.path("eof"));
    sh(&format!("cat > {} && echo clean > {}", out.display(), eof.display()))
}

/// What was asked for, by its first byte: how often.
fn asked(store: &Store) -> BTreeMap<u64, usize> {
    let mut starts = BTreeMap::new();
    for line in store.log() {
        let range = line.rsplit_once("bytes=").unwrap().1;
        let start = range.split_once('-').unwrap().0.parse().unwrap();
        *starts.entry(start).or_default() += 1;
    }
    starts
}

fn without_etag(mut job: Job) -> Job {
    if let Action::Restore { etag, .. } = &mut job.action {
        *etag = None;
    }
    job
}

#[test]
fn a_large_object_is_read_in_ranges_that_are_each_asked_for_once() {
    let bytes = noise(50_000_000);
    let (rig, store) = (Rig::new(), Store::with_object(bytes.clone()));
    // A store that sends everybody away at first.
    store.fail(&[Fault::Answer(503, "SlowDown", "")]);
    let report = rig.run(&restore(taker(&rig), &store), &store);
    done(&report);
    assert!(fs::read(rig.path("out")).unwrap() == bytes);
    assert_eq!(
        (report.stored_bytes, report.sha256),
        (bytes.len() as u64, sha256(&bytes))
    );
    let mut asked = asked(&store);
    assert_eq!(asked.remove(&0), Some(2));
    assert!(asked.len() > 1 && asked.values().all(|n| *n == 1), "{asked:?}");
    assert_eq!(
        store.log().first().unwrap().rsplit_once(' ').unwrap().1,
        "bytes=0-16777215"
    );
    assert!(report.peak_memory <= 32 << 20, "{}", report.peak_memory);
}

#[test]
fn ranges_that_break_go_on_where_they_were_and_the_command_gets_everything_in_order() {
    let bytes = noise(40_000_000);
    let (rig, store) = (Rig::new(), Store::with_object(bytes.clone()));
    store.fail(&[
        Fault::CutAfter(1_000_000),
        Fault::Drop,
        Fault::CutAfter(3_000_000),
        Fault::Answer(503, "SlowDown", ""),
        Fault::CutAfter(500_000),
        Fault::Answer(403, "AccessDenied", "Request has expired"),
        Fault::RangeAs200,
        Fault::CutAfter(0),
        Fault::CutAfter(2_500_000),
        Fault::Drop,
        Fault::Drop,
    ]);
    let report = rig.run(&restore(taker(&rig), &store), &store);
    done(&report);
    assert!(fs::read(rig.path("out")).unwrap() == bytes);
    assert!(asked(&store).contains_key(&1_000_000), "{:?}", store.log());
}

#[test]
fn a_store_that_knows_no_ranges_is_read_by_one_request() {
    let bytes = noise(20_000_000);
    for job in [|job| job, without_etag] {
        let (rig, store) = (Rig::new(), Store::with_object(bytes.clone()));
        store.fail(&[Fault::NoRanges]);
        done(&rig.run(&job(restore(taker(&rig), &store)), &store));
        assert!(fs::read(rig.path("out")).unwrap() == bytes);
        assert_eq!(store.log().len(), 1);
    }
}

#[test]
fn one_request_reads_what_nothing_tells_from_another_object() {
    let bytes = noise(20_000_000);
    let (rig, store) = (Rig::new(), Store::with_object(bytes.clone()));
    done(&rig.run(&without_etag(restore(taker(&rig), &store)), &store));
    assert!(fs::read(rig.path("out")).unwrap() == bytes);
    assert_eq!(asked(&store), BTreeMap::from([(0, 1)]));
}

#[test]
fn an_object_that_is_replaced_between_two_ranges_never_ends_the_commands_input() {
    for fault in [Fault::Etag("another"), Fault::Answer(412, "PreconditionFailed", "")] {
        let (rig, store) = (Rig::new(), Store::with_object(noise(40_000_000)));
        store.fail(&[Fault::RangeAs200, fault]);
        let report = rig.run(&restore(taker(&rig), &store), &store);
        match &report.outcome {
            Outcome::BadObject { step, .. } => assert_eq!(step, "etag"),
            other => panic!("{other:?}"),
        }
        assert_eq!(rig.text("eof"), None, "the command saw the end of a cut stream");
    }
}

#[test]
fn a_store_that_answers_few_at_a_time_is_read_to_the_end() {
    let bytes = noise(80_000_000);
    for (most, queues) in [(1, false), (2, false), (3, false), (1, true), (2, true)] {
        let (rig, store) = (Rig::new(), Store::with_object(bytes.clone()));
        store.at_most(most, queues);
        // So that more of them would bring more.
        store.paced(200_000);
        done(&rig.run(&restore(taker(&rig), &store), &store));
        assert!(fs::read(rig.path("out")).unwrap() == bytes, "{most} {queues}");
    }
}

#[test]
fn a_store_that_cuts_those_who_take_nothing_is_read_on_where_it_cut() {
    let bytes = noise(60_000_000);
    let (rig, store) = (Rig::new(), Store::with_object(bytes.clone()));
    store.cuts_after(Duration::from_millis(200));
    let out = rig.path("out");
    let command = sh(&format!(
        "head -c 1000000 > {0}; sleep 1; head -c 20000000 >> {0}; sleep 1; cat >> {0}",
        out.display()
    ));
    done(&rig.run(&restore(command, &store), &store));
    assert!(fs::read(out).unwrap() == bytes);
}
