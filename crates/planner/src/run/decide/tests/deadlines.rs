//! What ends by the clock, and what is written by it.
use serde_json::json;

use super::*;

#[test]
fn the_operator_ends_a_command_that_its_agent_did_not_stop() {
    let mut world = World::working();
    world.run.spec.backup.as_mut().unwrap().deadline_seconds = Some(60);
    world.pass(100);
    world.step();
    assert!(
        !world.is(condition::FAILED),
        "the agent keeps the deadline; the operator is the backstop"
    );
    // It may have ended in time and wait for a store as long as that is tried again, and an operator may have been away.
    world.pass(17 * 60);
    world.step();
    assert!(!world.is(condition::FAILED));
    world.pass(16 * 60);
    world.step();
    assert!(world.is(condition::FAILED));
}

#[test]
fn a_check_has_its_own_time_after_the_command_of_its_restore() {
    let minutes = |n: i64| n * 60;
    for (check, waits, ends) in [
        // No check; an hour of its own beside the command's; no limit, which is the agent's to keep.
        (None, 32, Some(2)),
        (
            Some(json!({"command": ["true"], "deadlineSeconds": 3600})),
            32 + 60,
            Some(2),
        ),
        (Some(json!({"command": ["true"]})), 10_000, None),
    ] {
        let mut world = World::stored();
        let restore = json!({"command": ["cat"], "deadlineSeconds": 60, "check": check});
        world.run.spec.restore = Some(serde_json::from_value(restore).unwrap());
        world.annotate(labels::RESTORE);
        world.step();
        world.pod(PodStage::Running);
        world.step();
        world.active(Contact::AwaitsStart, None);
        world.step();
        world.active(Contact::Working, None);
        world.pass(minutes(waits));
        world.step();
        assert!(world.status().transfer.is_some(), "{check:?}");
        let Some(ends) = ends else { continue };
        world.pass(minutes(ends));
        world.step();
        let restores = world.status().restores;
        let told = restores[0].message.as_deref().unwrap_or_default();
        assert!(
            !restores[0].successful && told.contains("spec.restore.deadlineSeconds"),
            "{told}"
        );
        assert_eq!(
            told.contains("restore.check.deadlineSeconds"),
            check.is_some(),
            "{told}"
        );
    }
}

#[test]
fn an_agent_that_cannot_be_reached_is_given_up_in_the_end() {
    let mut world = World::working();
    world.active(world.connecting(), None);
    world.pass(29 * 60);
    world.step();
    assert!(!world.is(condition::FAILED));
    world.pass(2 * 60);
    world.step();
    assert_eq!(world.status().state, Some(State::InterruptedFailed));
    assert!(
        world
            .status()
            .message
            .unwrap()
            .ends_with(": exec was refused: Forbidden")
    );
}

#[test]
fn a_clock_that_is_set_in_mid_run_ends_nothing_and_keeps_nothing_for_ever() {
    // What this process has seen for a minute, a clock that went a day ahead does not end.
    let mut world = World::working();
    world.run.spec.backup.as_mut().unwrap().deadline_seconds = Some(3600);
    world.active(Contact::Working, None);
    let begun = world.status().transfer.unwrap().command_started_at.unwrap().0;
    world.ages.insert(begun, Duration::from_secs(60));
    world.pass(86_400);
    world.step();
    assert!(!world.is(condition::FAILED));
    // One that went back a day does not keep what is over by the hours that have passed.
    world.ages.insert(begun, Duration::from_secs(2 * 86_400));
    world.now = begun.checked_sub(SignedDuration::from_secs(86_400)).unwrap();
    world.step();
    assert!(world.is(condition::FAILED));
}

#[test]
fn progress_is_written_every_ten_seconds_at_most() {
    let mut world = World::working();
    let set = |world: &mut World, n| {
        if let TransferView::Active { bytes, .. } = &mut world.transfer {
            *bytes = n;
        }
    };
    set(&mut world, 5);
    world.step();
    assert_eq!(world.status().progress.unwrap().bytes, 5);
    set(&mut world, 6);
    world.pass(9);
    assert_eq!(world.step(), vec![]);
    world.pass(1);
    world.step();
    assert_eq!(world.status().progress.unwrap().bytes, 6);
}

#[test]
fn a_requeue_is_never_longer_than_what_is_left_of_the_deadline() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(30);
    world.step();
    world.pod(starting("", false));
    world.step();
    world.pass(25);
    assert_eq!(world.decide().requeue, Some(Duration::from_secs(5)));
}

