//! Go's syntax of expressions into that of the `regex` crate.
use super::class;

/// A translated expression.
pub struct Translated {
    /// For the `regex` crate.
    pub pattern: String,
    /// Only for ASCII texts.
    pub ascii: bool,
}

/// Go's highest count of repetitions, also of nested ones together.
const REPEAT_MAX: u32 = 1000;
/// Groups within groups.
const DEPTH: usize = 50;

pub fn translate(pattern: &str) -> Result<Translated, String> {
    let mut translator = Translator {
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        ascii: false,
        groups: vec![Group::default()],
        names: Vec::new(),
    };
    translator.run()?;
    Ok(Translated {
        pattern: translator.out,
        ascii: translator.ascii,
    })
}

/// What is known of an open group.
#[derive(Default)]
struct Group {
    /// The highest product of counts of what is in it.
    weight: u32,
    /// What a repetition would apply to; None: nothing to repeat.
    last: Option<u32>,
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    ascii: bool,
    groups: Vec<Group>,
    names: Vec<&'a str>,
}

impl<'a> Translator<'a> {
    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    fn eat(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// What was just written can be repeated; `weight` is the product of the counts in it.
    fn atom(&mut self, weight: u32) {
        if let Some(group) = self.groups.last_mut() {
            group.weight = group.weight.max(weight);
            group.last = Some(weight);
        }
    }

    fn no_atom(&mut self) {
        if let Some(group) = self.groups.last_mut() {
            group.last = None;
        }
    }

    fn literal(&mut self, c: char) {
        class::push(&mut self.out, c);
        self.atom(1);
    }

    fn run(&mut self) -> Result<(), String> {
        loop {
            let before = self.rest;
            let Some(c) = self.take() else { break };
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.out.push('|');
                    self.no_atom();
                }
                '[' => {
                    let (class, rest) = class::class(self.rest)?;
                    self.out.push_str(&class);
                    self.rest = rest;
                    self.atom(1);
                }
                '.' | '^' | '$' => {
                    self.out.push(c);
                    self.atom(1);
                }
                '*' | '+' | '?' => self.repeat(&String::from(c), 1)?,
                '{' => match counts(self.rest) {
                    Some((least, most, rest)) => {
                        self.rest = rest;
                        self.counted(least, most)?;
                    }
                    None => self.literal('{'),
                },
                '\\' => self.escape(before)?,
                c => self.literal(c),
            }
        }
        if self.groups.len() > 1 {
            return Err("a closing ) is missing".into());
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        if self.groups.len() > DEPTH {
            return Err(format!("more than {DEPTH} groups within each other"));
        }
        if !self.eat("?") {
            self.out.push('(');
            self.groups.push(Group::default());
            return Ok(());
        }
        if self.eat("P<") || self.eat("<") {
            let (name, rest) = self.rest.split_once('>').ok_or("the > of a group's name is missing")?;
            let good = !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
            // The crate wants a name to begin with a letter.
            if !good || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(format!("{name:?} is no name of a group"));
            }
            if self.names.contains(&name) {
                return Err(format!("there are two groups {name:?}"));
            }
            self.names.push(name);
            self.rest = rest;
            self.out.push_str(&format!("(?P<{name}>"));
            self.groups.push(Group::default());
            return Ok(());
        }
        let end = self
            .rest
            .find([':', ')'])
            .ok_or("the end of a group's flags is missing")?;
        let flags = self.rest.get(..end).unwrap_or_default();
        let colon = self.rest.get(end..).is_some_and(|r| r.starts_with(':'));
        let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
        let known = |flags: &str| flags.chars().all(|c| "imsU".contains(c));
        if !known(on) || !known(off) || (flags.contains('-') && off.is_empty()) || (flags.is_empty() && !colon) {
            return Err(format!("(?{flags} begins no group that Go has"));
        }
        self.out
            .push_str(&format!("(?{flags}{}", if colon { ":" } else { ")" }));
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        if colon {
            self.groups.push(Group::default());
        } else {
            self.no_atom();
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let group = self.groups.pop().unwrap_or_default();
        if self.groups.is_empty() {
            return Err("a ) that closes nothing".into());
        }
        self.out.push(')');
        self.atom(group.weight.max(1));
        Ok(())
    }

    fn counted(&mut self, least: u32, most: Option<u32>) -> Result<(), String> {
        if least > REPEAT_MAX || most.is_some_and(|m| m > REPEAT_MAX || m < least) {
            return Err(format!("a count of repetitions that is wrong or above {REPEAT_MAX}"));
        }
        let text = match most {
            Some(most) if most == least => format!("{{{least}}}"),
            Some(most) => format!("{{{least},{most}}}"),
            None => format!("{{{least},}}"),
        };
        self.repeat(&text, most.unwrap_or(least).max(1))
    }

    fn repeat(&mut self, operator: &str, times: u32) -> Result<(), String> {
        let Some(weight) = self.groups.last_mut().and_then(|g| g.last.take()) else {
            return Err(format!("nothing that {operator} could repeat"));
        };
        let weight = weight.saturating_mul(times);
        if weight > REPEAT_MAX {
            return Err(format!("more than {REPEAT_MAX} repetitions, counted within each other"));
        }
        self.out.push_str(operator);
        if self.eat("?") {
            self.out.push('?');
        }
        if let Some(group) = self.groups.last_mut() {
            group.weight = group.weight.max(weight);
        }
        Ok(())
    }

    /// Behind a backslash; `before` begins with it.
    fn escape(&mut self, before: &'a str) -> Result<(), String> {
        match self.rest.chars().next() {
            Some('A') => self.assertion(r"\A"),
            Some('z') => self.assertion(r"\z"),
            Some(c @ ('b' | 'B')) => {
                self.ascii = true;
                self.assertion(if c == 'b' { r"\b" } else { r"\B" });
            }
            Some('Q') => {
                self.rest = self.rest.get(1..).unwrap_or_default();
                let (quoted, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
                self.rest = rest;
                for c in quoted.chars() {
                    self.literal(c);
                }
            }
            // Go skips the end of a quotation that did not begin.
            Some('E') => return Err(r"\E without \Q".into()),
            _ => {
                let (piece, rest) = class::escape(before)?;
                self.rest = rest;
                match piece {
                    class::Piece::Char(c) => self.literal(c),
                    class::Piece::Class(ranges, negated) => {
                        self.out
                            .push_str(&format!("[{}{ranges}]", if negated { "^" } else { "" }));
                        self.atom(1);
                    }
                }
            }
        }
        Ok(())
    }

    fn assertion(&mut self, text: &str) {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.out.push_str(text);
        self.atom(1);
    }
}

/// `n}`, `n,}` or `n,m}` behind a brace; anything else is no repetition but text.
fn counts(rest: &str) -> Option<(u32, Option<u32>, &str)> {
    let (inner, rest) = rest.split_once('}')?;
    let number = |text: &str| {
        let plain =
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        plain.then(|| text.parse().unwrap_or(u32::MAX))
    };
    match inner.split_once(',') {
        None => number(inner).map(|n| (n, Some(n), rest)),
        Some((least, "")) => Some((number(least)?, None, rest)),
        Some((least, most)) => Some((number(least)?, Some(number(most)?), rest)),
    }
}
