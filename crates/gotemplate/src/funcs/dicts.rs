//! Sprig's dicts. Where Go's order is at random, here it is sorted.
use super::Param::{Any, Dict, Text};
use super::{Function, at_least, exactly};
use crate::call::{Call, Fault};
use crate::go::print::strval;
use crate::value::{Entries, Of, Value};

/// How deep a copy goes.
const DEPTH: usize = 50;

pub const ALL: &[Function] = &[
    at_least(
        "dict",
        &[],
        Any,
        "dict",
        "A dict of keys and values in turn; a last key alone has the value `\"\"`.",
        |call| {
            let mut entries = Entries::new();
            let mut values = call.values(0);
            while let Some(key) = values.next() {
                let value = values.next().cloned().unwrap_or_else(|| Value::text(""));
                entries.insert(strval(call, key)?.into(), value);
            }
            call.made_dict(Of::Any, entries)
        },
    ),
    exactly(
        "get",
        &[Dict, Text],
        "any",
        "The value of a key; `\"\"` if there is none.",
        |call| Ok(call.dict(0)?.get(call.text(1)?).unwrap_or_else(|| Value::text(""))),
    ),
    exactly(
        "set",
        &[Dict, Text, Any],
        "dict",
        "The dict, changed: with that value for that key.",
        |call| {
            let dict = call.dict(0)?;
            if dict.nil {
                return Err(call.wants(0, "a dict"));
            }
            call.charge(100)?;
            dict.entries
                .borrow_mut()
                .insert(call.text(1)?.into(), call.value(2).clone());
            Ok(call.value(0).clone())
        },
    ),
    exactly(
        "unset",
        &[Dict, Text],
        "dict",
        "The dict, changed: without that key.",
        |call| {
            let dict = call.dict(0)?;
            dict.entries.borrow_mut().remove(call.text(1)?);
            Ok(Value::Dict(dict))
        },
    ),
    exactly(
        "hasKey",
        &[Dict, Text],
        "bool",
        "Whether the dict has that key.",
        |call| Ok(Value::Bool(call.dict(0)?.get(call.text(1)?).is_some())),
    ),
    at_least(
        "pluck",
        &[Text],
        Dict,
        "list",
        "The values of a key in all dicts that have it.",
        |call| {
            let mut found = Vec::new();
            for index in 1..call.arguments.len() {
                found.extend(call.dict(index)?.get(call.text(0)?));
            }
            call.made_list(Of::Any, found)
        },
    ),
    at_least(
        "keys",
        &[],
        Dict,
        "list",
        "The keys of all dicts; sorted here, at random in Go.",
        |call| {
            let mut keys = Vec::new();
            for index in 0..call.arguments.len() {
                keys.extend(call.dict(index)?.to_vec().into_iter().map(|(key, _)| key));
            }
            call.made_texts(keys)
        },
    ),
    exactly(
        "values",
        &[Dict],
        "list",
        "The values; by their keys here, at random in Go.",
        |call| {
            let values = call.dict(0)?.to_vec().into_iter().map(|(_, value)| value);
            call.made_list(Of::Any, values.collect())
        },
    ),
    at_least("pick", &[Dict], Text, "dict", "A dict of these keys only.", |call| {
        chosen(call, true)
    }),
    at_least("omit", &[Dict], Text, "dict", "A dict without these keys.", |call| {
        chosen(call, false)
    }),
    at_least(
        "dig",
        &[Any, Any, Any],
        Any,
        "any",
        "The value below several keys; the last but one if a key is missing, the last is the dict.",
        dig,
    ),
    exactly("deepCopy", &[Any], "any", "A copy that shares nothing.", deep_copy),
    exactly("mustDeepCopy", &[Any], "any", "The same as `deepCopy`.", deep_copy),
];

fn chosen(call: &Call<'_>, keep: bool) -> Result<Value, Fault> {
    let named = |key: &str| call.values(1).any(|v| matches!(v, Value::Text(text) if **text == *key));
    let entries = call.dict(0)?.to_vec().into_iter();
    call.made_dict(Of::Any, entries.filter(|(key, _)| named(key) == keep).collect())
}

fn dig(call: &Call<'_>) -> Result<Value, Fault> {
    let last = call.arguments.len() - 1;
    let is_dict = |value: &Value| matches!(value, Value::Dict(dict) if dict.of == Of::Any);
    if !is_dict(call.value(last)) {
        return Err(call.wants(last, "a dict"));
    }
    let keys = (0..last - 1).map(|i| call.text(i)).collect::<Result<Vec<_>, _>>()?;
    let mut value = call.value(last).clone();
    for (index, key) in keys.iter().enumerate() {
        let Value::Dict(dict) = value else {
            return Err(call.fault_at(
                index,
                format!(
                    "dig: there is no dict below {:?} to look for {key:?} in",
                    keys.get(index.saturating_sub(1))
                ),
            ));
        };
        match dict.get(key) {
            None => return Ok(call.value(last - 1).clone()),
            Some(next) => value = next,
        }
        if index + 1 < keys.len() && !is_dict(&value) {
            return Err(call.fault_at(index, format!("dig: below {key:?} is {} and no dict", value.words())));
        }
    }
    Ok(value)
}

fn deep_copy(call: &Call<'_>) -> Result<Value, Fault> {
    match call.value(0) {
        Value::Nil => Err(call.wants(0, "a value")),
        value => copy(call, value, 0),
    }
}

/// A copy that shares nothing.
fn copy(call: &Call<'_>, value: &Value, depth: usize) -> Result<Value, Fault> {
    if depth > DEPTH {
        return Err(call.fault(format!(
            "is given values more than {DEPTH} deep, or one that holds itself"
        )));
    }
    match value {
        Value::List(list) if !list.nil => {
            let items = list
                .to_vec()
                .iter()
                .map(|v| copy(call, v, depth + 1))
                .collect::<Result<_, _>>()?;
            call.made_list(list.of, items)
        }
        Value::Dict(dict) if !dict.nil => {
            let entries = dict.to_vec().into_iter();
            let entries = entries.map(|(k, v)| Ok((k, copy(call, &v, depth + 1)?)));
            call.made_dict(dict.of, entries.collect::<Result<_, Fault>>()?)
        }
        // Go's copy of a version is 0.0.0.
        Value::Version(_) => Err(call.fault("cannot copy a version; toString makes a text of it")),
        other => Ok(other.clone()),
    }
}
