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
        read: Default::default(),
        restored_by: Default::default(),
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
fn what_a_clock_that_was_ahead_has_counted_hides_no_end_of_today() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    world.schedule.spec.successful_runs_history_limit = Some(100);
    let today = world.now;
    world.pass(10 * 86_400);
    for n in 1..=12 {
        world.good(&format!("hourly-{n}"), n);
    }
    world.now = today;
    let status = world.known();
    let until = status.counted.as_ref().and_then(|counted| counted.until.clone());
    assert_eq!(until, Some(Time(today)));
    assert_eq!(status.last_backup.as_ref().unwrap().completion_time, Time(today));
    assert_eq!(world.known(), status);
    for n in 1..=10 {
        assert_eq!(failures(&world.then(&format!("hourly-2{n}"), false)), n);
    }
    let good = world.good("hourly-30", 7);
    assert_eq!(
        (failures(&good), good.last_backup.unwrap().run.as_str()),
        (0, "hourly-30")
    );
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
fn what_is_seen_late_takes_its_place_by_when_it_ended() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    world.schedule.spec.failed_runs_history_limit = Some(9);
    world.then("hourly-1", false);
    world.good("hourly-3", 5);
    // Good, before the last one.
    world.ended("hourly-2", true, 30).status.as_mut().unwrap().bytes = Some(4);
    let status = world.known();
    assert_eq!(status.last_backup.as_ref().unwrap().run, "hourly-3");
    assert_eq!(status.recent_bytes, [4, 5]);
    // Failed, before the last good one.
    world.ended("hourly-0", false, 40);
    assert_eq!(failures(&world.known()), 0);
    // Good, between two failures.
    world.pass(600);
    world.ended("hourly-4", false, 300);
    world.ended("hourly-6", false, 100);
    assert_eq!(failures(&world.known()), 2);
    world.ended("hourly-5", true, 200).status.as_mut().unwrap().bytes = Some(6);
    let status = world.known();
    let since = world.now.checked_sub(SignedDuration::from_secs(100)).unwrap();
    assert_eq!((failures(&status), status.failing_since), (1, Some(Time(since))));
    assert_eq!(status.recent_bytes, [4, 5, 6]);
}

#[test]
fn what_was_stopped_on_purpose_is_no_failure_and_ends_no_row_of_them() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    world.then("hourly-1", false);
    world.pass(60);
    let stopped = world.ended("hourly-2", false, 0).status.as_mut().unwrap();
    stopped
        .conditions
        .iter_mut()
        .for_each(|c| c.reason = "Cancelled".into());
    assert_eq!(failures(&world.known()), 1);
    assert_eq!(failures(&world.known()), 1);
}

#[test]
fn two_that_fail_in_one_second_are_two_whichever_is_seen_first() {
    for names in [["hourly-1", "hourly-2"], ["hourly-2", "hourly-1"]] {
        let mut world = World::new();
        world.schedule.spec.suspend = Some(true);
        for (name, wanted) in names.iter().zip(1..) {
            world.ended(name, false, 0);
            assert_eq!(failures(&world.known()), wanted, "{names:?}");
        }
    }
}

#[test]
fn of_two_that_end_in_one_second_the_one_that_is_seen_last_counts_as_the_later() {
    for (first, last, wanted) in [(true, false, 1), (false, true, 0)] {
        let mut world = World::new();
        world.schedule.spec.suspend = Some(true);
        world.ended("hourly-1", first, 0);
        world.known();
        world.ended("hourly-2", last, 0);
        assert_eq!(failures(&world.known()), wanted, "{first} {last}");
    }
}

#[test]
fn what_an_old_cache_still_has_is_not_counted_again() {
    let mut world = World::new();
    world.schedule.spec.suspend = Some(true);
    for n in 1..=3 {
        world.good(&format!("hourly-{n}"), n);
    }
    world.then("hourly-4", false);
    let old = std::mem::take(&mut world.runs);
    let later = world.good("hourly-5", 5);
    world.runs.extend(old);
    let again = world.known();
    assert_eq!(
        (&again.recent_bytes, &again.last_backup),
        (&later.recent_bytes, &later.last_backup)
    );
    assert_eq!(failures(&again), 0);
}

#[test]
fn what_is_usual_is_the_median_before_the_last_and_nothing_of_too_few() {
    let status = |recent: &[u64], last: Option<u64>| BackupScheduleStatus {
        recent_bytes: recent.to_vec(),
        last_backup: Some(LastBackup {
            run: "r".into(),
            start_time: None,
            completion_time: Time(Timestamp::UNIX_EPOCH),
            bytes: last,
            stored_bytes: None,
        }),
        ..BackupScheduleStatus::default()
    };
    for (recent, last, wanted) in [
        (vec![], None, None),
        (vec![1, 2, 3], Some(3), None),
        (vec![9, 1, 5, 1000], Some(1000), Some(5)),
        (vec![70, 10, 60, 20, 50, 30, 40, 0], Some(0), Some(40)),
        // Of the last one nobody has told.
        (vec![9, 1, 5], None, Some(5)),
    ] {
        assert_eq!(usual(&status(&recent, last)), wanted, "{recent:?}");
    }
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
