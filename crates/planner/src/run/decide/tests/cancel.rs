//! Requests to cancel: each stops what is under way, once, and nothing that begins later; the run is kept.
use super::*;

fn asks(world: &mut World) {
    world.annotate(labels::CANCEL);
}

fn is_asked(world: &World) -> bool {
    world.run.annotations().contains_key(labels::CANCEL)
}

fn reason(world: &World, type_: &str) -> String {
    let status = world.status();
    condition::find(&status.conditions, type_)
        .map(|c| c.reason.clone())
        .unwrap_or_default()
}

fn cancelled() -> End {
    End::Failed {
        reason: Reason::Cancelled,
        message: crate::run::cancel::WORDS.into(),
        bytes: 10,
        log: "half way".into(),
    }
}

/// A good backup whose restore is under way.
fn restoring() -> World {
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::Working, None);
    world
}

#[test]
fn a_run_that_waits_ends_without_having_begun() {
    let waiting: [fn(&mut World); 2] = [
        |w| w.storage = not_ready("down", None),
        |w| {
            w.turn = Turn::Waits(InLine {
                place: 3,
                of: 4,
                lacks: Lack::Operator(1),
            });
        },
    ];
    for run in [backup_run(), restore_only_run()] {
        for wait in waiting {
            let mut world = World::new(run.clone());
            wait(&mut world);
            world.step();
            asks(&mut world);
            let steps = world.step();
            assert!(!is_asked(&world) && world.is(condition::FAILED), "{steps:?}");
            assert_eq!(reason(&world, condition::FAILED), "Cancelled");
            assert!(world.status().queued.is_none());
            let report = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
            assert!(report < at(&steps, |s| *s == Step::Guarded(Guarded::TakeCancel)));
            // Its turn has come: nothing begins any more.
            (world.storage, world.turn) = (ready(""), Turn::Given);
            assert!(!has(&world.step(), |s| matches!(
                s,
                Step::Unguarded(Unguarded::CreatePod(_))
            )));
        }
    }
}

#[test]
fn the_status_names_what_is_stopped_before_the_request_goes_and_both_before_anything_is_stopped() {
    let mut world = World::working();
    asks(&mut world);
    let steps = world.step();
    assert!(
        matches!(&steps[..], [Step::Guarded(Guarded::Report(s)), Step::Guarded(Guarded::TakeCancel)]
            if s.transfer.as_ref().is_some_and(|t| t.cancelled_at.is_some())),
        "{steps:?}"
    );
    // A crash between the two: the same attempt is meant, and nothing is written twice.
    asks(&mut world);
    assert_eq!(world.step(), [Step::Guarded(Guarded::TakeCancel)]);
}

#[test]
fn a_backup_is_stopped_by_its_agent_and_ends_as_cancelled_with_its_last_words() {
    let mut world = World::working();
    world.run.spec.backoff_limit = Some(3);
    asks(&mut world);
    world.step();
    let steps = world.step();
    assert!(matches!(&steps[..], [Step::Cancel(why)] if why.contains("cancelled on request")));
    assert_eq!(world.step(), [], "asked once");
    assert!(!world.is(condition::FAILED));
    world.ended(cancelled());
    let steps = world.step();
    assert_eq!(reason(&world, condition::FAILED), "Cancelled");
    assert_eq!(world.status().log.as_deref(), Some("half way"));
    assert_eq!(world.status().state, Some(State::BackupFailed));
    assert!(says("Cancelled", &steps), "{steps:?}");
    // What it uploaded is removed, and no attempt follows.
    world.pods.clear();
    let steps = world.step();
    assert!(has(&steps, |s| matches!(
        s,
        Step::Unguarded(Unguarded::AbortStrays { .. })
    )));
    assert!(world.status().transfer.is_none());
    world.pass(86_400);
    assert_eq!(world.step(), []);
}

