//! What a user may write: the same rules at the webhook, in reconcile and in the CLI. All faults of an object at once.
mod action;
mod bundle;
pub mod container;
pub mod drill;
pub mod metadata;
mod names;
pub mod notifications;
pub(crate) mod pod;
pub mod recipient;
pub mod run;
pub mod schedule;
mod source;
pub mod storage;
pub mod values;

use std::fmt;

pub use pod::account;

/// The longest field and the longest message of a fault, bytes, but for what says how much was left out. They quote what
/// somebody wrote, which may be a megabyte.
const LONGEST: usize = 2000;
/// How much of these is kept of the end, where the cure is.
const END: usize = 600;
/// The longest sentence of many faults, bytes: with it a status stays small.
const SENTENCE: usize = 8 << 10;

/// One fault of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Path of the field, `spec.storage.path`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Fault {
    /// A fault; what is too long to be read loses its middle.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: shortened(field.into()),
            message: shortened(message.into()),
        }
    }
}

fn shortened(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let begin = &text[..text.floor_char_boundary(LONGEST - END)];
    let end = &text[text.ceil_char_boundary(text.len() - END)..];
    let left = text.len() - begin.len() - end.len();
    format!("{begin} [{left} bytes are left out] {end}")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All faults in one sentence, for conditions and Events; those for which there is no room are counted.
pub fn sentence(faults: &[Fault]) -> String {
    let mut text = String::new();
    for (n, fault) in faults.iter().enumerate() {
        let fault = fault.to_string();
        if n > 0 && text.len() + fault.len() > SENTENCE {
            let left = faults.len() - n;
            return format!("{text}; and {left} more, which `kubectl backup lint` names");
        }
        if n > 0 {
            text.push_str("; ");
        }
        text.push_str(&fault);
    }
    text
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
        self.all.push(Fault::new(field, message));
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
    fn what_quotes_a_megabyte_can_still_be_read_and_ends_with_the_cure() {
        let fault = Fault::new(
            format!("spec[{:?}]", "ü".repeat(500_000)),
            format!("{:?} is not a name; use letters", "\u{1}".repeat(500_000)),
        );
        assert!(fault.to_string().len() < 4200, "{}", fault.to_string().len());
        assert!(fault.message.starts_with("\"\\u{1}") && fault.message.ends_with("use letters"));
        assert!(fault.message.contains("bytes are left out]"), "{fault}");
        assert_eq!(
            Fault::new("a", "b".repeat(2000)).message.len(),
            2000,
            "nothing is lost without need"
        );
    }

    #[test]
    fn a_sentence_of_many_faults_fits_into_a_status_and_counts_the_rest() {
        let faults: Vec<_> = (0..1000)
            .map(|n| Fault::new(format!("spec[{n}]"), "x".repeat(50)))
            .collect();
        let text = sentence(&faults);
        assert!(text.len() < 8300, "{}", text.len());
        let (told, rest) = text.rsplit_once("; and ").unwrap();
        let left: usize = rest.split_once(' ').unwrap().0.parse().unwrap();
        assert_eq!(told.split("; ").count() + left, 1000);
        assert_eq!(sentence(&faults[..2]).matches("; ").count(), 1);
        assert_eq!(sentence(&[]), "");
        let one = Fault::new("a".repeat(9000), "b".repeat(9000));
        assert_eq!(
            sentence(std::slice::from_ref(&one)),
            one.to_string(),
            "one is always told"
        );
    }

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
