//! Which tick is due: of those that were missed only the last one, as CronJob does.
use jiff::{SignedDuration, Timestamp};

use crate::schedule::cron::Calendar;

/// More missed ticks than this are worth a warning.
const MANY: usize = 100;
/// The part of its interval that a schedule leaves the first turn to others for, and the longest that it does: a day's.
const OF_INTERVAL: i32 = 864_000;
const LAST_TURN: SignedDuration = SignedDuration::from_millis(100);
/// How far back the last tick is looked for, seconds: a minute, an hour, a day, a month, a year, five years.
const WINDOWS: [i64; 6] = [60, 3600, 86_400, 32 * 86_400, 366 * 86_400, FIVE_YEARS];
const FIVE_YEARS: i64 = 5 * 366 * 86_400;

/// A tick that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The last tick that has passed.
    pub tick: Timestamp,
    /// More than a hundred were missed.
    pub many: bool,
}

/// The last tick after `since` and not after `now`. Missed ticks are counted from `counted`, which is not before `since`.
pub fn due(calendar: &Calendar, since: Timestamp, counted: Timestamp, now: Timestamp) -> Option<Due> {
    let tick = last(calendar, since, now)?;
    let mut at = counted;
    let mut missed = 0;
    while missed <= MANY {
        match calendar.next(at) {
            Some(next) if next <= now => (at, missed) = (next, missed + 1),
            _ => break,
        }
    }
    Some(Due {
        tick,
        many: missed > MANY,
    })
}

/// How many ticks there are after `since` and not after `now`, counted up to `most`.
pub fn count(calendar: &Calendar, since: Timestamp, now: Timestamp, most: usize) -> usize {
    std::iter::successors(calendar.next(since), |tick| calendar.next(*tick))
        .take_while(|tick| *tick <= now)
        .take(most)
        .count()
}

fn last(calendar: &Calendar, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    if let Calendar::Every(pause, _) = calendar {
        let pauses = (now.as_second() - since.as_second()) / pause.as_secs().max(1);
        let seconds = pauses.checked_mul(pause.as_secs())?;
        return (pauses > 0).then(|| Timestamp::from_second(since.as_second() + seconds).ok())?;
    }
    for window in WINDOWS {
        let back = now.checked_sub(SignedDuration::from_secs(window)).ok()?;
        let start = since.max(back);
        let mut tick = calendar.next(start).filter(|t| *t <= now);
        while let Some(next) = tick.and_then(|t| calendar.next(t)).filter(|t| *t <= now) {
            tick = Some(next);
        }
        if tick.is_some() || start == since {
            return tick;
        }
    }
    None
}

/// The next tick after now.
pub fn next(calendar: &Calendar, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    match calendar {
        // Counted from the last one, not from now.
        Calendar::Every(..) => calendar.next(last(calendar, since, now).unwrap_or(since)),
        Calendar::Cron(_) => calendar.next(now),
    }
}

/// How long after a tick its schedule is looked at: of those that tick in one second, those that tick most often come first. A minute's delay is
/// a whole interval to who ticks each minute, and nothing to who ticks once a day.
pub fn turn(calendar: &Calendar, tick: Timestamp) -> SignedDuration {
    let interval = calendar.next(tick).map(|next| next.duration_since(tick));
    interval.map_or(LAST_TURN, |interval| (interval / OF_INTERVAL).min(LAST_TURN))
}

