//! Making, splitting and joining lists.
use super::Param::{Any, Int, Text};
use super::{Function, at_least, exactly};
use crate::call::{Call, Fault};
use crate::go::print::strval;
use crate::value::{Entries, Of, Value};

/// The most elements of a list of integers.
const COUNT_MAX: i64 = 10_000;

pub const TEXTS: &[Function] = &[
    exactly(
        "split",
        &[Text, Text],
        "dict",
        "The pieces between separators, as `_0`, `_1`, ...",
        |call| numbered(call, pieces(call.text(1)?, call.text(0)?, -1)),
    ),
    exactly(
        "splitn",
        &[Text, Int, Text],
        "dict",
        "The same, at most so many pieces.",
        |call| numbered(call, pieces(call.text(2)?, call.text(0)?, call.int(1)?)),
    ),
    exactly(
        "splitList",
        &[Text, Text],
        "list",
        "The pieces between separators, as a list.",
        |call| call.made_texts(pieces(call.text(1)?, call.text(0)?, -1)),
    ),
    exactly(
        "join",
        &[Text, Any],
        "string",
        "The elements of a list with a separator between them.",
        |call| {
            let items = texts(call, 1)?;
            let mut out = call.out();
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(call.text(0)?)?;
                }
                out.push(item)?;
            }
            call.made(out.done())
        },
    ),
    exactly(
        "toStrings",
        &[Any],
        "list",
        "The elements as texts.",
        |call| match call.value(0) {
            Value::List(list) if list.of == Of::Text => Ok(call.value(0).clone()),
            _ => call.made_texts(texts(call, 0)?),
        },
    ),
    exactly(
        "sortAlpha",
        &[Any],
        "list",
        "The elements as texts, sorted by their bytes.",
        |call| match call.value(0) {
            // Go sorts a list of texts where it is.
            Value::List(list) if list.of == Of::Text => {
                call.charge(200 * list.len())?;
                list.sort_texts();
                Ok(call.value(0).clone())
            }
            Value::List(list) => {
                call.charge(200 * list.len())?;
                let mut items = texts(call, 0)?;
                items.sort();
                call.made_texts(items)
            }
            other => call.made_texts([strval(call, other)?]),
        },
    ),
];

pub const ALL: &[Function] = &[
    at_least("list", &[], Any, "list", "A list of the arguments.", make),
    at_least("tuple", &[], Any, "list", "The same as `list`.", make),
    exactly(
        "until",
        &[Int],
        "list",
        "The integers from 0 up to, without, that one.",
        |call| {
            let end = call.int(0)?;
            steps(call, 0, end, if end < 0 { -1 } else { 1 })
        },
    ),
    exactly(
        "untilStep",
        &[Int, Int, Int],
        "list",
        "The integers from the first up to, without, the second, by the third.",
        |call| steps(call, call.int(0)?, call.int(1)?, call.int(2)?),
    ),
    at_least(
        "seq",
        &[],
        Int,
        "string",
        "Integers with spaces between them: up to one, from one to another, or by a step in the middle.",
        seq,
    ),
    exactly(
        "append",
        &[Any, Any],
        "list",
        "The list with one more at its end.",
        push,
    ),
    exactly("mustAppend", &[Any, Any], "list", "The same as `append`.", push),
    exactly("push", &[Any, Any], "list", "The same as `append`.", push),
    exactly("mustPush", &[Any, Any], "list", "The same as `append`.", push),
    exactly(
        "prepend",
        &[Any, Any],
        "list",
        "The list with one more at its beginning.",
        prepend,
    ),
    exactly("mustPrepend", &[Any, Any], "list", "The same as `prepend`.", prepend),
    at_least("concat", &[], Any, "list", "One list of the elements of all.", |call| {
        let mut items = Vec::new();
        for index in 0..call.arguments.len() {
            items.extend(call.list(index)?.to_vec());
        }
        if items.is_empty() {
            return Ok(Value::List(crate::value::List::nil(Of::Any)));
        }
        call.made_list(Of::Any, items)
    }),
];

