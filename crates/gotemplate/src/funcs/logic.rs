//! Comparisons, and choices between values. `and` and `or` are with the evaluator: they stop early.
use std::cmp::Ordering;

use super::{Function, at_least, exactly};
use crate::eval::{Call, Fault};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("not", 1, |call| Ok(Value::Bool(call.value(0)?.is_empty()))),
    at_least("eq", 2, |call| {
        for index in 1..call.arguments.len() {
            if equal(call, index)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
    exactly("ne", 2, |call| Ok(Value::Bool(!equal(call, 1)?))),
    exactly("lt", 2, |call| Ok(Value::Bool(order(call)?.is_lt()))),
    exactly("le", 2, |call| Ok(Value::Bool(order(call)?.is_le()))),
    exactly("gt", 2, |call| Ok(Value::Bool(order(call)?.is_gt()))),
    exactly("ge", 2, |call| Ok(Value::Bool(order(call)?.is_ge()))),
    at_least("default", 1, |call| match call.arguments.get(1) {
        Some(given) if !given.value.is_empty() => Ok(given.value.clone()),
        _ => Ok(call.value(0)?.clone()),
    }),
    exactly("empty", 1, |call| Ok(Value::Bool(call.value(0)?.is_empty()))),
    at_least("all", 0, |call| {
        Ok(Value::Bool(!call.arguments.iter().any(|a| a.value.is_empty())))
    }),
    at_least("any", 0, |call| {
        Ok(Value::Bool(call.arguments.iter().any(|a| !a.value.is_empty())))
    }),
    at_least("coalesce", 1, |call| {
        let first = call.arguments.iter().find(|a| !a.value.is_empty());
        first
            .map(|a| a.value.clone())
            .ok_or_else(|| call.fault("has nothing that is not empty"))
    }),
    exactly("ternary", 3, |call| {
        Ok(call.value(if call.bool(2)? { 0 } else { 1 })?.clone())
    }),
    exactly("fail", 1, |call| {
        Err(Fault {
            at: call.at,
            message: format!("the template fails: {}", call.text(0)?),
        })
    }),
];

fn equal(call: &Call<'_>, index: usize) -> Result<bool, Fault> {
    match (call.value(0)?, call.value(index)?) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (a, b) => compare(a, b)
            .map(Ordering::is_eq)
            .ok_or_else(|| call.wants(index, &format!("something comparable with {}", a.kind()))),
    }
}

fn order(call: &Call<'_>) -> Result<Ordering, Fault> {
    let (a, b) = (call.value(0)?, call.value(1)?);
    compare(a, b).ok_or_else(|| call.wants(1, &format!("something that can be ordered against {}", a.kind())))
}

/// Within one kind only, as Go; texts by bytes.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let integer = |value: &Value| match value {
        Value::Int(i) | Value::Int64(i) => Some(*i),
        Value::Month(i) | Value::Weekday(i) => Some(i64::from(*i)),
        _ => None,
    };
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        _ => Some(integer(a)?.cmp(&integer(b)?)),
    }
}
