//! Restores from archives.
use super::*;
use crate::run::Event;

fn archive(world: &mut World) {
    let StorageView::Ready(place) = &mut world.storage else {
        panic!()
    };
    place.thaws = true;
}

fn asks(decision: &Decision) -> bool {
    decision.unguarded.iter().any(|u| matches!(u, Unguarded::Thaw { .. }))
}

fn pods(decision: &Decision) -> bool {
    decision.unguarded.iter().any(|u| matches!(u, Unguarded::CreatePod(_)))
}

/// As long as the store has not brought it back: what is guarded is written, what settles it is not.
fn wait(world: &mut World, words: &str) -> Decision {
    world.trouble = Some(Trouble {
        message: words.into(),
        since: Duration::from_secs(1),
        expected: true,
    });
    report(world)
}

fn report(world: &mut World) -> Decision {
    let decision = world.decide();
    for step in &decision.guarded {
        if let Guarded::Report(status) = step {
            world.run.status = Some((**status).clone());
        }
    }
    decision
}

const WORDS: &str = "object db.sql lies in an archive (GLACIER), and the store was asked to bring it back";

#[test]
fn a_restore_from_an_archive_has_no_pod_before_its_object_is_back() {
    let mut world = World::stored();
    archive(&mut world);
    world.annotate(labels::RESTORE);
    let first = wait(&mut world, WORDS);
    assert!(asks(&first) && !pods(&first));
    assert_eq!(world.status().state, Some(State::Thawing));
    assert_eq!(world.status().message.as_deref(), Some(WORDS));
    assert!(world.is(condition::SUCCESSFUL), "the backup is as good as before");
    let since = world.status().thaw.unwrap().since;
    // Hours later, and after another operator has taken over.
    world.pass(5 * 3600);
    let later = wait(&mut world, WORDS);
    assert!(asks(&later) && !pods(&later));
    assert!(
        !later.unguarded.iter().any(|u| matches!(u, Unguarded::Event(_))),
        "it is said once"
    );
    assert_eq!(world.status().thaw.unwrap().since, since);
    // It is there: what settles the errand is written, and the next pass makes the Pod.
    world.trouble = None;
    world.step();
    assert!(world.status().thaw.unwrap().ready_at.is_some());
    let steps = world.step();
    assert!(has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
    assert_eq!(
        (world.status().state, world.status().thaw),
        (Some(State::Restoring), None)
    );
}

#[test]
fn an_object_that_does_not_come_back_within_three_days_ends_the_request() {
    let mut world = World::stored();
    archive(&mut world);
    world.annotate(labels::RESTORE);
    wait(&mut world, WORDS);
    world.pass(72 * 3600);
    let steps = world.step();
    let refused = |e: &Event| e.reason == "RestoreRefused" && e.note.contains("72 hours") && e.note.contains("GLACIER");
    assert!(
        has(
            &steps,
            |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if refused(e))
        ),
        "{steps:?}"
    );
    assert_eq!(
        (world.status().state, world.status().thaw),
        (Some(State::BackupSuccessful), None)
    );
    world.trouble = None;
    assert_eq!(world.step(), vec![]);
}

#[test]
fn a_request_that_is_withdrawn_meanwhile_leaves_the_run_as_it_was() {
    let mut world = World::stored();
    let before = world.status();
    archive(&mut world);
    world.annotate(labels::RESTORE);
    wait(&mut world, WORDS);
    world.run.annotations_mut().remove(labels::RESTORE);
    world.trouble = None;
    world.step();
    let after = world.status();
    assert_eq!(
        (after.state, after.thaw, after.message),
        (before.state, None, before.message)
    );
}

#[test]
fn a_restore_only_run_waits_so_too_and_a_backup_never_does() {
    let mut world = World::new(testing::restore_only_run());
    archive(&mut world);
    let first = wait(&mut world, WORDS);
    assert!(asks(&first) && !pods(&first));
    world.trouble = None;
    world.step();
    let steps = world.step();
    assert!(
        has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
        "{steps:?}"
    );
    let mut backup = World::new(backup_run());
    archive(&mut backup);
    assert!(!asks(&backup.decide()));
}

#[test]
fn that_a_restore_waits_for_an_archive_is_said_when_the_store_first_says_so_and_no_more() {
    let mut world = World::stored();
    archive(&mut world);
    world.annotate(labels::RESTORE);
    let said = |decision: Decision| {
        let events = decision.unguarded.into_iter();
        events.filter(|u| matches!(u, Unguarded::Event(_))).count()
    };
    assert_eq!(said(report(&mut world)), 0, "the store was not asked yet");
    assert_eq!(said(wait(&mut world, WORDS)), 1);
    let later = "object db.sql is being brought back";
    assert_eq!(said(wait(&mut world, later)), 0);
    assert_eq!(world.status().message.as_deref(), Some(later));
}
