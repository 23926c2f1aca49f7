//! Runs that come back without, or with an older, status: nothing good is lost, nothing is done twice.
use super::*;

/// What the store has of the backup that `World::working` makes.
fn in_store() -> StoredObject {
    StoredObject {
        key: "db.sql".into(),
        size: 1024,
        etag: "\"e\"".into(),
        sha256: Some("ab".into()),
        stored_at: Timestamp::from_second(999_000).ok(),
        run: Some("team/db".into()),
        run_uid: Some("uid-1".into()),
        attempt: Some("backup-1".into()),
        ..StoredObject::default()
    }
}

/// As Velero, or `kubectl get -o yaml | kubectl apply`, brings a run back: annotations kept, status gone, another UID.
fn returned(mut run: BackupRun) -> World {
    run.metadata.uid = Some("uid-2".into());
    run.metadata.namespace = Some("team".into());
    run.status = None;
    World::new(run)
}

fn lived() -> BackupRun {
    let mut world = World::new(backup_run());
    world.run.metadata.uid = Some("uid-1".into());
    world.step();
    world.run
}

fn executes(steps: &[Step]) -> bool {
    has(steps, |s| {
        matches!(
            s,
            Step::Unguarded(Unguarded::CreatePod(_) | Unguarded::StartTransfer(_))
        )
    })
}

#[test]
fn a_backup_that_comes_back_without_its_status_is_adopted_and_not_made_again() {
    let mut world = returned(lived());
    world.stored = Some(in_store());
    let steps = world.step();
    assert!(!executes(&steps), "{steps:?}");
    let status = world.status();
    assert!(world.is(condition::SUCCESSFUL) && world.is(condition::READY) && !world.is(condition::NEVER_RUN));
    assert_eq!(
        (
            status.key.as_deref(),
            status.size_in_bytes,
            status.etag.as_deref(),
            status.sha256.as_deref()
        ),
        (Some("db.sql"), Some(1024), Some("\"e\""), Some("ab"))
    );
    assert_eq!(
        status.completion_time.map(|t| t.0),
        Timestamp::from_second(999_000).ok()
    );
    assert_eq!(
        condition::find(&status.conditions, condition::SUCCESSFUL)
            .unwrap()
            .reason,
        "Adopted"
    );
    assert!(!executes(&world.step()));
}

#[test]
fn a_request_to_restore_that_comes_back_with_its_run_is_taken_off_and_restores_nothing() {
    for taken in [true, false] {
        let mut run = lived();
        run.annotations_mut().insert(labels::RESTORE.into(), "monday".into());
        if taken {
            run.annotations_mut()
                .insert(labels::RESTORE_TAKEN.into(), "monday".into());
        }
        let mut world = returned(run);
        world.stored = Some(in_store());
        let steps = world.step();
        let first = steps.iter().position(|s| *s == Step::Guarded(Guarded::TakeRequest));
        let told = steps
            .iter()
            .position(|s| matches!(s, Step::Guarded(Guarded::Report(_))));
        assert!(first < told && first.is_some(), "{steps:?}");
        assert!(world.is(condition::SUCCESSFUL) && !world.run.annotations().contains_key(labels::RESTORE));
        assert!(!executes(&world.step()) && !executes(&world.step()));
        // Asked for today, in the same words, by a person.
        world
            .run
            .annotations_mut()
            .insert(labels::RESTORE.into(), "monday".into());
        assert!(executes(&world.step()));
    }
}

#[test]
fn a_request_to_rewrap_that_comes_back_with_its_run_is_taken_off_and_begins_nothing() {
    let mut run = lived();
    run.annotations_mut()
        .insert(labels::REWRAP.into(), r#"{"add": ["age1leaked"]}"#.into());
    let mut world = returned(run);
    world.stored = Some(in_store());
    let steps = world.step();
    let taken = steps.iter().position(|s| *s == Step::Guarded(Guarded::TakeRewrap));
    let told = steps
        .iter()
        .position(|s| matches!(s, Step::Guarded(Guarded::Report(_))));
    assert!(taken.is_some() && taken < told, "{steps:?}");
    assert!(says("NotRepeated", &steps));
    assert!(!world.run.annotations().contains_key(labels::REWRAP));
    assert!(!has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::Rewrap { .. })
    )));
}

#[test]
fn a_request_that_comes_back_stays_until_something_is_known_of_what_its_run_stored() {
    for request in [labels::RESTORE, labels::REWRAP] {
        let mut run = lived();
        run.annotations_mut().insert(request.into(), "{}".into());
        let mut world = returned(run);
        assert_eq!(world.decide().guarded, [], "the store was not asked yet");
        world.found = Found::Unseen {
            words: "timeout".into(),
            passes: true,
        };
        world.step();
        assert!(world.run.annotations().contains_key(request), "{request}");
        world.stored = Some(in_store());
        world.step();
        assert!(!world.run.annotations().contains_key(request), "{request}");
    }
}

