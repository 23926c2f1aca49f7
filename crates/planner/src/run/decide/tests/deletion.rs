//! Runs that are deleted: what is stopped, removed and let go.
use super::*;
use crate::run::step::Event;

/// A run that recorded the same object later.
fn another() -> Claim {
    Claim {
        run: "team/other".into(),
        uid: "other".into(),
        etag: Some("\"o\"".into()),
        good: true,
        ended_at: Timestamp::from_second(2_000_000).ok(),
        ..Claim::default()
    }
}

#[test]
fn an_upload_that_nobody_recorded_is_looked_for_when_a_backup_fails_or_is_deleted() {
    // The operator died between the creation of the upload and the report; then the Pod went, or the run was deleted.
    let strays = |s: &Step| matches!(s, Step::Unguarded(Unguarded::AbortStrays { key }) if key == "db.sql");
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.pods.clear();
    world.step();
    assert!(has(&world.step(), strays));
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.pods.clear();
    world.run.metadata.deletion_timestamp = Some(Time(world.now));
    assert!(has(&world.step(), strays));
    // A second operator died after it had recorded one: the first's may still be there.
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.pods.clear();
    let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
    transfer.upload_id = Some("u2".into());
    world.step();
    let steps = world.step();
    assert!(has(&steps, strays) && has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::AbortUpload { .. }))));
    let mut world = World::working();
    world.storage = StorageView::Missing;
    world.transfer = TransferView::None;
    world.pods.clear();
    world.run.metadata.deletion_timestamp = Some(Time(world.now));
    let steps = world.step();
    assert!(!has(&steps, strays) && has(&steps, |s| *s == Step::Guarded(Guarded::RemoveFinalizer)));
}

#[test]
fn deleting_a_run_stops_its_command_and_waits_for_it() {
    let mut world = World::working();
    world.delete();
    assert!(has(&world.step(), |s| matches!(s, Step::Cancel(_))));
    if let TransferView::Active { cancelling, .. } = &mut world.transfer {
        *cancelling = true;
    }
    assert_eq!(world.step(), vec![], "it is asked once");
    world.ended(failed());
    let steps = world.step();
    assert!(
        has(&steps, |s| matches!(
            s,
            Step::Unguarded(Unguarded::DeletePod { now: true, .. })
        )) && !has(&steps, |s| *s == Step::Guarded(Guarded::RemoveFinalizer))
    );
    world.pods.clear();
    assert!(has(&world.step(), |s| *s == Step::Guarded(Guarded::RemoveFinalizer)));
}

#[test]
fn retain_policy_delete_removes_only_the_object_that_this_run_wrote() {
    let cases = [
        (RetainPolicy::Delete, false, true),
        (RetainPolicy::Delete, true, false),
        (RetainPolicy::Retain, false, false),
    ];
    for (policy, taken_over, deleted) in cases {
        let mut world = World::stored();
        world.run.spec.retain_policy = Some(policy);
        world.claims = taken_over.then(another).into_iter().collect();
        world.delete();
        let steps = world.step();
        let wanted = Step::Unguarded(Unguarded::DeleteObject {
            key: "db.sql".into(),
            etag: "\"e\"".into(),
            version_id: None,
            moved: None,
        });
        assert_eq!(has(&steps, |s| *s == wanted), deleted);
        assert!(has(&steps, |s| *s == Step::Guarded(Guarded::RemoveFinalizer)));
    }
}

#[test]
fn a_version_that_this_run_wrote_is_removed_whoever_wrote_there_since() {
    let mut world = World::working();
    let End::Stored {
        bytes,
        stored_bytes,
        sha256,
        etag,
        log,
        ..
    } = stored()
    else {
        panic!()
    };
    let version_id = Some("v1".into());
    world.ended(End::Stored {
        record: Default::default(),
        bytes,
        stored_bytes,
        sha256,
        etag,
        version_id,
        lock: None,
        log,
    });
    world.step();
    world.pods.clear();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.claims = vec![another()];
    world.delete();
    let wanted = |s: &Step| matches!(s, Step::Unguarded(Unguarded::DeleteObject { version_id, .. }) if version_id.as_deref() == Some("v1"));
    assert!(has(&world.step(), wanted));
}

#[test]
fn a_missing_or_dead_store_never_holds_a_deleted_run_for_ever_and_is_tried_before_it_is_given_up() {
    let failed = |seconds| {
        Some(Trouble {
            message: "503 SlowDown".into(),
            since: Duration::from_secs(seconds),
            expected: false,
        })
    };
    for (storage, trouble, held) in [
        (StorageView::Missing, None, false),
        (not_ready("down", None), None, true),
        (not_ready("down", None), failed(299), true),
        (not_ready("down", None), failed(300), false),
        (ready(""), failed(300), false),
    ] {
        let mut world = World::stored();
        world.run.spec.retain_policy = Some(RetainPolicy::Delete);
        world.delete();
        world.storage = storage.clone();
        world.trouble = trouble.clone();
        // However long nobody had a turn at the store.
        world.pass(24 * 3600);
        let steps = world.step();
        assert_eq!(
            has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::DeleteObject { .. }))),
            held,
            "{storage:?} {trouble:?}"
        );
        let words = |e: &Event| {
            let tells = trouble.as_ref().is_none_or(|t| e.note.contains(&t.message));
            e.warning && e.note.contains("db.sql") && e.note.contains("team/db") && tells
        };
        let said = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if words(e));
        let noted = |s: &Step| matches!(s, Step::Unguarded(Unguarded::TellStorage(e)) if words(e));
        assert!(
            has(&steps, said) != held && has(&steps, noted) != held,
            "what is left behind is named: {steps:?}"
        );
    }
}

