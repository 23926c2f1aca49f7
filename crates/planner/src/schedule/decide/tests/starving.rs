//! A schedule whose runs come to nothing says so, once and for as long as it lasts.
use api::condition::STARVING;

use super::*;

fn starving(world: &World) -> Option<(String, String)> {
    let status = world.schedule.status.as_ref().unwrap();
    condition::find(&status.conditions, STARVING).map(|c| (c.status.clone(), c.reason.clone()))
}

fn said(status: &str, reason: &str) -> Option<(String, String)> {
    Some((status.into(), reason.into()))
}

fn events(d: &Decision) -> usize {
    d.events.iter().filter(|e| e.reason == STARVING && e.warning).count()
}

/// A tick comes, the run under way is replaced and goes, and the next one starts. What was told.
fn replaced(world: &mut World) -> usize {
    world.pass(3600);
    let told = events(&world.step());
    told + events(&world.step())
}

#[test]
fn three_runs_replaced_in_a_row_are_told_once_and_until_one_ends_well_or_badly() {
    for good in [true, false] {
        let mut world = World::new().at("2026-01-01T11:00:00Z");
        world.step();
        let told: Vec<_> = (0..5).map(|_| replaced(&mut world)).collect();
        assert_eq!(told, [0, 0, 1, 0, 0]);
        assert_eq!(starving(&world), said("True", "RunsReplaced"));
        world.step();
        let status = world.schedule.status.clone().unwrap();
        let words = condition::find(&status.conditions, STARVING).unwrap().message.clone();
        assert!(words.starts_with("5 runs in a row"), "{words}");
        // An operator that starts anew knows no less.
        assert_eq!(world.look().status, status);

        let last = world.runs[0].name_any();
        world.pass(60);
        world.runs[0].status.get_or_insert_default().completion_time = Some(Time(world.now));
        world.end(&last, good);
        assert_eq!(events(&world.step()), 0);
        assert_eq!(starving(&world), said("False", "RunEnded"));
        assert_eq!(world.schedule.status.as_ref().unwrap().replaced, None);
    }
}

#[test]
fn a_schedule_that_never_starved_says_nothing_of_it() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    replaced(&mut world);
    replaced(&mut world);
    assert_eq!(starving(&world), None);
    assert_eq!(
        world.schedule.status.as_ref().unwrap().replaced.as_ref().unwrap().runs,
        2
    );
    let last = world.runs[0].name_any();
    world.runs[0].status.get_or_insert_default().completion_time = Some(Time(world.now));
    world.end(&last, true);
    world.step();
    assert_eq!(
        (starving(&world), world.schedule.status.clone().unwrap().replaced),
        (None, None)
    );
}

#[test]
fn a_replaced_run_that_takes_long_to_go_is_counted_once_and_before_it_is_deleted() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    world.pass(3600);
    let d = world.look();
    assert!(d.tells_first() && d.delete.len() == 1);
    assert_eq!(d.status.replaced.as_ref().unwrap().runs, 1);
    // The operator died after the status was written; what the next one sees of the run is old.
    world.schedule.status = Some(d.status);
    assert_eq!(world.look().status.replaced.unwrap().runs, 1);
    world.runs[0].metadata.deletion_timestamp = Some(Time(world.now));
    assert_eq!(world.look().status.replaced.unwrap().runs, 1);
    let first = World::new().at("2026-01-01T11:00:00Z").look();
    assert!(!first.tells_first(), "a run that is told of exists");
}

#[test]
fn ticks_passed_over_by_forbid_are_told_while_the_run_goes_on_and_until_it_ends() {
    let mut world = World::new()
        .at("2026-01-01T11:00:00Z")
        .policy(ConcurrencyPolicy::Forbid);
    let first = names(&world.step())[0].clone();
    // Of the ticks that come the last one waits, and is run.
    let told: Vec<_> = (0..6)
        .map(|_| {
            world.pass(3600);
            events(&world.step())
        })
        .collect();
    assert_eq!(told, [0, 0, 0, 1, 0, 0]);
    assert_eq!(starving(&world), said("True", "TicksPassedOver"));
    world.runs[0].status.get_or_insert_default().completion_time = Some(Time(world.now));
    world.end(&first, true);
    let d = world.step();
    assert_eq!((starving(&world), d.create.len()), (said("False", "RunEnded"), 1));
}

#[test]
fn a_tick_that_is_too_late_does_not_wait_and_is_passed_over_as_well() {
    let mut world = World::new()
        .at("2026-01-01T11:00:00Z")
        .policy(ConcurrencyPolicy::Forbid);
    world.schedule.spec.starting_deadline_seconds = Some(60);
    world.step();
    world.pass(3 * 3600 + 30);
    assert_eq!(events(&world.step()), 0);
    world.pass(60);
    assert_eq!(events(&world.step()), 1);
}

#[test]
fn a_run_that_somebody_deletes_ends_no_starving_and_allow_never_starves() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    for _ in 0..3 {
        replaced(&mut world);
    }
    world.ended("cancelled", false, 0).metadata.deletion_timestamp = Some(Time(t("2026-01-01T14:00:00Z")));
    world.step();
    assert_eq!(starving(&world), said("True", "RunsReplaced"));
    let mut world = World::new().at("2026-01-01T11:00:00Z").policy(ConcurrencyPolicy::Allow);
    for _ in 0..6 {
        world.step();
        world.pass(3600);
    }
    assert_eq!(starving(&world), None);
}
