//! Keys where something lies already, or where another run is at work.
use super::*;

/// A run at its first attempt, its Pod up, about to begin.
fn about_to_begin() -> World {
    let mut run = backup_run();
    run.labels_mut().insert(labels::SCHEDULE.into(), "nightly".into());
    let mut world = World::new(run);
    world.step();
    world.pod(PodStage::Running);
    world
}

fn object(run: Option<&str>, schedule: Option<&str>) -> StoredObject {
    StoredObject {
        key: "db.sql".into(),
        size: 7,
        etag: "\"old\"".into(),
        run: run.map(Into::into),
        schedule: schedule.map(Into::into),
        cluster: run.map(|_| "here".into()),
        ..StoredObject::default()
    }
}

fn begins(s: &Step) -> bool {
    matches!(s, Step::Unguarded(Unguarded::StartTransfer(_)))
}

#[test]
fn a_backup_replaces_what_its_schedule_or_its_name_wrote_and_nothing_of_another_run() {
    let elsewhere = |mut o: StoredObject| {
        o.cluster = Some("there".into());
        o
    };
    let version = |mut o: StoredObject| {
        o.version_id = Some("v1".into());
        o
    };
    let (yes, no) = (true, false);
    for (what, stored, goes_on, said) in [
        (
            "the run made anew under its name",
            object(Some("team/db"), None),
            yes,
            yes,
        ),
        (
            "the same schedule",
            object(Some("team/nightly-1"), Some("team/nightly")),
            yes,
            yes,
        ),
        (
            "the same schedule, of an older operator",
            object(Some("team/nightly-1764240000"), None),
            yes,
            yes,
        ),
        (
            "another schedule of nearly its name",
            object(Some("team/nightly-eu-1764240000"), None),
            no,
            no,
        ),
        (
            "another schedule",
            object(Some("team/hourly-1"), Some("team/hourly")),
            no,
            no,
        ),
        (
            "a schedule of its name elsewhere",
            object(Some("other/nightly-1"), Some("other/nightly")),
            no,
            no,
        ),
        ("another run", object(Some("team/other"), None), no, no),
        (
            "a run of its name in another cluster",
            elsewhere(object(Some("team/db"), None)),
            no,
            no,
        ),
        ("nobody", object(None, None), yes, yes),
        (
            "another run, in a bucket that keeps versions",
            version(object(Some("team/other"), None)),
            yes,
            no,
        ),
    ] {
        let mut world = about_to_begin();
        world.stored = Some(stored);
        let steps = world.step();
        assert_eq!(has(&steps, begins), goes_on, "{what}: {steps:?}");
        assert_eq!(says("Replaces", &steps), said, "{what}");
        assert_eq!(says("PathTaken", &steps), !goes_on, "{what}");
        assert_eq!(world.is(condition::FAILED), !goes_on, "{what}");
        if !goes_on {
            let message = world.status().message.unwrap();
            for words in ["db.sql", "is not replaced", "spec.storage.path", "{{ .name }}"] {
                assert!(message.contains(words), "{what}: {message}");
            }
            let touches = |s: &Step| {
                matches!(
                    s,
                    Step::Unguarded(Unguarded::TakeBack { .. } | Unguarded::DeleteObject { .. })
                )
            };
            assert!(!has(&steps, touches), "{what}: what another one wrote stays");
        }
    }
}

#[test]
fn where_the_store_keeps_no_metadata_the_run_that_recorded_the_object_is_its_maker() {
    for (etag, goes_on) in [("\"old\"", false), ("\"another\"", true)] {
        let mut world = about_to_begin();
        world.stored = Some(object(None, None));
        world.claims = vec![Claim {
            run: "team/other".into(),
            uid: "other".into(),
            etag: Some(etag.into()),
            ended_at: Some(world.now),
            good: true,
            ..Claim::default()
        }];
        assert_eq!(has(&world.step(), begins), goes_on, "{etag}");
    }
}

