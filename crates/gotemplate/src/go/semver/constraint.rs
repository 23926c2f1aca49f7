//! Constraints: `>=1.2, <2 || ~3.1`.
use std::cmp::Ordering;
use std::sync::LazyLock;

use super::{Version, compare_pre};
use crate::go::regex::Regex;

/// A version in a constraint, with wildcards; its groups are numbers 1 to 3, the part with `-` 4, `-` and `+` inside 5 to 9.
const VERSION: &str = r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

struct Expressions {
    one: Regex,
    range: Regex,
    find: Regex,
    valid: Regex,
}

static EXPRESSIONS: LazyLock<Result<Expressions, String>> = LazyLock::new(|| {
    Ok(Expressions {
        one: Regex::new(&format!(r"^\s*({OPERATORS})\s*({VERSION})\s*$"))?,
        range: Regex::new(&format!(r"\s*({VERSION})\s+-\s+({VERSION})\s*"))?,
        find: Regex::new(&format!(r"({OPERATORS})\s*({VERSION})"))?,
        valid: Regex::new(&format!(
            r"^(\s*({OPERATORS})\s*({VERSION})\s*)((?:\s+|,\s*)({OPERATORS})\s*({VERSION})\s*)*$"
        ))?,
    })
});

/// Alternatives, each of constraints that all have to hold.
#[derive(Debug)]
pub struct Constraints(Vec<Vec<Constraint>>);

#[derive(Debug)]
struct Constraint {
    operator: String,
    version: Version,
    /// Something was missing or a wildcard: the second number, the third, or any.
    minor_open: bool,
    patch_open: bool,
    open: bool,
}

impl Constraints {
    /// Reads constraints.
    ///
    /// # Errors
    /// What part is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expressions = EXPRESSIONS.as_ref().map_err(Clone::clone)?;
        let text = rewrite_ranges(expressions, text);
        text.split("||")
            .map(|part| {
                if !expressions.valid.is_match(part) {
                    return Err(format!("{part:?} is no constraint of versions"));
                }
                expressions
                    .find
                    .find_all(part, -1)
                    .into_iter()
                    .map(|range| one(expressions, part.get(range).unwrap_or_default()))
                    .collect()
            })
            .collect::<Result<_, String>>()
            .map(Self)
    }

    /// Whether a version is within them.
    pub fn check(&self, version: &Version) -> bool {
        self.0.iter().any(|all| all.iter().all(|c| c.check(version)))
    }
}

/// `1.2 - 1.4` is `>= 1.2, <= 1.4`.
fn rewrite_ranges(expressions: &Expressions, text: &str) -> String {
    expressions.range.replace_all(text, |groups, out| {
        let group = |index: usize| groups.get(index).map_or("", |m| m.as_str());
        out.push_str(&format!(">= {}, <= {} ", group(1), group(11)));
    })
}

fn one(expressions: &Expressions, text: &str) -> Result<Constraint, String> {
    let wrong = || format!("{text:?} is no constraint of versions");
    let groups = expressions.one.captures(text).ok_or_else(wrong)?;
    let group = |index: usize| groups.get(index).copied().flatten().unwrap_or_default();
    let is_open = |part: &str| matches!(part, "" | "x" | "*" | "X");
    let number = |index: usize| group(index).trim_start_matches('.');
    let pre = group(6);
    let (minor_open, patch_open, open, version) = if is_open(number(3)) {
        (false, false, true, format!("0.0.0{pre}"))
    } else if is_open(number(4)) {
        (true, false, true, format!("{}.0.0{pre}", number(3)))
    } else if is_open(number(5)) {
        (false, true, true, format!("{}.{}.0{pre}", number(3), number(4)))
    } else {
        (false, false, false, group(2).to_string())
    };
    Ok(Constraint {
        operator: group(1).into(),
        version: Version::parse(&version).ok_or_else(wrong)?,
        minor_open,
        patch_open,
        open,
    })
}

impl Constraint {
    fn check(&self, v: &Version) -> bool {
        // A constraint that asks for no pre-release takes none.
        let release_only = !v.pre.is_empty() && self.version.pre.is_empty();
        match self.operator.as_str() {
            "!=" => self.differs(v, release_only),
            _ if release_only => false,
            "" | "=" if self.open => self.tilde(v),
            "" | "=" => v.compare(&self.version).is_eq(),
            ">" => self.greater(v),
            "<" => v.compare(&self.version).is_lt(),
            ">=" | "=>" => v.compare(&self.version).is_ge(),
            "<=" | "=<" => self.at_most(v),
            "~" | "~>" => self.tilde(v),
            _ => self.caret(v),
        }
    }

    fn differs(&self, v: &Version, release_only: bool) -> bool {
        let con = &self.version;
        if self.open {
            if release_only {
                return false;
            }
            if con.major != v.major {
                return true;
            }
            if con.minor != v.minor && !self.minor_open {
                return true;
            }
            if self.minor_open {
                return false;
            }
            if con.patch != v.patch && !self.patch_open {
                return true;
            }
            if self.patch_open {
                return (!v.pre.is_empty() || !con.pre.is_empty()) && pre_order(&v.pre, &con.pre).is_ne();
            }
        }
        v.compare(con).is_ne()
    }

    fn greater(&self, v: &Version) -> bool {
        let con = &self.version;
        if !self.open {
            return v.compare(con).is_gt();
        }
        match v.major.cmp(&con.major) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal if self.minor_open => false,
            Ordering::Equal if self.patch_open => v.minor > con.minor,
            Ordering::Equal => v.compare(con).is_gt(),
        }
    }

    fn at_most(&self, v: &Version) -> bool {
        let con = &self.version;
        if !self.open {
            return v.compare(con).is_le();
        }
        !(v.major > con.major || (v.major == con.major && v.minor > con.minor && !self.minor_open))
    }

    fn tilde(&self, v: &Version) -> bool {
        let con = &self.version;
        if v.compare(con).is_lt() {
            return false;
        }
        let any = (con.major, con.minor, con.patch) == (0, 0, 0) && !self.minor_open && !self.patch_open;
        any || (v.major == con.major && (v.minor == con.minor || self.minor_open))
    }

    fn caret(&self, v: &Version) -> bool {
        let con = &self.version;
        if v.compare(con).is_lt() {
            return false;
        }
        if con.major > 0 || self.minor_open {
            return v.major == con.major;
        }
        if v.major > 0 {
            return false;
        }
        if con.minor > 0 || self.patch_open {
            return v.minor == con.minor;
        }
        v.minor == 0 && con.patch == v.patch
    }
}

/// Also where one of them is empty, which sorts low here.
fn pre_order(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => compare_pre(a, b),
    }
}
