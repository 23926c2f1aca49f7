//! Requests to restore: each is taken once, none waits for ever, none runs beside an earlier command.
use super::*;

fn asks(value: &str) -> World {
    let mut world = World::stored();
    world.pods.clear();
    world.run.annotations_mut().insert(labels::RESTORE.into(), value.into());
    world
}

fn said(steps: &[Step], reason: &str) -> Option<String> {
    steps.iter().find_map(|s| match s {
        Step::Unguarded(Unguarded::Event(e)) if e.reason == reason => Some(e.note.clone()),
        _ => None,
    })
}

fn begins(steps: &[Step]) -> bool {
    has(steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_))))
}

#[test]
fn a_first_restore_that_waits_for_its_storage_expires_and_a_backup_does_not() {
    for (run, expires) in [(restore_only_run(), true), (backup_run(), false)] {
        let mut world = World::new(run);
        world.storage = not_ready("down", None);
        assert!(said(&world.step(), "StorageNotReady").is_some());
        world.pass(599);
        world.step();
        assert!(!world.is(condition::FAILED));
        world.pass(1);
        world.step();
        assert_eq!(world.is(condition::FAILED), expires);
        assert_eq!(world.status().restore_requested_at, None);
        world.storage = ready("");
        world.pass(86_400);
        let begun = has(&world.step(), |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_))));
        assert_eq!(begun, !expires);
        if expires {
            let message = world.status().message.unwrap();
            assert!(
                message.contains("startDeadlineSeconds") && message.contains("down"),
                "{message}"
            );
        }
    }
}

#[test]
fn a_storage_that_is_full_is_read_and_nothing_is_written_to_it() {
    for (run, begins_now) in [(restore_only_run(), true), (backup_run(), false)] {
        let mut world = World::new(run);
        world.storage = full(place());
        let steps = world.step();
        assert_eq!(begins(&steps), begins_now, "{steps:?}");
        let waits = said(&steps, "StorageNotReady");
        assert_eq!(waits.is_some_and(|why| why.contains("the disk is full")), !begins_now);
    }
    let mut world = asks("now");
    world.storage = full(place());
    assert!(begins(&world.step()));
}

#[test]
fn a_first_restore_that_was_made_long_before_an_operator_came_waits_for_its_storage_as_any() {
    let mut run = restore_only_run();
    run.metadata.creation_timestamp = Some(Time(Timestamp::from_second(1_000_000 - 86_400).unwrap()));
    let mut world = World::new(run);
    world.storage = not_ready("it was not probed yet", None);
    assert!(said(&world.step(), "StorageNotReady").is_some());
    world.pass(5);
    world.storage = ready("");
    assert!(begins(&world.step()));
    assert_eq!(
        world.status().restore_requested_at,
        None,
        "a later request does not inherit it"
    );
}

#[test]
fn a_request_that_an_applier_puts_back_is_the_same_request() {
    let mut world = asks("monday");
    assert!(begins(&world.step()));
    world.pod(PodStage::Running);
    world.ended(End::Restored {
        bytes: 1,
        log: String::new(),
    });
    world.step();
    world.pods.clear();
    assert!(api::requests::RESTORES.has(world.run.annotations(), "monday"));
    // GitOps puts it back; taking it off once more would only make it come again.
    world
        .run
        .annotations_mut()
        .insert(labels::RESTORE.into(), "monday".into());
    world.request_is_kept = true;
    assert_eq!(world.step(), vec![]);
    // A person asks again, even in the same words.
    world.request_is_kept = false;
    assert!(begins(&world.step()));
}

#[test]
fn a_request_that_an_applier_keeps_is_as_if_it_were_not_there_and_stays_known() {
    let mut world = asks("monday");
    let (restores, keeps) = (api::requests::RESTORES, "monday");
    take(world.run.annotations_mut(), restores, keeps);
    world.run.annotations_mut().insert(labels::RESTORE.into(), keeps.into());
    world.request_is_kept = true;
    world
        .run
        .annotations_mut()
        .insert(labels::RESTORED_AT.into(), "2001".into());
    for n in 0..40 {
        take(world.run.annotations_mut(), restores, &format!("by hand {n}"));
        world.step();
        assert!(restores.has(world.run.annotations(), keeps), "{n}");
    }
    assert!(!begins(&world.step()));
}

