//! Backups that are made again.
use super::*;
use crate::run::attempt::start_deadline;

fn limited(limit: u32) -> World {
    let mut world = World::working();
    world.run.spec.backoff_limit = Some(limit);
    world
}

fn failing(reason: Reason) -> End {
    End::Failed {
        reason,
        message: "words".into(),
        bytes: 3,
        log: "last words".into(),
    }
}

/// Until nothing changes any more; what was done on the way.
fn settle(world: &mut World) -> Vec<Step> {
    let mut all = Vec::new();
    for _ in 0..10 {
        let steps = world.step();
        for step in &steps {
            if let Step::Unguarded(Unguarded::DeletePod { .. }) = step {
                world.pods.clear();
            }
        }
        if steps.is_empty() {
            break;
        }
        all.extend(steps);
    }
    all
}

#[test]
fn a_failed_backup_is_made_again_in_a_fresh_pod_after_its_upload_is_aborted() {
    let mut world = limited(2);
    world.run.status.as_mut().unwrap().transfer.as_mut().unwrap().upload_id = Some("u1".into());
    world.ended(failing(Reason::CommandFailed));
    assert_eq!(
        world.decide().requeue,
        Some(Duration::ZERO),
        "its upload is aborted at once"
    );
    let steps = settle(&mut world);
    let at = |wanted: fn(&Step) -> bool| steps.iter().position(wanted);
    let event =
        at(|s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.warning && e.reason == "CommandFailed")).unwrap();
    let pod = at(|s| matches!(s, Step::Unguarded(Unguarded::DeletePod { now: true, .. }))).unwrap();
    let abort =
        at(|s| matches!(s, Step::Unguarded(Unguarded::AbortUpload { upload_id, .. }) if upload_id == "u1")).unwrap();
    assert!(event < pod && pod < abort);
    assert!(!world.is(condition::FAILED) && world.is(condition::IN_PROGRESS));
    let status = world.status();
    assert_eq!(status.transfer.as_ref().unwrap().upload_id, None);
    assert_eq!(status.log.as_deref(), Some("last words"));
    let words = status.message.unwrap();
    assert!(
        words.contains("attempt 1 of 3") && words.contains("words") && words.contains("10 s"),
        "{words}"
    );

    world.pass(9);
    assert!(settle(&mut world).is_empty(), "not before its time");
    world.pass(1);
    let steps = world.step();
    let created = steps.iter().find_map(|s| match s {
        Step::Unguarded(Unguarded::CreatePod(pod)) => Some(pod.name_any()),
        _ => None,
    });
    assert_eq!(created.as_deref(), Some("db-backup-2"));
    let status = world.status();
    let transfer = status.transfer.unwrap();
    assert_eq!((transfer.attempt.as_str(), status.attempts), ("backup-2", Some(2)));
    assert_eq!(
        (transfer.upload_id, transfer.command_started_at, transfer.pod_uid),
        (None, None, None)
    );
    assert_eq!(transfer.key.as_deref(), Some("db.sql"), "the path is rendered once");
}

#[test]
fn a_database_is_not_dumped_again_for_a_store_that_is_full() {
    let mut world = limited(1);
    world.ended(failing(Reason::TransferFailed));
    settle(&mut world);
    let creates = |s: &Step| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)));
    world.storage = full(place());
    world.pass(3600);
    let steps = settle(&mut world);
    assert!(!has(&steps, creates));
    let waits = world.status().message.unwrap();
    assert!(
        waits.contains("the disk is full") && waits.ends_with("The run waits."),
        "{waits}"
    );
    let told = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.note == waits);
    assert!(has(&steps, told), "{steps:?}");
    assert!(world.is(condition::IN_PROGRESS) && !world.is(condition::NEVER_RUN));
    // It is said once.
    world.pass(60);
    assert!(!has(&world.step(), told));
    world.storage = ready("");
    assert!(has(&world.step(), creates));
}