#[test]
fn of_two_runs_at_work_on_one_key_the_younger_ends_before_its_command_starts() {
    let at_work = |run: &str, uid: &str, before: i64, world: &World| Claim {
        run: run.into(),
        uid: uid.into(),
        at_work_since: world.now.checked_sub(SignedDuration::from_secs(before)).ok(),
        ..Claim::default()
    };
    for (run, uid, before, goes_on) in [
        ("team/other", "x", 1, false),
        ("team/other", "x", -1, true),
        // In one moment: the one whose UID is less.
        ("team/other", "0", 0, false),
        ("team/other", "zzzz", 0, true),
        // The same schedule, with concurrencyPolicy Allow.
        ("team/nightly-1764240000", "x", 1, true),
    ] {
        let mut world = about_to_begin();
        world.claims = vec![at_work(run, uid, before, &world)];
        let steps = world.step();
        assert_eq!(has(&steps, begins), goes_on, "{run} {before}");
        assert_eq!(says("PathTaken", &steps), !goes_on, "{run} {before}");
    }
}

#[test]
fn an_object_that_this_attempt_made_before_its_status_was_set_back_is_adopted() {
    for (attempt, cluster, adopted) in [
        ("backup-1", "here", true),
        ("backup-2", "here", true),
        ("backup-1", "there", false),
        ("restore-1", "here", false),
    ] {
        let mut world = about_to_begin();
        let mut stored = object(Some("team/db"), None);
        stored.run_uid = world.run.uid();
        stored.attempt = Some(attempt.into());
        stored.cluster = Some(cluster.into());
        world.stored = Some(stored);
        let steps = world.step();
        assert_eq!(says("Adopted", &steps), adopted, "{attempt} {cluster}");
        assert_eq!(world.is(condition::SUCCESSFUL), adopted, "{attempt} {cluster}");
        assert!(!adopted || !has(&steps, begins), "{attempt} {cluster}");
    }
}

#[test]
fn an_old_pod_that_goes_does_not_hide_what_it_made_from_a_status_that_was_set_back() {
    let mut world = about_to_begin();
    world.pods[0].terminating = true;
    let mut stored = object(Some("team/db"), None);
    (stored.run_uid, stored.attempt) = (world.run.uid(), Some("backup-1".into()));
    world.stored = Some(stored);
    world.step();
    assert!(world.is(condition::SUCCESSFUL), "{:?}", world.status().message);
}

#[test]
fn a_failed_attempts_object_that_is_still_there_is_no_good_backup() {
    let mut world = about_to_begin();
    let mut transfer = world.status().transfer.unwrap();
    transfer.attempt = "backup-2".into();
    world.run.status.as_mut().unwrap().transfer = Some(transfer);
    world.pods[0].name = "db-backup-2".into();
    let mut stored = object(Some("team/db"), None);
    stored.run_uid = world.run.uid();
    stored.attempt = Some("backup-1".into());
    world.stored = Some(stored);
    assert!(has(&world.step(), begins));
}

#[test]
fn a_command_does_not_start_before_the_store_was_looked_at_unless_that_is_not_allowed() {
    for (passes, goes_on) in [(true, false), (false, true)] {
        let mut world = about_to_begin();
        world.found = Found::Unseen {
            words: "connection refused".into(),
            passes,
        };
        let steps = world.step();
        assert_eq!(has(&steps, begins), goes_on, "{passes}");
        let message = world.status().message.unwrap_or_default();
        assert_eq!(message.contains("connection refused"), !goes_on, "{message}");
        // It looks again, and gives up at the start deadline with the store's words.
        assert_eq!(world.found, Found::Unknown);
        if passes {
            world.pass(601);
            world.found = Found::Unseen {
                words: "connection refused".into(),
                passes,
            };
            assert!(says("StartDeadlineExceeded", &world.step()));
            assert!(world.status().message.unwrap().contains("connection refused"));
        }
    }
}

#[test]
fn a_backup_that_was_written_over_says_so_once_and_is_not_restored() {
    let newer = |etag: &str, good, seconds| Claim {
        run: "team/newer".into(),
        uid: "newer".into(),
        etag: Some(etag.into()),
        ended_at: Timestamp::from_second(seconds).ok(),
        good,
        ..Claim::default()
    };
    for (claim, overwritten) in [
        (newer("\"n\"", true, 2_000_000), true),
        (newer("\"n\"", false, 2_000_000), false),
        (newer("\"n\"", true, 10), false),
        // The same bytes.
        (newer("\"e\"", true, 2_000_000), false),
    ] {
        let mut world = World::stored();
        world.pods.clear();
        world.claims = vec![claim.clone()];
        let warns =
            |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "Overwritten" && e.warning);
        assert_eq!(has(&world.step(), warns), overwritten, "{claim:?}");
        assert!(!says("Overwritten", &world.step()), "once: {claim:?}");
        assert!(world.is(condition::SUCCESSFUL), "what was good stays so: {claim:?}");
        assert_eq!(world.is(condition::READY), !overwritten, "{claim:?}");
        assert_eq!(world.is(condition::RESTORABLE), !overwritten, "{claim:?}");
        if overwritten {
            world.run.annotations_mut().insert(labels::RESTORE.into(), "1".into());
            assert!(says("RestoreRefused", &world.step()));
            assert!(!world.run.annotations().contains_key(labels::RESTORE));
        }
    }
}

