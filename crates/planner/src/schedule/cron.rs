//! Calendars: cron expressions as robfig/cron v3's standard parser answers them, zones and DST included.
//!
//! The arithmetic on local times is Go's (`time.Date`, `AddDate`, `Add`), because what a schedule does in a DST gap or
//! overlap follows from it.
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::schedule::field::{DAY, Field, HOUR, MINUTE, MONTH, Shape, WEEKDAY};

/// After this many years without a tick there is none.
const YEARS: i16 = 5;

/// When to run.
#[derive(Clone, Debug, PartialEq)]
pub enum Calendar {
    /// Five fields in a zone.
    Cron(Box<Cron>),
    /// A fixed pause; the zone is for showing only.
    Every(SignedDuration, TimeZone),
}

/// Five fields in a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
    zone: TimeZone,
}

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Nothing there.
    #[error("is empty; expected five fields, as in \"0 3 * * *\", or @daily")]
    Empty,
    /// Not five fields.
    #[error("has {0} fields; expected five: minute, hour, day of month, month, day of week")]
    Fields(usize),
    /// A field is wrong.
    #[error("{field} {text:?}: {why}")]
    Field {
        /// Which.
        field: &'static str,
        /// As it was written.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// `@something`.
    #[error(
        "{0:?} is not known; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every DURATION"
    )]
    Descriptor(String),
    /// `@every x`.
    #[error("@every {text:?}: {why}")]
    Every {
        /// As it was written.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// `TZ=x` in the expression.
    #[error("{0}")]
    Zone(String),
    /// `timeZone: x`.
    #[error("{0}")]
    ZoneField(String),
    /// `TZ=` beside `timeZone`.
    #[error("has TZ= or CRON_TZ= beside spec.timeZone; use spec.timeZone only")]
    TwoZones,
}

impl CronError {
    /// The field at fault.
    pub fn field(&self) -> &'static str {
        if matches!(self, Self::ZoneField(_)) {
            "spec.timeZone"
        } else {
            "spec.schedule"
        }
    }

    /// Where the fault is in the expression that was parsed, in bytes.
    pub fn place(&self, expression: &str) -> usize {
        let start = expression.len() - expression.trim_start().len();
        let find = |text: &str| expression.find(text).unwrap_or(start);
        match self {
            Self::Field { field, .. } => {
                let nth = FIELDS.iter().position(|shape| shape.name() == *field).unwrap_or(0);
                let zone = expression.contains('=');
                words(expression).nth(nth + usize::from(zone)).unwrap_or(start)
            }
            Self::Descriptor(text) => find(text),
            Self::Every { text, .. } if !text.is_empty() => expression.rfind(text.as_str()).unwrap_or(start),
            Self::Zone(_) => find("=") + 1,
            Self::Fields(_) | Self::Every { .. } => expression.trim_end().len(),
            Self::Empty | Self::ZoneField(_) | Self::TwoZones => start,
        }
    }
}

/// Where the words of a text begin.
fn words(text: &str) -> impl Iterator<Item = usize> {
    let mut inside = false;
    text.char_indices().filter_map(move |(at, c)| {
        let begins = !inside && !c.is_whitespace();
        inside = !c.is_whitespace();
        begins.then_some(at)
    })
}

const FIELDS: [&Shape; 5] = [&MINUTE, &HOUR, &DAY, &MONTH, &WEEKDAY];

impl Calendar {
    /// Parses an expression; without any zone it is UTC.
    pub fn parse(expression: &str, time_zone: Option<&str>) -> Result<Self, CronError> {
        let given = time_zone
            .map(|name| gotemplate::gotime::zone(name).map_err(CronError::ZoneField))
            .transpose()?;
        let mut text = expression.trim();
        let mut inner = None;
        if let Some(rest) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            if given.is_some() {
                return Err(CronError::TwoZones);
            }
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            inner = Some(gotemplate::gotime::zone(name).map_err(CronError::Zone)?);
            text = rest.trim();
        }
        let zone = given.or(inner).unwrap_or(TimeZone::UTC);
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            "" => return Err(CronError::Empty),
            other => match other.strip_prefix("@every ") {
                Some(pause) => return every(pause.trim(), zone),
                None if other.starts_with('@') => return Err(CronError::Descriptor(other.into())),
                None => other,
            },
        };
        let words: Vec<_> = fields.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words.as_slice() else {
            return Err(CronError::Fields(words.len()));
        };
        Ok(Self::Cron(Box::new(Cron {
            minute: MINUTE.parse(minute)?,
            hour: HOUR.parse(hour)?,
            day: DAY.parse(day)?,
            month: MONTH.parse(month)?,
            weekday: WEEKDAY.parse(weekday)?,
            zone,
        })))
    }

    /// The zone that it is written in.
    pub fn zone(&self) -> TimeZone {
        match self {
            Self::Every(_, zone) => zone.clone(),
            Self::Cron(cron) => cron.zone.clone(),
        }
    }

    /// The same expression by a clock that is never changed: its local times are those of UTC. None for a pause, and where every
    /// hour is named, so that a changed clock moves nothing.
    pub(super) fn unchanged(&self) -> Option<Self> {
        let Self::Cron(cron) = self else { return None };
        let every_hour = (0..24).all(|hour| cron.hour.has(hour));
        (!every_hour).then(|| {
            Self::Cron(Box::new(Cron {
                zone: TimeZone::UTC,
                ..(**cron).clone()
            }))
        })
    }

    /// The first tick after a time, whole seconds.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(pause, _) => Timestamp::from_second(after.as_second()).ok()?.checked_add(*pause).ok(),
            Self::Cron(cron) => cron
                .next(after.as_second())
                .and_then(|t| Timestamp::from_second(t).ok()),
        }
    }
}

