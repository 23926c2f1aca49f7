//! Sprig's functions of time.
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Param::{Any, Text, Time};
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::timeparse;
use crate::gotime;
use crate::methods::zone;
use crate::moment::{BILLION, Moment};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("now", &[], "time", "The time of the rendering.", |call| {
        Ok(Value::Time(now(call)))
    }),
    exactly(
        "date",
        &[Text, Any],
        "string",
        "A time, or seconds since 1970, by a layout such as `20060102-150405`.",
        |call| date(call, call.text(0)?, 1, &call.state.context.zone),
    ),
    exactly(
        "dateInZone",
        &[Text, Any, Text],
        "string",
        "The same in a zone such as `Europe/Berlin`.",
        in_zone,
    ),
    exactly(
        "date_in_zone",
        &[Text, Any, Text],
        "string",
        "The same as `dateInZone`.",
        in_zone,
    ),
    exactly("htmlDate", &[Any], "string", "As `2006-01-02`.", |call| {
        date(call, HTML, 0, &call.state.context.zone)
    }),
    exactly(
        "htmlDateInZone",
        &[Any, Text],
        "string",
        "As `2006-01-02` in a zone.",
        |call| date(call, HTML, 0, &zone(call, 1)?),
    ),
    exactly(
        "dateModify",
        &[Text, Time],
        "time",
        "Moved by a duration such as `-24h`.",
        modify,
    ),
    exactly(
        "date_modify",
        &[Text, Time],
        "time",
        "The same as `dateModify`.",
        modify,
    ),
    exactly(
        "mustDateModify",
        &[Text, Time],
        "time",
        "The same as `dateModify`.",
        modify,
    ),
    exactly(
        "must_date_modify",
        &[Text, Time],
        "time",
        "The same as `dateModify`.",
        modify,
    ),
    exactly(
        "toDate",
        &[Text, Text],
        "time",
        "A text read by a layout, in the zone of the operator unless it names one.",
        to_date,
    ),
    exactly("mustToDate", &[Text, Text], "time", "The same as `toDate`.", to_date),
    exactly(
        "unixEpoch",
        &[Time],
        "string",
        "Whole seconds since 1970.",
        |call| match call.value(0) {
            Value::Time(moment) => call.made(moment.at.as_nanosecond().div_euclid(BILLION).to_string()),
            _ => Err(call.wants(0, "a time")),
        },
    ),
    exactly(
        "ago",
        &[Any],
        "string",
        "How long before now, in whole seconds: `1h2m3s`.",
        |call| {
            let apart = now(call).at.as_nanosecond() - instant(call, 0)?.as_nanosecond();
            // Halves go away from zero, as in Go.
            let seconds = (apart.abs() + BILLION / 2) / BILLION * apart.signum();
            match i64::try_from(seconds * BILLION) {
                Ok(apart) => call.made(gotime::duration::print(apart)),
                Err(_) => Err(call.fault("is given a time too far away")),
            }
        },
    ),
    exactly(
        "duration",
        &[Any],
        "string",
        "Seconds, a text or an int64, as `1h2m3s`.",
        |call| {
            let seconds = match call.value(0) {
                Value::Int64(seconds) => *seconds,
                Value::Text(text) => text
                    .parse()
                    .map_err(|_| call.wants(0, "a whole number of seconds as text"))?,
                // Sprig takes an int for nothing and says 0s.
                _ => return Err(call.wants(0, "a whole number of seconds as text or int64")),
            };
            match seconds.checked_mul(1_000_000_000) {
                Some(nanoseconds) => call.made(gotime::duration::print(nanoseconds)),
                None => Err(call.fault("is out of range")),
            }
        },
    ),
    exactly(
        "durationRound",
        &[Any],
        "string",
        "A duration such as `2h10m` (or the age of a time) in its largest unit: `2h`.",
        |call| {
            let nanoseconds = match call.value(0) {
                Value::Int64(nanoseconds) => *nanoseconds,
                Value::Text(text) => gotime::duration::parse(text).map_err(|e| call.fault_at(0, e))?,
                Value::Time(moment) => i64::try_from(now(call).at.as_nanosecond() - moment.at.as_nanosecond())
                    .map_err(|_| call.fault("is given a time too far away"))?,
                _ => return Err(call.wants(0, "a duration as text, nanoseconds as int64, or a time")),
            };
            call.made(rounded(nanoseconds.unsigned_abs()))
        },
    ),
];

const HTML: &str = "2006-01-02";

fn now(call: &Call<'_>) -> Moment {
    Moment {
        at: call.state.context.now,
        zone: call.state.context.zone.clone(),
        monotonic: true,
    }
}

fn rounded(nanoseconds: u64) -> String {
    const HOUR: u64 = 3_600_000_000_000;
    let units = [
        (365 * 24 * HOUR, "y"),
        (30 * 24 * HOUR, "mo"),
        (24 * HOUR, "d"),
        (HOUR, "h"),
        (HOUR / 60, "m"),
        (HOUR / 3600, "s"),
    ];
    let unit = units.iter().find(|(size, _)| nanoseconds > *size);
    unit.map_or("0s".into(), |(size, name)| format!("{}{name}", nanoseconds / size))
}

fn in_zone(call: &Call<'_>) -> Result<Value, Fault> {
    date(call, call.text(0)?, 1, &zone(call, 2)?)
}

/// Sprig quietly takes the time for what is not a time; that is refused instead.
fn instant(call: &Call<'_>, index: usize) -> Result<Timestamp, Fault> {
    match call.value(index) {
        Value::Time(moment) => Ok(moment.at),
        Value::Int(seconds) | Value::Int64(seconds) => {
            Timestamp::from_second(*seconds).map_err(|_| call.fault("is given a time out of range"))
        }
        _ => Err(call.wants(index, "a time or seconds since 1970")),
    }
}

fn date(call: &Call<'_>, layout: &str, index: usize, zone: &TimeZone) -> Result<Value, Fault> {
    call.made(Moment::new(instant(call, index)?, zone.clone()).format(layout))
}

/// Sprig quietly leaves the time as it is when the duration is malformed; that is refused instead.
fn modify(call: &Call<'_>) -> Result<Value, Fault> {
    let nanoseconds = gotime::duration::parse(call.text(0)?).map_err(|e| call.fault_at(0, e))?;
    match call.value(1) {
        Value::Time(moment) => moment
            .add(nanoseconds)
            .map(Value::Time)
            .map_err(|e| call.fault(format!(": {e}"))),
        _ => Err(call.wants(1, "a time")),
    }
}

/// Sprig's `toDate` quietly takes the year 1 for what it cannot read; that is refused instead.
fn to_date(call: &Call<'_>) -> Result<Value, Fault> {
    timeparse::parse(call.text(0)?, call.text(1)?, &call.state.context.zone)
        .map(Value::Time)
        .map_err(|e| call.fault_at(1, e))
}