#[test]
fn a_version_of_an_object_is_not_written_over() {
    let mut world = World::stored();
    world.run.status.as_mut().unwrap().version_id = Some("v1".into());
    world.claims = vec![Claim {
        run: "team/newer".into(),
        uid: "newer".into(),
        etag: Some("\"n\"".into()),
        ended_at: Timestamp::from_second(2_000_000).ok(),
        good: true,
        ..Claim::default()
    }];
    assert!(!says("Overwritten", &world.step()) && world.is(condition::READY));
}

/// Crash window: the store was asked, the transfer was stopped, and the report of what was found met a conflict.
#[test]
fn a_backup_that_was_found_whole_is_not_called_bad_because_its_transfer_was_stopped_before_that_was_written() {
    for (named, adopted) in [(true, true), (false, false)] {
        let mut world = World::working();
        let mut stored = object(Some("team/db"), None);
        (stored.run_uid, stored.attempt) = (world.run.uid(), named.then(|| "backup-1".into()));
        world.found = Found::Object(Box::new(stored));
        world.ended(crate::run::end::failed(Reason::DeadlineExceeded, "late".into()));
        let steps = world.step();
        assert_eq!(says("Adopted", &steps), adopted, "{steps:?}");
        assert_eq!(world.is(condition::SUCCESSFUL), adopted);
    }
}

#[test]
fn a_status_that_was_set_back_before_its_pod_does_not_call_a_good_backup_bad() {
    // Past its start deadline, with and without a command that was handed over.
    for started in [false, true] {
        let mut world = about_to_begin();
        world.pods.clear();
        let mut stored = object(Some("team/db"), None);
        (stored.run_uid, stored.attempt) = (world.run.uid(), Some("backup-1".into()));
        world.stored = Some(stored);
        let now = world.now;
        let transfer = world.run.status.as_mut().unwrap().transfer.as_mut().unwrap();
        transfer.pod_uid = None;
        transfer.command_started_at = started.then_some(Time(now));
        world.pass(700);
        let steps = world.step();
        assert!(says("Adopted", &steps), "{started}: {steps:?}");
        let takes = |s: &Step| matches!(s, Step::Unguarded(Unguarded::TakeBack { .. }));
        assert!(world.is(condition::SUCCESSFUL) && !has(&steps, takes));
    }
}

#[test]
fn what_nobody_has_told_the_end_of_is_not_taken_back_where_the_store_could_not_be_asked() {
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.pod(PodStage::Ended {
        message: "its container ended".into(),
        ending: Ending::ByItself,
    });
    world
        .run
        .status
        .as_mut()
        .unwrap()
        .transfer
        .as_mut()
        .unwrap()
        .command_started_at = None;
    // One that only has no room is asked.
    world.storage = full(place());
    let looks = |u: &Unguarded| matches!(u, Unguarded::Look { .. });
    assert!(world.decide().unguarded.iter().any(looks));
    world.storage = not_ready("down", None);
    let takes = |s: &Step| matches!(s, Step::Unguarded(Unguarded::TakeBack { .. }));
    assert!(says("PodEnded", &world.step()));
    // As the status of an attempt has it whose command was begun.
    let mut transfer = World::working().status().transfer.unwrap();
    transfer.command_started_at = Some(Time(world.now));
    world.run.status.as_mut().unwrap().transfer = Some(transfer);
    world.pods.clear();
    world.storage = ready("");
    assert!(!has(&world.step(), takes));
}

