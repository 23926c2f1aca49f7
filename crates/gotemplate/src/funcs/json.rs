//! JSON.
use super::Param::{Any, Text};
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::json::{Style, read, write};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly(
        "fromJson",
        &[Text],
        "any",
        "The value that JSON says; its numbers are floats.",
        from,
    ),
    exactly("mustFromJson", &[Text], "any", "The same as `fromJson`.", from),
    exactly(
        "toJson",
        &[Any],
        "string",
        "As JSON, with `<`, `>` and `&` as escapes.",
        html,
    ),
    exactly("mustToJson", &[Any], "string", "The same as `toJson`.", html),
    exactly("toPrettyJson", &[Any], "string", "As JSON, indented.", pretty),
    exactly(
        "mustToPrettyJson",
        &[Any],
        "string",
        "The same as `toPrettyJson`.",
        pretty,
    ),
    exactly("toRawJson", &[Any], "string", "As JSON.", raw),
    exactly("mustToRawJson", &[Any], "string", "The same as `toRawJson`.", raw),
];

/// Sprig's `fromJson` quietly takes nil for what it cannot read; that is refused instead.
fn from(call: &Call<'_>) -> Result<Value, Fault> {
    read(call, call.text(0)?)?.map_err(|why| call.fault_at(0, format!("{}: {why}", call.name)))
}

fn styled(call: &Call<'_>, pretty: bool, html: bool) -> Result<Value, Fault> {
    call.made(write(call, call.value(0), Style { pretty, html })?)
}

fn html(call: &Call<'_>) -> Result<Value, Fault> {
    styled(call, false, true)
}

fn pretty(call: &Call<'_>) -> Result<Value, Fault> {
    styled(call, true, true)
}

fn raw(call: &Call<'_>) -> Result<Value, Fault> {
    styled(call, false, false)
}
