//! Paths of backups.
use std::collections::BTreeMap;

use gotemplate::{Context, Data, Template};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use planner::run::path::data;
use planner::validate::run::check_path;
use serde_json::{Map, Value};

/// The longest text that `--raw` shows, bytes.
const RAW: usize = 1 << 20;

/// What paths know, and how they are shown.
#[derive(clap::Args)]
pub struct How {
    /// `.name` of the path: the run's.
    #[arg(long, value_name = "NAME", default_value = "example", conflicts_with = "file")]
    pub name: String,
    /// `.namespace` of the path.
    #[arg(long, value_name = "NAMESPACE", default_value = "default", conflicts_with = "file")]
    pub namespace: String,
    /// More of what `.` knows, for trying things out: a JSON object.
    #[arg(long, value_name = "JSON", value_parser = object, conflicts_with = "file")]
    pub data: Option<Map<String, Value>>,
    /// Show what the template renders to, whether or not it can be a path.
    #[arg(long, conflicts_with = "file")]
    pub raw: bool,
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("is not a JSON object: {error}"))
}

/// Of whose run a path is.
pub struct Owner<'a> {
    /// Name of the run.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its schedule; empty without one.
    pub schedule: &'a str,
}

/// A path template that parsed.
pub struct Path {
    template: Template,
    raw: bool,
    more: BTreeMap<String, Data>,
}

impl Path {
    /// Parses it as the operator does; a refusal has a caret.
    pub fn parse(text: &str, raw: bool, more: Option<&Map<String, Value>>) -> Result<Self, String> {
        let template = Template::parse(text).map_err(|error| format!("path: {error}"))?;
        let more = more
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), datum(value)));
        Ok(Self {
            template,
            raw,
            more: more.collect(),
        })
    }

    /// Renders it at a moment, for a run of that tick.
    pub fn render(&self, now: Timestamp, zone: &TimeZone, of: &Owner<'_>) -> Result<String, String> {
        let mut data = data(of.name, of.namespace, of.schedule, now);
        data.extend(self.more.clone());
        let context = Context {
            zone: zone.clone(),
            data,
            ..Context::utc(now)
        };
        let text = self
            .template
            .render(&context, RAW)
            .map_err(|error| format!("path: {error}"))?;
        if self.raw {
            return Ok(text);
        }
        check_path(&text).map_err(|why| format!("path: {why}"))
    }
}

fn datum(value: &Value) -> Data {
    match value {
        Value::Null => Data::Null,
        Value::Bool(b) => Data::Bool(*b),
        // As Go reads JSON into an interface{}: float64.
        Value::Number(n) => Data::Float(n.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Data::Text(text.clone()),
        Value::Array(all) => Data::List(all.iter().map(datum).collect()),
        Value::Object(all) => Data::Dict(all.iter().map(|(key, value)| (key.clone(), datum(value))).collect()),
    }
}
