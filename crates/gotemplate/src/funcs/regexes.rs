//! Regular expressions, in Go's syntax.
use std::rc::Rc;

use super::Param::{Int, Text};
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::regex::{NOT_ASCII, Regex, expand, quote_meta};
use crate::value::{List, Of, Value};

/// What compiling one costs, beside its length; about what it takes in memory.
const COST: usize = 40_000;

pub const ALL: &[Function] = &[
    exactly(
        "regexMatch",
        &[Text, Text],
        "bool",
        "Whether the expression matches somewhere.",
        is_match,
    ),
    exactly(
        "mustRegexMatch",
        &[Text, Text],
        "bool",
        "The same as `regexMatch`.",
        is_match,
    ),
    exactly(
        "regexFind",
        &[Text, Text],
        "string",
        "The first match; `\"\"` if there is none.",
        find,
    ),
    exactly(
        "mustRegexFind",
        &[Text, Text],
        "string",
        "The same as `regexFind`.",
        find,
    ),
    exactly(
        "regexFindAll",
        &[Text, Text, Int],
        "list",
        "The matches, at most so many; all if that is negative.",
        find_all,
    ),
    exactly(
        "mustRegexFindAll",
        &[Text, Text, Int],
        "list",
        "The same as `regexFindAll`.",
        find_all,
    ),
    exactly(
        "regexReplaceAll",
        &[Text, Text, Text],
        "string",
        "The matches of the first in the second, replaced by the third with its `$1` and `${name}`.",
        replace,
    ),
    exactly(
        "mustRegexReplaceAll",
        &[Text, Text, Text],
        "string",
        "The same as `regexReplaceAll`.",
        replace,
    ),
    exactly(
        "regexReplaceAllLiteral",
        &[Text, Text, Text],
        "string",
        "The same, the third as it stands.",
        replace_literal,
    ),
    exactly(
        "mustRegexReplaceAllLiteral",
        &[Text, Text, Text],
        "string",
        "The same as `regexReplaceAllLiteral`.",
        replace_literal,
    ),
    exactly(
        "regexSplit",
        &[Text, Text, Int],
        "list",
        "The pieces between matches, at most so many; all if that is negative.",
        split,
    ),
    exactly(
        "mustRegexSplit",
        &[Text, Text, Int],
        "list",
        "The same as `regexSplit`.",
        split,
    ),
    exactly(
        "regexQuoteMeta",
        &[Text],
        "string",
        "Escaped, so that it matches itself.",
        |call| call.made(quote_meta(call.text(0)?)),
    ),
];

/// The expression that is the first argument, for the text that is the second. Sprig's `regexMatch` quietly says no to
/// an expression that is wrong; that is refused instead.
fn regex(call: &Call<'_>) -> Result<Rc<Regex>, Fault> {
    let pattern = call.text(0)?;
    let there = call.state.regexes.borrow().get(pattern).cloned();
    let regex = match there {
        Some(regex) => regex,
        None => {
            call.charge(COST + 64 * pattern.len())?;
            let made = Regex::new(pattern)
                .map_err(|why| call.fault_at(0, format!("{}: {pattern:?} is not available: {why}", call.name)))?;
            let made = Rc::new(made);
            call.state.regexes.borrow_mut().insert(pattern.into(), made.clone());
            made
        }
    };
    if !regex.fits(call.text(1)?) {
        return Err(call.fault(NOT_ASCII));
    }
    // Searching takes time in proportion to the product of both.
    call.charge(call.text(1)?.len().saturating_mul(1 + pattern.len() / 16))?;
    Ok(regex)
}

fn is_match(call: &Call<'_>) -> Result<Value, Fault> {
    Ok(Value::Bool(regex(call)?.is_match(call.text(1)?)))
}

fn find(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text(1)?;
    let found = regex(call)?.find_all(text, 1).into_iter().next();
    call.made(found.and_then(|range| text.get(range)).unwrap_or_default())
}

fn find_all(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text(1)?;
    let limit = call.int(2)?;
    let found = regex(call)?.find_all(text, limit);
    if found.is_empty() {
        return Ok(Value::List(List::nil(Of::Text)));
    }
    call.made_texts(found.into_iter().filter_map(|range| text.get(range)))
}

fn replace(call: &Call<'_>) -> Result<Value, Fault> {
    let (text, template) = (call.text(1)?, call.text(2)?);
    bounded(call, |captures, out| expand(template, captures, out), text)
}

fn replace_literal(call: &Call<'_>) -> Result<Value, Fault> {
    let (text, template) = (call.text(1)?, call.text(2)?);
    bounded(call, |_, out| out.push_str(template), text)
}

fn bounded(
    call: &Call<'_>,
    mut write: impl FnMut(&regex::Captures<'_>, &mut String),
    text: &str,
) -> Result<Value, Fault> {
    let replaced = regex(call)?.replace_all(text, |captures, out| {
        if out.len() <= crate::call::TEXT_MAX {
            write(captures, out);
        }
    });
    call.made(replaced)
}

fn split(call: &Call<'_>) -> Result<Value, Fault> {
    let limit = call.int(2)?;
    let pieces = regex(call)?.split(call.text(0)?, call.text(1)?, limit);
    if limit == 0 {
        return Ok(Value::List(List::nil(Of::Text)));
    }
    call.made_texts(pieces)
}
