//! Copies in further storages.
use api::run::CopyTo;

use super::*;
use crate::run::Event;
use crate::run::observed::{CopyProgress, CopyView, MadeCopy};

fn view(storage: &str, progress: CopyProgress) -> CopyView {
    CopyView {
        storage: storage.into(),
        view: ready("far/"),
        progress,
    }
}

fn made(key: &str) -> CopyProgress {
    CopyProgress::Made(Box::new(MadeCopy {
        key: key.into(),
        etag: "\"c\"".into(),
        sha256: "ab".into(),
        ..MadeCopy::default()
    }))
}

/// A good backup that is to be copied to `far`.
fn wanting() -> World {
    let mut world = World::stored();
    world.run.spec.copies = vec![CopyTo {
        storage: "far".into(),
        path: None,
    }];
    world.copies = vec![view("far", CopyProgress::Idle)];
    world
}

/// The same, copied.
fn copied() -> World {
    let mut world = wanting();
    world.step();
    world.copies = vec![view("far", made("far/db.sql"))];
    world.step();
    world.copies = vec![view("far", CopyProgress::Idle)];
    world
}

fn asked(steps: &[Step]) -> Vec<(String, String)> {
    let of = |step: &Step| match step {
        Step::Unguarded(Unguarded::Copy { storage, key, .. }) => Some((storage.clone(), key.clone())),
        _ => None,
    };
    steps.iter().filter_map(of).collect()
}

fn told(steps: &[Step], reason: &str) -> usize {
    let is = |step: &&Step| matches!(step, Step::Unguarded(Unguarded::Event(e)) if e.reason == reason);
    steps.iter().filter(is).count()
}

#[test]
fn a_good_backup_is_copied_once_where_its_spec_and_its_annotation_say_and_its_key_stays() {
    let mut world = wanting();
    world
        .run
        .annotations_mut()
        .insert(labels::COPY.into(), "attic, minio, far, ../x".into());
    world.copies.push(view("attic", CopyProgress::Idle));
    let steps = world.step();
    let wanted = [
        ("far".to_string(), "far/db.sql".to_string()),
        ("attic".into(), "far/db.sql".into()),
    ];
    assert_eq!(asked(&steps), wanted, "not its own storage, and no name that is none");
    assert!(!world.is(condition::COPIED) && world.is(condition::SUCCESSFUL));
    let report = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
    let copy = at(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Copy { .. })));
    assert!(
        report < copy,
        "the key is written down before anything is stored under it"
    );
    world.copies = vec![
        view("far", CopyProgress::UnderWay { upload: None }),
        view("attic", CopyProgress::UnderWay { upload: None }),
    ];
    assert_eq!(world.step(), vec![]);
    world.copies = vec![
        view("far", made("far/db.sql")),
        view("attic", CopyProgress::UnderWay { upload: None }),
    ];
    assert_eq!(told(&world.step(), "Copied"), 1);
    assert!(!world.is(condition::COPIED));
    world.copies = vec![view("far", CopyProgress::Idle), view("attic", made("far/db.sql"))];
    world.step();
    assert!(world.is(condition::COPIED));
    let all: Vec<_> = world
        .status()
        .copies
        .iter()
        .map(|c| (c.storage.clone(), c.completion_time.is_some()))
        .collect();
    assert_eq!(all, [("far".to_string(), true), ("attic".into(), true)]);
    world.copies.iter_mut().for_each(|c| c.progress = CopyProgress::Idle);
    assert_eq!(world.step(), vec![], "it is done once");
}

#[test]
fn a_copy_that_fails_leaves_the_backup_good_is_told_once_for_the_same_words_and_made_again() {
    let mut world = wanting();
    world.step();
    let failed = |words: &str| CopyProgress::Failed {
        message: words.into(),
        again: Duration::from_secs(60),
    };
    world.copies = vec![view("far", failed("503 SlowDown"))];
    let decision = world.decide();
    assert_eq!(decision.requeue, Some(Duration::from_secs(60)));
    let steps = world.step();
    assert_eq!(told(&steps, "CopyFailed"), 1);
    assert_eq!(told(&world.step(), "CopyFailed"), 0);
    let condition = condition::find(&world.status().conditions, condition::COPIED)
        .unwrap()
        .clone();
    assert_eq!(
        (condition.status.as_str(), condition.reason.as_str()),
        ("False", "CopyFailed")
    );
    assert!(condition.message.contains("far: 503 SlowDown"), "{}", condition.message);
    assert!(world.is(condition::READY) && world.is(condition::SUCCESSFUL));
    assert_eq!(world.status().state, Some(State::BackupSuccessful));
    // It is due again.
    world.copies = vec![view("far", CopyProgress::Idle)];
    assert_eq!(asked(&world.step()).len(), 1);
}