#[test]
fn a_request_that_waits_for_its_storage_expires() {
    let mut world = asks("now");
    world.run.spec.start_deadline_seconds = Some(60);
    world.storage = not_ready("down.", None);
    let steps = world.step();
    assert!(said(&steps, "StorageNotReady").is_some(), "{steps:?}");
    world.pass(59);
    assert!(!has(&world.step(), |s| *s == Step::Guarded(Guarded::TakeRequest)));
    world.pass(1);
    let steps = world.step();
    let note = said(&steps, "RestoreRefused").unwrap();
    assert!(note.contains("waited for 60 s") && note.contains("down."), "{note}");
    // The storage is there again, days later: nothing fires.
    world.storage = ready("");
    assert!(!begins(&world.step()));
    assert_eq!(world.status().restore_requested_at, None);
    assert!(world.is(condition::SUCCESSFUL));
}

#[test]
fn a_request_during_a_restore_is_told_that_it_begins_no_other() {
    let mut world = asks("1");
    world.step();
    world.run.annotations_mut().insert(labels::RESTORE.into(), "2".into());
    assert_eq!(
        world.decide().requeue,
        Some(Duration::ZERO),
        "the restore is followed on"
    );
    let steps = world.step();
    assert!(
        said(&steps, "RestoreUnderWay").is_some() && !begins(&steps),
        "{steps:?}"
    );
    assert!(!world.run.annotations().contains_key(labels::RESTORE));
}

#[test]
fn a_restore_does_not_begin_while_the_pod_of_an_earlier_one_is_not_gone() {
    // Its node is lost: the Pod is Terminating, its command may write on.
    let mut world = asks("1");
    world.pod(PodStage::Running);
    world.pods[0].terminating = true;
    let steps = world.step();
    assert!(!begins(&steps), "{steps:?}");
    let message = world.status().message.unwrap();
    let short = "the restore waits some seconds until the Pod of the attempt before it, db-backup-1, is gone";
    assert_eq!(message, short);
    assert_eq!(said(&steps, "RestoreWaits"), Some(message), "told, and told once");
    let is_still = |steps: &[Step]| !steps.iter().any(|s| matches!(s, Step::Unguarded(Unguarded::Event(_))));
    world.pass(29);
    assert!(is_still(&world.step()));
    // That is more than a Pod takes to go: now it is said what may keep it, once.
    world.pass(1);
    let steps = world.step();
    let message = world.status().message.unwrap();
    assert!(message.contains("its node does not answer"), "{message}");
    assert_eq!(said(&steps, "RestoreWaits"), Some(message), "told, and told once");
    world.pass(10);
    assert!(is_still(&world.step()));
    world.pods.clear();
    assert!(begins(&world.step()));
    assert_eq!(world.status().restore_requested_at, None);
}

#[test]
fn a_storage_that_cannot_be_opened_ends_the_attempt_at_its_deadline_in_its_own_words() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(30);
    world.step();
    world.pod(PodStage::Running);
    world.obstacle = Some(Obstacle {
        message: "the storage cannot be used: Secret keys is missing".into(),
        since: world.now,
    });
    world.step();
    assert!(world.status().message.unwrap().contains("Secret keys is missing"));
    world.pass(30);
    world.step();
    assert!(world.is(condition::FAILED));
    let message = world.status().message.unwrap();
    assert!(
        message.contains("Secret keys is missing") && message.contains("startDeadlineSeconds"),
        "{message}"
    );
}

#[test]
fn a_storage_that_cannot_be_opened_ends_also_what_was_under_way() {
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.obstacle = Some(Obstacle {
        message: "the storage cannot be used: there is no BackupStorage".into(),
        since: world.now,
    });
    world.pass(29 * 60);
    world.step();
    assert!(!world.is(condition::FAILED));
    world.pass(60);
    world.step();
    assert!(world.is(condition::FAILED));
    assert!(world.status().message.unwrap().contains("there is no BackupStorage"));
}