fn every(text: &str, zone: TimeZone) -> Result<Calendar, CronError> {
    let wrong = |why: &str| CronError::Every {
        text: text.into(),
        why: why.into(),
    };
    let nanos =
        gotemplate::gotime::duration::parse(text).map_err(|_| wrong("is not a duration; write 90s, 15m or 1h30m"))?;
    if nanos <= 0 {
        return Err(wrong("is not positive"));
    }
    let seconds = (nanos / 1_000_000_000).max(1);
    Ok(Calendar::Every(SignedDuration::from_secs(seconds), zone))
}

impl Cron {
    /// Each loop moves one field forward until it matches, the larger fields first; when a field starts over, all are
    /// looked at again. Local times are made into instants as Go does, so that a tick in a gap or an overlap of DST is
    /// where robfig's is.
    fn next(&self, after: i64) -> Option<i64> {
        let mut t = after + 1;
        let limit = self.local(t)?.year() + YEARS;
        // Fields below the first one that moves start from their smallest value.
        let mut moved = false;
        'wrap: loop {
            if self.local(t)?.year() > limit {
                return None;
            }
            while !self.month.has(self.local(t)?.month()) {
                if !moved {
                    moved = true;
                    t = self.instant(self.local(t)?.date().first_of_month().at(0, 0, 0, 0), 0, 0)?;
                }
                t = self.instant(self.local(t)?, 1, 0)?;
                if self.local(t)?.month() == 1 {
                    continue 'wrap;
                }
            }
            while !self.day_matches(self.local(t)?.date()) {
                if !moved {
                    moved = true;
                    t = self.instant(self.local(t)?.date().at(0, 0, 0, 0), 0, 0)?;
                }
                t = self.day_later(t)?;
                if self.local(t)?.day() == 1 {
                    continue 'wrap;
                }
            }
            while !self.hour.has(self.local(t)?.hour()) {
                if !moved {
                    moved = true;
                    let local = self.local(t)?;
                    t = self.instant(local.date().at(local.hour(), 0, 0, 0), 0, 0)?;
                }
                t += 3600;
                if self.local(t)?.hour() == 0 {
                    continue 'wrap;
                }
            }
            while !self.minute.has(self.local(t)?.minute()) {
                if !moved {
                    moved = true;
                    t -= t.rem_euclid(60);
                }
                t += 60;
                if self.local(t)?.minute() == 0 {
                    continue 'wrap;
                }
            }
            while self.local(t)?.second() != 0 {
                moved = true;
                t += 1;
                if self.local(t)?.second() == 0 {
                    continue 'wrap;
                }
            }
            return Some(t);
        }
    }

    /// The same time of the next day, put back to midnight where DST has moved it.
    fn day_later(&self, t: i64) -> Option<i64> {
        let mut next = self.instant(self.local(t)?, 0, 1)?;
        let hour = i64::from(self.local(next)?.hour());
        if hour > 12 {
            next += (24 - hour) * 3600;
        } else {
            next -= hour * 3600;
        }
        // Where a zone skips a whole day (Samoa, 2011), the next one is the same instant, and robfig never ends.
        Some(if next > t { next } else { t + 86_400 })
    }

    /// The rule of cron: with a star on either side both have to match, otherwise one.
    fn day_matches(&self, date: Date) -> bool {
        let day = self.day.has(date.day());
        let weekday = self.weekday.has(date.weekday().to_sunday_zero_offset());
        if self.day.star || self.weekday.star {
            day && weekday
        } else {
            day || weekday
        }
    }

    fn local(&self, t: i64) -> Option<DateTime> {
        Some(self.zone.to_datetime(Timestamp::from_second(t).ok()?))
    }

    /// The instant of a local time, moved by months and days as Go's `AddDate` moves it.
    fn instant(&self, local: DateTime, months: i64, days: i64) -> Option<i64> {
        let second = i64::from(local.hour()) * 3600 + i64::from(local.minute()) * 60 + i64::from(local.second());
        let (year, month, day) = (
            i64::from(local.year()),
            i64::from(local.month()),
            i64::from(local.day()),
        );
        gotemplate::gotime::date(year, month + months, day + days, second, &self.zone)
    }
}

#[cfg(test)]
mod tests;
