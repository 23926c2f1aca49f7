//! Classes and escapes of expressions.
use crate::go::unicode::{self, Property};

/// What an escape stands for.
pub enum Piece {
    /// One character.
    Char(char),
    /// The inside of a class, and whether it is everything but that.
    Class(String, bool),
}

const DIGIT: &str = "0-9";
const SPACE: &str = r"\t\n\x0C\r\x20";
const WORD: &str = "0-9A-Za-z_";
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];
/// Go's classes of which it is known what is in them, whatever the version of Unicode.
const UNICODE: [(&str, Property); 7] = [
    ("L", Property::Letter),
    ("Lu", Property::Upper),
    ("Ll", Property::Lower),
    ("Lt", Property::Title),
    ("N", Property::Number),
    ("Nd", Property::Digit),
    ("P", Property::Punct),
];

/// Writes a character so that it means itself everywhere.
pub fn push(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}

/// Reads an escape, backslash and all.
pub fn escape(text: &str) -> Result<(Piece, &str), String> {
    let mut chars = text.chars();
    chars.next();
    let c = chars.next().ok_or(r"a \ at the end")?;
    let rest = chars.as_str();
    let class = |ranges: &str, negated| Ok((Piece::Class(ranges.into(), negated), rest));
    let char = |c| Ok((Piece::Char(c), rest));
    match c {
        'd' => class(DIGIT, false),
        'D' => class(DIGIT, true),
        's' => class(SPACE, false),
        'S' => class(SPACE, true),
        'w' => class(WORD, false),
        'W' => class(WORD, true),
        'p' | 'P' => property(rest, c == 'P'),
        'a' => char('\u{7}'),
        'f' => char('\u{c}'),
        'n' => char('\n'),
        'r' => char('\r'),
        't' => char('\t'),
        'v' => char('\u{b}'),
        'x' => hexadecimal(rest),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => char(c),
        c => Err(format!(
            "\\{c} is no escape that Go has, or one that is not available here"
        )),
    }
}

fn hexadecimal(rest: &str) -> Result<(Piece, &str), String> {
    let wrong = || r"\x wants two hexadecimal digits or {...}".to_string();
    let (digits, rest) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once('}').ok_or_else(wrong)?,
        None => rest.split_at_checked(2).ok_or_else(wrong)?,
    };
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
    let c = code.and_then(char::from_u32).ok_or_else(wrong)?;
    Ok((Piece::Char(c), rest))
}

/// `\pL`, `\p{Lu}`, `\p{^Lu}`: written out, so that both sides mean the same characters.
fn property(rest: &str, mut negated: bool) -> Result<(Piece, &str), String> {
    let (name, rest) = match rest.strip_prefix('{') {
        Some(inner) => inner.split_once('}').ok_or(r"the } of \p{ is missing")?,
        None => rest.split_at_checked(1).unwrap_or((rest, "")),
    };
    let name = match name.strip_prefix('^') {
        Some(name) => {
            negated = !negated;
            name
        }
        None => name,
    };
    let Some((_, property)) = UNICODE.iter().find(|(n, _)| *n == name) else {
        return Err(format!(
            "the class \\p{{{name}}} is not available; there are L, Lu, Ll, Lt, N, Nd and P"
        ));
    };
    let mut ranges = String::new();
    for (low, high) in unicode::ranges(*property) {
        ranges.push_str(&format!("\\x{{{low:x}}}-\\x{{{high:x}}}"));
    }
    Ok((Piece::Class(ranges, negated), rest))
}

/// Reads a class behind its bracket.
pub fn class(text: &str) -> Result<(String, &str), String> {
    let mut out = String::from("[");
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        if rest.starts_with(']') && !first {
            out.push(']');
            return Ok((out, rest.get(1..).unwrap_or_default()));
        }
        first = false;
        if let Some(after) = rest.strip_prefix("[:") {
            if let Some((name, after)) = after.split_once(":]")
                && name.bytes().all(|b| b == b'^' || b.is_ascii_lowercase())
            {
                if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    return Err(format!("there is no class [:{name}:]"));
                }
                out.push_str(&format!("[:{name}:]"));
                rest = after;
                continue;
            }
            return Err("[: in a class that has no :]".into());
        }
        let (piece, after) = one(rest)?;
        rest = after;
        let low = match piece {
            Piece::Class(ranges, negated) => {
                out.push_str(&if negated { format!("[^{ranges}]") } else { ranges });
                continue;
            }
            Piece::Char(c) => c,
        };
        let high = match rest.strip_prefix('-') {
            Some(after) if !after.starts_with(']') => match one(after)? {
                (Piece::Char(c), after) => {
                    rest = after;
                    c
                }
                (Piece::Class(..), _) => return Err("a class cannot be the end of a range".into()),
            },
            _ => low,
        };
        if high < low {
            return Err(format!("the range {low}-{high} runs backwards"));
        }
        push(&mut out, low);
        if high > low {
            out.push('-');
            push(&mut out, high);
        }
    }
}

/// One character or escape of a class.
fn one(text: &str) -> Result<(Piece, &str), String> {
    if text.starts_with('\\') {
        return escape(text);
    }
    let mut chars = text.chars();
    let c = chars.next().ok_or("the ] of a class is missing")?;
    Ok((Piece::Char(c), chars.as_str()))
}