#[test]
fn a_storage_that_cannot_be_used_is_waited_for_and_named() {
    for (storage, words) in [
        (StorageView::Missing, "no such BackupStorage"),
        (not_ready("the bucket is gone", None), "the bucket is gone"),
        (
            StorageView::Refused {
                message: "not for team".into(),
            },
            "not for team",
        ),
    ] {
        let mut world = wanting();
        world.copies[0].view = storage;
        assert!(world.decide().requeue.is_some());
        assert_eq!(asked(&world.step()), []);
        let message = world.status().copies[0].message.clone().unwrap();
        assert!(message.contains(words), "{message}");
        world.copies = vec![view("far", CopyProgress::Idle)];
        assert_eq!(asked(&world.step()), [("far".to_string(), "far/db.sql".to_string())]);
    }
}

#[test]
fn a_bad_backup_is_not_copied() {
    let mut world = World::working();
    world.run.spec.copies = wanting().run.spec.copies;
    world.ended(failed());
    world.step();
    world.pods.clear();
    world.copies = vec![view("far", CopyProgress::Idle)];
    assert_eq!(asked(&world.step()), []);
    assert!(world.status().copies.is_empty());
}

#[test]
fn a_copy_has_a_path_of_its_own_where_it_is_given_one() {
    let mut world = wanting();
    world.run.spec.copies[0].path = Some("/vault/{{ .name }}.sql".into());
    assert_eq!(
        asked(&world.step()),
        [("far".to_string(), "far/vault/db.sql".to_string())]
    );
}

#[test]
fn a_restore_reads_its_own_storage_and_the_nearest_copy_only_where_that_does_not_give_it() {
    let object = |etag: &str| StoredObject {
        key: "db.sql".into(),
        size: 7,
        etag: etag.into(),
        ..StoredObject::default()
    };
    for (storage, stored, from) in [
        (ready(""), Some(object("\"e\"")), None),
        (ready(""), None, Some("far")),
        (ready(""), Some(object("\"another\"")), Some("far")),
        (not_ready("gone", None), None, Some("far")),
        (StorageView::Missing, None, Some("far")),
    ] {
        let mut world = copied();
        world.annotate(labels::RESTORE);
        (world.storage, world.stored) = (storage.clone(), stored.clone());
        let steps = world.step();
        assert!(
            has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
            "{storage:?} {steps:?}"
        );
        let transfer = world.status().transfer.unwrap();
        assert_eq!(transfer.storage.as_deref(), from, "{storage:?} {stored:?}");
        let key = if from.is_some() { "far/db.sql" } else { "db.sql" };
        assert_eq!(transfer.key.as_deref(), Some(key));
        let says = |e: &Event| e.warning && e.note.contains("the copy far/db.sql of storage far");
        assert_eq!(
            has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if says(e))),
            from.is_some()
        );
        // The session is given that storage, also by the next leader.
        world.storage = ready("");
        world.pod(PodStage::Running);
        let order = world.step().into_iter().find_map(|s| match s {
            Step::Unguarded(Unguarded::StartTransfer(order)) => Some(order),
            _ => None,
        });
        assert_eq!(order.unwrap().storage, from.unwrap_or("minio"));
    }
}

#[test]
fn where_no_copy_can_be_read_either_the_request_waits_for_its_own_storage() {
    let mut world = copied();
    world.copies[0].view = not_ready("gone, too", None);
    world.storage = not_ready("gone", None);
    world.annotate(labels::RESTORE);
    let steps = world.step();
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
    assert!(world.status().restore_requested_at.is_some());
}

