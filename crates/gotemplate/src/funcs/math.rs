//! Sprig's arithmetic: integers of 64 bits that wrap, and floats; `addf` and its kin count in decimals.
use super::Param::{Any, Float, Int};
use super::casting::{float, integer};
use super::{Function, at_least, exactly};
use crate::call::{Call, Fault};
use crate::go::decimal::Decimal;
use crate::value::Value;

pub const ALL: &[Function] = &[
    at_least("add", &[], Any, "int64", "The sum.", |call| {
        fold(call, Some(0), i64::wrapping_add)
    }),
    exactly("add1", &[Any], "int64", "One more.", |call| {
        Ok(Value::Int64(integer(call, 0)?.wrapping_add(1)))
    }),
    exactly("sub", &[Any, Any], "int64", "The first less the second.", |call| {
        Ok(Value::Int64(integer(call, 0)?.wrapping_sub(integer(call, 1)?)))
    }),
    at_least("mul", &[Any], Any, "int64", "The product.", |call| {
        fold(call, None, i64::wrapping_mul)
    }),
    exactly(
        "div",
        &[Any, Any],
        "int64",
        "The quotient, what is behind the point dropped.",
        |call| Ok(Value::Int64(integer(call, 0)?.wrapping_div(divisor(call)?))),
    ),
    exactly(
        "mod",
        &[Any, Any],
        "int64",
        "The remainder, with the sign of the first.",
        |call| Ok(Value::Int64(integer(call, 0)?.wrapping_rem(divisor(call)?))),
    ),
    at_least("max", &[Any], Any, "int64", "The largest.", |call| {
        fold(call, None, i64::max)
    }),
    at_least("biggest", &[Any], Any, "int64", "The same as `max`.", |call| {
        fold(call, None, i64::max)
    }),
    at_least("min", &[Any], Any, "int64", "The least.", |call| {
        fold(call, None, i64::min)
    }),
    exactly("add1f", &[Any], "float64", "One more.", |call| {
        let one = Decimal::of(1.0).ok_or_else(|| call.fault("has no 1"))?;
        Ok(Value::Float(decimal(call, 0)?.add(&one).to_float()))
    }),
    at_least("addf", &[], Any, "float64", "The sum, counted in decimals.", |call| {
        decimals(call, Decimal::of(0.0), |a, b| Some(a.add(b)))
    }),
    at_least(
        "subf",
        &[Any],
        Any,
        "float64",
        "The first less all others, counted in decimals.",
        |call| decimals(call, None, |a, b| Some(a.sub(b))),
    ),
    at_least(
        "mulf",
        &[Any],
        Any,
        "float64",
        "The product, counted in decimals.",
        |call| decimals(call, None, |a, b| Some(a.mul(b))),
    ),
    at_least(
        "divf",
        &[Any],
        Any,
        "float64",
        "The first by all others, each time to 16 decimals.",
        |call| decimals(call, None, Decimal::div),
    ),
    at_least("maxf", &[Any], Any, "float64", "The largest.", |call| {
        floats(call, larger)
    }),
    at_least("minf", &[Any], Any, "float64", "The least.", |call| {
        floats(call, lesser)
    }),
    exactly("ceil", &[Any], "float64", "The next whole number up.", |call| {
        Ok(Value::Float(float(call, 0)?.ceil()))
    }),
    exactly("floor", &[Any], "float64", "The next whole number down.", |call| {
        Ok(Value::Float(float(call, 0)?.floor()))
    }),
    at_least(
        "round",
        &[Any, Int],
        Float,
        "float64",
        "To so many decimals; a third argument says from what fraction on it goes up, else 0.5.",
        round,
    ),
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

fn decimal(call: &Call<'_>, index: usize) -> Result<Decimal, Fault> {
    Decimal::of(float(call, index)?).ok_or_else(|| call.wants(index, "a number that is finite"))
}

fn decimals(
    call: &Call<'_>,
    start: Option<Decimal>,
    with: fn(&Decimal, &Decimal) -> Option<Decimal>,
) -> Result<Value, Fault> {
    let mut total = start;
    for index in 0..call.arguments.len() {
        let next = decimal(call, index)?;
        total = Some(match total {
            None => next,
            Some(total) => {
                call.charge(2 * total.weight())?;
                with(&total, &next).ok_or_else(|| call.fault("divides by zero"))?
            }
        });
    }
    Ok(Value::Float(total.map_or(0.0, |t| t.to_float())))
}

/// Of two zeros the one without a sign is the larger, which Rust leaves open.
fn larger(a: f64, b: f64) -> f64 {
    match a.total_cmp(&b) {
        std::cmp::Ordering::Less => b,
        _ => a,
    }
}

fn lesser(a: f64, b: f64) -> f64 {
    match a.total_cmp(&b) {
        std::cmp::Ordering::Greater => b,
        _ => a,
    }
}

fn floats(call: &Call<'_>, with: fn(f64, f64) -> f64) -> Result<Value, Fault> {
    let mut total = float(call, 0)?;
    for index in 1..call.arguments.len() {
        total = with(total, float(call, index)?);
    }
    Ok(Value::Float(total))
}

fn round(call: &Call<'_>) -> Result<Value, Fault> {
    let (value, places) = (float(call, 0)?, call.int(1)?);
    let up_from = if call.arguments.len() > 2 { call.float(2)? } else { 0.5 };
    // Powers of ten that a float holds exactly.
    let power = i32::try_from(places).ok().filter(|p| (-22..=22).contains(p));
    let power = power.ok_or_else(|| call.wants(1, "at most 22 decimals"))?;
    let ten = 10_f64.powi(power.abs());
    let ten = if power < 0 { 1.0 / ten } else { ten };
    let digits = ten * value;
    let whole = if digits.fract() >= up_from {
        digits.ceil()
    } else {
        digits.floor()
    };
    Ok(Value::Float(whole / ten))
}