#[test]
fn an_interrupted_backup_is_made_again_within_its_limit_and_then_has_failed() {
    let mut world = limited(1);
    for attempt in ["backup-1", "backup-2"] {
        assert_eq!(world.status().transfer.unwrap().attempt, attempt);
        world.ended(End::Interrupted {
            message: "the Pod is gone".into(),
        });
        settle(&mut world);
        world.pass(3600);
        world.pods.clear();
        settle(&mut world);
    }
    assert!(world.is(condition::FAILED) && !world.is(condition::IN_PROGRESS));
    assert_eq!(world.status().state, Some(State::InterruptedFailed));
    assert_eq!((world.status().attempts, world.status().transfer), (Some(2), None));
}

#[test]
fn what_no_new_attempt_cures_fails_at_once() {
    for reason in Reason::ALL.iter().filter(|r| r.is_final()) {
        let mut world = limited(5);
        world.ended(failing(*reason));
        settle(&mut world);
        assert!(world.is(condition::FAILED), "{reason}");
    }
}

#[test]
fn a_good_backup_and_a_restore_are_never_made_again() {
    let mut world = limited(5);
    world.ended(stored());
    settle(&mut world);
    assert!(world.is(condition::SUCCESSFUL));
    world.annotate(labels::RESTORE);
    world.step();
    world.ended(failing(Reason::CommandFailed));
    settle(&mut world);
    assert_eq!((world.status().restores.len(), world.status().transfer), (1, None));
}

#[test]
fn between_two_attempts_it_looks_again_without_being_woken_and_removes_the_old_pod_at_once() {
    for (upload, started) in [(None, false), (Some("u1"), false), (None, true)] {
        let mut world = limited(1);
        let began = started.then_some(Time(world.now));
        let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
        transfer.upload_id = upload.map(Into::into);
        transfer.command_started_at = began;
        world.ended(failing(Reason::TransferFailed));
        let mut removed = false;
        for _ in 0..4 {
            let deletes = |s: &Step| matches!(s, Step::Unguarded(Unguarded::DeletePod { .. }));
            if has(&world.step(), deletes) {
                removed = true;
                world.pods.clear();
            }
            assert!(
                world.decide().requeue.is_some(),
                "{upload:?} {started}: {:?}",
                world.decide()
            );
        }
        assert!(removed, "{upload:?} {started}");
        world.pass(10);
        let begins = world.decide();
        assert!(
            begins.unguarded.iter().any(|u| matches!(u, Unguarded::CreatePod(_))),
            "{upload:?} {started}: {begins:?}"
        );
        assert_eq!(
            begins.requeue,
            Some(start_deadline(&world.run)),
            "its Pod may never start"
        );
    }
}

#[test]
fn what_is_known_of_the_last_transfer_is_forgotten_before_the_next_one() {
    let mut world = limited(1);
    let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
    (transfer.upload_id, transfer.command_started_at) = (None, None);
    world.ended(failing(Reason::TransferFailed));
    world.step();
    world.pods.clear();
    assert!(world.decide().unguarded.contains(&Unguarded::ForgetTransfer));
}

#[test]
fn the_old_pod_goes_also_while_the_next_attempt_waits_for_its_turn() {
    let mut world = limited(1);
    let pods = world.pods.clone();
    world.ended(failing(Reason::TransferFailed));
    settle(&mut world);
    world.pass(3600);
    world.turn = Turn::NotAsked;
    world.pods = pods;
    let decision = world.decide();
    assert!(decision.ask.is_some());
    assert!(
        decision
            .unguarded
            .iter()
            .any(|u| matches!(u, Unguarded::DeletePod { .. })),
        "{decision:?}"
    );
}

#[test]
fn the_old_pod_is_waited_for_but_not_for_ever() {
    let mut world = limited(1);
    world.ended(failing(Reason::TransferFailed));
    world.step();
    world.step();
    world.pods[0].terminating = true;
    world.pass(20);
    assert!(
        world.decide().requeue.is_some(),
        "of a Pod that does not go nobody hears"
    );
    assert!(!has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::CreatePod(_))
    )));
    // Its node is lost: it never goes.
    world.pass(60);
    let steps: Vec<_> = (0..3).flat_map(|_| world.step()).collect();
    assert!(has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
}