/// An attempt whose Pod had 90 seconds, and whose operator went away at once, for so long.
fn away(mut world: World, seconds: i64) -> World {
    world.run.spec.start_deadline_seconds = Some(90);
    world.step();
    world.pods.clear();
    world.transfer = TransferView::None;
    world.pass(seconds);
    world.working_for = Duration::from_secs(1);
    world
}

#[test]
fn the_time_to_start_is_not_over_while_no_operator_was_there_to_start_anything() {
    let begun = || World::new(backup_run());
    // The Pod was not even made.
    let mut world = away(begun(), 3600);
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::CreatePod(_))
    )));
    // It starts, is up and to be reached, or is asked for its way to the store, when the next operator comes.
    type Talk = fn(&World) -> Contact;
    let stages: [(PodStage, Option<Talk>); 3] = [
        (starting("Pulling", false), None),
        (PodStage::Running, Some(|world| world.connecting())),
        (PodStage::Running, Some(preparing)),
    ];
    for (stage, contact) in stages {
        let mut world = away(begun(), 3600);
        world.pod(stage.clone());
        if let Some(contact) = contact {
            let contact = contact(&world);
            world.active(contact, None);
        }
        world.step();
        assert!(!world.is(condition::FAILED), "{stage:?}: {:?}", world.status().message);
        // It has all of its time once more, and no more than that.
        let limit = if contact.is_some_and(|c| matches!(c(&world), Contact::Preparing { .. })) {
            390
        } else {
            90
        };
        for (seconds, working, over) in [(limit - 2, limit - 1, false), (1, limit, true)] {
            world.pass(seconds.try_into().unwrap());
            world.working_for = Duration::from_secs(working);
            world.step();
            world.step();
            assert_eq!(world.is(condition::FAILED), over, "{stage:?} after {working} s");
        }
        let message = world.status().message.unwrap_or_default();
        let prepared = message.contains("could not be begun within 5 minutes more");
        assert_eq!(prepared, limit == 390, "{message}");
    }
}

#[test]
fn an_agent_that_can_be_reached_since_the_last_moment_is_given_a_try() {
    // Seconds since the attempt began, and since there was nobody to wait for but the agent.
    for (age, tried, over) in [(95, 14, false), (95, 15, true), (389, 1, false), (390, 1, true)] {
        let mut world = World::new(backup_run());
        world.run.spec.start_deadline_seconds = Some(90);
        world.step();
        world.pod(PodStage::Running);
        world.pass(age - tried);
        world.active(world.connecting(), None);
        world.pass(tried);
        world.step();
        world.step();
        assert_eq!(world.is(condition::FAILED), over, "{age} {tried}");
    }
}

#[test]
fn a_restore_that_could_not_start_while_no_operator_was_there_does_not_begin_days_later() {
    for (seconds, over) in [(90 + 15 * 60 - 1, false), (90 + 15 * 60, true)] {
        let world = || {
            let mut world = World::stored();
            world.annotate(labels::RESTORE);
            world
        };
        // Its Pod was not made, or waits for the agent's command.
        for pod in [false, true] {
            let mut world = away(world(), seconds);
            if pod {
                world.pod(PodStage::Running);
            }
            let begun = has(&world.step(), |s| {
                matches!(
                    s,
                    Step::Unguarded(Unguarded::CreatePod(_) | Unguarded::StartTransfer(_))
                )
            });
            world.step();
            assert_eq!(begun, !over, "{seconds}");
            assert_eq!(world.status().state == Some(State::RestoreFailed), over, "{seconds}");
            let told = world.status().restores.first().and_then(|r| r.message.clone());
            assert_eq!(told.is_some_and(|t| t.contains("ask for it again")), over);
        }
    }
}

#[test]
fn a_backup_that_one_operator_after_the_other_could_not_begin_ends_after_a_week() {
    let week = 7 * 24 * 3600 + 90;
    for (seconds, over) in [(week - 1, false), (week, true)] {
        let mut world = away(World::new(backup_run()), seconds);
        world.pod(starting("Pulling", false));
        world.step();
        world.step();
        assert_eq!(world.is(condition::FAILED), over, "{seconds}");
    }
    // It is handed over by this one.
    let mut world = away(World::new(backup_run()), week);
    world.pod(PodStage::Running);
    world.active(Contact::AwaitsStart, None);
    world.step();
    assert!(!world.is(condition::FAILED));
}
