//! `strconv.Quote`.
use crate::go::unicode::{self, Property};

/// A text in double quotes, what cannot be seen escaped.
pub fn quote(text: &str) -> String {
    quoted(text, '"', false)
}

/// The same, with everything escaped that is not ASCII.
pub fn quote_ascii(text: &str) -> String {
    quoted(text, '"', true)
}

/// A character in single quotes.
pub fn character(c: char, ascii: bool) -> String {
    quoted(c.encode_utf8(&mut [0; 4]), '\'', ascii)
}

fn quoted(text: &str, mark: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for c in text.chars() {
        match c {
            c if c == mark || c == '\\' => out.extend(['\\', c]),
            c if unicode::is(Property::Print, c) && (c.is_ascii() || !ascii) => out.push(c),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c < ' ' || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push(mark);
    out
}
