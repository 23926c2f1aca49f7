//! Sprig's choices between values.
use super::Param::{Any, Bool};
use super::{Function, at_least, exactly};
use crate::value::Value;

pub const ALL: &[Function] = &[
    at_least(
        "default",
        &[Any],
        Any,
        "any",
        "The second, or the first if the second is empty or missing.",
        |call| {
            let given = call.value(1);
            Ok(if given.is_empty() { call.value(0) } else { given }.clone())
        },
    ),
    exactly(
        "empty",
        &[Any],
        "bool",
        "Whether it is empty: false, 0, nil, no elements.",
        |call| Ok(Value::Bool(call.value(0).is_empty())),
    ),
    at_least("coalesce", &[], Any, "any", "The first that is not empty.", |call| {
        let first = call.values(0).find(|v| !v.is_empty());
        Ok(first.cloned().unwrap_or(Value::Nil))
    }),
    at_least("all", &[], Any, "bool", "Whether none is empty.", |call| {
        Ok(Value::Bool(!call.values(0).any(Value::is_empty)))
    }),
    at_least("any", &[], Any, "bool", "Whether one is not empty.", |call| {
        Ok(Value::Bool(call.values(0).any(|v| !v.is_empty())))
    }),
    exactly(
        "ternary",
        &[Any, Any, Bool],
        "any",
        "The first if the last is true, else the second.",
        |call| Ok(call.value(if call.bool(2)? { 0 } else { 1 }).clone()),
    ),
];
