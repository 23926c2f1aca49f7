//! Versions and constraints as Masterminds' semver 3.3 takes them, which differ from Cargo's.
mod constraint;

use std::cmp::Ordering;
use std::fmt;

pub use constraint::Constraints;

/// A version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// First number.
    pub major: u64,
    /// Second number.
    pub minor: u64,
    /// Third number.
    pub patch: u64,
    /// What follows the `-`.
    pub pre: String,
    /// What follows the `+`.
    pub metadata: String,
    /// As it was written.
    pub original: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Version {
    /// Reads `v1.2.3-pre+metadata`, of which all but the first number may be missing.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, metadata) = match rest.split_once('+') {
            Some((rest, metadata)) => (rest, Some(metadata)),
            None => (rest, None),
        };
        let (numbers, pre) = match rest.split_once('-') {
            Some((numbers, pre)) => (numbers, Some(pre)),
            None => (rest, None),
        };
        let identifiers = |text: &str| {
            text.split('.')
                .all(|p| !p.is_empty() && p.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric()))
        };
        let no_leading_zero = |text: &str| {
            text.split('.')
                .all(|p| !is_number(p) || p == "0" || !p.starts_with('0'))
        };
        if metadata.is_some_and(|m| !identifiers(m)) || pre.is_some_and(|p| !identifiers(p) || !no_leading_zero(p)) {
            return None;
        }
        let mut parts = numbers.split('.');
        let mut next = || -> Option<u64> {
            match parts.next() {
                None => Some(0),
                Some(part) if is_number(part) && (part == "0" || !part.starts_with('0')) => part.parse().ok(),
                Some(_) => None,
            }
        };
        let (major, minor, patch) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            major,
            minor,
            patch,
            pre: pre.unwrap_or_default().into(),
            metadata: metadata.unwrap_or_default().into(),
            original: text.into(),
        })
    }

    /// By the rules of semver: metadata do not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_pre(&self.pre, &other.pre),
            })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn compare_pre(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) if a == b => Ordering::Equal,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) if a > b => Ordering::Greater,
                (Ok(_), Ok(_) | Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_semver_says() {
        let sorted = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1",
            "1.0.1",
            "v1.2",
            "2.0.0",
        ];
        for pair in sorted.windows(2) {
            let (a, b) = (Version::parse(pair[0]).unwrap(), Version::parse(pair[1]).unwrap());
            assert_eq!(a.compare(&b), Ordering::Less, "{pair:?}");
        }
        for bad in [
            "",
            "v",
            "01.2",
            "1.2.3.4",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3+",
            "x",
            "1.2.3 ",
            "V1",
            "1.-a",
        ] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }
}
