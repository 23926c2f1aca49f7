//! Path templates: Go's `text/template` with Sprig's functions, without environment, network or files.
//!
//! What is supported renders byte for byte as Go does (the cases under `tests/cases` were recorded from Go);
//! everything else is refused with its place and words, never rendered differently.
#![forbid(unsafe_code)]

mod ast;
mod check;
mod error;
mod eval;
mod funcs;
pub mod gotime;
mod layout;
mod lex;
mod literal;
mod moment;
mod parse;
mod value;
mod verbs;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use error::TemplateError;

/// The longest template, in bytes.
pub const TEMPLATE_MAX: usize = 16 * 1024;

/// What a template may know of the world: the time, and nothing else.
#[derive(Clone, Debug)]
pub struct Context {
    /// What `now` answers.
    pub now: Timestamp,
    /// The zone of `now` and `date`, Go's `time.Local`. The Go operator's container runs in UTC.
    pub zone: TimeZone,
}

impl Context {
    /// A time in UTC.
    pub fn utc(now: Timestamp) -> Self {
        Self {
            now,
            zone: TimeZone::UTC,
        }
    }
}

/// A template that parsed, whose functions exist and which renders at least at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    text: String,
    nodes: Vec<ast::Node>,
}

impl Template {
    /// Parses and checks a template. A template has no input but the time, so whatever is wrong with it shows
    /// when it is rendered once: that is part of the check. Only what depends on the time can fail later.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = Self {
            text: text.into(),
            nodes: parse::parse(text)?,
        };
        check::check(text, &template.nodes)?;
        template.render(&Context::utc(check::SAMPLE), usize::MAX)?;
        Ok(template)
    }

    /// Renders into at most `max_bytes` bytes.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn render(&self, context: &Context, max_bytes: usize) -> Result<String, TemplateError> {
        eval::render(&self.text, &self.nodes, context, max_bytes)
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}
