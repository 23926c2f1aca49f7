//! `time.Time`: an instant in a zone.
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::{gotime, layout};

/// Seconds from the year 1, Go's zero time, to 1970.
pub const YEAR_ONE: i128 = 62_135_596_800;
/// Nanoseconds of a second.
pub const BILLION: i128 = 1_000_000_000;

/// An instant in a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The instant.
    pub at: Timestamp,
    /// The zone that it is shown in.
    pub zone: TimeZone,
    /// Carries a monotonic clock, as `now` does: Go prints its reading, which no one can repeat.
    pub monotonic: bool,
}

impl Moment {
    /// Without a monotonic clock.
    pub fn new(at: Timestamp, zone: TimeZone) -> Self {
        Self {
            at,
            zone,
            monotonic: false,
        }
    }

    /// As its zone's clocks show it.
    pub fn zoned(&self) -> Zoned {
        self.at.to_zoned(self.zone.clone())
    }

    /// By a layout.
    pub fn format(&self, layout: &str) -> String {
        layout::format(&self.zoned(), layout)
    }

    /// Go's `String`.
    pub fn print(&self) -> Result<String, String> {
        if self.monotonic {
            return Err(
                "a time cannot be printed as it is; format it, as in {{ now | date \"20060102-150405\" }}".into(),
            );
        }
        Ok(self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }

    /// Moved by nanoseconds.
    pub fn add(&self, nanoseconds: i64) -> Result<Self, String> {
        let at = self
            .at
            .checked_add(SignedDuration::from_nanos(nanoseconds))
            .map_err(|_| "the time is out of range")?;
        Ok(Self { at, ..self.clone() })
    }

    /// Moved by years, months and days, each carrying over.
    pub fn add_date(&self, years: i64, months: i64, days: i64) -> Result<Self, String> {
        let now = self.zoned();
        let second = i64::from(now.hour()) * 3600 + i64::from(now.minute()) * 60 + i64::from(now.second());
        let moved = (|| {
            let year = i64::from(now.year()).checked_add(years)?;
            let month = i64::from(now.month()).checked_add(months)?;
            let day = i64::from(now.day()).checked_add(days)?;
            Timestamp::new(
                gotime::date(year, month, day, second, &self.zone)?,
                now.subsec_nanosecond(),
            )
            .ok()
        })();
        Ok(Self::new(moved.ok_or("the time is out of range")?, self.zone.clone()))
    }

    /// Down, or to the nearest, multiple of a duration since the year 1; halves go up.
    pub fn round(&self, nanoseconds: i64, nearest: bool) -> Result<Self, String> {
        let mut moved = self.clone();
        moved.monotonic = false;
        if nanoseconds <= 0 {
            return Ok(moved);
        }
        let step = i128::from(nanoseconds);
        let since = self.at.as_nanosecond() + YEAR_ONE * BILLION;
        let over = since.rem_euclid(step);
        let up = nearest && over + over >= step;
        let target = self.at.as_nanosecond() - over + if up { step } else { 0 };
        moved.at = Timestamp::from_nanosecond(target).map_err(|_| "the time is out of range")?;
        Ok(moved)
    }
}
