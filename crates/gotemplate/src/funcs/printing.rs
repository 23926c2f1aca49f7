//! `print`, `printf`, and what else turns values into text.
use super::Param::{Any, Text};
use super::{Function, at_least, exactly};
use crate::call::{Call, Fault};
use crate::go::print::{self, quote, strval};
use crate::go::unicode::{Property, is};
use crate::go::url::{Place, escape};
use crate::value::Value;

pub const ALL: &[Function] = &[
    at_least(
        "print",
        &[],
        Any,
        "string",
        "All arguments; a space between two of which neither is a text.",
        |call| call.made(print::sprint(call, call.values(0))?),
    ),
    at_least(
        "println",
        &[],
        Any,
        "string",
        "All arguments, spaces between them and a line feed behind.",
        |call| {
            let shown = call.values(0).map(|v| strval(call, v)).collect::<Result<Vec<_>, _>>()?;
            call.made(format!("{}\n", shown.join(" ")))
        },
    ),
    at_least(
        "printf",
        &[Text],
        Any,
        "string",
        "By a format: `%s %v %q %d %5.2f %-10s %x %c %U %t %T %e %g`, `%*d`, `%[1]s`.",
        |call| call.made(print::sprintf(call)?),
    ),
    at_least(
        "cat",
        &[],
        Any,
        "string",
        "All that are not nil, spaces between them.",
        |call| {
            let shown = there(call).map(|v| strval(call, v)).collect::<Result<Vec<_>, _>>()?;
            call.made(shown.join(" "))
        },
    ),
    at_least(
        "quote",
        &[],
        Any,
        "string",
        "Each in double quotes, with Go's escapes.",
        |call| {
            let shown = there(call)
                .map(|v| Ok(quote(&strval(call, v)?)))
                .collect::<Result<Vec<_>, _>>()?;
            call.made(shown.join(" "))
        },
    ),
    at_least(
        "squote",
        &[],
        Any,
        "string",
        "Each in single quotes, without escapes.",
        |call| {
            let shown = there(call)
                .map(|v| Ok(format!("'{}'", strval(call, v)?)))
                .collect::<Result<Vec<_>, _>>()?;
            call.made(shown.join(" "))
        },
    ),
    exactly("toString", &[Any], "string", "The value as `print` shows it.", |call| {
        call.made(strval(call, call.value(0))?)
    }),
    at_least(
        "html",
        &[],
        Any,
        "string",
        "With the characters `<>&\"'` as HTML has them.",
        |call| {
            let mut out = call.out();
            for c in plain(call)?.chars() {
                match c {
                    '\0' => out.push("\u{fffd}")?,
                    '"' => out.push("&#34;")?,
                    '\'' => out.push("&#39;")?,
                    '&' => out.push("&amp;")?,
                    '<' => out.push("&lt;")?,
                    '>' => out.push("&gt;")?,
                    c => out.push(c.encode_utf8(&mut [0; 4]))?,
                }
            }
            call.made(out.done())
        },
    ),
    at_least("js", &[], Any, "string", "As it stands in a text of JavaScript.", js),
    at_least(
        "urlquery",
        &[],
        Any,
        "string",
        "As it stands in the query of a URL.",
        |call| call.made(escape(&plain(call)?, Place::Query)),
    ),
];

/// The arguments that are not nil.
fn there<'c>(call: &'c Call<'_>) -> impl Iterator<Item = &'c Value> {
    call.values(0).filter(|v| !matches!(v, Value::Nil | Value::Missing))
}

/// The arguments as the functions for other languages take them.
fn plain(call: &Call<'_>) -> Result<String, Fault> {
    if let Some(index) = call.values(0).position(|v| matches!(v, Value::Nil | Value::Missing)) {
        return Err(call.wants(index, "a value"));
    }
    print::sprint(call, call.values(0))
}

fn js(call: &Call<'_>) -> Result<Value, Fault> {
    let mut out = call.out();
    for c in plain(call)?.chars() {
        match c {
            '\\' => out.push("\\\\")?,
            '\'' => out.push("\\'")?,
            '"' => out.push("\\\"")?,
            '<' | '>' | '&' | '=' => out.push(&format!("\\u{:04X}", u32::from(c)))?,
            c if c < ' ' || (!c.is_ascii() && !is(Property::Print, c)) => {
                out.push(&format!("\\u{:04X}", u32::from(c)))?;
            }
            c => out.push(c.encode_utf8(&mut [0; 4]))?,
        }
    }
    call.made(out.done())
}
