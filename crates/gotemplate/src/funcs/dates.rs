//! Sprig's functions of time.
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Function, exactly};
use crate::eval::{Call, Fault};
use crate::gotime;
use crate::moment::Moment;
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("now", 0, |call| {
        Ok(Value::Time(Moment {
            at: call.context.now,
            zone: call.context.zone.clone(),
            monotonic: true,
        }))
    }),
    exactly("date", 2, |call| date(call, call.text(0)?, 1, &call.context.zone)),
    exactly("dateInZone", 3, date_in_zone),
    exactly("date_in_zone", 3, date_in_zone),
    exactly("htmlDate", 1, |call| date(call, HTML, 0, &call.context.zone)),
    exactly("htmlDateInZone", 2, |call| date(call, HTML, 0, &zone(call, 1)?)),
    exactly("dateModify", 2, modify),
    exactly("date_modify", 2, modify),
    exactly("mustDateModify", 2, modify),
    exactly("must_date_modify", 2, modify),
    exactly("unixEpoch", 1, |call| match call.value(0)? {
        Value::Time(moment) => Ok(Value::Text(
            moment.at.as_nanosecond().div_euclid(1_000_000_000).to_string(),
        )),
        _ => Err(call.wants(0, "a time")),
    }),
    exactly("duration", 1, |call| {
        let seconds = match call.value(0)? {
            Value::Int64(seconds) => *seconds,
            Value::Text(text) => text
                .parse()
                .map_err(|_| call.wants(0, "a whole number of seconds as text"))?,
            // Sprig takes an int for nothing and says 0s.
            _ => return Err(call.wants(0, "a whole number of seconds as text or int64")),
        };
        let fits = seconds.checked_mul(1_000_000_000).is_some();
        if fits {
            Ok(Value::Text(gotime::duration::print_seconds(seconds)))
        } else {
            Err(call.fault("is out of range"))
        }
    }),
];

const HTML: &str = "2006-01-02";

fn date_in_zone(call: &Call<'_>) -> Result<Value, Fault> {
    date(call, call.text(0)?, 1, &zone(call, 2)?)
}

/// Sprig quietly takes UTC for a zone that it does not know; a path in the wrong hour is refused instead.
fn zone(call: &Call<'_>, index: usize) -> Result<TimeZone, Fault> {
    match call.text(index)? {
        "" => Ok(TimeZone::UTC),
        "Local" => Ok(call.context.zone.clone()),
        name => gotime::zone(name).map_err(|e| Fault {
            at: call.arguments.get(index).map_or(call.at, |a| a.at),
            message: e,
        }),
    }
}

/// Sprig quietly takes the time for what is not a time; that is refused instead.
fn date(call: &Call<'_>, layout: &str, index: usize, zone: &TimeZone) -> Result<Value, Fault> {
    let at = match call.value(index)? {
        Value::Time(moment) => moment.at,
        Value::Int(seconds) | Value::Int64(seconds) => {
            Timestamp::from_second(*seconds).map_err(|_| call.fault("is given a time out of range"))?
        }
        _ => return Err(call.wants(index, "a time or seconds since 1970")),
    };
    Ok(Value::Text(Moment::new(at, zone.clone()).format(layout)))
}

/// Sprig quietly leaves the time as it is when the duration is malformed; that is refused instead.
fn modify(call: &Call<'_>) -> Result<Value, Fault> {
    let nanoseconds = gotime::duration::parse(call.text(0)?).map_err(|e| Fault {
        at: call.arguments.first().map_or(call.at, |a| a.at),
        message: e,
    })?;
    match call.value(1)? {
        Value::Time(moment) => moment
            .add(nanoseconds)
            .map(Value::Time)
            .map_err(|e| call.fault(format!(": {e}"))),
        _ => Err(call.wants(1, "a time")),
    }
}
