//! Numbers from values of other types, by the rules of cast 1.7. What it quietly takes for 0 is refused.
use super::Param::{Any, Text};
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::print::strval;
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly(
        "int",
        &[Any],
        "int",
        "As an integer, what is behind the point dropped.",
        |call| Ok(Value::Int(integer(call, 0)?)),
    ),
    exactly("int64", &[Any], "int64", "As an int64.", |call| {
        Ok(Value::Int64(integer(call, 0)?))
    }),
    exactly("float64", &[Any], "float64", "As a number with a fraction.", |call| {
        Ok(Value::Float(float(call, 0)?))
    }),
    // strconv.Atoi with its error dropped: what is not a number is 0, what is too large is the largest.
    exactly(
        "atoi",
        &[Text],
        "int",
        "The integer that a text of digits is; 0 if it is none.",
        |call| Ok(Value::Int(atoi(call.text(0)?))),
    ),
    exactly(
        "toDecimal",
        &[Any],
        "int64",
        "The integer that octal digits are.",
        |call| {
            let text = strval(call, call.value(0))?;
            i64::from_str_radix(&text, 8)
                .map(Value::Int64)
                .map_err(|_| call.wants(0, "octal digits"))
        },
    ),
];

/// What is too large for 64 bits ends the reading at once: a wrong character behind it does not count.
fn atoi(text: &str) -> i64 {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let end = if negative { i64::MIN } else { i64::MAX };
    let mut value: u64 = 0;
    for byte in digits.bytes() {
        if !byte.is_ascii_digit() {
            return 0;
        }
        match value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(byte - b'0')))
        {
            Some(next) => value = next,
            None => return end,
        }
    }
    if negative {
        0_i64.checked_sub_unsigned(value).unwrap_or(end)
    } else {
        i64::try_from(value).unwrap_or(end)
    }
}

/// An integer of any value: plain decimal texts only, because the libraries differ on the others (`"08"` has been 0
/// and 8).
pub fn integer(call: &Call<'_>, index: usize) -> Result<i64, Fault> {
    let value = call.value(index);
    match value {
        Value::Nil | Value::Missing => Ok(0),
        Value::Bool(b) => Ok(i64::from(*b)),
        Value::Byte(i) => Ok(i64::from(*i)),
        Value::Uint64(i) => Ok(i.cast_signed()),
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
        Value::Duration(_) => Err(call.wants(index, "an integer, such as .Nanoseconds of a duration")),
        _ => value.signed().ok_or_else(|| call.wants(index, "an integer")),
    }
}

/// A float of any value: plain decimal texts only.
#[expect(
    clippy::cast_precision_loss,
    reason = "Go converts integers to floats in the same way"
)]
pub fn float(call: &Call<'_>, index: usize) -> Result<f64, Fault> {
    let value = call.value(index);
    match value {
        Value::Float(f) => Ok(*f),
        Value::Text(text) => {
            let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
            let value = text.parse::<f64>().ok().filter(|f| plain && f.is_finite());
            value.ok_or_else(|| call.wants(index, "a number, or a text of decimal digits"))
        }
        Value::Uint64(i) => Ok(*i as f64),
        _ => integer(call, index).map(|i| i as f64),
    }
}