#[test]
fn a_run_that_was_made_of_a_record_takes_the_object_which_that_record_describes_and_no_other() {
    for (key, adopted) in [("r/a.json", true), ("r/b.json", false)] {
        let mut run = lived();
        run.annotations_mut().insert(labels::RECORD.into(), "r/a.json".into());
        let mut world = returned(run);
        // Written by a run of another namespace, before the cluster was lost.
        world.stored = Some(StoredObject {
            run: Some("elsewhere/db".into()),
            record: crate::run::Recorded::There(key.into()),
            ..in_store()
        });
        world.step();
        assert_eq!(world.is(condition::SUCCESSFUL), adopted, "{key}");
    }
}

#[test]
fn what_a_run_of_the_same_name_in_another_cluster_wrote_is_not_adopted() {
    for (uid, cluster, path, adopted) in [
        // It was brought to a new cluster.
        (Some("uid-1"), "there", "/db.sql", true),
        (Some("uid-9"), "there", "/db.sql", false),
        // By a life between, whose UID nobody has noted.
        (Some("uid-9"), "there", "/db.rewrap-0000beef.sql", true),
        (Some("uid-9"), "here", "/db.sql", true),
        (None, "there", "/db.sql", true),
    ] {
        let mut run = lived();
        run.annotations_mut().insert(labels::RENDERED_PATH.into(), path.into());
        let mut world = returned(run);
        world.stored = Some(StoredObject {
            key: path.trim_start_matches('/').into(),
            run_uid: uid.map(Into::into),
            cluster: Some(cluster.into()),
            ..in_store()
        });
        let steps = world.step();
        assert!(!executes(&steps), "{steps:?}");
        assert_eq!(world.is(condition::SUCCESSFUL), adopted, "{uid:?} {cluster} {path}");
        let message = world.status().message.unwrap_or_default();
        let told = message.contains("run team/db of another cluster (the UID of its kube-system is there)");
        assert_eq!(told, !adopted, "{message}");
    }
}

#[test]
fn of_a_rewrapped_backup_whose_record_does_not_say_whom_it_is_for_nobody_claims_to_know() {
    let mut run = lived();
    run.spec.encryption = Some(api::run::Encryption {
        recipients: vec!["age1old".into()],
        ..Default::default()
    });
    let path = "/db.rewrap-0000beef.sql";
    run.annotations_mut().insert(labels::RENDERED_PATH.into(), path.into());
    let mut world = returned(run);
    world.stored = Some(StoredObject {
        key: "db.rewrap-0000beef.sql".into(),
        ..in_store()
    });
    world.step();
    let status = world.status();
    let encrypted = condition::find(&status.conditions, condition::ENCRYPTED).unwrap();
    assert!(encrypted.message.contains("not known") && encrypted.message.contains("object db.sql"));
    assert!(world.is(condition::SUCCESSFUL) && status.rewraps.is_empty() && status.replaced.is_empty());
    world
        .run
        .annotations_mut()
        .insert(labels::REWRAP.into(), r#"{"add": ["age1x"]}"#.into());
    let steps = world.step();
    let refused = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "RewrapRefused");
    assert!(has(&steps, refused), "{steps:?}");
    assert!(world.status().rewrap.is_none());
}

#[test]
fn a_backup_that_comes_back_after_a_rewrap_knows_whom_it_is_for_and_removes_what_was_before() {
    let (old, new) = ("age1old", "age1new");
    let mut run = lived();
    run.spec.encryption = Some(api::run::Encryption {
        recipients: vec![old.into()],
        ..Default::default()
    });
    let path = "/db.rewrap-0000beef.sql";
    run.annotations_mut().insert(labels::RENDERED_PATH.into(), path.into());
    let mut world = returned(run);
    world.stored = Some(StoredObject {
        key: "db.rewrap-0000beef.sql".into(),
        recipients: vec![new.into()],
        ..in_store()
    });
    let steps = world.step();
    assert!(!executes(&steps) && world.is(condition::SUCCESSFUL), "{steps:?}");
    let status = world.status();
    let encrypted = condition::find(&status.conditions, condition::ENCRYPTED).unwrap();
    assert_eq!(
        (encrypted.message.as_str(), status.recipients.as_slice()),
        (new, &[new.to_owned()][..])
    );
    let mut resolved = world.run.clone();
    resolved.resolved();
    assert_eq!(
        resolved.spec.encryption.unwrap().recipients,
        [new],
        "and so everybody asks for it"
    );
    let steps = world.step();
    let removed =
        |s: &Step| matches!(s, Step::Unguarded(Unguarded::RemoveReplaced { key, etag: None, .. }) if key == "db.sql");
    assert!(has(&steps, removed), "{steps:?}");
    assert!(world.status().replaced.is_empty() && world.is(condition::REWRAPPED));
}

