//! Regular expressions as Go's `regexp` takes them: translated into those of the `regex` crate, which has the same
//! leftmost-first rule and the same promise of linear time. What would mean something else there is refused.
mod class;
mod translate;

use std::ops::Range;

/// The largest program of an expression, in bytes.
const SIZE: usize = 512 * 1024;

/// A compiled expression.
#[derive(Debug)]
pub struct Regex {
    inner: regex::Regex,
    /// `\b` and `\B` mean ASCII words in Go: a text with other characters is refused.
    ascii: bool,
}

/// Why a text cannot be searched.
pub const NOT_ASCII: &str =
    "is given an expression with \\b or \\B, which Go knows for ASCII only, and a text with other characters";

impl Regex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Go would refuse it, or it cannot be searched as Go would.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let translated = translate::translate(pattern)?;
        let inner = regex::RegexBuilder::new(&translated.pattern)
            .size_limit(SIZE)
            .dfa_size_limit(SIZE)
            .nest_limit(60)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "it is too large".into(),
                other => other.to_string().lines().last().unwrap_or_default().trim().to_string(),
            })?;
        Ok(Self {
            inner,
            ascii: translated.ascii,
        })
    }

    /// Whether a text can be searched as Go would.
    pub fn fits(&self, text: &str) -> bool {
        !self.ascii || text.is_ascii()
    }

    /// Whether it matches somewhere.
    pub fn is_match(&self, text: &str) -> bool {
        self.inner.is_match(text)
    }

    /// The groups of the first match: the whole, then each; None where a group took no part.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Vec<Option<&'t str>>> {
        let captures = self.inner.captures(text)?;
        Some(captures.iter().map(|m| m.map(|m| m.as_str())).collect())
    }

    /// The matches as `FindAllStringIndex` counts them: an empty one right behind another does not count.
    pub fn find_all(&self, text: &str, limit: i64) -> Vec<Range<usize>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        while found.len() < limit
            && at <= text.len()
            && let Some(next) = self.inner.find_at(text, at)
        {
            let range = next.range();
            let abuts = range.is_empty() && found.last().is_some_and(|last| last.end == range.start);
            at = if range.is_empty() {
                step(text, range.end)
            } else {
                range.end
            };
            if !abuts {
                found.push(range);
            }
        }
        found
    }

    /// The matches, replaced; `expand` writes what stands for one, given its groups.
    pub fn replace_all(&self, text: &str, mut expand: impl FnMut(&regex::Captures<'_>, &mut String)) -> String {
        let mut out = String::new();
        let (mut at, mut last) = (0, 0);
        while at <= text.len()
            && let Some(captures) = self.inner.captures_at(text, at)
            && let Some(whole) = captures.get(0)
        {
            out.push_str(text.get(last..whole.start()).unwrap_or_default());
            if whole.end() > last || whole.start() == 0 {
                expand(&captures, &mut out);
            }
            last = whole.end();
            at = if whole.end() > at { whole.end() } else { step(text, at) };
        }
        out.push_str(text.get(last..).unwrap_or_default());
        out
    }

    /// The pieces between the matches, at most `limit` of them, if that is not negative.
    pub fn split<'t>(&self, pattern: &str, text: &'t str, limit: i64) -> Vec<&'t str> {
        if limit == 0 {
            return Vec::new();
        }
        if !pattern.is_empty() && text.is_empty() {
            return vec![""];
        }
        let mut pieces = Vec::new();
        let mut begin = 0;
        let mut end = 0;
        for found in self.find_all(text, limit) {
            if limit > 0 && i64::try_from(pieces.len()).is_ok_and(|n| n == limit - 1) {
                break;
            }
            end = found.start;
            if found.end != 0 {
                pieces.push(text.get(begin..end).unwrap_or_default());
            }
            begin = found.end;
        }
        if end != text.len() {
            pieces.push(text.get(begin..).unwrap_or_default());
        }
        pieces
    }
}

/// Behind the character at a byte.
fn step(text: &str, at: usize) -> usize {
    at + text.get(at..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8)
}

/// Writes a replacement: `$1`, `${1}`, `$name` and `$$`; a name is as long as it can be.
pub fn expand(template: &str, captures: &regex::Captures<'_>, out: &mut String) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, behind) = match after.strip_prefix('{') {
            Some(inner) => {
                let (name, behind) = word(inner);
                match behind.strip_prefix('}') {
                    Some(behind) if !name.is_empty() => (name, behind),
                    _ => ("", after),
                }
            }
            None => word(after),
        };
        if name.is_empty() {
            out.push('$');
            rest = after;
            continue;
        }
        let group = match number(name) {
            Some(index) => captures.get(index),
            None => captures.name(name),
        };
        out.push_str(group.map_or("", |m| m.as_str()));
        rest = behind;
    }
    out.push_str(rest);
}

fn word(text: &str) -> (&str, &str) {
    use crate::go::unicode::{Property, is};
    let end = text
        .find(|c: char| !(c == '_' || is(Property::Letter, c) || is(Property::Digit, c)))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Go takes a name for a number only without a leading zero and below 1e8.
fn number(name: &str) -> Option<usize> {
    if !name.bytes().all(|b| b.is_ascii_digit()) || (name.len() > 1 && name.starts_with('0')) {
        return None;
    }
    name.parse().ok().filter(|n| *n < 100_000_000)
}

/// `regexp.QuoteMeta`.
pub fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_that_go_refuses_are_refused() {
        for bad in [
            "(",
            "a**",
            "*",
            "a{2,1}",
            "a{1001}",
            "(?=a)",
            "\\1",
            "\\8",
            "\\Z",
            "\\C",
            "[b-a]",
            "[",
            "(?P<n>a)(?P<n>b)",
            "(?x)a",
            "\\p{Nope}",
            "(a{100}){100}",
            "[[:nope:]]",
            "\\",
            "a++",
            "(?i",
            "\\x{110000}",
            "(?<>a)",
            "[a",
            "\\u0041",
            "x{2}{3}",
        ] {
            assert!(Regex::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn expressions_mean_what_they_mean_in_go() {
        for (pattern, text, yes) in [
            (r"^\d+$", "12", true),
            (r"^\d+$", "١", false),
            (r"\s", "\u{b}", false),
            (r"[\w-]+", "-", true),
            (r"^[a&&b]$", "&", true),
            (r"^[[a]$", "[", true),
            (r"^a{,2}$", "a{,2}", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b$", "axb", false),
            (r"^\pL+$", "äé", true),
            (r"^\PL+$", "12", true),
            (r"^[^\pL\d]$", "-", true),
            (r"(?i)^STRASSE$", "strasse", true),
            (r"(?s)^.$", "\n", true),
            (r"^.$", "\n", false),
            (r"(?U)a+", "aa", true),
            (r"\bfoo\b", "a foo b", true),
            (r"^[[:alpha:][:digit:]]+$", "a1", true),
            (r"^[]a]+$", "]a", true),
            (r"^[a\]]+$", "]a", true),
            (r"^\x{e4}\x41$", "äA", true),
            (r"^(?<year>\d{4})$", "2024", true),
            (r"^[^\S]$", " ", true),
        ] {
            assert_eq!(Regex::new(pattern).unwrap().is_match(text), yes, "{pattern} {text:?}");
        }
        assert!(!Regex::new(r"\b").unwrap().fits("ä"));
    }
}
