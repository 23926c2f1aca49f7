//! Sprig's functions of text. Lengths and positions are in bytes, as in Go; a cut inside a character is refused,
//! because what is left would not be UTF-8.
use super::{Function, exactly};
use crate::eval::{Call, Fault, TEXT_MAX, too_long};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("upper", 1, |call| each(call, |c| one(c.to_uppercase()))),
    exactly("lower", 1, |call| each(call, |c| one(c.to_lowercase()))),
    exactly("trim", 1, |call| text(call.text(0)?.trim())),
    exactly("trimAll", 2, trim_all),
    exactly("trimall", 2, trim_all),
    exactly("trimPrefix", 2, |call| {
        text(call.text(1)?.strip_prefix(call.text(0)?).unwrap_or(call.text(1)?))
    }),
    exactly("trimSuffix", 2, |call| {
        text(call.text(1)?.strip_suffix(call.text(0)?).unwrap_or(call.text(1)?))
    }),
    exactly("nospace", 1, |call| {
        Ok(Value::Text(
            call.text(0)?.chars().filter(|c| !c.is_whitespace()).collect(),
        ))
    }),
    exactly("contains", 2, |call| {
        Ok(Value::Bool(call.text(1)?.contains(call.text(0)?)))
    }),
    exactly("hasPrefix", 2, |call| {
        Ok(Value::Bool(call.text(1)?.starts_with(call.text(0)?)))
    }),
    exactly("hasSuffix", 2, |call| {
        Ok(Value::Bool(call.text(1)?.ends_with(call.text(0)?)))
    }),
    exactly("replace", 3, |call| {
        let (old, new, source) = (call.text(0)?, call.text(1)?, call.text(2)?);
        let grown = source
            .matches(old)
            .count()
            .saturating_mul(new.len())
            .saturating_add(source.len());
        if grown > 2 * TEXT_MAX {
            Err(too_long(call.at))
        } else {
            Ok(Value::Text(source.replace(old, new)))
        }
    }),
    exactly("repeat", 2, |call| {
        let (count, source) = (call.int(0)?, call.text(1)?);
        let count = usize::try_from(count).map_err(|_| call.wants(0, "a count that is not negative"))?;
        if count.saturating_mul(source.len()) > TEXT_MAX {
            Err(too_long(call.at))
        } else {
            Ok(Value::Text(source.repeat(count)))
        }
    }),
    exactly("trunc", 2, |call| {
        let (count, source) = (call.int(0)?, call.text(1)?);
        let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if size >= source.len() {
            return text(source);
        }
        if count < 0 {
            cut(call, source, source.len() - size, source.len())
        } else {
            cut(call, source, 0, size)
        }
    }),
    exactly("substr", 3, |call| {
        let (start, end, source) = (call.int(0)?, call.int(1)?, call.text(2)?);
        let bound =
            |value: i64| usize::try_from(value).map_err(|_| call.fault("is given positions outside of the text"));
        if start < 0 {
            return cut(call, source, 0, bound(end)?);
        }
        let end = bound(end)
            .ok()
            .filter(|end| *end <= source.len())
            .unwrap_or(source.len());
        cut(call, source, bound(start)?, end)
    }),
    exactly("len", 1, |call| {
        let length = i64::try_from(call.text(0)?.len());
        length.map(Value::Int).map_err(|_| too_long(call.at))
    }),
    exactly("plural", 3, |call| {
        text(call.text(if call.int(2)? == 1 { 0 } else { 1 })?)
    }),
];

fn text(text: &str) -> Result<Value, Fault> {
    Ok(Value::Text(text.into()))
}

fn trim_all(call: &Call<'_>) -> Result<Value, Fault> {
    let set: Vec<char> = call.text(0)?.chars().collect();
    text(call.text(1)?.trim_matches(set.as_slice()))
}

/// Go maps one character to one; where Unicode maps to several, the two would differ.
fn one(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next()?;
    mapped.next().is_none().then_some(first)
}

fn each(call: &Call<'_>, map: fn(char) -> Option<char>) -> Result<Value, Fault> {
    let mapped = call
        .text(0)?
        .chars()
        .map(|c| map(c).ok_or_else(|| call.fault(format!("is not available for {c:?}"))));
    mapped.collect::<Result<String, _>>().map(Value::Text)
}

fn cut(call: &Call<'_>, source: &str, start: usize, end: usize) -> Result<Value, Fault> {
    if start > end || end > source.len() {
        return Err(call.fault("is given positions outside of the text"));
    }
    match source.get(start..end) {
        Some(piece) => text(piece),
        None => Err(call.fault(format!(
            "would cut a character of {source:?} in two; positions are in bytes"
        ))),
    }
}