#[test]
fn a_backup_that_comes_back_and_was_never_rewrapped_has_nothing_to_remove_and_is_for_whom_its_spec_says() {
    let mut run = lived();
    run.spec.encryption = Some(api::run::Encryption {
        recipients: vec!["age1old".into()],
        ..Default::default()
    });
    let mut world = returned(run);
    world.stored = Some(StoredObject {
        recipients: vec!["age1another".into()],
        ..in_store()
    });
    world.step();
    assert!(world.status().recipients.is_empty() && world.status().replaced.is_empty());
}

#[test]
fn a_backup_that_comes_back_and_has_no_object_of_its_own_is_not_made_again_either() {
    let others = StoredObject {
        run: Some("team/other".into()),
        ..in_store()
    };
    for stored in [
        None,
        Some(others),
        Some(StoredObject {
            run: None,
            ..in_store()
        }),
    ] {
        let mut world = returned(lived());
        world.stored = stored;
        let steps = world.step();
        assert!(!executes(&steps) && world.is(condition::FAILED), "{steps:?}");
        assert!(world.status().message.unwrap().contains("Nothing was executed"));
    }
}

#[test]
fn a_run_that_carries_no_mark_is_new_and_runs() {
    let mut run = lived();
    run.metadata.annotations = None;
    let mut world = returned(run);
    world.stored = Some(in_store());
    assert!(executes(&world.step()));
    // A crash between the mark and the report: it is its own.
    let mut run = lived();
    run.status = None;
    assert!(executes(&World::new(run).step()));
}

#[test]
fn a_restore_that_was_done_is_not_done_again_when_its_run_comes_back() {
    let mut run = restore_only_run();
    run.annotations_mut()
        .insert(labels::RESTORED_AT.into(), "2026-01-01T11:00:00Z".into());
    let mut world = returned(run);
    let steps = world.step();
    assert!(!executes(&steps), "{steps:?}");
    assert!(world.is(condition::RESTORED) && world.is(condition::SUCCESSFUL));
    // It is when it is asked for.
    world.annotate(labels::RESTORE);
    assert!(executes(&world.step()));
}

#[test]
fn a_restore_that_began_and_of_whose_end_nothing_is_known_is_not_done_again() {
    let mut world = World::new(restore_only_run());
    world.run.metadata.uid = Some("uid-1".into());
    world.step();
    let mut world = returned(world.run);
    let steps = world.step();
    assert!(!executes(&steps) && world.is(condition::FAILED), "{steps:?}");
}

#[test]
fn a_store_that_does_not_answer_is_asked_again_for_what_came_back() {
    let mut world = returned(lived());
    world.found = Found::Unseen {
        words: "timeout".into(),
        passes: true,
    };
    let steps = world.step();
    assert!(!executes(&steps) && !world.is(condition::FAILED), "{steps:?}");
    assert!(world.status().message.unwrap().contains("timeout"));
    world.stored = Some(in_store());
    world.step();
    assert!(world.is(condition::SUCCESSFUL));
}

#[test]
fn a_status_that_is_older_than_the_store_takes_no_good_object_back() {
    // An etcd snapshot of the middle of the run is restored after it ended: the status says that an attempt is under way.
    let mut world = World::working();
    world.run.metadata.uid = Some("uid-1".into());
    world.transfer = TransferView::None;
    world.pods.clear();
    world.stored = Some(in_store());
    let mut all = world.step();
    all.extend(world.step());
    let takes = |s: &Step| {
        matches!(
            s,
            Step::Unguarded(Unguarded::TakeBack { .. } | Unguarded::DeleteObject { .. })
        )
    };
    assert!(!has(&all, takes), "{all:?}");
    assert!(world.is(condition::SUCCESSFUL));
    assert_eq!(world.status().size_in_bytes, Some(1024));
    assert_eq!(world.status().transfer, None);
}

#[test]
fn an_object_of_another_run_or_attempt_proves_nothing() {
    let cases = [
        StoredObject {
            run_uid: Some("uid-0".into()),
            ..in_store()
        },
        StoredObject {
            attempt: Some("backup-2".into()),
            ..in_store()
        },
        StoredObject {
            run_uid: None,
            ..in_store()
        },
    ];
    for object in cases {
        let mut world = World::working();
        world.run.metadata.uid = Some("uid-1".into());
        world.transfer = TransferView::None;
        world.pods.clear();
        world.stored = Some(object);
        world.step();
        assert!(world.is(condition::FAILED));
        assert_eq!(world.status().state, Some(State::InterruptedFailed));
    }
}

#[test]
fn what_an_interrupted_attempt_made_visible_is_not_taken_back_unseen() {
    // The storage is not ready when the old status is found: the store cannot be asked.
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.pods.clear();
    world.storage = not_ready("down.", None);
    world.step();
    assert_eq!(world.status().state, Some(State::InterruptedFailed));
    world.storage = ready("");
    let steps = world.step();
    assert!(has(&steps, |s| matches!(
        s,
        Step::Unguarded(Unguarded::AbortStrays { .. })
    )));
    let takes = |s: &Step| matches!(s, Step::Unguarded(Unguarded::TakeBack { .. }));
    assert!(!has(&steps, takes), "{steps:?}");
}