/// `strings.SplitN`: the pieces between separators, between characters without one; a negative limit is none.
pub fn pieces<'t>(text: &'t str, separator: &str, limit: i64) -> Vec<&'t str> {
    let limit = match usize::try_from(limit) {
        Ok(0) => return Vec::new(),
        Ok(limit) => limit,
        Err(_) => usize::MAX,
    };
    if !separator.is_empty() {
        return text.splitn(limit, separator).collect();
    }
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if out.len() + 1 == limit {
            out.push(rest);
            break;
        }
        let (head, tail) = rest.split_at_checked(c.len_utf8()).unwrap_or((rest, ""));
        out.push(head);
        rest = tail;
    }
    out
}

fn numbered(call: &Call<'_>, pieces: Vec<&str>) -> Result<Value, Fault> {
    let entries = pieces.iter().enumerate();
    let entries: Entries = entries
        .map(|(i, p)| (format!("_{i}").into(), Value::text(*p)))
        .collect();
    call.made_dict(Of::Text, entries)
}

/// Sprig's `strslice`: the elements as texts, those that are nil left out; what is no list is its only element.
fn texts(call: &Call<'_>, index: usize) -> Result<Vec<String>, Fault> {
    match call.value(index) {
        Value::List(list) => list
            .to_vec()
            .iter()
            .filter(|v| !matches!(v, Value::Nil | Value::Missing))
            .map(|v| {
                call.charge(8)?;
                strval(call, v)
            })
            .collect(),
        Value::Nil | Value::Missing => Ok(Vec::new()),
        other => Ok(vec![strval(call, other)?]),
    }
}

fn make(call: &Call<'_>) -> Result<Value, Fault> {
    let items: Vec<Value> = call.values(0).cloned().collect();
    call.made_list(Of::Any, items)
}

/// The integers, as few as fit into the bounds of a template.
fn integers(call: &Call<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fault> {
    let towards = if stop < start { step < 0 } else { step > 0 };
    if !towards {
        return Ok(Vec::new());
    }
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let count = ((stop - start).abs() + step.abs() - 1) / step.abs();
    if count > i128::from(COUNT_MAX) {
        return Err(call.fault(format!(
            "would make a list of {count}; at most {COUNT_MAX} are possible"
        )));
    }
    // Go's loop would come out at the other end and go on.
    if i64::try_from(start + count * step).is_err() {
        return Err(call.fault("is given integers out of range"));
    }
    (0..count)
        .map(|i| i64::try_from(start + i * step).map_err(|_| call.fault("is given integers out of range")))
        .collect()
}

fn steps(call: &Call<'_>, start: i64, stop: i64, step: i64) -> Result<Value, Fault> {
    let items = integers(call, start, stop, step)?;
    call.made_list(Of::Int, items.into_iter().map(Value::Int).collect())
}

fn seq(call: &Call<'_>) -> Result<Value, Fault> {
    let behind = |end: i64, by: i64| {
        end.checked_add(by)
            .ok_or_else(|| call.fault("is given integers out of range"))
    };
    let (start, step, end) = match call.arguments.len() {
        1 => (1, None, call.int(0)?),
        2 => (call.int(0)?, None, call.int(1)?),
        3 => (call.int(0)?, Some(call.int(1)?), call.int(2)?),
        _ => return call.made(""),
    };
    let increment = if end < start { -1 } else { 1 };
    if end < start && step.is_some_and(|s| s > 0) {
        return call.made("");
    }
    let items = integers(call, start, behind(end, increment)?, step.unwrap_or(increment))?;
    let items: Vec<String> = items.iter().map(i64::to_string).collect();
    call.made(items.join(" "))
}

fn push(call: &Call<'_>) -> Result<Value, Fault> {
    let mut items = call.list(0)?.to_vec();
    items.push(call.value(1).clone());
    call.made_list(Of::Any, items)
}

fn prepend(call: &Call<'_>) -> Result<Value, Fault> {
    let mut items = vec![call.value(1).clone()];
    items.extend(call.list(0)?.to_vec());
    call.made_list(Of::Any, items)
}
