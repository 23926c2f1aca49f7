//! Merging dicts, by the rules of mergo 1.0 as Sprig calls it: into the first dict, which is changed.
use super::Param::Dict;
use super::{Function, at_least};
use crate::call::{Call, Fault};
use crate::value::{self, Of, Value};

/// How deep dicts are merged within each other.
const DEPTH: usize = 50;

pub const ALL: &[Function] = &[
    at_least(
        "merge",
        &[Dict],
        Dict,
        "dict",
        "The first dict, changed: with what the others have and it has not, or has empty.",
        fill,
    ),
    at_least("mustMerge", &[Dict], Dict, "dict", "The same as `merge`.", fill),
    at_least(
        "mergeOverwrite",
        &[Dict],
        Dict,
        "dict",
        "The first dict, changed: with all that the others have.",
        overwrite,
    ),
    at_least(
        "mustMergeOverwrite",
        &[Dict],
        Dict,
        "dict",
        "The same as `mergeOverwrite`.",
        overwrite,
    ),
];

fn fill(call: &Call<'_>) -> Result<Value, Fault> {
    all(call, false)
}

fn overwrite(call: &Call<'_>) -> Result<Value, Fault> {
    all(call, true)
}

fn all(call: &Call<'_>, overwrite: bool) -> Result<Value, Fault> {
    let mut into = call.dict(0)?;
    for index in 1..call.arguments.len() {
        let from = call.dict(index)?;
        // A nil dict takes what comes, and is one no longer.
        into.nil &= from.nil;
        merge(call, &into, &from, overwrite, 0)?;
    }
    Ok(Value::Dict(into))
}

fn merge(call: &Call<'_>, into: &value::Dict, from: &value::Dict, overwrite: bool, depth: usize) -> Result<(), Fault> {
    if depth > DEPTH {
        return Err(call.fault(format!(
            "is given dicts more than {DEPTH} deep, or one that holds itself"
        )));
    }
    for (key, new) in from.to_vec() {
        call.charge(100)?;
        let old = into.get(&key);
        let put = |value: Value| into.entries.borrow_mut().insert(key.clone(), value);
        match (&new, &old) {
            (Value::Nil | Value::Missing, _) => {
                if overwrite {
                    put(new);
                }
                continue;
            }
            // Dicts within dicts are merged where they are.
            (Value::Dict(inner), Some(Value::Dict(there))) => {
                if inner.of != Of::Any || there.of != Of::Any {
                    return Err(call.fault("is not available for what split makes within dicts"));
                }
                merge(call, there, inner, overwrite, depth + 1)?;
                if there.len() > 0 {
                    continue;
                }
            }
            _ => {}
        }
        if overwrite || old.is_none_or(|v| v.is_empty()) {
            put(new);
        }
    }
    Ok(())
}
