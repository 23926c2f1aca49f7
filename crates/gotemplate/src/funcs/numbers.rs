//! Sprig's arithmetic: 64 bits, wrapping, as Go's.
use std::num::IntErrorKind;

use super::{Function, at_least, exactly};
use crate::eval::{Call, Fault};
use crate::value::Value;

pub const ALL: &[Function] = &[
    at_least("add", 0, |call| fold(call, Some(0), i64::wrapping_add)),
    exactly("add1", 1, |call| Ok(Value::Int64(integer(call, 0)?.wrapping_add(1)))),
    exactly("sub", 2, |call| {
        Ok(Value::Int64(integer(call, 0)?.wrapping_sub(integer(call, 1)?)))
    }),
    at_least("mul", 1, |call| fold(call, None, i64::wrapping_mul)),
    exactly("div", 2, |call| {
        Ok(Value::Int64(integer(call, 0)?.wrapping_div(divisor(call)?)))
    }),
    exactly("mod", 2, |call| {
        Ok(Value::Int64(integer(call, 0)?.wrapping_rem(divisor(call)?)))
    }),
    at_least("max", 1, |call| fold(call, None, i64::max)),
    at_least("biggest", 1, |call| fold(call, None, i64::max)),
    at_least("min", 1, |call| fold(call, None, i64::min)),
    exactly("int", 1, |call| Ok(Value::Int(integer(call, 0)?))),
    exactly("int64", 1, |call| Ok(Value::Int64(integer(call, 0)?))),
    // strconv.Atoi with its error dropped: what is not a number is 0, what is too large is the largest.
    exactly("atoi", 1, |call| {
        Ok(Value::Int(match call.text(0)?.parse::<i64>().map_err(|e| *e.kind()) {
            Ok(value) => value,
            Err(IntErrorKind::PosOverflow) => i64::MAX,
            Err(IntErrorKind::NegOverflow) => i64::MIN,
            Err(_) => 0,
        }))
    }),
];

fn fold(call: &Call<'_>, start: Option<i64>, with: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    let mut total = start;
    for index in 0..call.arguments.len() {
        let next = integer(call, index)?;
        total = Some(total.map_or(next, |t| with(t, next)));
    }
    Ok(Value::Int64(total.unwrap_or(0)))
}

fn divisor(call: &Call<'_>) -> Result<i64, Fault> {
    match integer(call, 1)? {
        0 => Err(call.fault("divides by zero")),
        divisor => Ok(divisor),
    }
}

/// What Sprig's loose conversion takes in all its versions: integers, bools, and plain decimal texts. Versions
/// differ on the others (`"08"` has been 0 and 8), so these are refused.
fn integer(call: &Call<'_>, index: usize) -> Result<i64, Fault> {
    match call.value(index)? {
        Value::Int(i) | Value::Int64(i) => Ok(*i),
        Value::Bool(b) => Ok(i64::from(*b)),
        Value::Float(f) if f.is_finite() && f.abs() < 9.0e18 => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "within the range of i64, checked above; Go truncates too"
            )]
            let whole = *f as i64;
            Ok(whole)
        }
        Value::Text(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = digits == "0"
                || (!digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
            let value = text.parse().ok().filter(|_| plain);
            value.ok_or_else(|| {
                call.wants(
                    index,
                    "an integer, or a text of digits without a leading zero (atoi takes one with)",
                )
            })
        }
        Value::Month(_) | Value::Weekday(_) => Err(call.wants(
            index,
            "an integer, such as printf \"%d\" makes of it together with atoi",
        )),
        Value::Float(_) | Value::Time(_) => Err(call.wants(index, "an integer")),
    }
}