#[test]
fn what_has_no_agent_or_one_that_does_not_answer_is_stopped_with_its_pod() {
    // Its Pod comes up; an operator that has just come; the agent hangs.
    let cases: [fn(&mut World); 3] = [
        |w| {
            w.transfer = TransferView::None;
            w.pod(starting("ContainerCreating", false));
        },
        |w| w.transfer = TransferView::None,
        |w| w.pass(30),
    ];
    for case in cases {
        let mut world = World::working();
        asks(&mut world);
        world.step();
        case(&mut world);
        let steps = world.step();
        assert_eq!(reason(&world, condition::FAILED), "Cancelled");
        assert!(
            has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::DeletePod { .. }))),
            "{steps:?}"
        );
        assert!(
            has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Look { .. }))),
            "the store is asked first"
        );
    }
}

#[test]
fn a_backup_that_the_store_has_whole_is_good_whoever_wanted_it_stopped() {
    for committing in [true, false] {
        let mut world = World::working();
        if committing {
            world.active(Contact::Committing, Some("u"));
        }
        asks(&mut world);
        world.step();
        assert_eq!(is_asked(&world), committing);
        let steps = world.step();
        assert_eq!(has(&steps, |s| matches!(s, Step::Cancel(_))), !committing);
        world.ended(stored());
        world.step();
        assert!(world.is(condition::SUCCESSFUL));
        world.pods.clear();
        let steps = world.step();
        assert_eq!(says("NothingToCancel", &steps), committing, "{steps:?}");
        assert!(!is_asked(&world));
    }
}

#[test]
fn a_run_between_two_attempts_makes_no_other() {
    let mut world = World::working();
    world.run.spec.backoff_limit = Some(3);
    world.ended(failed());
    world.step();
    asks(&mut world);
    world.step();
    assert!(!is_asked(&world));
    let steps = world.step();
    assert_eq!(reason(&world, condition::FAILED), "Cancelled");
    assert!(
        world.status().message.unwrap().contains("status 3"),
        "why the last one failed"
    );
    assert!(says("Cancelled", &steps));
    world.pods.clear();
    world.pass(600);
    world.step();
    assert!(!has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::CreatePod(_))
    )));
}

#[test]
fn a_cancelled_restore_changes_nothing_that_is_known_of_the_backup_and_the_next_one_begins() {
    let mut world = restoring();
    let before = world.status();
    asks(&mut world);
    world.step();
    world.step();
    world.ended(cancelled());
    world.step();
    let status = world.status();
    assert!(world.is(condition::SUCCESSFUL) && !world.is(condition::FAILED));
    assert_eq!(
        (&status.sha256, &status.etag, &status.key, &status.bytes),
        (&before.sha256, &before.etag, &before.key, &before.bytes)
    );
    assert_eq!(reason(&world, condition::RESTORED), "Cancelled");
    assert!(!status.restores[0].successful);
    world.pods.clear();
    world.step();
    world.annotate(labels::RESTORE);
    let steps = world.step();
    assert!(
        has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
        "{steps:?}"
    );
    assert!(world.status().transfer.unwrap().cancelled_at.is_none());
}

#[test]
fn a_restore_that_waits_does_not_begin_and_one_that_an_applier_keeps_is_none() {
    for kept in [false, true] {
        let mut world = World::stored();
        world.annotate(labels::RESTORE);
        world.request_is_kept = kept;
        asks(&mut world);
        let steps = world.step();
        assert_eq!(says("Cancelled", &steps), !kept, "{steps:?}");
        assert_eq!(says("NothingToCancel", &steps), kept, "{steps:?}");
        assert_eq!(world.run.annotations().contains_key(labels::RESTORE), kept);
        assert!(!is_asked(&world) && world.is(condition::SUCCESSFUL));
        assert!(!has(&world.step(), |s| matches!(
            s,
            Step::Unguarded(Unguarded::CreatePod(_))
        )));
    }
}

#[test]
fn what_is_over_is_told_that_nothing_was_stopped_once() {
    let mut world = World::stored();
    asks(&mut world);
    let before = world.status();
    assert!(says("NothingToCancel", &world.step()));
    assert_eq!(world.step(), []);
    assert_eq!(world.status(), before);
}

#[test]
fn a_run_that_is_being_deleted_is_stopped_by_that() {
    let mut world = World::working();
    asks(&mut world);
    world.delete();
    let steps = world.step();
    assert!(
        matches!(&steps[..], [Step::Cancel(why)] if why.contains("deleted")),
        "{steps:?}"
    );
}
