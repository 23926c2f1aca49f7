//! The methods of times, durations, months, days of the week and versions.
mod durations;
mod times;
mod versions;

use crate::call::{Call, Fault};
use crate::funcs::{Param, likely};
use crate::value::Value;

pub use times::zone;

/// A method.
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub params: &'static [Param],
    /// What it gives, as the documentation shows it.
    pub gives: &'static str,
    /// Runs it.
    pub run: fn(&Value, &Call<'_>) -> Result<Value, Fault>,
}

const fn method(
    name: &'static str,
    params: &'static [Param],
    gives: &'static str,
    run: fn(&Value, &Call<'_>) -> Result<Value, Fault>,
) -> Method {
    Method {
        name,
        params,
        gives,
        run,
    }
}

const NAMES: &[Method] = &[method("String", &[], "string", string)];

fn string(value: &Value, call: &Call<'_>) -> Result<Value, Fault> {
    call.made(crate::go::print::string(value).map_err(|e| call.fault_at(0, e))?)
}

/// The methods of a value's type.
fn of(value: &Value) -> &'static [Method] {
    match value {
        Value::Time(_) => times::ALL,
        Value::Duration(_) => durations::ALL,
        Value::Month(_) | Value::Weekday(_) => NAMES,
        Value::Version(_) => versions::ALL,
        _ => &[],
    }
}

/// All types that have methods, in words, and their methods.
pub fn all() -> [(&'static str, &'static [Method]); 4] {
    [
        ("a time (`now`, `toDate`)", times::ALL),
        ("a duration (`Sub` of a time)", durations::ALL),
        ("a month or a day of the week", NAMES),
        ("a version (`semver`)", versions::ALL),
    ]
}

/// The method of that name.
pub fn find(value: &Value, name: &str) -> Option<&'static Method> {
    of(value).iter().find(|m| m.name == name)
}

/// That a value has no such field or method.
pub fn unknown(value: &Value, name: &str) -> String {
    let known = of(value).iter().map(|m| m.name);
    let hint = likely(name, known.clone())
        .map(|n| format!(", did you mean {n}?"))
        .unwrap_or_default();
    let words = value.words();
    if of(value).is_empty() {
        return format!("{words} has no field or method {name:?}");
    }
    let known: Vec<_> = known.collect();
    format!("{words} has no method {name:?}{hint} (there are {})", known.join(", "))
}
