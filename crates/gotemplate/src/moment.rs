//! `time.Time`: an instant in a zone, and its methods.
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::eval::{Call, Fault};
use crate::value::Value;
use crate::{gotime, layout};

/// Seconds from the year 1, Go's zero time, to 1970.
const YEAR_ONE: i128 = 62_135_596_800;
const BILLION: i128 = 1_000_000_000;

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

    fn add_date(&self, years: i64, months: i64, days: i64) -> Result<Self, String> {
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
    fn round(&self, nanoseconds: i64, nearest: bool) -> Result<Self, String> {
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

/// A method and how many arguments it takes.
type Method = (&'static str, usize, fn(&Moment, &Call<'_>) -> Result<Value, Fault>);

const METHODS: &[Method] = &[
    ("Add", 1, |m, call| time(call, m.add(call.nanoseconds(0)?))),
    ("AddDate", 3, |m, call| {
        time(call, m.add_date(call.int(0)?, call.int(1)?, call.int(2)?))
    }),
    ("Day", 0, |m, _| Ok(Value::Int(m.zoned().day().into()))),
    ("Format", 1, |m, call| Ok(Value::Text(m.format(call.text(0)?)))),
    ("Hour", 0, |m, _| Ok(Value::Int(m.zoned().hour().into()))),
    ("IsZero", 0, |m, _| {
        Ok(Value::Bool(m.at.as_nanosecond() == -YEAR_ONE * BILLION))
    }),
    ("Local", 0, |m, call| {
        Ok(Value::Time(Moment::new(m.at, call.context.zone.clone())))
    }),
    ("Minute", 0, |m, _| Ok(Value::Int(m.zoned().minute().into()))),
    ("Month", 0, |m, _| Ok(Value::Month(m.zoned().month()))),
    ("Nanosecond", 0, |m, _| {
        Ok(Value::Int(m.zoned().subsec_nanosecond().into()))
    }),
    ("Round", 1, |m, call| time(call, m.round(call.nanoseconds(0)?, true))),
    ("Second", 0, |m, _| Ok(Value::Int(m.zoned().second().into()))),
    ("String", 0, |m, call| {
        m.print().map(Value::Text).map_err(|e| call.fault(e))
    }),
    ("Truncate", 1, |m, call| {
        time(call, m.round(call.nanoseconds(0)?, false))
    }),
    ("UTC", 0, |m, _| Ok(Value::Time(Moment::new(m.at, TimeZone::UTC)))),
    ("Unix", 0, |m, _| {
        Ok(Value::Int64(
            m.at.as_nanosecond().div_euclid(BILLION).try_into().unwrap_or_default(),
        ))
    }),
    ("UnixMicro", 0, |m, _| {
        Ok(Value::Int64(
            m.at.as_nanosecond().div_euclid(1_000).try_into().unwrap_or_default(),
        ))
    }),
    ("UnixMilli", 0, |m, _| {
        Ok(Value::Int64(
            m.at.as_nanosecond()
                .div_euclid(1_000_000)
                .try_into()
                .unwrap_or_default(),
        ))
    }),
    ("UnixNano", 0, |m, call| {
        let nanoseconds = i64::try_from(m.at.as_nanosecond());
        nanoseconds
            .map(Value::Int64)
            .map_err(|_| call.fault("the time is out of the range of UnixNano, 1678 to 2262"))
    }),
    ("Weekday", 0, |m, _| {
        Ok(Value::Weekday(m.zoned().weekday().to_sunday_zero_offset()))
    }),
    ("Year", 0, |m, _| Ok(Value::Int(m.zoned().year().into()))),
    ("YearDay", 0, |m, _| Ok(Value::Int(m.zoned().day_of_year().into()))),
];

fn time(call: &Call<'_>, moved: Result<Moment, String>) -> Result<Value, Fault> {
    moved.map(Value::Time).map_err(|e| call.fault(e))
}

/// Calls a method of any value.
pub fn call(receiver: &Value, call: &Call<'_>) -> Result<Value, Fault> {
    let arity = |wanted: usize| match call.arguments.len() {
        got if got == wanted => Ok(()),
        got => Err(call.fault(format!("wants {wanted} arguments, not {got}"))),
    };
    match receiver {
        Value::Time(moment) => {
            let Some((_, wanted, method)) = METHODS.iter().find(|(name, ..)| *name == call.name) else {
                let known: Vec<_> = METHODS.iter().map(|(name, ..)| *name).collect();
                return Err(call.fault(format!("is not available on a time; there are {}", known.join(", "))));
            };
            arity(*wanted)?;
            method(moment, call)
        }
        Value::Month(_) | Value::Weekday(_) if call.name == "String" => {
            arity(0)?;
            receiver.print().map(Value::Text).map_err(|e| call.fault(e))
        }
        other => Err(call.fault(format!(
            "is not available: {} has no such field or method",
            other.kind()
        ))),
    }
}