#[test]
fn copies_go_with_the_run_as_its_object_does() {
    for (policy, goes) in [(RetainPolicy::Delete, true), (RetainPolicy::Retain, false)] {
        let mut world = copied();
        world.run.spec.retain_policy = Some(policy);
        world.delete();
        let removed = |s: &Step| matches!(s, Step::Unguarded(Unguarded::DeleteCopy { storage, key, .. }) if storage == "far" && key == "far/db.sql");
        assert_eq!(has(&world.step(), removed), goes, "{policy:?}");
    }
    // Where the further storage is gone, it is said.
    let mut world = copied();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.copies[0].view = StorageView::Missing;
    world.delete();
    assert_eq!(told(&world.step(), "LeftBehind"), 1);
}

#[test]
fn a_copy_under_way_ends_before_its_run_goes_and_an_upload_that_was_left_goes_with_it() {
    let mut world = wanting();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.step();
    let upload = Some("u1".to_string());
    world.copies = vec![view("far", CopyProgress::UnderWay { upload })];
    let steps = world.step();
    let report = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
    let noted = at(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CopyNoted { .. })));
    assert!(report < noted, "nothing is sent before the status names the upload");
    assert_eq!(world.status().copies[0].upload_id.as_deref(), Some("u1"));
    world.delete();
    let decision = world.decide();
    assert_eq!(decision.unguarded, [Unguarded::StopCopies]);
    assert!(decision.settled.is_empty() && decision.requeue.is_some());
    // An operator that died in it: the next one knows the upload.
    world.copies = vec![view("far", CopyProgress::Idle)];
    let wanted = |s: &Step| matches!(s, Step::Unguarded(Unguarded::DeleteCopy { upload_id, etag, .. }) if upload_id.as_deref() == Some("u1") && etag.is_empty());
    assert!(has(&world.step(), wanted));
}

#[test]
fn a_copy_that_is_begun_anew_drops_what_the_one_before_left() {
    let mut world = wanting();
    world.step();
    let upload = Some("u1".to_string());
    world.copies = vec![view("far", CopyProgress::UnderWay { upload })];
    world.step();
    world.copies = vec![view("far", CopyProgress::Idle)];
    let steps = world.step();
    let left = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Copy { left, .. }) if left.as_deref() == Some("u1"));
    assert!(has(&steps, left), "{steps:?}");
}

#[test]
fn the_same_object_under_another_storages_name_is_no_copy_and_nobody_elses_object_is_read_or_written() {
    let isolated = |prefix: &str, bucket: &str| {
        let StorageView::Ready(mut place) = ready(prefix) else {
            panic!()
        };
        (place.isolated, place.location.bucket) = (true, bucket.to_string());
        StorageView::Ready(place)
    };
    let mut same = wanting();
    same.copies[0].view = ready("");
    same.run.status.as_mut().unwrap().location = Some(same_place());
    assert_eq!(asked(&same.step()), []);
    let message = same.status().copies[0].message.clone().unwrap();
    assert!(message.contains("no copy"), "{message}");
    // Whoever may write the status has named another namespace's object there, or here.
    let mut there = wanting();
    there.copies[0].view = isolated("team/", "far");
    there.step();
    there.run.status.as_mut().unwrap().copies[0].key = "other/db.sql".into();
    assert_eq!(asked(&there.step()), []);
    let mut here = wanting();
    here.storage = isolated("team/", "near");
    here.run.status.as_mut().unwrap().key = Some("other/db.sql".into());
    assert_eq!(asked(&here.step()), []);
}

fn same_place() -> api::run::Location {
    let StorageView::Ready(place) = ready("") else { panic!() };
    place.location
}

#[test]
fn copies_in_storages_that_are_there_go_though_the_runs_own_is_gone() {
    let mut world = copied();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.storage = StorageView::Missing;
    world.delete();
    let steps = world.step();
    assert!(
        has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::DeleteCopy { .. }))),
        "{steps:?}"
    );
    assert!(has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::TellStorage(_)))));
}

#[test]
fn a_hold_that_is_refused_keeps_no_copy_from_being_made() {
    let mut world = wanting();
    world.annotate(labels::LEGAL_HOLD);
    let decision = world.decide();
    assert!(decision.unguarded.iter().any(|u| matches!(u, Unguarded::Hold { .. })));
    assert!(decision.unguarded.iter().any(|u| matches!(u, Unguarded::Copy { .. })));
}
