//! Methods of `time.Time`.
use jiff::tz::TimeZone;

use super::{Method, method, string};
use crate::call::{Call, Fault};
use crate::funcs::Param::{Duration, Int, Text, Time};
use crate::gotime;
use crate::moment::{BILLION, Moment, YEAR_ONE};
use crate::value::Value;

type Run = Result<Value, Fault>;

fn moment<'v>(value: &'v Value, call: &Call<'_>) -> Result<&'v Moment, Fault> {
    match value {
        Value::Time(moment) => Ok(moment),
        _ => Err(call.fault("is a method of times")),
    }
}

/// The time that is the first argument.
fn other<'c>(call: &'c Call<'_>) -> Result<&'c Moment, Fault> {
    moment(call.value(0), call)
}

fn moved(call: &Call<'_>, moved: Result<Moment, String>) -> Run {
    moved.map(Value::Time).map_err(|e| call.fault(format!(": {e}")))
}

/// Whole units of so many nanoseconds since 1970.
fn since(v: &Value, c: &Call<'_>, unit: i128) -> Run {
    let units = moment(v, c)?.at.as_nanosecond().div_euclid(unit);
    i64::try_from(units)
        .map(Value::Int64)
        .map_err(|_| c.fault(": the time is out of the range of UnixNano, 1678 to 2262"))
}

fn clock(v: &Value, c: &Call<'_>, part: fn(&jiff::Zoned) -> i64) -> Run {
    Ok(Value::Int(part(&moment(v, c)?.zoned())))
}

fn ordered(v: &Value, c: &Call<'_>, holds: fn(std::cmp::Ordering) -> bool) -> Run {
    Ok(Value::Bool(holds(moment(v, c)?.at.cmp(&other(c)?.at))))
}

pub const ALL: &[Method] = &[
    method("Add", &[Duration], "time", |v, c| {
        moved(c, moment(v, c)?.add(c.int(0)?))
    }),
    method("AddDate", &[Int, Int, Int], "time", |v, c| {
        moved(c, moment(v, c)?.add_date(c.int(0)?, c.int(1)?, c.int(2)?))
    }),
    method("After", &[Time], "bool", |v, c| {
        ordered(v, c, std::cmp::Ordering::is_gt)
    }),
    method("Before", &[Time], "bool", |v, c| {
        ordered(v, c, std::cmp::Ordering::is_lt)
    }),
    method("Compare", &[Time], "int", |v, c| {
        Ok(Value::Int(moment(v, c)?.at.cmp(&other(c)?.at) as i64))
    }),
    method("Day", &[], "int", |v, c| clock(v, c, |z| z.day().into())),
    method("Equal", &[Time], "bool", |v, c| {
        ordered(v, c, std::cmp::Ordering::is_eq)
    }),
    method("Format", &[Text], "string", |v, c| {
        c.made(moment(v, c)?.format(c.text(0)?))
    }),
    method("Hour", &[], "int", |v, c| clock(v, c, |z| z.hour().into())),
    method("IsDST", &[], "bool", |v, c| {
        let moment = moment(v, c)?;
        Ok(Value::Bool(moment.zone.to_offset_info(moment.at).dst().is_dst()))
    }),
    method("IsZero", &[], "bool", |v, c| {
        Ok(Value::Bool(moment(v, c)?.at.as_nanosecond() == -YEAR_ONE * BILLION))
    }),
    method("Local", &[], "time", |v, c| {
        Ok(Value::Time(Moment::new(moment(v, c)?.at, c.state.context.zone.clone())))
    }),
    method("Minute", &[], "int", |v, c| clock(v, c, |z| z.minute().into())),
    method("Month", &[], "month", |v, c| {
        Ok(Value::Month(moment(v, c)?.zoned().month()))
    }),
    method("Nanosecond", &[], "int", |v, c| {
        clock(v, c, |z| z.subsec_nanosecond().into())
    }),
    method("Round", &[Duration], "time", |v, c| {
        moved(c, moment(v, c)?.round(c.int(0)?, true))
    }),
    method("Second", &[], "int", |v, c| clock(v, c, |z| z.second().into())),
    method("String", &[], "string", string),
    method("Sub", &[Time], "duration", |v, c| {
        let apart = moment(v, c)?.at.as_nanosecond() - other(c)?.at.as_nanosecond();
        // Go stops at the longest duration.
        let bounded = apart.clamp(i64::MIN.into(), i64::MAX.into());
        Ok(Value::Duration(i64::try_from(bounded).unwrap_or_default()))
    }),
    method("Truncate", &[Duration], "time", |v, c| {
        moved(c, moment(v, c)?.round(c.int(0)?, false))
    }),
    method("UTC", &[], "time", |v, c| {
        Ok(Value::Time(Moment::new(moment(v, c)?.at, TimeZone::UTC)))
    }),
    method("Unix", &[], "int64", |v, c| since(v, c, BILLION)),
    method("UnixMicro", &[], "int64", |v, c| since(v, c, 1_000)),
    method("UnixMilli", &[], "int64", |v, c| since(v, c, 1_000_000)),
    method("UnixNano", &[], "int64", |v, c| since(v, c, 1)),
    method("Weekday", &[], "day of the week", |v, c| {
        Ok(Value::Weekday(moment(v, c)?.zoned().weekday().to_sunday_zero_offset()))
    }),
    method("Year", &[], "int", |v, c| clock(v, c, |z| z.year().into())),
    method("YearDay", &[], "int", |v, c| clock(v, c, |z| z.day_of_year().into())),
];

/// The zone by its name; Sprig quietly takes UTC for one that it does not know, a path in the wrong hour is refused.
pub fn zone(call: &Call<'_>, index: usize) -> Result<TimeZone, Fault> {
    match call.text(index)? {
        "" => Ok(TimeZone::UTC),
        "Local" => Ok(call.state.context.zone.clone()),
        name => gotime::zone(name).map_err(|e| call.fault_at(index, e)),
    }
}
