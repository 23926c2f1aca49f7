//! A run that waits for its turn: what it says, and what it does not do.
use super::*;
use crate::run::step::Ask;

fn waits(place: u32, of: u32) -> Turn {
    Turn::Waits(InLine {
        place,
        of,
        lacks: Lack::Storage(2),
    })
}

fn acts(steps: &[Step]) -> bool {
    let harmless = |s: &Step| match s {
        Step::Guarded(Guarded::AddFinalizer | Guarded::Report(_)) => true,
        Step::Unguarded(u) => matches!(u, Unguarded::Event(_)),
        _ => false,
    };
    !steps.iter().all(harmless)
}

fn asks(world: &mut World) -> Option<Ask> {
    let turn = std::mem::replace(&mut world.turn, Turn::NotAsked);
    let ask = world.decide().ask.map(|ask| *ask);
    world.turn = turn;
    ask
}

#[test]
fn a_backup_that_could_begin_asks_for_its_turn_and_waits_for_it_with_nothing_in_hand() {
    let mut world = World::new(backup_run());
    let created = world.now.checked_sub(SignedDuration::from_secs(500)).unwrap();
    world.run.metadata.creation_timestamp = Some(Time(created));
    assert_eq!(
        asks(&mut world),
        Some(Ask {
            restore: false,
            since: created
        })
    );
    world.turn = waits(7, 120);
    assert!(!acts(&world.step()));
    let status = world.run.status.clone().unwrap();
    assert_eq!(status.state, Some(State::Queued));
    assert_eq!(status.transfer, None);
    assert_eq!(status.path, None, "it is rendered when the run has its turn");
    let told = condition::find(&status.conditions, condition::NEVER_RUN).unwrap();
    assert_eq!((told.status.as_str(), told.reason.as_str()), ("True", "Queued"));
    assert!(
        told.message.contains("at place 7 of 120 as of ") && told.message.contains("storage \"minio\" has 2 at once"),
        "{}",
        told.message
    );
    assert_eq!(status.message.as_ref(), Some(&told.message));
    // Nothing more is written while it waits.
    assert!(world.step().is_empty());
}

#[test]
fn the_start_deadline_counts_from_the_turn() {
    let mut world = World::new(backup_run());
    world.turn = waits(1, 1);
    world.step();
    world.now = world.now.checked_add(SignedDuration::from_hours(48)).unwrap();
    assert!(world.step().is_empty(), "it waits as long as it takes");
    world.turn = Turn::Given;
    let steps = world.step();
    assert!(
        steps
            .iter()
            .any(|s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_))))
    );
    let status = world.run.status.clone().unwrap();
    assert_eq!(status.queued, None);
    assert_eq!(status.transfer.unwrap().started_at, Time(world.now));
    assert!(!is_failed(&mut world));
}

fn is_failed(world: &mut World) -> bool {
    world.step();
    condition::is_true(&world.run.status.as_ref().unwrap().conditions, condition::FAILED)
}

#[test]
fn a_place_is_told_again_when_it_has_come_down_to_a_tenth() {
    let mut world = World::new(backup_run());
    let mut written = Vec::new();
    for place in (1..=5000).rev() {
        world.turn = waits(place, 5000);
        if !world.step().is_empty() {
            written.push(place);
        }
    }
    assert_eq!(written, [5000, 500, 50, 5]);
}

#[test]
fn a_place_that_has_become_worse_is_told_again() {
    let mut world = World::new(backup_run());
    for (place, told) in [
        (1, true),
        (1, false),
        (3, true),
        (2, false),
        (100, true),
        (110, false),
        (111, true),
    ] {
        world.turn = waits(place, 200);
        assert_eq!(!world.step().is_empty(), told, "{place}");
    }
}