#[test]
fn a_start_by_a_clock_that_is_ahead_is_announced_and_written_once() {
    let mut world = World::working();
    world.run.spec.backoff_limit = Some(1);
    let ahead = world.now.checked_add(SignedDuration::from_hours(24)).unwrap();
    world.run.status.as_mut().unwrap().transfer.as_mut().unwrap().started_at = Time(ahead);
    world.ended(failed());
    let is_told = |s: &Step| {
        matches!(
            s,
            Step::Unguarded(Unguarded::Event(_)) | Step::Guarded(Guarded::Report(_))
        )
    };
    assert_eq!(world.step().iter().filter(|s| is_told(s)).count(), 2);
    world.pods.clear();
    // What the attempt left is removed, which is noted.
    world.step();
    for _ in 0..3 {
        let before = world.status();
        let steps = world.step();
        assert_eq!(world.status(), before);
        assert!(
            !has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Event(_)))),
            "{steps:?}"
        );
    }
}

#[test]
fn a_longer_patience_of_the_storage_moves_the_backstop() {
    let mut world = World::working();
    world.run.spec.backup.as_mut().unwrap().deadline_seconds = Some(60);
    if let StorageView::Ready(place) = &mut world.storage {
        place.retry = Duration::from_secs(86_400);
    }
    world.pass(80_000);
    world.active(Contact::Working, None);
    world.step();
    assert!(!world.is(condition::FAILED));
}

#[test]
fn a_restore_that_waits_for_two_things_is_not_told_of_them_in_turns() {
    let mut world = asks("1");
    world.pod(PodStage::Running);
    world.pods[0].terminating = true;
    world.storage = not_ready("down.", None);
    assert!(said(&world.step(), "StorageNotReady").is_some());
    for _ in 0..3 {
        assert!(said(&world.step(), "StorageNotReady").is_none());
    }
}

#[test]
fn a_list_of_recipients_that_nobody_makes_is_waited_for_until_the_start_deadline_and_named_then() {
    let missing = "spec.encryption.recipientsFrom[0]: there is no ConfigMap team";
    let mut world = World::new(backup_run());
    world.run.metadata.creation_timestamp = Some(Time(world.now));
    world.run.spec.start_deadline_seconds = Some(60);
    world.recipients = crate::run::picked::RecipientsView::Missing(missing.into());
    // It waits for its storage first, and nobody has looked for an hour.
    world.recipients = crate::run::picked::RecipientsView::NotAsked;
    world.storage = not_ready("down.", None);
    world.step();
    world.pass(3600);
    world.recipients = crate::run::picked::RecipientsView::Missing(missing.into());
    assert!(says("RecipientsMissing", &world.step()));
    world.step();
    assert!(!world.is(condition::FAILED), "it is counted from when it was said");
    world.pass(59);
    let other = missing.replace("team", "ops");
    world.recipients = crate::run::picked::RecipientsView::Missing(other);
    world.step();
    assert!(!world.is(condition::FAILED));
    world.pass(1);
    world.recipients = crate::run::picked::RecipientsView::Missing(missing.into());
    world.step();
    assert!(world.is(condition::FAILED), "another word for it does not begin anew");
    let failed = condition::find(&world.status().conditions, condition::FAILED)
        .cloned()
        .unwrap();
    assert_eq!(failed.reason, "StartDeadlineExceeded");
    assert!(failed.message.starts_with(missing), "{}", failed.message);

    let mut world = World::new(backup_run());
    world.run.metadata.creation_timestamp = Some(Time(world.now));
    world.run.spec.start_deadline_seconds = Some(60);
    world.recipients = crate::run::picked::RecipientsView::Missing(missing.into());
    world.step();
    world.pass(59);
    world.step();
    assert!(!world.is(condition::FAILED), "it waits");
}
