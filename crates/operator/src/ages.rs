//! How long ago the times of a status were. Limits begin at times that the wall clock wrote, and clocks are set: from the moment
//! that this process has seen such a time, it counts by its monotonic clock.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::BackupRun;
use jiff::Timestamp;

/// The times that were seen of each run, by its UID.
#[derive(Default)]
pub struct Ages(Mutex<HashMap<String, Seen>>);

/// When a time was seen first, and how old it was then.
type Seen = BTreeMap<Timestamp, (Instant, Duration)>;

impl Ages {
    /// How old the times are that limits of this run began at. What it does not name any more is forgotten.
    pub fn of(&self, uid: &str, run: &BackupRun, wall: Timestamp, now: Instant) -> BTreeMap<Timestamp, Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = times(run);
        let goes = run.metadata.deletion_timestamp.as_ref().map(|t| t.0);
        if times.is_empty() {
            all.remove(uid);
            return BTreeMap::new();
        }
        let seen = all.entry(uid.into()).or_default();
        seen.retain(|time, _| times.contains(time));
        let age = |time: Timestamp| {
            // A deletion that was asked for while no operator was there gets the same time as any.
            let old = if Some(time) == goes {
                Duration::ZERO
            } else {
                by_wall(time, wall)
            };
            (time, since(*seen.entry(time).or_insert((now, old)), now))
        };
        times.into_iter().map(age).collect()
    }

    /// How old one of those times is.
    pub fn one(&self, uid: &str, time: Timestamp, wall: Timestamp, now: Instant) -> Duration {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.get(uid).and_then(|seen| seen.get(&time));
        seen.map_or_else(|| by_wall(time, wall), |seen| since(*seen, now))
    }

    /// The run is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// A time ahead of the clock was written by another clock: it has begun now.
fn by_wall(time: Timestamp, wall: Timestamp) -> Duration {
    Duration::try_from(wall.duration_since(time)).unwrap_or_default()
}

fn since((at, old): (Instant, Duration), now: Instant) -> Duration {
    old.saturating_add(now.saturating_duration_since(at))
}

/// Of what is under way, or waits: of a run that is over nothing is counted.
fn times(run: &BackupRun) -> Vec<Timestamp> {
    let status = run.status.as_ref();
    let transfer = status.and_then(|s| s.transfer.as_ref());
    let of_transfer = transfer.into_iter().flat_map(|t| {
        let ended = status.and_then(|s| s.completion_time.as_ref());
        [
            Some(&t.started_at),
            t.command_started_at.as_ref(),
            t.failed_at.as_ref(),
            t.cancelled_at.as_ref(),
            ended,
        ]
    });
    let asked = status.and_then(|s| s.restore_requested_at.as_ref());
    let told = status.and_then(|s| Some(&s.progress.as_ref()?.updated_at));
    let goes = run.metadata.deletion_timestamp.as_ref();
    let lacks = status.and_then(planner::run::recipients::missing_since);
    let all = of_transfer.chain([asked, told, goes]);
    all.flatten().map(|t| t.0).chain(lacks).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(started: i64) -> BackupRun {
        let mut run = testing::backup_run();
        let at = Timestamp::from_second(started).unwrap();
        run.status = serde_json::from_value(
            json!({"startTime": at, "transfer": {"attempt": "backup-1", "startedAt": at, "route": "Direct"}}),
        )
        .unwrap();
        run
    }

    #[test]
    fn a_clock_that_is_set_changes_no_age() {
        let (ages, start) = (Ages::default(), Instant::now());
        let second = |s| Timestamp::from_second(s).unwrap();
        let age = |wall: i64, later: u64| {
            let now = start + Duration::from_secs(later);
            ages.of("u", &run(1_000), second(wall), now)[&second(1_000)].as_secs()
        };
        assert_eq!(age(1_000, 0), 0);
        assert_eq!(age(1_010, 10), 10);
        // Set forward by a day, and back by another.
        assert_eq!(age(1_020 + 86_400, 20), 20);
        assert_eq!(age(1_030 - 86_400, 30), 30);
        let one = |uid, wall| ages.one(uid, second(1_000), second(wall), start + Duration::from_secs(40));
        assert_eq!(one("u", 1_040 - 86_400).as_secs(), 40);
        assert_eq!((one("unseen", 1_040).as_secs(), one("unseen", 0).as_secs()), (40, 0));
    }

    #[test]
    fn a_time_ahead_of_the_clock_has_begun_when_it_is_seen_and_an_old_one_is_as_old_as_it_says() {
        let (ages, start) = (Ages::default(), Instant::now());
        let wall = Timestamp::from_second(1_000).unwrap();
        let age = |uid: &str, started: i64, later: u64| {
            let now = start + Duration::from_secs(later);
            let of = ages.of(uid, &run(started), wall, now);
            of[&Timestamp::from_second(started).unwrap()].as_secs()
        };
        assert_eq!((age("ahead", 90_000, 0), age("ahead", 90_000, 40)), (0, 40));
        assert_eq!((age("old", 400, 0), age("old", 400, 40)), (600, 640));
    }

    #[test]
    fn a_deletion_that_waited_for_an_operator_gets_as_much_time_as_any() {
        let (ages, start) = (Ages::default(), Instant::now());
        let asked = Timestamp::from_second(1_000).unwrap();
        let mut run = run(900);
        run.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(asked));
        let wall = Timestamp::from_second(4_600).unwrap();
        let age = |later| ages.of("u", &run, wall, start + Duration::from_secs(later))[&asked].as_secs();
        assert_eq!((age(0), age(7)), (0, 7));
    }

    #[test]
    fn nothing_is_kept_of_what_is_over_or_gone() {
        let (ages, now) = (Ages::default(), Instant::now());
        let wall = Timestamp::from_second(1_000).unwrap();
        let mut run = run(1_000);
        ages.of("u", &run, wall, now);
        run.status.as_mut().unwrap().transfer = None;
        assert!(ages.of("u", &run, wall, now).is_empty());
        assert!(ages.0.lock().unwrap().is_empty());
    }
}
