//! Go's own functions: comparisons, `index`, `len`. `and` and `or` are with the evaluator: they stop early.
use std::cmp::Ordering;

use super::Param::Raw;
use super::{Function, at_least, exactly};
use crate::call::{Call, Fault};
use crate::value::{Of, Value};

pub const ALL: &[Function] = &[
    at_least(
        "and",
        &[Raw],
        Raw,
        "any",
        "The first empty argument, or the last; those behind it are not looked at.",
        early,
    ),
    at_least(
        "or",
        &[Raw],
        Raw,
        "any",
        "The first argument that is not empty, or the last; those behind it are not looked at.",
        early,
    ),
    exactly(
        "not",
        &[Raw],
        "bool",
        "Whether it is empty: false, 0, nil, no elements.",
        |call| Ok(Value::Bool(call.value(0).is_empty())),
    ),
    at_least(
        "eq",
        &[Raw, Raw],
        Raw,
        "bool",
        "Whether the first equals one of the others; all of one kind.",
        |call| {
            for index in 1..call.arguments.len() {
                if equal(call, index)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        },
    ),
    exactly("ne", &[Raw, Raw], "bool", "Whether they differ.", |call| {
        Ok(Value::Bool(!equal(call, 1)?))
    }),
    exactly(
        "lt",
        &[Raw, Raw],
        "bool",
        "Whether the first is less than the second.",
        |call| Ok(Value::Bool(order(call)?.is_some_and(Ordering::is_lt))),
    ),
    exactly(
        "le",
        &[Raw, Raw],
        "bool",
        "Whether the first is at most the second.",
        |call| Ok(Value::Bool(order(call)?.is_some_and(Ordering::is_le))),
    ),
    exactly(
        "gt",
        &[Raw, Raw],
        "bool",
        "Whether the first is greater than the second.",
        |call| Ok(Value::Bool(order(call)?.is_none_or(Ordering::is_gt))),
    ),
    exactly(
        "ge",
        &[Raw, Raw],
        "bool",
        "Whether the first is at least the second.",
        |call| Ok(Value::Bool(order(call)?.is_none_or(Ordering::is_ge))),
    ),
    at_least(
        "index",
        &[Raw],
        Raw,
        "any",
        "An element of a list by its place from 0, of a dict by its key, or a byte of a text; further indexes go deeper.",
        index,
    ),
    exactly(
        "len",
        &[Raw],
        "int",
        "How many elements a list or dict has, or bytes a text.",
        |call| {
            let length = match call.value(0) {
                Value::Text(text) => text.len(),
                Value::List(list) => list.len(),
                Value::Dict(dict) => dict.len(),
                _ => return Err(call.wants(0, "a text, a list or a dict")),
            };
            Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
        },
    ),
];

fn early(call: &Call<'_>) -> Result<Value, Fault> {
    Ok(call.value(0).clone())
}

/// What Go compares values as.
#[derive(PartialEq)]
enum Kind {
    None,
    Bool,
    Int,
    Uint,
    Float,
    Text,
    Other,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Missing | Value::Nil => Kind::None,
        Value::Bool(_) => Kind::Bool,
        Value::Byte(_) | Value::Uint64(_) => Kind::Uint,
        Value::Float(_) => Kind::Float,
        Value::Text(_) => Kind::Text,
        value if value.signed().is_some() => Kind::Int,
        _ => Kind::Other,
    }
}

/// Integers of any kind against each other; None if one is none.
fn integers(a: &Value, b: &Value) -> Option<Ordering> {
    let wide = |v: &Value| v.signed().map(i128::from).or_else(|| v.unsigned().map(i128::from));
    Some(wide(a)?.cmp(&wide(b)?))
}

fn is_nil(value: &Value) -> bool {
    match value {
        Value::Missing | Value::Nil => true,
        Value::List(list) => list.nil,
        Value::Dict(dict) => dict.nil,
        _ => false,
    }
}

fn equal(call: &Call<'_>, index: usize) -> Result<bool, Fault> {
    let (a, b) = (call.value(0), call.value(index));
    let cannot = || {
        Err(call.fault_at(
            index,
            format!("{} cannot compare {} with {}", call.name, a.words(), b.words()),
        ))
    };
    if let Some(order) = integers(a, b) {
        return Ok(order.is_eq());
    }
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        _ => match (kind(a), kind(b)) {
            // A kind that can be compared is different from nothing; of the others, nothing equals a nil list or dict.
            (Kind::None, Kind::None | Kind::Other) | (Kind::Other, Kind::None) => Ok(is_nil(a) == is_nil(b)),
            (Kind::None, _) | (_, Kind::None) => Ok(false),
            (Kind::Other, Kind::Other) if a.kind_name() == b.kind_name() && (is_nil(a) || is_nil(b)) => {
                Ok(is_nil(a) == is_nil(b))
            }
            _ => cannot(),
        },
    }
}

/// None: not ordered, as NaN is.
fn order(call: &Call<'_>) -> Result<Option<Ordering>, Fault> {
    let (a, b) = (call.value(0), call.value(1));
    if let Some(order) = integers(a, b) {
        return Ok(Some(order));
    }
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        (Value::Float(a), Value::Float(b)) if a.is_nan() || b.is_nan() => {
            Err(call.fault("is given what is not a number (NaN)"))
        }
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b)),
        _ => Err(call.fault_at(1, format!("{} cannot order {} and {}", call.name, a.words(), b.words()))),
    }
}

fn index(call: &Call<'_>) -> Result<Value, Fault> {
    let mut item = call.value(0).clone();
    if is_nil(&item) && matches!(item, Value::Missing | Value::Nil) {
        return Err(call.wants(0, "a list, a dict or a text"));
    }
    for at in 1..call.arguments.len() {
        let place = |length: usize| {
            let index = call.value(at);
            let wide = index
                .signed()
                .map(i128::from)
                .or_else(|| index.unsigned().map(i128::from));
            let wide = wide.ok_or_else(|| call.wants(at, "an integer"))?;
            usize::try_from(wide).ok().filter(|i| *i < length).ok_or_else(|| {
                call.fault_at(
                    at,
                    format!("index: {wide} is out of range, there are {length} elements"),
                )
            })
        };
        item = match &item {
            Value::Text(text) => {
                let place = place(text.len())?;
                Value::Byte(text.as_bytes().get(place).copied().unwrap_or_default())
            }
            Value::List(list) => list.get(place(list.len())?).unwrap_or(Value::Missing),
            Value::Dict(dict) => match call.value(at) {
                Value::Text(key) => dict.get(key).unwrap_or_else(|| match dict.of {
                    Of::Text => Value::text(""),
                    _ => Value::Nil,
                }),
                _ => return Err(call.wants(at, "a key, a text")),
            },
            other => {
                return Err(call.fault_at(at, format!("index: {} has no elements", other.words())));
            }
        };
    }
    Ok(item)
}
