//! What the caller gives to a template beside the time.
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::call::State;
use crate::moment::Moment;
use crate::value::{List, Of, Value};

/// A datum.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `nil`.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `float64`.
    Float(f64),
    /// `string`.
    Text(String),
    /// `time.Time`, shown in UTC.
    Time(Timestamp),
    /// `[]interface{}`.
    List(Vec<Data>),
    /// `map[string]interface{}`.
    Dict(BTreeMap<String, Data>),
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// The data as the dict that a template's dot is.
pub fn dict(state: &State<'_>) -> Value {
    entries(state, &state.context.data)
}

fn entries(state: &State<'_>, data: &BTreeMap<String, Data>) -> Value {
    let entries = data
        .iter()
        .map(|(key, datum)| (key.as_str().into(), value(state, datum)));
    Value::Dict(state.dict(Of::Any, entries.collect()))
}

fn value(state: &State<'_>, datum: &Data) -> Value {
    match datum {
        Data::Null => Value::Nil,
        Data::Bool(b) => Value::Bool(*b),
        Data::Int(i) => Value::Int(*i),
        Data::Float(f) => Value::Float(*f),
        Data::Text(text) => Value::text(text.as_str()),
        Data::Time(at) => Value::Time(Moment::new(*at, TimeZone::UTC)),
        Data::List(items) => Value::List(List::new(Of::Any, items.iter().map(|d| value(state, d)).collect())),
        Data::Dict(data) => entries(state, data),
    }
}
