//! Copies in further storages.
use api::run::CopyTo;

use super::*;
use crate::run::Event;
use crate::run::observed::{CopyProgress, CopyView, MadeCopy};

fn view(storage: &str, progress: CopyProgress) -> CopyView {
    CopyView {
        storage: storage.into(),
        view: ready("far/"),
        found: Found::Unknown,
        looked: None,
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
        (full(place()), Some(object("\"e\"")), None),
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

/// Copied to `far` and to `attic`, in this order.
fn copied_twice() -> World {
    let mut world = wanting();
    world.run.spec.copies.push(CopyTo {
        storage: "attic".into(),
        path: None,
    });
    world.copies = vec![view("far", made("far/db.sql")), view("attic", made("far/db.sql"))];
    world.step();
    world.copies = vec![view("far", CopyProgress::Idle), view("attic", CopyProgress::Idle)];
    world
}

fn notes(steps: &[Step], reason: &str) -> String {
    let of = |step: &Step| match step {
        Step::Unguarded(Unguarded::Event(e)) if e.reason == reason => Some(e.note.clone()),
        _ => None,
    };
    steps.iter().filter_map(of).collect()
}

fn another(run: &str, uid: &str) -> Found {
    Found::Object(Box::new(StoredObject {
        key: "far/db.sql".into(),
        size: 7,
        etag: "\"other\"".into(),
        run: Some(run.into()),
        run_uid: Some(uid.into()),
        ..StoredObject::default()
    }))
}

fn hidden(words: &str) -> Found {
    Found::Unseen {
        words: words.into(),
        passes: true,
    }
}

#[test]
fn a_restore_takes_the_next_copy_where_the_first_is_gone_or_differs_and_says_what_it_passed_by() {
    let cut = Found::Object(Box::new(StoredObject {
        key: "far/db.sql".into(),
        size: 3,
        etag: "\"c\"".into(),
        ..StoredObject::default()
    }));
    for (lie, words, lost) in [
        (Found::Nothing, "there is no object far/db.sql any more", 1),
        (another("team/newer", "other"), "written by run team/newer", 1),
        (cut, "far/db.sql has 3 bytes, expected 7", 1),
        (hidden("503 SlowDown"), "503 SlowDown", 0),
    ] {
        let mut world = copied_twice();
        world.annotate(labels::RESTORE);
        world.lies.insert("far".into(), lie);
        let steps = world.step();
        let transfer = world.status().transfer.unwrap();
        assert_eq!(transfer.storage.as_deref(), Some("attic"), "{words}");
        let note = notes(&steps, "RestoreStarted");
        assert!(
            note.contains("storage minio: there is no object db.sql; storage far:") && note.contains(words),
            "{note}"
        );
        assert_eq!(told(&steps, "CopyLost"), lost);
        assert_eq!(world.is(condition::COPIED), lost == 0);
    }
}

#[test]
fn where_none_is_there_the_restore_is_refused_and_where_one_may_come_it_waits_and_says_each() {
    let mut world = copied_twice();
    world.annotate(labels::RESTORE);
    world.lies = [("far".to_string(), Found::Nothing), ("attic".into(), Found::Nothing)].into();
    let steps = world.step();
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
    let note = notes(&steps, "RestoreRefused");
    for storage in ["minio", "far", "attic"] {
        assert!(
            note.contains(&format!("storage {storage}: there is no object")),
            "{note}"
        );
    }
    assert_eq!(told(&steps, "CopyLost"), 2);
    assert!(!world.is(condition::COPIED) && world.is(condition::SUCCESSFUL));

    let mut world = copied_twice();
    world.annotate(labels::RESTORE);
    world.lies = [
        ("far".to_string(), Found::Nothing),
        ("attic".into(), hidden("503 SlowDown")),
    ]
    .into();
    let steps = world.step();
    assert!(says("StorageNotReady", &steps));
    let message = world.status().message.unwrap();
    assert!(
        message.contains("storage far: there is no object") && message.contains("503"),
        "{message}"
    );
    assert!(
        world.is(condition::COPIED),
        "what is waited for may come, and is told when the request is taken"
    );
    assert!(
        world.copies.iter().all(|c| c.found == Found::Unknown),
        "they are looked at again"
    );
    let steps = world.step();
    assert!(!says("StorageNotReady", &steps), "it is said once");
    world.lies.remove("attic");
    world.step();
    assert_eq!(world.status().transfer.unwrap().storage.as_deref(), Some("attic"));
    // Or it expires, with the same words.
    let mut world = copied_twice();
    world.annotate(labels::RESTORE);
    world.lies = [
        ("far".to_string(), Found::Nothing),
        ("attic".into(), hidden("503 SlowDown")),
    ]
    .into();
    world.step();
    world.pass(601);
    let note = notes(&world.step(), "RestoreRefused");
    assert!(
        note.contains("expired") && note.contains("storage far: there is no object"),
        "{note}"
    );
}

#[test]
fn a_store_that_does_not_let_its_own_object_be_looked_at_is_asked_by_the_restore_where_no_copy_is_there() {
    let mut world = copied_twice();
    world.annotate(labels::RESTORE);
    world.found = hidden("403 Forbidden");
    world.lies = [("far".to_string(), Found::Nothing), ("attic".into(), Found::Nothing)].into();
    world.step();
    let transfer = world.status().transfer.unwrap();
    assert_eq!((transfer.storage, transfer.key.as_deref()), (None, Some("db.sql")));
}

#[test]
fn an_own_version_is_looked_at_by_its_id() {
    let mut world = copied();
    world.annotate(labels::RESTORE);
    world.run.status.as_mut().unwrap().version_id = Some("v1".into());
    let looks = |u: &Unguarded| matches!(u, Unguarded::Look { version_id, .. } if version_id.as_deref() == Some("v1"));
    assert!(world.decide().unguarded.iter().any(looks));
}

#[test]
fn a_copy_that_is_gone_is_made_again_twice_and_one_that_another_run_wrote_over_is_not() {
    let mut world = copied();
    for round in 1..=3 {
        world.annotate(labels::RESTORE);
        world.lies = [("far".to_string(), Found::Nothing)].into();
        let steps = world.step();
        assert_eq!(told(&steps, "CopyLost"), 1, "{round}");
        let copy = world.status().copies[0].clone();
        assert_eq!((copy.lost, copy.given_up), (round, round == 3));
        assert!(copy.completion_time.is_none() && copy.message.unwrap().contains("is no more"));
        let again = asked(&world.step());
        assert_eq!(again.len(), usize::from(round < 3), "{round}");
        world.copies = vec![view("far", made("far/db.sql"))];
        world.step();
        world.copies = vec![view("far", CopyProgress::Idle)];
        assert_eq!(world.is(condition::COPIED), round < 3);
    }
    let mut world = copied();
    world.annotate(labels::RESTORE);
    world.lies = [("far".to_string(), another("team/newer", "other"))].into();
    world.step();
    assert_eq!(
        asked(&world.step()),
        [],
        "two runs of one path would take turns for ever"
    );
    assert!(world.status().copies[0].given_up && !world.is(condition::COPIED));
}

const EACH_DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_copy_is_looked_at_once_a_day_and_one_that_is_gone_is_made_again_and_says_so_until_then() {
    let looks = |world: &World| {
        let asked = world.decide().unguarded;
        asked
            .iter()
            .any(|u| matches!(u, Unguarded::Look { storage: Some(_), .. }))
    };
    let hours = |world: &mut World, hours: i64| world.pass(hours * 3600);
    let mut world = copied();
    assert!(!looks(&world));
    assert_eq!(world.decide().requeue, Some(EACH_DAY), "it is woken for it");
    hours(&mut world, 23);
    assert!(!looks(&world));
    hours(&mut world, 1);
    assert!(looks(&world));
    // A look ends, and is known to have ended.
    world.copies[0].found = world.lie("far");
    world.copies[0].looked = Some(Duration::from_secs(60));
    let steps = world.step();
    assert_eq!(told(&steps, "CopyLost"), 0);
    assert!(has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::ForgetFound))));
    assert!(world.is(condition::COPIED) && !looks(&world));
    // An operator that began in the middle of a day waits for the copy's hour.
    world.copies[0].looked = None;
    hours(&mut world, 5);
    assert!(!looks(&world));
    hours(&mut world, 19);
    world.lies = [("far".to_string(), Found::Nothing)].into();
    let steps = world.step();
    assert_eq!((told(&steps, "CopyLost"), asked(&steps).len()), (1, 1));
    assert!(!world.is(condition::COPIED) && world.is(condition::SUCCESSFUL));
    let condition = condition::find(&world.status().conditions, condition::COPIED)
        .cloned()
        .unwrap();
    assert!(
        condition.message.contains("there is no object far/db.sql any more"),
        "{}",
        condition.message
    );
    world.copies = vec![view("far", made("far/db.sql"))];
    world.step();
    assert!(world.is(condition::COPIED) && world.status().copies[0].message.is_none());
}

