//! Taking lists apart.
use super::Param::{Any, Int};
use super::reflection::deep_equal;
use super::{Function, at_least, casting, exactly};
use crate::call::{Call, Fault};
use crate::value::{List, Of, Value};

pub const ALL: &[Function] = &[
    exactly(
        "first",
        &[Any],
        "any",
        "The first element; nil if there is none.",
        first,
    ),
    exactly("mustFirst", &[Any], "any", "The same as `first`.", first),
    exactly("last", &[Any], "any", "The last element; nil if there is none.", last),
    exactly("mustLast", &[Any], "any", "The same as `last`.", last),
    exactly("rest", &[Any], "list", "All but the first.", rest),
    exactly("mustRest", &[Any], "list", "The same as `rest`.", rest),
    exactly("initial", &[Any], "list", "All but the last.", initial),
    exactly("mustInitial", &[Any], "list", "The same as `initial`.", initial),
    exactly("reverse", &[Any], "list", "In reverse order.", reverse),
    exactly("mustReverse", &[Any], "list", "The same as `reverse`.", reverse),
    exactly("compact", &[Any], "list", "Without those that are empty.", compact),
    exactly("mustCompact", &[Any], "list", "The same as `compact`.", compact),
    exactly("uniq", &[Any], "list", "Each but once.", uniq),
    exactly("mustUniq", &[Any], "list", "The same as `uniq`.", uniq),
    at_least(
        "without",
        &[Any],
        Any,
        "list",
        "Without those that equal one of the others.",
        without,
    ),
    at_least("mustWithout", &[Any], Any, "list", "The same as `without`.", without),
    exactly(
        "has",
        &[Any, Any],
        "bool",
        "Whether the first is in the list that is the second.",
        has,
    ),
    exactly("mustHas", &[Any, Any], "bool", "The same as `has`.", has),
    at_least(
        "slice",
        &[Any],
        Any,
        "list",
        "From one place of a list up to another.",
        slice,
    ),
    at_least("mustSlice", &[Any], Any, "list", "The same as `slice`.", slice),
    exactly("chunk", &[Int, Any], "list", "Lists of so many elements each.", chunk),
    exactly("mustChunk", &[Int, Any], "list", "The same as `chunk`.", chunk),
];

fn first(call: &Call<'_>) -> Result<Value, Fault> {
    Ok(call.list(0)?.get(0).unwrap_or(Value::Nil))
}

fn last(call: &Call<'_>) -> Result<Value, Fault> {
    let list = call.list(0)?;
    Ok(list
        .len()
        .checked_sub(1)
        .and_then(|i| list.get(i))
        .unwrap_or(Value::Nil))
}

/// From one place up to another, copied; a nil list where there is nothing.
fn copied(call: &Call<'_>, from: usize, less: usize) -> Result<Value, Fault> {
    let list = call.list(0)?;
    if list.len() == 0 {
        return Ok(Value::List(List::nil(Of::Any)));
    }
    let items = list.to_vec();
    let items = items.get(from..items.len() - less).unwrap_or_default().to_vec();
    call.made_list(Of::Any, items)
}

fn rest(call: &Call<'_>) -> Result<Value, Fault> {
    copied(call, 1, 0)
}

fn initial(call: &Call<'_>) -> Result<Value, Fault> {
    copied(call, 0, 1)
}

fn reverse(call: &Call<'_>) -> Result<Value, Fault> {
    let mut items = call.list(0)?.to_vec();
    items.reverse();
    call.made_list(Of::Any, items)
}

fn compact(call: &Call<'_>) -> Result<Value, Fault> {
    let mut items = call.list(0)?.to_vec();
    items.retain(|v| !v.is_empty());
    call.made_list(Of::Any, items)
}

fn holds(call: &Call<'_>, items: &[Value], needle: &Value) -> Result<bool, Fault> {
    for item in items {
        if deep_equal(call, needle, item, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(call: &Call<'_>) -> Result<Value, Fault> {
    let mut kept = Vec::new();
    for item in call.list(0)?.to_vec() {
        if !holds(call, &kept, &item)? {
            kept.push(item);
        }
    }
    call.made_list(Of::Any, kept)
}

fn without(call: &Call<'_>) -> Result<Value, Fault> {
    let unwanted: Vec<Value> = call.values(1).cloned().collect();
    let mut kept = Vec::new();
    for item in call.list(0)?.to_vec() {
        if !holds(call, &unwanted, &item)? {
            kept.push(item);
        }
    }
    call.made_list(Of::Any, kept)
}

fn has(call: &Call<'_>) -> Result<Value, Fault> {
    if matches!(call.value(1), Value::Nil) {
        return Ok(Value::Bool(false));
    }
    let items = call.list(1)?.to_vec();
    holds(call, &items, call.value(0)).map(Value::Bool)
}

fn slice(call: &Call<'_>) -> Result<Value, Fault> {
    let list = call.list(0)?;
    if list.len() == 0 {
        return Ok(Value::Nil);
    }
    let place = |index: usize, otherwise: usize| match call.arguments.get(index) {
        None => Ok(otherwise),
        Some(_) => usize::try_from(casting::integer(call, index)?)
            .map_err(|_| call.wants(index, "a place that is not negative")),
    };
    let (start, end) = (place(1, 0)?, place(2, list.len())?);
    // Go also gives what it keeps in reserve behind a list, which is nobody's.
    list.slice(start, end).map(Value::List).ok_or_else(|| {
        call.fault(format!(
            "from {start} to {end} is not within the list of {}",
            list.len()
        ))
    })
}

fn chunk(call: &Call<'_>) -> Result<Value, Fault> {
    let size = usize::try_from(call.int(0)?).ok().filter(|s| *s > 0);
    let size = size.ok_or_else(|| call.wants(0, "a size of at least 1"))?;
    let items = call.list(1)?.to_vec();
    let chunks = items.chunks(size).map(|c| call.made_list(Of::Any, c.to_vec()));
    let chunks = chunks.collect::<Result<_, _>>()?;
    call.made_list(Of::Lists, chunks)
}
