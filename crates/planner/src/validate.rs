//! What a user may write: the same rules at the webhook, in reconcile and in the CLI. All faults of an object at once.
mod action;
pub mod container;
pub mod metadata;
mod names;
mod pod;
pub mod recipient;
pub mod run;
pub mod schedule;
pub mod storage;

use std::fmt;

/// One fault of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path of the field, `spec.storage.path`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All faults in one sentence, for conditions and Events.
pub fn sentence(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Collects the faults below one field.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Put before every field.
    prefix: String,
    /// In the order in which they were found.
    pub all: Vec<Fault>,
}

impl Faults {
    pub(crate) fn below(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
            all: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        let field = if field.is_empty() {
            self.prefix.clone()
        } else {
            format!("{}.{field}", self.prefix)
        };
        self.all.push(Fault {
            field,
            message: message.into(),
        });
    }
}

/// The name that was meant, if one of those there are is close: a slip, not a different word. Upper and lower case are the
/// same, and a shortened word (`lvl`) means the whole one.
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let limit = name.chars().count().div_ceil(3);
    let far = |known: &str| {
        let known = known.to_lowercase();
        let far = distance(&name, &known);
        if far > limit && is_short_for(&name, &known) {
            limit
        } else {
            far
        }
    };
    let close = known.into_iter().map(|k| (far(k), k)).filter(|(d, _)| *d <= limit);
    close.min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// Letters left out, but not the first and not more than two of three.
fn is_short_for(name: &str, whole: &str) -> bool {
    let mut rest = whole.chars();
    let first = name.chars().next();
    name.len() > 1
        && name.len() * 3 >= whole.len()
        && first == whole.chars().next()
        && name.chars().all(|c| rest.any(|other| other == c))
}

/// Insertions, deletions and replacements from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != *y)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(meant("mysq", ["redis", "mysql"]), Some("mysql"));
        assert_eq!(meant("mysql", ["redis", "sidecar"]), None);
        assert_eq!(meant("mian", ["main"]), Some("main"));
        assert_eq!(meant("ab", ["cd"]), None);
        assert_eq!(meant("a", []), None);
        for (short, whole) in [
            ("lvl", "level"),
            ("cmd", "command"),
            ("img", "image"),
            ("timezone", "timeZone"),
        ] {
            assert_eq!(meant(short, ["template", whole]), Some(whole));
        }
        assert_eq!(meant("ns", ["namespace"]), None);
    }
}
