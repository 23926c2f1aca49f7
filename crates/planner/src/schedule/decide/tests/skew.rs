//! A clock that was ahead once.
use super::*;

const DAY: i64 = 86_400;

fn said(d: &Decision) -> usize {
    d.events.iter().filter(|e| e.reason == "ClockWasAhead").count()
}

fn name_at(time: &str) -> String {
    format!("hourly-{}", t(time).as_second())
}

#[test]
fn a_tick_that_a_clock_that_was_ahead_has_taken_up_silences_no_schedule_and_is_told_once() {
    let mut world = World::new().at("2026-01-11T11:00:05Z");
    assert_eq!(world.step().create.len(), 1);
    world.runs.clear();
    world.now = t("2026-01-01T11:30:00Z");
    let d = world.step();
    assert_eq!((d.create.len(), said(&d)), (0, 1));
    assert_eq!(d.status.last_schedule_time, Some(Time(world.now)));
    assert_eq!(d.status.next_schedule_time, Some(Time(t("2026-01-01T12:00:00Z"))));
    world.pass(60);
    assert_eq!(said(&world.step()), 0, "once");
    world.now = t("2026-01-01T12:00:01Z");
    assert_eq!(names(&world.step()), [name_at("2026-01-01T12:00:00Z")]);
}

#[test]
fn a_tick_that_was_run_ahead_of_its_time_makes_no_second_run_while_the_first_is_there() {
    let mut world = World::new().at("2026-01-01T11:20:00Z");
    let made = names(&world.step());
    assert_eq!(made, [name_at("2026-01-01T11:00:00Z")]);
    world.end(&made[0], true);
    world.now = t("2026-01-01T10:40:00Z");
    assert_eq!(said(&world.step()), 1);
    world.now = t("2026-01-01T11:00:05Z");
    let d = world.step();
    assert!(d.create.is_empty());
    assert_eq!(d.status.last_schedule_time, Some(Time(t("2026-01-01T11:00:00Z"))));
}

#[test]
fn clocks_of_nodes_that_differ_by_minutes_run_no_tick_twice_and_are_not_told_of() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    assert_eq!(world.step().create.len(), 1);
    world.runs.clear();
    world.now = t("2026-01-01T10:55:00Z");
    for _ in 0..10 {
        world.pass(60);
        let d = world.step();
        assert_eq!((d.create.len(), said(&d)), (0, 0), "{}", world.now);
    }
}

#[test]
fn a_schedule_that_was_made_by_a_clock_that_was_ahead_has_its_ticks() {
    let mut world = World::new().at("2026-01-01T10:40:00Z");
    world.schedule.metadata.creation_timestamp = Some(Time(t("2026-01-11T00:00:00Z")));
    assert_eq!(said(&world.step()), 1);
    world.now = t("2026-01-01T11:00:05Z");
    let d = world.step();
    assert_eq!((names(&d), said(&d)), (vec![name_at("2026-01-01T11:00:00Z")], 0));
}

#[test]
fn a_tick_that_waits_for_its_jitter_is_not_lost_with_a_clock_that_is_put_right() {
    let mut world = World::new().at("2026-01-01T11:00:01Z");
    world.schedule.spec.jitter_seconds = Some(1800);
    let late = crate::schedule::decide::jitter(&world.schedule).as_secs();
    assert!(late > 1, "{late}");
    let last = Some(Time(t("2026-01-05T00:00:00Z")));
    world.schedule.status = Some(api::BackupScheduleStatus {
        last_schedule_time: last,
        ..api::BackupScheduleStatus::default()
    });
    assert_eq!(said(&world.step()), 1);
    world.pass(late);
    assert_eq!(names(&world.step()), [name_at("2026-01-01T11:00:00Z")]);
}

#[test]
fn runs_that_ended_in_the_future_take_no_place_and_stay_until_it_has_come() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    for n in 0..3 {
        world.ended(&format!("future{n}"), true, -DAY - n);
    }
    world.ended("broken", false, -DAY);
    for n in 0..5 {
        world.ended(&format!("good{n}"), true, 100 * n);
        world.ended(&format!("bad{n}"), false, 100 * n + 1);
    }
    let mut doomed = world.doomed();
    doomed.sort();
    assert_eq!(doomed, ["bad1", "bad2", "bad3", "bad4", "good3", "good4"]);
    world.schedule.spec.successful_runs_history_limit = Some(0);
    assert!(!world.doomed().contains(&"good0".to_string()), "the newest of today");
    let begins = world.now.checked_add(SignedDuration::from_secs(DAY - 300)).unwrap();
    let at = world.look().requeue_at;
    assert_eq!(at, Some(begins), "it is asked again then");
}

#[test]
fn the_last_good_backup_and_how_the_last_run_ended_are_none_of_the_future() {
    let mut world = World::new();
    world.ended("future", true, -DAY);
    let ahead = Some(Time(world.now.checked_add(SignedDuration::from_secs(DAY)).unwrap()));
    world.schedule.status = Some(api::BackupScheduleStatus {
        last_successful_time: ahead,
        ..api::BackupScheduleStatus::default()
    });
    world.ended("bad", false, 10);
    let now = Some(Time(world.now));
    let status = world.step().status;
    assert_eq!(status.last_successful_time, now);
    assert!(condition::is_true(&status.conditions, condition::FAILED));
    world.pass(60);
    assert_eq!(world.step().status.last_successful_time, now, "it is written once");
    // As long as no other has ended.
    world.ended("good", true, 10);
    let good = world.now.checked_sub(SignedDuration::from_secs(10)).unwrap();
    assert_eq!(world.step().status.last_successful_time, Some(Time(good)));
}
