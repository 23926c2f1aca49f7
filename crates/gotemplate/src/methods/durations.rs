//! Methods of `time.Duration`.
use super::{Method, method, string};
use crate::call::{Call, Fault};
use crate::funcs::Param::Duration;
use crate::value::Value;

fn nanoseconds(value: &Value) -> i64 {
    value.signed().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "Go's own arithmetic")]
fn float(value: &Value, unit: i64) -> Value {
    let d = nanoseconds(value);
    Value::Float((d / unit) as f64 + (d % unit) as f64 / unit as f64)
}

fn round(value: &Value, call: &Call<'_>, nearest: bool) -> Result<Value, Fault> {
    let (d, unit) = (nanoseconds(value), call.int(0)?);
    if unit <= 0 {
        return Ok(Value::Duration(d));
    }
    let rest = d % unit;
    let down = d - rest;
    let up = nearest && rest.unsigned_abs() + rest.unsigned_abs() >= unit.unsigned_abs();
    let away = if d < 0 {
        down.checked_sub(unit)
    } else {
        down.checked_add(unit)
    };
    Ok(Value::Duration(match (up, away, d < 0) {
        (false, _, _) => down,
        (true, Some(away), _) => away,
        (true, None, true) => i64::MIN,
        (true, None, false) => i64::MAX,
    }))
}

const SECOND: i64 = 1_000_000_000;

pub const ALL: &[Method] = &[
    method("Abs", &[], "duration", |v, _| {
        Ok(Value::Duration(nanoseconds(v).checked_abs().unwrap_or(i64::MAX)))
    }),
    method("Hours", &[], "float64", |v, _| Ok(float(v, 3600 * SECOND))),
    method("Microseconds", &[], "int64", |v, _| {
        Ok(Value::Int64(nanoseconds(v) / 1_000))
    }),
    method("Milliseconds", &[], "int64", |v, _| {
        Ok(Value::Int64(nanoseconds(v) / 1_000_000))
    }),
    method("Minutes", &[], "float64", |v, _| Ok(float(v, 60 * SECOND))),
    method("Nanoseconds", &[], "int64", |v, _| Ok(Value::Int64(nanoseconds(v)))),
    method("Round", &[Duration], "duration", |v, c| round(v, c, true)),
    method("Seconds", &[], "float64", |v, _| Ok(float(v, SECOND))),
    method("String", &[], "string", string),
    method("Truncate", &[Duration], "duration", |v, c| round(v, c, false)),
];