#[test]
fn a_storage_that_names_another_bucket_by_now_says_nothing_of_a_copy() {
    let mut world = copied();
    world.run.status.as_mut().unwrap().copies[0].location = Some(bucket("as-it-was"));
    world.copies[0].found = Found::Nothing;
    assert_eq!(told(&world.step(), "CopyLost"), 0);
    assert!(world.is(condition::COPIED));
}

#[test]
fn a_copy_in_an_archive_is_brought_back_before_its_pod_exists() {
    let archived = |mut copy: CopyView| {
        let StorageView::Ready(place) = &mut copy.view else {
            panic!()
        };
        place.thaws = true;
        copy
    };
    let mut world = copied();
    world.copies = vec![archived(view("far", CopyProgress::Idle))];
    world.annotate(labels::RESTORE);
    world.trouble = Some(Trouble {
        message: "object far/db.sql lies in an archive (GLACIER)".into(),
        since: Duration::from_secs(1),
        expected: true,
    });
    // Its own storage has lost it, and the copy was looked at.
    world.found = Found::Nothing;
    world.copies[0].found = world.lie("far");
    let decision = world.decide();
    let asks = |u: &Unguarded| matches!(u, Unguarded::Thaw { storage, key, .. } if storage.as_deref() == Some("far") && key == "far/db.sql");
    assert!(
        decision.unguarded.iter().any(asks) && !decision.unguarded.iter().any(|u| matches!(u, Unguarded::CreatePod(_)))
    );
    let told = |g: &Guarded| match g {
        Guarded::Report(status) => Some((**status).clone()),
        _ => None,
    };
    let thawing = decision.guarded.iter().find_map(told).unwrap();
    assert_eq!(thawing.state, Some(State::Thawing));
    assert_eq!(thawing.thaw.unwrap().storage.as_deref(), Some("far"));
    let back = decision.settled.iter().find_map(told).unwrap();
    (world.run.status, world.trouble) = (Some(back), None);
    world.step();
    let transfer = world.status().transfer.unwrap();
    assert_eq!(transfer.storage.as_deref(), Some("far"));
    assert!(world.status().thaw.is_none());
}

