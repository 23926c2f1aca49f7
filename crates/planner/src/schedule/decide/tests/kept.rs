//! What is kept in mind of runs that are gone.
use api::BackupScheduleStatus;
use api::run::Restore;
use api::schedule::LastBackup;

use super::*;
use crate::schedule::kept::usual;

impl World {
    /// A minute later, that run ends.
    fn then(&mut self, name: &str, good: bool) -> BackupScheduleStatus {
        self.pass(60);
        self.ended(name, good, 0);
        self.known()
    }

    fn known(&mut self) -> BackupScheduleStatus {
        self.step().status
    }

    fn good(&mut self, name: &str, bytes: u64) -> BackupScheduleStatus {
        self.pass(60);
        let start = Time(self.now.checked_sub(SignedDuration::from_secs(20)).unwrap());
        let status = self.ended(name, true, 0).status.as_mut().unwrap();
        (status.bytes, status.size_in_bytes, status.start_time) = (Some(bytes), Some(bytes / 2), Some(start));
        self.known()
    }
}

fn failures(status: &BackupScheduleStatus) -> u32 {
    status.consecutive_failures.unwrap_or(0)
}

#[test]
fn failures_in_a_row_are_counted_on_when_their_runs_are_rotated_and_end_with_a_good_backup() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    let began = world.now;
    for n in 1..=20 {
        let status = world.then(&format!("hourly-{n}"), false);
        assert_eq!(failures(&status), n);
        assert_eq!(
            status.failing_since,
            Some(Time(began.checked_add(SignedDuration::from_secs(60)).unwrap()))
        );
        assert!(world.runs.len() <= 2, "they are rotated");
    }
    let status = world.then("hourly-21", true);
    assert_eq!((failures(&status), status.failing_since), (0, None));
    assert_eq!(failures(&world.then("hourly-22", false)), 1);
}

#[test]
fn a_run_that_was_stopped_is_no_failure_and_a_good_one_that_is_seen_late_ends_no_row_that_began_after_it() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    world.then("hourly-1", false);
    world.pass(60);
    let stopped = world.ended("hourly-2", false, 0).status.as_mut().unwrap();
    for condition in &mut stopped.conditions {
        condition.reason = crate::run::Reason::Cancelled.word().into();
    }
    assert_eq!(failures(&world.known()), 1);
    let late = world.ended("hourly-0", true, 0).status.as_mut().unwrap();
    late.completion_time = Some(Time(Timestamp::UNIX_EPOCH));
    assert_eq!(failures(&world.known()), 1);
}

#[test]
fn no_run_counts_twice_whoever_looks_and_however_often() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    for n in 1..=12 {
        world.then(&format!("hourly-{n}"), false);
        let once = world.known();
        assert_eq!((failures(&once), &once), (n, &world.known()));
        assert_eq!(told_with_created(&observed(&world), once.clone()), once);
    }
}

fn observed(world: &World) -> Observed<'_> {
    Observed {
        schedule: &world.schedule,
        runs: world.runs.iter().collect(),
        others: vec![],
        notify: Default::default(),
        now: world.now,
    }
}

#[test]
fn runs_that_are_seen_late_or_ended_by_a_clock_that_stepped_back_are_counted() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    world.schedule.spec.failed_runs_history_limit = Some(100);
    for n in 1..=20 {
        world.then(&format!("hourly-{n}"), false);
    }
    world.ended("hourly-21", false, 90);
    world.ended("hourly-22", false, 0);
    assert_eq!(failures(&world.known()), 22);
    // Those that are there since before the time that is noted are not taken for new ones.
    assert_eq!(failures(&world.known()), 22);
}

#[test]
fn a_schedule_of_before_counts_what_is_there() {
    let mut world = World::new();
    for (name, good, age) in [("a", true, 500), ("b", true, 400), ("c", false, 300), ("d", false, 200)] {
        world.ended(name, good, age);
    }
    let status = world.known();
    assert_eq!((failures(&status), status.last_backup.unwrap().run.as_str()), (2, "b"));
    assert_eq!(failures(&world.known()), 2);
}

#[test]
fn the_last_good_backup_and_the_last_sizes_are_known_when_their_runs_are_gone() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    for n in 1..=12_u32 {
        world.good(&format!("hourly-{n}"), u64::from(n) * 10);
    }
    let now = Time(world.now);
    world.runs.clear();
    let status = world.known();
    assert_eq!(status.recent_bytes, [50, 60, 70, 80, 90, 100, 110, 120]);
    assert_eq!(
        status.last_backup,
        Some(LastBackup {
            run: "hourly-12".into(),
            start_time: Some(Time(world.now.checked_sub(SignedDuration::from_secs(20)).unwrap())),
            completion_time: now.clone(),
            bytes: Some(120),
            stored_bytes: Some(60),
        })
    );
    assert_eq!(status.last_successful_time, Some(now));
}

#[test]
fn a_good_backup_that_is_seen_late_is_not_the_last_one() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    world.good("hourly-2", 5);
    world.ended("hourly-1", true, 30);
    assert_eq!(world.known().last_backup.unwrap().run, "hourly-2");
}

#[test]
fn what_is_usual_is_the_median_before_the_last_and_nothing_of_too_few() {
    assert_eq!(usual(&[]), None);
    assert_eq!(usual(&[1, 2, 3]), None);
    assert_eq!(usual(&[9, 1, 5, 1000]), Some(5));
    assert_eq!(usual(&[70, 10, 60, 20, 50, 30, 40, 0]), Some(40));
}

#[test]
fn the_last_proof_stays_known_and_a_restore_that_failed_proves_nothing() {
    let mut world = World::new();
    let at = |text: &str| Time(t(text));
    let restore = |successful, end: &str| Restore {
        number: 1,
        start_time: at("2026-01-01T09:00:00Z"),
        completion_time: at(end),
        successful,
        bytes: 1,
        message: None,
    };
    world.ended("a", true, 100).status.as_mut().unwrap().restores = vec![
        restore(true, "2026-01-01T10:00:00Z"),
        restore(false, "2026-01-01T10:05:00Z"),
    ];
    assert_eq!(world.known().last_verified_time, Some(at("2026-01-01T10:00:00Z")));
    world.runs.clear();
    assert_eq!(world.known().last_verified_time, Some(at("2026-01-01T10:00:00Z")));
}