/// How far apart the ticks before and after a moment are: how long a good backup that began then is enough. It is by that one, and not by the
/// longest: after Friday's backup of a schedule of weekdays the next one is due on Monday, and after Thursday's on Friday. None where the calendar
/// has no two ticks.
pub fn distance(calendar: &Calendar, at: Timestamp) -> Option<SignedDuration> {
    if let Calendar::Every(pause, _) = calendar {
        return Some(*pause);
    }
    let next = calendar.next(at)?;
    let start = at.checked_sub(SignedDuration::from_secs(FIVE_YEARS)).ok()?;
    match last(calendar, start, at) {
        Some(before) => Some(next.duration_since(before)),
        None => Some(calendar.next(next)?.duration_since(next)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn who_ticks_most_often_has_the_first_turn_and_nobody_waits_for_his_longer_than_a_tenth_of_a_second() {
        let turns = ["@every 1s", "* * * * *", "0 * * * *", "0 0 * * *", "0 0 1 1 *"].map(|schedule| {
            let calendar = Calendar::parse(schedule, None).unwrap();
            turn(&calendar, t("2026-01-01T00:00:00Z"))
        });
        assert!(turns.is_sorted(), "{turns:?}");
        assert!(turns[2] < turns[3] && turns[1] > SignedDuration::ZERO, "{turns:?}");
        assert_eq!(turns[3..], [LAST_TURN; 2]);
    }

    #[test]
    fn of_missed_ticks_only_the_last_is_due() {
        let cases = [
            ("0 * * * *", "2026-01-01T00:30:00Z", "2026-01-01T00:59:59Z", None),
            (
                "0 * * * *",
                "2026-01-01T00:30:00Z",
                "2026-01-01T01:00:00Z",
                Some(("2026-01-01T01:00:00Z", false)),
            ),
            (
                "0 * * * *",
                "2026-01-01T00:30:00Z",
                "2026-01-03T09:59:00Z",
                Some(("2026-01-03T09:00:00Z", false)),
            ),
            (
                "* * * * *",
                "2026-01-01T00:00:00Z",
                "2026-01-02T00:00:30Z",
                Some(("2026-01-02T00:00:00Z", true)),
            ),
            (
                "0 0 1 1 *",
                "2020-06-01T00:00:00Z",
                "2026-06-01T00:00:00Z",
                Some(("2026-01-01T00:00:00Z", false)),
            ),
            (
                "@every 7m",
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:15:00Z",
                Some(("2026-01-01T00:14:00Z", false)),
            ),
            ("@every 7m", "2026-01-01T00:00:00Z", "2026-01-01T00:06:59Z", None),
            // The clock stepped back.
            ("* * * * *", "2026-01-01T01:00:00Z", "2026-01-01T00:30:00Z", None),
        ];
        for (expression, since, now, wanted) in cases {
            let calendar = Calendar::parse(expression, None).unwrap();
            let wanted = wanted.map(|(tick, many)| Due { tick: t(tick), many });
            assert_eq!(due(&calendar, t(since), t(since), t(now)), wanted, "{expression}");
        }
    }

    #[test]
    fn a_backup_is_enough_from_the_tick_before_it_to_the_one_after_it() {
        const HOUR: i64 = 3600;
        for (expression, zone, now, wanted) in [
            ("*/5 * * * *", None, "2026-01-01T00:02:00Z", Some(300)),
            ("@every 7m", None, "2026-01-01T00:02:00Z", Some(420)),
            ("0 2 * * *", None, "2026-01-01T00:02:00Z", Some(24 * HOUR)),
            // From Monday to Friday: on Thursday, at the weekend, on Monday, on Tuesday.
            ("0 2 * * 1-5", None, "2026-01-01T12:00:00Z", Some(24 * HOUR)),
            ("0 2 * * 1-5", None, "2026-01-03T12:00:00Z", Some(72 * HOUR)),
            ("0 2 * * 1-5", None, "2026-01-05T12:00:00Z", Some(24 * HOUR)),
            ("0 8 27,28 * *", None, "2026-11-27T08:01:00Z", Some(24 * HOUR)),
            ("0 8 27,28 * *", None, "2026-11-28T08:01:00Z", Some(29 * 24 * HOUR)),
            ("0 2 * * 1-5", None, "2026-01-06T12:00:00Z", Some(24 * HOUR)),
            // The night in which the clocks are put forward, and the one in which they are put back.
            (
                "0 3 * * *",
                Some("Europe/Berlin"),
                "2026-03-29T00:00:00Z",
                Some(23 * HOUR),
            ),
            (
                "0 3 * * *",
                Some("Europe/Berlin"),
                "2026-10-25T01:00:00Z",
                Some(25 * HOUR),
            ),
            ("0 0 1 * *", None, "2026-03-10T00:00:00Z", Some(31 * 24 * HOUR)),
            ("0 0 29 2 *", None, "2026-03-10T00:00:00Z", Some(1461 * 24 * HOUR)),
            // Never.
            ("0 0 30 2 *", None, "2026-03-10T00:00:00Z", None),
        ] {
            let calendar = Calendar::parse(expression, zone).unwrap();
            let seen = distance(&calendar, t(now)).map(|d| d.as_secs());
            assert_eq!(seen, wanted, "{expression} {now}");
        }
    }
}
