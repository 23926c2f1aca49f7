//! The last days of a schedule, from the runs that are kept of it. Pure.
use std::collections::BTreeMap;

use api::{BackupRun, BackupSchedule};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use planner::run::lately;
use planner::schedule::cron::Calendar;
use planner::schedule::observed::{Standing, ended, standing};

/// How many days are shown.
pub const DAYS: i32 = 90;
/// Ticks that are looked at: more than one a minute for the days that are shown there are not.
const TICKS: usize = 60 * 24 * 91;

/// What became of a day, the last one counting least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A backup was restored.
    Restored,
    /// There was a good backup, and none failed after all.
    Good,
    /// A backup failed, and none was good.
    Failed,
    /// A tick was due since the oldest run that is kept, and no run of it is kept.
    Missed,
    /// Nothing is known of it: nothing was due, or what there was has been rotated away.
    Nothing,
}

impl Fate {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Good => "good",
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Nothing => "nothing",
        }
    }
}

/// The days, the oldest first, in the schedule's time zone.
pub fn days(schedule: &BackupSchedule, runs: &[BackupRun], now: Timestamp) -> Vec<(Date, Fate)> {
    let calendar = Calendar::parse(&schedule.spec.schedule, schedule.spec.time_zone.as_deref()).ok();
    let zone = calendar.as_ref().map_or(TimeZone::UTC, Calendar::zone);
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let today = day(now);
    let mut told: BTreeMap<Date, Fate> = BTreeMap::new();
    let mut tell = |date: Date, fate: Fate| {
        let before = told.entry(date).or_insert(fate);
        if rank(fate) < rank(*before) {
            *before = fate;
        }
    };
    for run in runs {
        match standing(run) {
            Standing::Successful => tell(day(ended(run)), Fate::Good),
            Standing::Failed => tell(day(ended(run)), Fate::Failed),
            _ => {}
        }
        let restored = run.status.as_ref().and_then(lately::restored).filter(|r| !r.failed);
        if let Some(restored) = restored {
            tell(day(restored.at), Fate::Restored);
        }
    }
    let oldest = runs
        .iter()
        .filter(|r| standing(r) == Standing::Successful)
        .map(ended)
        .min();
    let first = today.checked_sub(DAYS.days()).unwrap_or(today);
    let begin = first.to_zoned(zone.clone()).map(|z| z.timestamp()).unwrap_or(now);
    if let (Some(calendar), Some(oldest), false) = (calendar, oldest, schedule.spec.suspend.unwrap_or(false)) {
        let ticks = std::iter::successors(calendar.next(oldest.max(begin)), |tick| calendar.next(*tick));
        // A tick of the last hour may be under way.
        let due = now - jiff::SignedDuration::from_hours(1);
        for tick in ticks.take(TICKS).take_while(|tick| *tick < due) {
            tell(day(tick), Fate::Missed);
        }
    }
    (0..DAYS)
        .rev()
        .filter_map(|back| today.checked_sub(back.days()).ok())
        .map(|date| (date, told.get(&date).copied().unwrap_or(Fate::Nothing)))
        .collect()
}

fn rank(fate: Fate) -> u8 {
    match fate {
        Fate::Restored => 0,
        Fate::Good => 1,
        Fate::Failed => 2,
        Fate::Missed => 3,
        Fate::Nothing => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(ended: &str, good: bool) -> BackupRun {
        let mut run = testing::backup_run();
        let type_ = if good { "Successful" } else { "Failed" };
        run.status = serde_json::from_value(json!({"completionTime": ended, "conditions": [
            {"type": type_, "status": "True", "reason": "R", "message": "", "lastTransitionTime": ended}]}))
        .unwrap();
        run
    }

    #[test]
    fn a_day_is_what_its_runs_came_to_or_missed_since_the_oldest_that_is_kept() {
        let schedule: BackupSchedule = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": "s"},
            "spec": {"schedule": "0 3 * * *", "template": {"spec": testing::backup_run().spec}},
        }))
        .unwrap();
        let runs = [
            run("2026-11-23T03:01:00Z", true),
            run("2026-11-24T03:01:00Z", false),
            run("2026-11-25T03:01:00Z", false),
            run("2026-11-25T09:01:00Z", true),
            run("2026-11-27T03:01:00Z", true),
        ];
        let days = days(&schedule, &runs, "2026-11-28T03:30:00Z".parse().unwrap());
        assert_eq!(days.len(), 90);
        let words: Vec<_> = days.iter().skip(83).map(|(_, fate)| fate.word()).collect();
        // The tick of today was half an hour ago.
        assert_eq!(
            words,
            ["nothing", "good", "failed", "good", "missed", "good", "nothing"]
        );
    }
}