#[test]
fn a_run_whose_status_was_lost_finds_what_it_stored_under_the_path_that_it_rendered() {
    let mut run = backup_run();
    run.spec.storage.path = "/{{ now | date \"150405\" }}.sql".into();
    let mut world = World::new(run);
    world.step();
    let path = world.status().path.unwrap();
    world.run.status = None;
    world.pass(3600);
    world.step();
    assert_eq!(world.status().path.as_deref(), Some(path.as_str()));
    // Another life of it renders anew: the mark is not its own.
    world.run.status = None;
    world.run.annotations_mut().remove(labels::STARTED_AS);
    world.pass(3600);
    world.step();
    assert_ne!(world.status().path.as_deref(), Some(path.as_str()));
}

#[test]
fn a_restore_that_was_handed_over_is_not_begun_afresh_without_its_pod() {
    let mut world = World::new(restore_only_run());
    world.step();
    let now = world.now;
    let transfer = world.run.status.as_mut().unwrap().transfer.as_mut().unwrap();
    (transfer.pod_uid, transfer.command_started_at) = (None, Some(Time(now)));
    let steps = world.step();
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
    assert!(says("Interrupted", &steps), "{steps:?}");
}

#[test]
fn an_attempt_that_a_run_brings_along_from_an_earlier_life_is_not_begun() {
    let mut patient = backup_run();
    patient.spec.backoff_limit = Some(3);
    for (run, stored) in [
        (restore_only_run(), false),
        (backup_run(), false),
        (backup_run(), true),
        (patient, false),
    ] {
        let mut world = World::new(run);
        world.step();
        // A tool has brought it back with its status, from the moment before its Pod was there.
        let earlier = world.run.uid();
        world.run.metadata.uid = Some("new".into());
        let mut object = object(Some("team/db"), None);
        (object.run_uid, object.attempt) = (earlier, Some("backup-1".into()));
        world.stored = stored.then_some(object);
        let steps = world.step();
        assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
        assert_eq!(says("Adopted", &steps), stored, "{steps:?}");
        assert_eq!(says("Interrupted", &steps), !stored, "{steps:?}");
        // Nor is another one.
        for _ in 0..5 {
            world.pass(3600);
            let steps = world.step();
            assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
        }
        assert_ne!(world.is(condition::FAILED), stored);
    }
}

#[test]
fn an_attempt_is_not_cancelled_before_the_store_was_asked_and_keeps_the_cause_of_its_end() {
    let mut world = about_to_begin();
    world.step();
    world.active(world.connecting(), None);
    world.pod(starting("InvalidImageName", true));
    world.found = Found::Unknown;
    let first = world.decide();
    assert!(first.cancel.is_none(), "{first:?}");
    assert!(first.unguarded.iter().any(|u| matches!(u, Unguarded::Look { .. })));
    world.found = Found::Nothing;
    assert!(world.decide().cancel.is_some());
    assert!(says("PodCannotStart", &world.step()));
    // What was found for an end that did not come is not kept for another.
    let mut world = World::working();
    world.found = Found::Nothing;
    world.step();
    assert_eq!(world.found, Found::Unknown);
}

#[test]
fn the_pass_that_asks_the_store_writes_nothing_and_the_one_that_begins_the_transfer_guards_it_by_its_write() {
    let mut world = about_to_begin();
    world.found = Found::Unknown;
    let asks = world.decide();
    assert!(asks.unguarded.iter().any(|u| matches!(u, Unguarded::Look { .. })));
    assert!(asks.guarded.is_empty(), "{asks:?}");
    world.found = Found::Nothing;
    let begins = world.decide();
    assert!(
        begins
            .unguarded
            .iter()
            .any(|u| matches!(u, Unguarded::StartTransfer(_)))
    );
    assert!(matches!(&begins.guarded[..], [Guarded::Report(_)]), "{begins:?}");
}

#[test]
fn of_two_backups_that_ended_in_one_moment_that_of_the_greater_uid_was_written_last() {
    for (uid, overwritten) in [("uid-0", false), ("uid-2", true)] {
        let mut world = World::stored();
        world.claims = vec![Claim {
            run: "team/other".into(),
            uid: uid.into(),
            etag: Some("\"n\"".into()),
            ended_at: world.status().completion_time.map(|at| at.0),
            good: true,
            ..Claim::default()
        }];
        assert_eq!(says("Overwritten", &world.step()), overwritten, "{uid}");
    }
}
