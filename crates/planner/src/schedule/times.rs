//! When whoever has a calendar acts: which tick is due, which one comes next, and when to look again. The same for schedules and drills.
use api::names::stable_hash;
use jiff::{SignedDuration, Timestamp};

use crate::schedule::cron::Calendar;
use crate::schedule::skew::is_ahead;
use crate::schedule::ticks;

/// A calendar, and where its owner is in it.
#[derive(Clone, Copy, Debug)]
pub struct Times<'a> {
    /// When there are ticks.
    pub calendar: &'a Calendar,
    /// When its owner was made: it looks no further back.
    pub created: Timestamp,
    /// The last tick that was taken up.
    pub last: Option<Timestamp>,
    /// How long after its ticks it acts.
    pub jitter: SignedDuration,
    /// How many seconds after its time a tick may still be taken up.
    pub deadline: Option<u64>,
    /// Now.
    pub now: Timestamp,
}

/// A tick that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Come {
    /// The last one that has.
    pub tick: Timestamp,
    /// More than a hundred were missed.
    pub many: bool,
    /// It may not be taken up any more.
    pub late: bool,
}

impl Times<'_> {
    /// Ticks up to this time have been taken up, or were before the owner existed.
    pub fn since(&self) -> Timestamp {
        match self.ahead() {
            Some(_) => self.behind(),
            None => self.taken_up(),
        }
    }

    /// What the owner says to have taken up, where that has not come yet: a clock was ahead. Whoever finds it writes [`since`](Self::since) down in its
    /// place: as long as it stands, no tick ever comes.
    ///
    /// A tick that was run ahead of its time comes again at its time, where its run is gone by then; while that is there, its name tells.
    pub fn ahead(&self) -> Option<Timestamp> {
        Some(self.taken_up()).filter(|at| is_ahead(*at, self.now))
    }

    fn taken_up(&self) -> Timestamp {
        match self.last {
            // Of what was made by such a clock the creation says nothing more, once a time was written down.
            Some(last) if is_ahead(self.created, self.now) => last,
            Some(last) => last.max(self.created),
            None => self.created,
        }
    }

    /// The clock that ticks are compared with: behind by the jitter.
    pub fn behind(&self) -> Timestamp {
        self.now.checked_sub(self.jitter).unwrap_or(self.now)
    }

    /// The tick that is due.
    pub fn come(&self) -> Option<Come> {
        let (since, now) = (self.since(), self.behind());
        let seconds = self.deadline.and_then(|s| i64::try_from(s).ok());
        let limit = seconds.and_then(|s| now.checked_sub(SignedDuration::from_secs(s)).ok());
        let due = ticks::due(self.calendar, since, limit.map_or(since, |l| l.max(since)), now)?;
        Some(Come {
            tick: due.tick,
            many: due.many,
            late: limit.is_some_and(|limit| due.tick <= limit),
        })
    }

    /// How many ticks wait, counted up to `most`.
    pub fn missed(&self, most: usize) -> usize {
        ticks::count(self.calendar, self.since(), self.behind(), most)
    }

    /// The next tick.
    pub fn next(&self) -> Option<Timestamp> {
        ticks::next(self.calendar, self.since(), self.behind())
    }

    /// When to look for a tick.
    pub fn look(&self, tick: Timestamp) -> Option<Timestamp> {
        let turn = ticks::turn(self.calendar, tick);
        tick.checked_add(self.jitter.checked_add(turn)?).ok()
    }
}

/// How long after its ticks an object acts: always the same, and spread evenly over many objects.
pub fn jitter(uid: &str, most_seconds: Option<u32>) -> SignedDuration {
    let most = u64::from(most_seconds.unwrap_or(0));
    // The upper bits: those of FNV are mixed best.
    SignedDuration::from_secs(i64::try_from((stable_hash(uid) >> 16) % (most + 1)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_tick_is_due_after_its_jitter_and_late_after_its_deadline() {
        let calendar = Calendar::parse("0 * * * *", None).unwrap();
        let times = |now: &str, jitter: i64, deadline| Times {
            calendar: &calendar,
            created: t("2026-01-01T10:30:00Z"),
            last: None,
            jitter: SignedDuration::from_secs(jitter),
            deadline,
            now: t(now),
        };
        let come = |now, jitter, deadline| times(now, jitter, deadline).come().map(|c| (c.tick, c.late));
        let eleven = t("2026-01-01T11:00:00Z");
        assert_eq!(come("2026-01-01T11:00:09Z", 10, None), None);
        assert_eq!(come("2026-01-01T11:00:10Z", 10, None), Some((eleven, false)));
        assert_eq!(come("2026-01-01T11:00:59Z", 0, Some(60)), Some((eleven, false)));
        assert_eq!(come("2026-01-01T11:01:00Z", 0, Some(60)), Some((eleven, true)));
        let look = times("2026-01-01T10:40:00Z", 10, None).look(eleven).unwrap();
        assert!(
            look >= t("2026-01-01T11:00:10Z") && look < t("2026-01-01T11:00:11Z"),
            "{look}"
        );
    }
}