#[test]
fn an_invalid_run_can_be_deleted() {
    let mut world = World::new(backup_run());
    world.run.spec.backup = None;
    world.run.spec.restore = None;
    world.step();
    world.delete();
    assert!(has(&world.step(), |s| *s == Step::Guarded(Guarded::RemoveFinalizer)));
}

#[test]
fn a_pod_left_by_a_crash_after_the_report_is_removed() {
    let mut world = World::stored();
    world.pod(PodStage::Running);
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::DeletePod { .. })
    )));
}

#[test]
fn a_commit_under_way_is_waited_for_and_what_it_made_visible_is_taken_back() {
    let mut world = World::working();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.active(Contact::Committing, Some("u"));
    world.delete();
    world.pass(299);
    assert_eq!(world.step(), vec![], "it is not let go under the store's answer");
    world.ended(stored());
    world.pods.clear();
    let steps = world.step();
    let taken = |s: &Step| matches!(s, Step::Unguarded(Unguarded::TakeBack { key, attempt }) if key == "db.sql" && attempt == "backup-1");
    assert!(
        has(&steps, taken) && has(&steps, |s| *s == Step::Guarded(Guarded::RemoveFinalizer)),
        "{steps:?}"
    );
    // What is visible is whole: where objects outlive their runs, so does this one.
    world.run.spec.retain_policy = Some(RetainPolicy::Retain);
    world.run.metadata.finalizers = Some(vec![labels::FINALIZER.into()]);
    world.ended(stored());
    assert!(!has(&world.step(), taken));
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);

    let mut world = World::stored();
    world.delete();
    assert!(
        !has(&world.step(), |s| matches!(
            s,
            Step::Unguarded(Unguarded::TakeBack { .. })
        )),
        "what is recorded is retained"
    );
}

#[test]
fn a_run_that_its_store_holds_says_so_once_in_the_stores_words() {
    let mut world = World::stored();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.delete();
    world.trouble = Some(Trouble {
        message: "Secret team/keys does not exist".into(),
        since: Duration::from_secs(2),
        expected: false,
    });
    let told = |steps: &[Step]| {
        let said = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.note.contains("team/keys"));
        has(steps, said)
    };
    assert!(told(&world.step()));
    assert!(world.status().message.unwrap().contains("team/keys"));
    assert!(!told(&world.step()));
}

#[test]
fn a_deleted_run_says_which_pod_it_waits_for_and_who_holds_it() {
    for (finalizers, words) in [
        (vec!["example.com/hold".to_string()], "It is held by example.com/hold"),
        (vec![], "delete the Pod by force"),
    ] {
        let mut world = World::stored();
        world.pod(PodStage::Running);
        world.pods[0].terminating = true;
        world.pods[0].finalizers = finalizers;
        world.delete();
        assert!(!says("DeletionWaits", &world.step()), "most Pods go within seconds");
        world.pass(10);
        assert!(says("DeletionWaits", &world.step()));
        let message = world.status().message.unwrap();
        assert!(
            message.contains("Pod db-backup-1") && message.contains(words),
            "{message}"
        );
        world.pass(10);
        assert!(!says("DeletionWaits", &world.step()), "it is said once");
        world.pass(40);
        assert!(has(&world.step(), |s| *s == Step::Guarded(Guarded::RemoveFinalizer)));
    }
}

#[test]
fn a_pod_whose_containers_have_all_ended_keeps_nobody_waiting_where_a_finalizer_keeps_it() {
    let ended = |world: &mut World| {
        world.pod(PodStage::Ended {
            message: "Completed".into(),
            ending: Ending::ByItself,
        });
        world.pods[0].terminating = true;
        world.pods[0].finalizers = vec!["example.com/hold".into()];
        world.pods[0].over = true;
    };
    let mut world = World::stored();
    ended(&mut world);
    world.annotate(labels::RESTORE);
    let steps = world.step();
    assert!(
        has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
        "{steps:?}"
    );
    let mut world = World::stored();
    ended(&mut world);
    world.delete();
    assert!(has(&world.step(), |s| *s == Step::Guarded(Guarded::RemoveFinalizer)));
    // What nobody keeps goes in a moment, with its volumes.
    let mut world = World::stored();
    ended(&mut world);
    world.pods[0].finalizers.clear();
    world.delete();
    assert!(!has(&world.step(), |s| *s == Step::Guarded(Guarded::RemoveFinalizer)));
}
