//! Paths with slashes.
use super::Param::Text;
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::path;
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("base", &[Text], "string", "The last element of a path.", base),
    exactly("dir", &[Text], "string", "All but the last element.", dir),
    exactly(
        "clean",
        &[Text],
        "string",
        "The shortest path that means the same.",
        clean,
    ),
    exactly(
        "ext",
        &[Text],
        "string",
        "From the last point of the last element on.",
        ext,
    ),
    exactly("isAbs", &[Text], "bool", "Whether it begins with a slash.", is_abs),
    exactly("osBase", &[Text], "string", "The same as `base`.", base),
    exactly("osDir", &[Text], "string", "The same as `dir`.", dir),
    exactly("osClean", &[Text], "string", "The same as `clean`.", clean),
    exactly("osExt", &[Text], "string", "The same as `ext`.", ext),
    exactly("osIsAbs", &[Text], "bool", "The same as `isAbs`.", is_abs),
];

fn base(call: &Call<'_>) -> Result<Value, Fault> {
    call.made(path::base(call.text(0)?))
}

fn dir(call: &Call<'_>) -> Result<Value, Fault> {
    call.made(path::dir(call.text(0)?))
}

fn clean(call: &Call<'_>) -> Result<Value, Fault> {
    call.made(path::clean(call.text(0)?))
}

fn ext(call: &Call<'_>) -> Result<Value, Fault> {
    call.made(path::ext(call.text(0)?))
}

fn is_abs(call: &Call<'_>) -> Result<Value, Fault> {
    Ok(Value::Bool(call.text(0)?.starts_with('/')))
}