#[test]
fn what_was_said_before_a_restore_that_waits_is_said_again_when_it_is_withdrawn_or_expires() {
    for expires in [false, true] {
        let mut world = World::new(backup_run());
        world.turn = Turn::Given;
        finished(&mut world);
        let before = Some("1.0 MiB from the command, 1.0 MiB stored".to_string());
        let now = world.now;
        let status = world.run.status.as_mut().unwrap();
        status.message.clone_from(&before);
        let ended = condition::Say {
            type_: condition::IN_PROGRESS,
            status: false,
            reason: "BackupSuccessful",
            message: before.as_deref().unwrap(),
        };
        condition::set(&mut status.conditions, &ended, None, now);
        world.run.annotations_mut().insert(labels::RESTORE.into(), "now".into());
        if expires {
            world.storage = StorageView::Missing;
        } else {
            world.turn = waits(1, 3);
        }
        world.step();
        assert_ne!(world.run.status.clone().unwrap().message, before);
        if expires {
            world.now = world.now.checked_add(SignedDuration::from_hours(48)).unwrap();
        } else {
            world.run.annotations_mut().remove(labels::RESTORE);
        }
        world.step();
        let status = world.run.status.clone().unwrap();
        assert_eq!((status.message, status.queued), (before, None), "expires: {expires}");
    }
}

#[test]
fn a_restore_is_asked_for_as_one_and_its_wait_is_told_by_an_event() {
    let mut world = World::new(backup_run());
    world.turn = Turn::Given;
    finished(&mut world);
    world.run.annotations_mut().insert(labels::RESTORE.into(), "now".into());
    let ask = asks(&mut world).unwrap();
    assert_eq!((ask.restore, ask.since), (true, world.now));
    let mut before = world.run.status.clone().unwrap();
    world.turn = waits(1, 3);
    let steps = world.step();
    assert!(!acts(&steps), "{steps:?}");
    let told = steps
        .iter()
        .any(|s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "Queued"));
    assert!(told && world.run.annotations().contains_key(labels::RESTORE));
    let mut status = world.run.status.clone().unwrap();
    let waiting = condition::find(&status.conditions, condition::RECONCILING).map(|c| c.reason.clone());
    assert_eq!(waiting.as_deref(), Some("Queued"));
    for all in [&mut status.conditions, &mut before.conditions] {
        condition::remove(all, condition::RECONCILING);
    }
    assert_eq!(
        (&status.conditions, status.state),
        (&before.conditions, before.state),
        "they speak of the backup"
    );
    // As old as its wait, also after a restart.
    let since = world.now;
    world.now = world.now.checked_add(SignedDuration::from_hours(2)).unwrap();
    assert_eq!(asks(&mut world).unwrap().since, since);
    assert!(
        world.step().is_empty(),
        "it does not expire while it waits for its turn"
    );
    // Withdrawn.
    world.run.annotations_mut().remove(labels::RESTORE);
    assert_eq!(asks(&mut world), None);
    world.step();
    let status = world.run.status.clone().unwrap();
    assert_eq!(status.queued, None);
    assert!(!status.message.unwrap().contains("waits"), "it waits no more");
}

/// A good backup.
fn finished(world: &mut World) {
    world.step();
    let mut status = world.run.status.clone().unwrap();
    status.transfer = None;
    for (type_, on) in [
        (condition::SUCCESSFUL, "True"),
        (condition::READY, "True"),
        (condition::IN_PROGRESS, "False"),
    ] {
        for c in status.conditions.iter_mut().filter(|c| c.type_ == type_) {
            c.status = on.into();
        }
    }
    status.state = Some(State::BackupSuccessful);
    world.run.status = Some(status);
}

#[test]
fn a_request_that_follows_one_that_was_withdrawn_has_its_own_time() {
    let mut world = World::new(backup_run());
    finished(&mut world);
    world.storage = StorageView::Missing;
    world.run.annotations_mut().insert(labels::RESTORE.into(), "now".into());
    world.step();
    assert!(world.run.status.as_ref().unwrap().restore_requested_at.is_some());
    world.run.annotations_mut().remove(labels::RESTORE);
    world.step();
    world.now = world.now.checked_add(SignedDuration::from_hours(2)).unwrap();
    world.run.annotations_mut().insert(labels::RESTORE.into(), "now".into());
    world.step();
    let status = world.run.status.clone().unwrap();
    assert_eq!(status.restore_requested_at, Some(Time(world.now)), "it has not expired");
}