#[test]
fn a_run_that_waits_for_its_next_attempt_can_be_deleted() {
    let mut world = limited(3);
    world.run.status.as_mut().unwrap().transfer.as_mut().unwrap().upload_id = Some("u1".into());
    world.ended(failing(Reason::TransferFailed));
    world.step();
    world.run.metadata.deletion_timestamp = Some(Time(world.now));
    let steps = settle(&mut world);
    assert!(
        has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::AbortUpload { .. })))
            && has(&steps, |s| *s == Step::Guarded(Guarded::RemoveFinalizer))
    );
}

#[test]
fn a_failure_that_nobody_can_have_seen_ends_no_attempt() {
    // Before the attempt began, or with no attempt left: somebody else has written it, and it would stay for ever.
    for (limit, seconds) in [(3, -1), (0, 1)] {
        let mut world = limited(limit);
        let now = world.now;
        let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
        transfer.started_at = Time(now);
        transfer.failed_at = Some(Time(now + SignedDuration::from_secs(seconds)));
        let steps = settle(&mut world);
        let made = |s: &Step| {
            matches!(
                s,
                Step::Unguarded(Unguarded::CreatePod(_)) | Step::Unguarded(Unguarded::DeletePod { .. })
            )
        };
        assert!(!has(&steps, made), "{limit} {seconds}: {steps:?}");
    }
}

#[test]
fn a_store_that_lets_no_upload_be_aborted_ends_the_run_and_not_the_attempts_to_abort_it() {
    let mut world = limited(2);
    world.run.status.as_mut().unwrap().transfer.as_mut().unwrap().upload_id = Some("u1".into());
    world.ended(failing(Reason::TransferFailed));
    world.step();
    world.pods.clear();
    world.transfer = TransferView::None;
    // The step that aborts fails again and again, so nothing of what follows it is written.
    let before = world.run.status.clone();
    world.pass(15 * 60 - 1);
    assert!(!world.step().is_empty());
    world.run.status = before;
    world.pass(1);
    // An operator that has come just now has not tried.
    world.working_for = Duration::from_secs(15 * 60 - 1);
    let before = world.run.status.clone();
    world.step();
    assert!(!world.is(condition::FAILED));
    world.run.status = before;
    world.working_for = Duration::from_secs(15 * 60);
    let steps = world.step();
    assert!(
        world.is(condition::FAILED) && !world.is(condition::IN_PROGRESS),
        "{steps:?}"
    );
    let status = world.status();
    assert!(status.message.unwrap().contains("could not be aborted for 15 minutes"));
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
    assert!(has(
        &world.step(),
        |s| matches!(s, Step::Unguarded(Unguarded::AbortUpload { upload_id, .. }) if upload_id == "u1")
    ));
}

/// An operator that hangs is replaced, wakes, and does not know yet that it was: both have created an upload.
#[test]
fn the_first_upload_that_is_recorded_is_that_of_the_attempt_whoever_creates_another() {
    let mut world = World::new(backup_run());
    world.step();
    world.pod(PodStage::Running);
    world.step();
    let confirmed = |steps: &[Step]| {
        let of = |step: &Step| match step {
            Step::Unguarded(Unguarded::TransferRecorded { upload_id, .. }) => upload_id.clone(),
            _ => None,
        };
        steps.iter().find_map(of)
    };
    for (created, recorded) in [("u1", "u1"), ("u2", "u1")] {
        world.active(Contact::Working, Some(created));
        let steps = world.step();
        assert_eq!(confirmed(&steps).as_deref(), Some(recorded), "{created}");
        let transfer = world.status().transfer.unwrap();
        assert_eq!(transfer.upload_id.as_deref(), Some(recorded), "{created}");
    }
}
