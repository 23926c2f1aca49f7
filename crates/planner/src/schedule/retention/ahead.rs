//! What retention will keep of backups that are still to be made: each tick makes a good one, and rotation follows it.
use jiff::Timestamp;

use crate::schedule::cron::Calendar;
use crate::schedule::retention::{Backup, Fate, Needed, Policy};

/// So many backups are looked at, a year of one in five minutes; a schedule that ticks more often is followed for a shorter time.
const MOST: usize = 110_000;
/// So many times the rules are asked. A schedule that ticks more often is rotated after some backups at a time, which comes to the same.
const PASSES: usize = 2_000;

/// What is there at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Ahead {
    /// How many backups were made.
    pub made: usize,
    /// When the last of them was.
    pub until: Option<Timestamp>,
    /// Those that stay, newest first.
    pub kept: Vec<(Backup, Fate)>,
}

/// Makes all backups after `from` and not after `until`, beginning with none.
pub fn ahead(policy: &Policy, calendar: &Calendar, from: Timestamp, until: Timestamp) -> Ahead {
    some_of(policy, calendar, from, until, MOST)
}

fn some_of(policy: &Policy, calendar: &Calendar, from: Timestamp, until: Timestamp, most: usize) -> Ahead {
    let ticks: Vec<Timestamp> = std::iter::successors(calendar.next(from), |tick| calendar.next(*tick))
        .take_while(|tick| *tick <= until)
        .take(most)
        .collect();
    let mut kept: Vec<(Backup, Fate)> = Vec::new();
    for some in ticks.chunks(ticks.len().div_ceil(PASSES).max(1)) {
        let Some(now) = some.last() else { break };
        let fresh = some.iter().rev().map(|tick| policy.backup(*tick));
        let before = kept.iter().map(|(backup, _)| *backup);
        let all: Vec<Backup> = fresh.chain(before).collect();
        let mut fates = policy.judge(&all, *now);
        if let Some(newest) = fates.first_mut()
            && newest.needed.is_none()
        {
            newest.needed = Some(Needed::Newest);
        }
        kept = all.into_iter().zip(fates).filter(|(_, fate)| fate.stays()).collect();
    }
    Ahead {
        made: ticks.len(),
        until: ticks.last().copied(),
        kept,
    }
}

#[cfg(test)]
mod tests {
    use api::retention::Retention;
    use jiff::tz::TimeZone;

    use super::*;

    fn year(cron: &str, retention: &Retention) -> Ahead {
        year_of(cron, retention, MOST)
    }

    fn year_of(cron: &str, retention: &Retention, most: usize) -> Ahead {
        let policy = Policy::read(retention, TimeZone::UTC).unwrap();
        let calendar = Calendar::parse(cron, None).unwrap();
        let [from, until] = ["2026-01-01T00:30:00Z", "2027-01-01T00:30:00Z"].map(|t| t.parse().unwrap());
        some_of(&policy, &calendar, from, until, most)
    }

    #[test]
    fn a_year_ahead_each_generation_is_filled_as_far_as_a_year_fills_it() {
        let rules = Retention {
            hourly: Some(24),
            daily: Some(7),
            weekly: Some(4),
            monthly: Some(12),
            yearly: Some(3),
            ..Retention::default()
        };
        let ahead = year("0 * * * *", &rules);
        let by = |rule| ahead.kept.iter().filter(|(_, fate)| fate.rules.has(rule)).count();
        use crate::schedule::retention::Rule::*;
        assert_eq!([Hourly, Daily, Weekly, Monthly, Yearly].map(by), [24, 7, 4, 12, 3]);
        // Of the 50 two lie in one hour, day, week, month or year eight times.
        assert_eq!((ahead.made, ahead.kept.len()), (365 * 24, 42));
        // The year is not filled: the oldest stays for it.
        let (oldest, fate) = ahead.kept.last().unwrap();
        assert_eq!(oldest.at.to_string(), "2026-01-01T01:00:00Z");
        assert!(fate.rules.as_oldest(Yearly));
    }

    #[test]
    fn who_ticks_each_minute_is_followed_too_and_who_never_ticks_has_nothing() {
        let rules = Retention {
            daily: Some(3),
            ..Retention::default()
        };
        let often = year_of("* * * * *", &rules, 4 * 1440);
        assert_eq!((often.made, often.kept.len()), (4 * 1440, 3));
        assert_eq!(often.until.unwrap().to_string(), "2026-01-05T00:30:00Z");
        let never = year("0 0 30 2 *", &rules);
        assert_eq!((never.made, never.until, never.kept.len()), (0, None, 0));
    }
}
