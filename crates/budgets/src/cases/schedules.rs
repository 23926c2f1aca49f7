//! The decision about a schedule: looked at whenever one of its runs changes.
use api::BackupSchedule;
use api::retention::Retention;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use planner::schedule::{Observed, decide};

use crate::samples;

use super::{Case, Work, work};

pub const CASES: &[Case] = &[
    Case {
        name: "schedule: 4 runs, nothing to do",
        prepare: || look(4, SignedDuration::from_mins(10)),
    },
    Case {
        name: "schedule: 400 runs, nothing to do",
        prepare: || look(400, SignedDuration::from_mins(10)),
    },
    Case {
        name: "schedule: 4 runs, a tick is due",
        prepare: || look(4, SignedDuration::from_hours(1)),
    },
    Case {
        name: "schedule: 400 runs by generations, nothing to do",
        prepare: || by_generations(400),
    },
];

/// One that keeps all of them, by generations.
fn by_generations(runs: u32) -> Work {
    let mut schedule = samples::schedule(i64::from(runs));
    schedule.spec.retention = Some(Box::new(Retention {
        last: Some(runs),
        hourly: Some(24),
        daily: Some(7),
        weekly: Some(4),
        monthly: Some(12),
        within: Some("1m".into()),
        time_zone: Some("Europe/Berlin".into()),
        ..Retention::default()
    }));
    look_at(schedule, runs, SignedDuration::from_mins(10))
}

/// An hourly schedule that keeps as many runs as it has, of which every fourth has failed, some time after its last tick.
fn look(runs: u32, later: SignedDuration) -> Work {
    look_at(samples::schedule(i64::from(runs)), runs, later)
}

fn look_at(mut schedule: BackupSchedule, runs: u32, later: SignedDuration) -> Work {
    let hour = i64::from(runs);
    let first: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
    let runs: Vec<_> = (0..hour)
        .map(|n| samples::scheduled(first + SignedDuration::from_hours(n), n % 4 != 3))
        .collect();
    let runs: &'static [_] = runs.leak();
    let last = first + SignedDuration::from_hours(hour - 1);
    schedule.metadata.creation_timestamp = Some(Time(first - SignedDuration::from_mins(30)));
    // As it was left when it was looked at before.
    let before = last + SignedDuration::from_mins(5);
    schedule.status = Some(decide(&seen(&schedule.clone(), runs, before)).status);
    let now = last + later;
    work(move || decide(&seen(&schedule, runs, now)))
}

fn seen<'a>(schedule: &'a BackupSchedule, runs: &'static [api::BackupRun], now: Timestamp) -> Observed<'a> {
    Observed {
        schedule,
        runs: runs.iter().collect(),
        others: Vec::new(),
        read: Default::default(),
        restored_by: Default::default(),
        notify: Default::default(),
        now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(name: &str) -> planner::schedule::Decision {
        let case = CASES.iter().find(|c| c.name == name).unwrap();
        *(case.prepare)()().downcast().unwrap()
    }

    #[test]
    fn the_cases_are_what_they_are_called() {
        for (name, total) in [
            ("schedule: 4 runs, nothing to do", 4),
            ("schedule: 400 runs, nothing to do", 400),
            ("schedule: 400 runs by generations, nothing to do", 400),
        ] {
            let decision = decided(name);
            assert_eq!((decision.create.len(), decision.delete.len()), (0, 0), "{decision:?}");
            assert_eq!(decision.status.total, Some(total));
        }
        assert_eq!(decided("schedule: 4 runs, a tick is due").create.len(), 1);
    }
}
