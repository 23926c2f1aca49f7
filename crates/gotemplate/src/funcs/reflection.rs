//! Types of values.
use super::Param::{Any, Text};
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::value::Value;

/// How deep values are compared.
const DEPTH: usize = 50;

pub const ALL: &[Function] = &[
    exactly(
        "typeOf",
        &[Any],
        "string",
        "Go's name of the type: `string`, `int64`, `[]interface {}`.",
        |call| call.made(call.value(0).type_name()),
    ),
    exactly(
        "typeIs",
        &[Text, Any],
        "bool",
        "Whether the type has that name.",
        |call| Ok(Value::Bool(call.text(0)? == call.value(1).type_name())),
    ),
    exactly(
        "typeIsLike",
        &[Text, Any],
        "bool",
        "The same, a pointer to it included.",
        |call| {
            let (wanted, name) = (call.text(0)?, call.value(1).type_name());
            Ok(Value::Bool(name == wanted || name.strip_prefix('*') == Some(wanted)))
        },
    ),
    exactly(
        "kindOf",
        &[Any],
        "string",
        "The kind of the type: `string`, `slice`, `map`, `struct`.",
        |call| call.made(call.value(0).kind_name()),
    ),
    exactly(
        "kindIs",
        &[Text, Any],
        "bool",
        "Whether the type is of that kind.",
        |call| Ok(Value::Bool(call.text(0)? == call.value(1).kind_name())),
    ),
    exactly(
        "deepEqual",
        &[Any, Any],
        "bool",
        "Whether both are of one type and equal, element by element.",
        |call| deep_equal(call, call.value(0), call.value(1), 0).map(Value::Bool),
    ),
];

/// `reflect.DeepEqual`.
pub fn deep_equal(call: &Call<'_>, a: &Value, b: &Value, depth: usize) -> Result<bool, Fault> {
    call.charge(0)?;
    if depth > DEPTH {
        return Err(call.fault(format!(
            "is given values more than {DEPTH} deep, or one that holds itself"
        )));
    }
    if a.type_name() != b.type_name() {
        return Ok(false);
    }
    Ok(match (a, b) {
        (Value::Time(_), Value::Time(_)) => {
            return Err(
                call.fault("cannot compare times, which Go does by more than the instant; .Equal of a time can")
            );
        }
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Version(a), Value::Version(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            if a.nil != b.nil || a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.to_vec().iter().zip(b.to_vec().iter()) {
                if !deep_equal(call, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Dict(a), Value::Dict(b)) => {
            if a.nil != b.nil || a.len() != b.len() {
                return Ok(false);
            }
            for (key, a) in a.to_vec() {
                match b.get(&key) {
                    Some(b) if deep_equal(call, &a, &b, depth + 1)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        _ => a.signed() == b.signed() && a.unsigned() == b.unsigned(),
    })
}
