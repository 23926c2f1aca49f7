//! Path templates: Go's `text/template` with Sprig's functions, without environment, network or files.
//!
//! What is supported renders byte for byte as Go does (the cases under `tests/cases` were recorded from Go);
//! everything else is refused with its place and words, never rendered differently. Three things are refused that Go
//! renders: what prints no value (`<no value>` in Go), complaints of `printf` (`%!d(string=x)`), and errors that Sprig
//! swallows (a zone or a duration that does not exist, JSON or base64 that cannot be read).
#![forbid(unsafe_code)]

mod ast;
mod call;
mod check;
mod data;
mod error;
mod eval;
mod funcs;
mod go;
pub mod gotime;
mod layout;
mod lex;
mod literal;
mod methods;
mod moment;
mod parse;
pub mod reference;
mod value;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use data::Data;
pub use error::TemplateError;

/// The longest template, in bytes.
pub const TEMPLATE_MAX: usize = 16 * 1024;

/// What a template may know of the world, and nothing else.
#[derive(Clone, Debug)]
pub struct Context {
    /// What `now` answers.
    pub now: Timestamp,
    /// The zone of `now` and `date`, Go's `time.Local`. The Go operator's container runs in UTC.
    pub zone: TimeZone,
    /// What `.` is: a dict. The Go operator gives none.
    pub data: BTreeMap<String, Data>,
    /// What the random functions follow from: the same seed gives the same path.
    pub seed: u64,
}

impl Context {
    /// A time in UTC, without data.
    pub fn utc(now: Timestamp) -> Self {
        Self {
            now,
            zone: TimeZone::UTC,
            data: BTreeMap::new(),
            seed: 0,
        }
    }
}

/// A template that parsed and whose functions exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    text: String,
    trees: parse::Trees,
}

impl Template {
    /// Parses and checks a template: its functions exist, and take those literals. One that does not look at the data
    /// has no input but the time and the seed; it is rendered for some of them, and one that fails for all is refused.
    /// What depends on the data can fail later; render with data like those to come to know sooner.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = Self {
            text: text.into(),
            trees: parse::parse(text)?,
        };
        let looks = check::check(text, &template.trees)?;
        if looks.data {
            return Ok(template);
        }
        let mut first = None;
        let mut left = check::WORK;
        for context in check::trials(looks) {
            match eval::render_within(text, &template.trees, &context, usize::MAX, &mut left) {
                Ok(_) => return Ok(template),
                Err(error) => first = first.or(Some(error)),
            }
            if left == 0 {
                break;
            }
        }
        first.map_or(Ok(template), Err)
    }

    /// Renders into at most `max_bytes` bytes.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn render(&self, context: &Context, max_bytes: usize) -> Result<String, TemplateError> {
        eval::render(&self.text, &self.trees, context, max_bytes)
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_taken_off_what_is_left_and_no_rendering_takes_more_than_its_share() {
        let text = "{{ range until 100 }}{{ repeat 1000 \"a\" | sha256sum }}{{ end }}";
        let trees = parse::parse(text).unwrap();
        let mut left = check::WORK;
        let done = |left: &mut usize| {
            let before = *left;
            let ended = eval::render_within(
                text,
                &trees,
                &Context::utc(jiff::Timestamp::UNIX_EPOCH),
                usize::MAX,
                left,
            );
            (before - *left, ended.is_ok())
        };
        let (first, good) = done(&mut left);
        assert!(good && first > 100_000, "{first}");
        left = first;
        assert_eq!((done(&mut left), left), ((first, true), 0));
        assert_eq!(done(&mut left), (0, false), "nothing is left");
        let endless = "{{ range until 999 }}{{ range until 999 }}{{ now | date \"2006\" }}{{ end }}{{ end }}";
        let error = Template::parse(endless).unwrap_err();
        assert!(error.message.contains("does too much"), "{error}");
    }
}
