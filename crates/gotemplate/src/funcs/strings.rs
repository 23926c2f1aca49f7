//! Sprig's functions of text: cutting, searching, replacing. Lengths and positions are in bytes, as in Go; a cut inside
//! a character is refused, because what is left would not be UTF-8.
use super::Param::{Int, Text};
use super::{Function, exactly};
use crate::call::{Call, Fault, TEXT_MAX, too_long};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("trim", &[Text], "string", "Without white space at both ends.", |call| {
        call.made(call.text(0)?.trim())
    }),
    exactly(
        "trimAll",
        &[Text, Text],
        "string",
        "Without these characters at both ends.",
        trim_all,
    ),
    exactly("trimall", &[Text, Text], "string", "The same as `trimAll`.", trim_all),
    exactly(
        "trimPrefix",
        &[Text, Text],
        "string",
        "Without this beginning.",
        |call| call.made(call.text(1)?.strip_prefix(call.text(0)?).unwrap_or(call.text(1)?)),
    ),
    exactly("trimSuffix", &[Text, Text], "string", "Without this end.", |call| {
        call.made(call.text(1)?.strip_suffix(call.text(0)?).unwrap_or(call.text(1)?))
    }),
    exactly(
        "contains",
        &[Text, Text],
        "bool",
        "Whether the first is within the second.",
        |call| Ok(Value::Bool(call.text(1)?.contains(call.text(0)?))),
    ),
    exactly(
        "hasPrefix",
        &[Text, Text],
        "bool",
        "Whether the second begins with the first.",
        |call| Ok(Value::Bool(call.text(1)?.starts_with(call.text(0)?))),
    ),
    exactly(
        "hasSuffix",
        &[Text, Text],
        "bool",
        "Whether the second ends with the first.",
        |call| Ok(Value::Bool(call.text(1)?.ends_with(call.text(0)?))),
    ),
    exactly(
        "replace",
        &[Text, Text, Text],
        "string",
        "The first replaced by the second, everywhere in the third.",
        |call| {
            let (old, new, source) = (call.text(0)?, call.text(1)?, call.text(2)?);
            let grown = source
                .matches(old)
                .count()
                .saturating_mul(new.len())
                .saturating_add(source.len());
            if grown > 2 * TEXT_MAX {
                Err(too_long(call.at))
            } else {
                call.made(source.replace(old, new))
            }
        },
    ),
    exactly("repeat", &[Int, Text], "string", "The text so many times.", |call| {
        let (count, source) = (call.int(0)?, call.text(1)?);
        let count = usize::try_from(count).map_err(|_| call.wants(0, "a count that is not negative"))?;
        if count.saturating_mul(source.len()) > TEXT_MAX {
            return Err(too_long(call.at));
        }
        let count = if source.is_empty() { 0 } else { count };
        call.made(source.repeat(count))
    }),
    exactly(
        "trunc",
        &[Int, Text],
        "string",
        "The first bytes, or the last if the count is negative.",
        |call| {
            let (count, source) = (call.int(0)?, call.text(1)?);
            let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            if size >= source.len() {
                return call.made(source);
            }
            if count < 0 {
                cut(call, source, source.len() - size, source.len())
            } else {
                cut(call, source, 0, size)
            }
        },
    ),
    exactly(
        "substr",
        &[Int, Int, Text],
        "string",
        "From one byte up to another; a negative end is the text's.",
        |call| {
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
        },
    ),
    exactly(
        "plural",
        &[Text, Text, Int],
        "string",
        "The first if the count is 1, else the second.",
        |call| call.made(call.text(if call.int(2)? == 1 { 0 } else { 1 })?),
    ),
    exactly(
        "indent",
        &[Int, Text],
        "string",
        "Each line behind so many spaces.",
        |call| call.made(indent(call)?),
    ),
    exactly(
        "nindent",
        &[Int, Text],
        "string",
        "The same, after a line feed.",
        |call| call.made(format!("\n{}", indent(call)?)),
    ),
];

fn trim_all(call: &Call<'_>) -> Result<Value, Fault> {
    let set: Vec<char> = call.text(0)?.chars().collect();
    call.made(call.text(1)?.trim_matches(set.as_slice()))
}

/// A piece of a text by its bytes.
pub fn cut(call: &Call<'_>, source: &str, start: usize, end: usize) -> Result<Value, Fault> {
    call.made(piece(call, source, start, end)?)
}

/// The same, not a value yet.
pub fn piece<'t>(call: &Call<'_>, source: &'t str, start: usize, end: usize) -> Result<&'t str, Fault> {
    if start > end || end > source.len() {
        return Err(call.fault("is given positions outside of the text"));
    }
    source.get(start..end).ok_or_else(|| {
        call.fault(format!(
            "would cut a character of {source:?} in two; positions are in bytes"
        ))
    })
}

fn indent(call: &Call<'_>) -> Result<String, Fault> {
    let count = usize::try_from(call.int(0)?).map_err(|_| call.wants(0, "a count that is not negative"))?;
    if count > TEXT_MAX {
        return Err(too_long(call.at));
    }
    let pad = " ".repeat(count);
    let mut out = call.out();
    for (index, line) in call.text(1)?.split('\n').enumerate() {
        if index > 0 {
            out.push("\n")?;
        }
        out.push(&pad)?;
        out.push(line)?;
    }
    Ok(out.done())
}