#[test]
fn that_one_object_is_back_from_an_archive_says_nothing_of_another() {
    let mut world = copied();
    let StorageView::Ready(place) = &mut world.storage else {
        panic!()
    };
    place.thaws = true;
    world.annotate(labels::RESTORE);
    world.run.status.as_mut().unwrap().thaw = Some(api::run::Thaw {
        storage: Some("far".into()),
        since: Time(world.now),
        ready_at: Some(Time(world.now)),
    });
    world.found = Found::Object(Box::new(StoredObject {
        key: "db.sql".into(),
        size: 7,
        etag: "\"e\"".into(),
        ..StoredObject::default()
    }));
    let asks = |u: &Unguarded| matches!(u, Unguarded::Thaw { storage: None, .. });
    assert!(world.decide().unguarded.iter().any(asks));
}

/// The agent tries the store that it reads, for as long as that one's storage says.
#[test]
fn a_restore_of_a_copy_is_given_the_patience_of_the_copys_storage() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    for (retry, ended) in [(minutes(15), true), (minutes(120), false)] {
        let mut world = copied();
        let restore = serde_json::json!({"command": ["cat"], "deadlineSeconds": 60});
        world.run.spec.restore = Some(serde_json::from_value(restore).unwrap());
        (world.storage, world.copies[0].view) = (StorageView::Missing, StorageView::Ready(Place { retry, ..place() }));
        world.annotate(labels::RESTORE);
        world.step();
        world.pod(PodStage::Running);
        world.active(Contact::AwaitsStart, None);
        world.step();
        assert_eq!(world.status().transfer.unwrap().storage.as_deref(), Some("far"));
        world.active(Contact::Working, None);
        world.pass(40 * 60);
        world.step();
        assert_eq!(world.status().transfer.is_none(), ended, "{retry:?}");
    }
}

