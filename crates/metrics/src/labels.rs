//! Labels of one object, escaped once: a scrape repeats them with each of its series, and the library escapes nothing.
use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabel, EncodeLabelSet, EncodeLabelValue, LabelSetEncoder, LabelValueEncoder};

/// The longest value of a label, bytes: names of Kubernetes have at most that many.
const LONGEST: usize = 253;

/// Names and values of an object's labels, as its series have them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels {
    /// `namespace="team",schedule="nightly`, without the last quotation mark.
    text: Box<str>,
    /// Where the last value begins.
    last: u16,
}

impl Labels {
    /// Escapes them.
    pub fn new(names: &[&str], values: &[&str]) -> Self {
        let (mut text, mut last) = (String::new(), 0);
        for (name, value) in names.iter().zip(values) {
            if !text.is_empty() {
                text.push_str("\",");
            }
            text.push_str(name);
            text.push_str("=\"");
            last = text.len();
            // A string takes all.
            let _ = escape(value, &mut text);
        }
        Self {
            // Values are bounded, and of labels there are few.
            last: u16::try_from(last).unwrap_or_default(),
            text: text.into(),
        }
    }

    /// The first value, escaped.
    pub fn first(&self) -> &str {
        let behind = self.text.split_once("=\"").map_or("", |(_, behind)| behind);
        behind.split_once('"').map_or(behind, |(value, _)| value)
    }

    /// The last value, escaped.
    pub fn last(&self) -> &str {
        self.text.get(self.last.into()..).unwrap_or_default()
    }

    /// All of it, by which objects are told apart.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// To the library all but the last value is one name.
impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let names = usize::from(self.last).saturating_sub("=\"".len());
        let mut label = encoder.encode_label();
        let mut name = label.encode_label_key()?;
        name.write_str(self.text.get(..names).unwrap_or_default())?;
        let mut value = name.encode_label_value()?;
        value.write_str(self.last())?;
        value.finish()
    }
}

/// Names from the table, values as they come.
pub struct Unescaped<'a>(pub &'a [&'static str], pub &'a [&'a str]);

impl EncodeLabelSet for Unescaped<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        for (name, value) in self.0.iter().zip(self.1) {
            (*name, Value(value)).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

struct Value<'a>(&'a str);

impl EncodeLabelValue for Value<'_> {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        escape(self.0, encoder)
    }
}

/// A storage's name in a template may be anything, and of any length.
fn escape(value: &str, out: &mut impl Write) -> fmt::Result {
    let value = value.get(..value.floor_char_boundary(LONGEST)).unwrap_or_default();
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|b| matches!(b, b'\\' | b'"' | b'\n')) {
        let (plain, behind) = rest.split_at(at);
        out.write_str(plain)?;
        out.write_str(match behind.as_bytes().first() {
            Some(b'\n') => "\\n",
            Some(b'"') => "\\\"",
            _ => "\\\\",
        })?;
        rest = behind.get(1..).unwrap_or_default();
    }
    out.write_str(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_cut_and_their_ends_are_found_again() {
        let plain = Labels::new(&["namespace", "schedule"], &["team", "nightly"]);
        assert_eq!(plain.as_str(), "namespace=\"team\",schedule=\"nightly");
        assert_eq!((plain.first(), plain.last()), ("team", "nightly"));
        let odd = Labels::new(&["storage"], &[&format!("a\"}} 1\n\\{}", "ü".repeat(300))]);
        assert!(
            odd.last().starts_with("a\\\"} 1\\n\\\\ü") && odd.as_str().len() < 300,
            "{odd:?}"
        );
        assert!(Labels::new(&[], &[]).last().is_empty());
    }
}