#[test]
fn the_first_restore_of_a_run_without_a_backup_is_a_restore() {
    let mut world = World::new(restore_only_run());
    assert!(asks(&mut world).unwrap().restore);
}

#[test]
fn the_next_attempt_asks_again_and_keeps_saying_how_the_last_one_failed() {
    let mut run = backup_run();
    run.spec.backoff_limit = Some(1);
    let mut world = World::new(run);
    world.step();
    let status = world.run.status.as_mut().unwrap();
    status.message = Some("attempt 1 of 2 failed".into());
    status.transfer.as_mut().unwrap().failed_at = Some(Time(world.now));
    assert_eq!(asks(&mut world), None, "not before its pause is over");
    world.now = world.now.checked_add(SignedDuration::from_secs(11)).unwrap();
    assert!(!asks(&mut world).unwrap().restore);
    world.turn = waits(4, 9);
    assert!(!acts(&world.step()));
    let status = world.run.status.clone().unwrap();
    assert_eq!(status.message.as_deref(), Some("attempt 1 of 2 failed"));
    assert_eq!(
        condition::find(&status.conditions, condition::IN_PROGRESS)
            .unwrap()
            .reason,
        "Queued"
    );
    assert!(world.step().is_empty());
    world.turn = Turn::Given;
    world.step();
    let status = world.run.status.clone().unwrap();
    assert_eq!((status.attempts, status.queued), (Some(2), None));
}

#[test]
fn who_cannot_begin_asks_for_no_turn() {
    let mut world = World::new(backup_run());
    world.storage = StorageView::Missing;
    assert_eq!(asks(&mut world), None);
    let mut world = World::new(backup_run());
    world.run.spec.storage.path = "/{{ fail \"no\" }}".into();
    assert_eq!(asks(&mut world), None);
    let mut world = World::new(backup_run());
    world.run.metadata.deletion_timestamp = Some(Time(world.now));
    assert_eq!(asks(&mut world), None);
    // Under way: it has its turn.
    let mut world = World::new(backup_run());
    world.step();
    assert_eq!(asks(&mut world), None);
}

#[test]
fn a_run_that_waits_for_its_turn_waits_for_its_storage_when_that_goes() {
    let mut world = World::new(backup_run());
    world.turn = waits(3, 3);
    world.step();
    world.storage = StorageView::Missing;
    world.step();
    let status = world.run.status.clone().unwrap();
    assert_eq!((status.queued, status.state), (None, Some(State::StorageError)));
}

#[test]
fn a_run_that_waits_for_its_turn_goes_at_once_when_it_is_deleted() {
    let mut world = World::new(backup_run());
    world.turn = waits(3, 3);
    world.step();
    assert!(world.run.metadata.finalizers.is_some());
    world.run.metadata.deletion_timestamp = Some(Time(world.now));
    let steps = world.step();
    let store = |s: &Step| matches!(s, Step::Unguarded(u) if u.is_errand());
    assert!(
        world.run.metadata.finalizers.is_none() && !steps.iter().any(store),
        "{steps:?}"
    );
}

#[test]
fn only_that_a_restore_begins_to_wait_is_told_by_an_event_and_no_later_place() {
    for (restore, events) in [(true, [1, 0]), (false, [0, 0])] {
        let mut world = World::new(backup_run());
        if restore {
            finished(&mut world);
            world.annotate(labels::RESTORE);
        }
        for (place, wanted) in [3, 100].into_iter().zip(events) {
            world.turn = waits(place, 200);
            let steps = world.step();
            assert_eq!(world.status().queued.unwrap().place, place);
            let told = steps
                .iter()
                .filter(|s| matches!(s, Step::Unguarded(Unguarded::Event(_))));
            assert_eq!(told.count(), wanted, "{restore} {place}");
        }
    }
}
