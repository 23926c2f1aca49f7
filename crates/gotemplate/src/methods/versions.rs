//! Methods of `*semver.Version`; those that give another version are left out: Go prints their numbers only.
use std::rc::Rc;

use super::{Method, method, string};
use crate::call::{Call, Fault};
use crate::funcs::Param::Version as Ver;
use crate::go::semver::Version;
use crate::value::Value;

fn version<'v>(value: &'v Value, call: &Call<'_>) -> Result<&'v Rc<Version>, Fault> {
    match value {
        Value::Version(version) => Ok(version),
        _ => Err(call.fault("is a method of versions")),
    }
}

fn ordered(v: &Value, c: &Call<'_>, holds: fn(std::cmp::Ordering) -> bool) -> Result<Value, Fault> {
    let order = version(v, c)?.compare(version(c.value(0), c)?);
    Ok(Value::Bool(holds(order)))
}

pub const ALL: &[Method] = &[
    method("Compare", &[Ver], "int", |v, c| {
        Ok(Value::Int(version(v, c)?.compare(version(c.value(0), c)?) as i64))
    }),
    method("Equal", &[Ver], "bool", |v, c| ordered(v, c, std::cmp::Ordering::is_eq)),
    method("GreaterThan", &[Ver], "bool", |v, c| {
        ordered(v, c, std::cmp::Ordering::is_gt)
    }),
    method("GreaterThanEqual", &[Ver], "bool", |v, c| {
        ordered(v, c, std::cmp::Ordering::is_ge)
    }),
    method("LessThan", &[Ver], "bool", |v, c| {
        ordered(v, c, std::cmp::Ordering::is_lt)
    }),
    method("LessThanEqual", &[Ver], "bool", |v, c| {
        ordered(v, c, std::cmp::Ordering::is_le)
    }),
    method("Major", &[], "uint64", |v, c| Ok(Value::Uint64(version(v, c)?.major))),
    method("Metadata", &[], "string", |v, c| {
        c.made(version(v, c)?.metadata.as_str())
    }),
    method("Minor", &[], "uint64", |v, c| Ok(Value::Uint64(version(v, c)?.minor))),
    method("Original", &[], "string", |v, c| {
        c.made(version(v, c)?.original.as_str())
    }),
    method("Patch", &[], "uint64", |v, c| Ok(Value::Uint64(version(v, c)?.patch))),
    method("Prerelease", &[], "string", |v, c| c.made(version(v, c)?.pre.as_str())),
    method("String", &[], "string", string),
];
