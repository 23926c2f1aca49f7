//! `within`: years, months, days and hours, as restic writes them, counted back on the calendar of a zone.
use std::fmt;

use gotemplate::gotime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The longest number, digits.
const DIGITS: usize = 5;

/// Years, months, days and hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Within {
    years: u32,
    months: u32,
    days: u32,
    hours: u32,
}

impl Within {
    /// Reads what `api::rules::RETENTION_WITHIN` lets pass: each unit at most once, in any order.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = [None; 4];
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 || digits > DIGITS {
                return None;
            }
            let (number, after) = rest.split_at_checked(digits)?;
            let unit = after.chars().next()?;
            let place = all.get_mut("ymdh".find(unit)?)?;
            if place.replace(number.parse().ok()?).is_some() {
                return None;
            }
            rest = after.strip_prefix(unit)?;
        }
        let [years, months, days, hours] = all.map(Option::unwrap_or_default);
        (!text.is_empty()).then_some(Self {
            years,
            months,
            days,
            hours,
        })
    }

    /// It is no time at all.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// So long before a moment, as Go's `AddDate` and `Add` find it: a day that a month does not have is one of the next. None: before all times.
    pub fn before(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = zone.to_datetime(at);
        let second = i64::from(local.hour()) * 3600 + i64::from(local.minute()) * 60 + i64::from(local.second());
        let moved = gotime::date(
            i64::from(local.year()) - i64::from(self.years),
            i64::from(local.month()) - i64::from(self.months),
            i64::from(local.day()) - i64::from(self.days),
            second,
            zone,
        )?;
        let moved = Timestamp::new(moved, local.subsec_nanosecond()).ok()?;
        moved.checked_sub(SignedDuration::from_hours(self.hours.into())).ok()
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, unit) in [
            (self.years, 'y'),
            (self.months, 'm'),
            (self.days, 'd'),
            (self.hours, 'h'),
        ] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_is_read_as_restic_reads_it_each_unit_once_and_nothing_else() {
        for (text, wanted) in [
            ("1y5m7d2h", Some([1, 5, 7, 2])),
            ("2h7d5m1y", Some([1, 5, 7, 2])),
            ("30d", Some([0, 0, 30, 0])),
            ("0d", Some([0; 4])),
            ("007d", Some([0, 0, 7, 0])),
            ("99999y", Some([99_999, 0, 0, 0])),
            ("", None),
            ("7", None),
            ("d", None),
            ("7d7d", None),
            ("-7d", None),
            ("+7d", None),
            ("7D", None),
            ("7w", None),
            ("7 d", None),
            ("1.5d", None),
            ("100000d", None),
            ("7d\u{e9}", None),
            ("\u{661}d", None),
        ] {
            let read = Within::parse(text).map(|w| [w.years, w.months, w.days, w.hours]);
            assert_eq!(read, wanted, "{text}");
        }
        assert_eq!(Within::parse("2h7d5m1y").unwrap().to_string(), "1y5m7d2h");
    }

    #[test]
    fn a_day_that_a_month_does_not_have_is_one_of_the_next_and_what_is_before_all_times_is_no_edge() {
        let before = |text: &str, at: &str| {
            let edge = Within::parse(text)
                .unwrap()
                .before(at.parse().unwrap(), &gotime::zone("Europe/Berlin").unwrap());
            edge.map(|at| at.to_string())
        };
        assert_eq!(
            before("1m", "2026-03-31T10:00:00Z").as_deref(),
            Some("2026-03-03T11:00:00Z")
        );
        assert_eq!(
            before("1d", "2026-03-29T10:00:00Z").as_deref(),
            Some("2026-03-28T11:00:00Z")
        );
        assert_eq!(
            before("24h", "2026-03-29T10:00:00Z").as_deref(),
            Some("2026-03-28T10:00:00Z")
        );
        assert_eq!(before("99999y", "2026-03-31T10:00:00Z"), None);
    }
}