#[test]
fn a_copy_is_read_of_a_storage_that_is_full_and_none_is_made_there() {
    let mut world = copied();
    (world.storage, world.copies[0].view) = (StorageView::Missing, full(place()));
    world.annotate(labels::RESTORE);
    let steps = world.step();
    assert!(has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
    assert_eq!(world.status().transfer.unwrap().storage.as_deref(), Some("far"));

    let mut world = wanting();
    world.copies[0].view = full(Place {
        prefix: "far/".into(),
        location: bucket("far"),
        ..place()
    });
    world.step();
    let message = world.status().copies[0].message.clone().unwrap();
    assert!(message.contains("the disk is full"), "{message}");
    // One that has filled it is made all the same.
    world.copies[0].progress = made("far/db.sql");
    world.step();
    assert!(world.status().copies[0].completion_time.is_some());
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
    // Where the further storage is gone, or refuses the namespace, it is said.
    let message = "not for team".to_owned();
    for closed in [StorageView::Missing, StorageView::Refused { message }] {
        let mut world = copied();
        world.run.spec.retain_policy = Some(RetainPolicy::Delete);
        world.copies[0].view = closed;
        world.delete();
        let steps = world.step();
        assert_eq!(told(&steps, "LeftBehind"), 1);
        assert!(!has(&steps, |s| matches!(
            s,
            Step::Unguarded(Unguarded::DeleteCopy { .. })
        )));
    }
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

#[test]
fn the_backups_own_bucket_under_another_spelling_of_its_endpoint_is_no_further_place() {
    for endpoint in ["http://minio:9000", "https://minio.ops.svc:9000"] {
        let mut world = wanting();
        let StorageView::Ready(mut place) = ready("") else {
            panic!()
        };
        place.location.endpoint = endpoint.into();
        world.copies[0].view = StorageView::Ready(place);
        let steps = world.step();
        assert!(asked(&steps).is_empty(), "it would be written over itself: {endpoint}");
        let said = world.status().copies[0].message.clone();
        assert!(said.unwrap().contains("that is no copy"));
    }
}

#[test]
fn what_becomes_of_a_copy_stands_in_its_own_line() {
    let under_way = |storage: &str| CopyProgress::UnderWay {
        upload: Some(format!("upload-{storage}")),
    };
    for (fails, goes_on) in [("far", "attic"), ("attic", "far")] {
        let mut world = wanting();
        world.run.spec.copies.push(CopyTo {
            storage: "attic".into(),
            path: None,
        });
        world.copies = ["far", "attic"].map(|s| view(s, under_way(s))).into();
        world.step();
        for copy in world.status().copies {
            assert_eq!(copy.upload_id, Some(format!("upload-{}", copy.storage)));
        }
        let failed = CopyProgress::Failed {
            message: "503 SlowDown".into(),
            again: Duration::from_secs(60),
        };
        world.copies = vec![view(fails, failed), view(goes_on, under_way(goes_on))];
        world.step();
        for copy in world.status().copies {
            assert_eq!(copy.upload_id.is_some(), copy.storage == goes_on, "{fails}: {copy:?}");
        }
        world.copies = vec![view(fails, CopyProgress::Idle), view(goes_on, made("far/db.sql"))];
        world.step();
        for copy in world.status().copies {
            assert_eq!(copy.etag.is_some(), copy.storage == goes_on, "{fails}: {copy:?}");
        }
    }
}

#[test]
fn no_copy_is_begun_while_the_backups_own_storage_refuses_the_namespace_and_that_is_said() {
    let mut world = wanting();
    world.storage = StorageView::Refused {
        message: "minio is not for team".into(),
    };
    assert!(world.decide().requeue.is_some());
    assert_eq!(asked(&world.step()), []);
    let said = condition::find(&world.status().conditions, condition::COPIED).cloned();
    let said = said.unwrap();
    assert_eq!((said.status.as_str(), said.reason.as_str()), ("False", "CopyFailed"));
    assert!(said.message.contains("far: minio is not for team"), "{}", said.message);
    world.storage = ready("");
    assert_eq!(asked(&world.step()), [("far".to_string(), "far/db.sql".to_string())]);
}

#[test]
fn a_copy_that_is_gone_is_not_made_again_out_of_a_storage_that_refuses_the_namespace() {
    let mut world = copied();
    world.storage = StorageView::Refused {
        message: "minio is not for team".into(),
    };
    world.copies[0].found = Found::Nothing;
    let steps = world.step();
    assert_eq!(told(&steps, "CopyLost"), 1);
    assert_eq!(asked(&steps), []);
}
