//! Go's `encoding/json` for values without a declared type.
use std::rc::Rc;

use super::print::shortest_plain;
use crate::call::{Call, Fault, Out};
use crate::value::{Entries, Of, Value};

/// How deep values may be within each other.
const DEPTH: usize = 50;

/// How JSON is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// One value a line, with two spaces a level.
    pub pretty: bool,
    /// `<`, `>` and `&` as escapes.
    pub html: bool,
}

/// Writes a value.
pub fn write(call: &Call<'_>, value: &Value, style: Style) -> Result<String, Fault> {
    let mut writer = Writer {
        call,
        out: call.out(),
        style,
    };
    writer.value(value, 0)?;
    Ok(writer.out.done())
}

struct Writer<'a> {
    call: &'a Call<'a>,
    out: Out,
    style: Style,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Fault> {
        self.call.charge(8)?;
        if depth > DEPTH {
            return Err(self.call.fault(format!(
                "is given values more than {DEPTH} deep, or one that holds itself"
            )));
        }
        match value {
            Value::Missing | Value::Nil => self.out.push("null"),
            Value::Bool(b) => self.out.push(&b.to_string()),
            Value::Text(text) => self.text(text),
            Value::Float(f) => {
                let text = number(*f).ok_or_else(|| self.call.fault("cannot write a number that is not finite"))?;
                self.out.push(&text)
            }
            Value::Byte(i) => self.out.push(&i.to_string()),
            Value::Uint64(i) => self.out.push(&i.to_string()),
            Value::Int(_) | Value::Int64(_) | Value::Duration(_) | Value::Month(_) | Value::Weekday(_) => {
                self.out.push(&value.signed().unwrap_or(0).to_string())
            }
            Value::Time(moment) => self.text(&moment.format("2006-01-02T15:04:05.999999999Z07:00")),
            Value::Version(version) => self.text(&version.to_string()),
            Value::List(list) if list.nil => self.out.push("null"),
            Value::Dict(dict) if dict.nil => self.out.push("null"),
            Value::List(list) => {
                self.out.push("[")?;
                for (index, item) in list.to_vec().iter().enumerate() {
                    self.item(index, depth)?;
                    self.value(item, depth + 1)?;
                }
                self.end(list.len(), depth, "]")
            }
            Value::Dict(dict) => {
                self.out.push("{")?;
                for (index, (key, item)) in dict.to_vec().iter().enumerate() {
                    self.item(index, depth)?;
                    self.text(key)?;
                    self.out.push(if self.style.pretty { ": " } else { ":" })?;
                    self.value(item, depth + 1)?;
                }
                self.end(dict.len(), depth, "}")
            }
        }
    }

    fn item(&mut self, index: usize, depth: usize) -> Result<(), Fault> {
        if index > 0 {
            self.out.push(",")?;
        }
        self.line(depth + 1)
    }

    fn end(&mut self, count: usize, depth: usize, close: &str) -> Result<(), Fault> {
        if count > 0 {
            self.line(depth)?;
        }
        self.out.push(close)
    }

    fn line(&mut self, depth: usize) -> Result<(), Fault> {
        if self.style.pretty {
            self.out.push("\n")?;
            self.out.fill(' ', 2 * depth)?;
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        self.out.push("\"")?;
        for c in text.chars() {
            match c {
                '"' => self.out.push("\\\"")?,
                '\\' => self.out.push("\\\\")?,
                '\n' => self.out.push("\\n")?,
                '\r' => self.out.push("\\r")?,
                '\t' => self.out.push("\\t")?,
                '\u{8}' => self.out.push("\\b")?,
                '\u{c}' => self.out.push("\\f")?,
                '<' | '>' | '&' if !self.style.html => self.out.push(c.encode_utf8(&mut [0; 4]))?,
                c if c < ' ' || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                    self.out.push(&format!("\\u{:04x}", u32::from(c)))?;
                }
                c => self.out.push(c.encode_utf8(&mut [0; 4]))?,
            }
        }
        self.out.push("\"")
    }
}

/// A float as JSON has it; None if it is not finite.
fn number(f: f64) -> Option<String> {
    if !f.is_finite() {
        return None;
    }
    let magnitude = f.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{f:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let sign = if exponent.starts_with('-') { "" } else { "+" };
        return Some(format!("{mantissa}e{sign}{exponent}"));
    }
    Some(shortest_plain(f))
}

/// Reads a text; the error says what is wrong and at which byte of it.
pub fn read(call: &Call<'_>, text: &str) -> Result<Result<Value, String>, Fault> {
    let mut reader = Reader { call, text, at: 0 };
    let value = match reader.value(0)? {
        Ok(value) => value,
        Err(why) => return Ok(Err(format!("{why} at byte {} of the JSON", reader.at))),
    };
    reader.spaces();
    if reader.at < text.len() {
        return Ok(Err(format!("more behind the end, at byte {} of the JSON", reader.at)));
    }
    Ok(Ok(value))
}

struct Reader<'a> {
    call: &'a Call<'a>,
    text: &'a str,
    at: usize,
}

/// Outside: the template's bounds; inside: what is wrong with the JSON.
type Read<T> = Result<Result<T, &'static str>, Fault>;

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn eat(&mut self, word: &str) -> bool {
        let there = self.rest().starts_with(word);
        if there {
            self.at += word.len();
        }
        there
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        self.call.charge(8)?;
        if depth > DEPTH {
            return Err(self.call.fault(format!("is given JSON more than {DEPTH} deep")));
        }
        self.spaces();
        match self.rest().chars().next() {
            Some('{') => self.dict(depth),
            Some('[') => self.list(depth),
            Some('"') => Ok(self.string().map(Value::Text)),
            Some('-' | '0'..='9') => self.number(),
            _ if self.eat("null") => Ok(Ok(Value::Nil)),
            _ if self.eat("true") => Ok(Ok(Value::Bool(true))),
            _ if self.eat("false") => Ok(Ok(Value::Bool(false))),
            _ => Ok(Err("a value is wanted")),
        }
    }

    fn list(&mut self, depth: usize) -> Read<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.spaces();
        if !self.eat("]") {
            loop {
                match self.value(depth + 1)? {
                    Ok(item) => items.push(item),
                    Err(why) => return Ok(Err(why)),
                }
                self.spaces();
                if self.eat("]") {
                    break;
                }
                if !self.eat(",") {
                    return Ok(Err(", or ] is wanted"));
                }
            }
        }
        self.call.made_list(Of::Any, items).map(Ok)
    }

    fn dict(&mut self, depth: usize) -> Read<Value> {
        self.at += 1;
        let mut entries = Entries::new();
        self.spaces();
        if !self.eat("}") {
            loop {
                self.spaces();
                let key = match self.string() {
                    Ok(key) => key,
                    Err(why) => return Ok(Err(why)),
                };
                self.spaces();
                if !self.eat(":") {
                    return Ok(Err(": is wanted"));
                }
                match self.value(depth + 1)? {
                    Ok(item) => entries.insert(key, item),
                    Err(why) => return Ok(Err(why)),
                };
                self.spaces();
                if self.eat("}") {
                    break;
                }
                if !self.eat(",") {
                    return Ok(Err(", or } is wanted"));
                }
            }
        }
        self.call.made_dict(Of::Any, entries).map(Ok)
    }

    fn number(&mut self) -> Read<Value> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        if !is_number(text) {
            return Ok(Err("a number is wanted"));
        }
        let float: f64 = text.parse().unwrap_or(f64::INFINITY);
        if !float.is_finite() {
            return Err(self
                .call
                .fault(format!("is given the number {text}, which is too large")));
        }
        self.at += end;
        Ok(Ok(Value::Float(float)))
    }

    fn string(&mut self) -> Result<Rc<str>, &'static str> {
        if !self.eat("\"") {
            return Err("a text in double quotes is wanted");
        }
        let mut out = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else {
                return Err("the end of a text is missing");
            };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out.into()),
                '\\' => out.push(self.escape()?),
                c if c < ' ' => return Err("a control character stands in a text"),
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, &'static str> {
        let c = self.rest().chars().next().unwrap_or_default();
        self.at += c.len_utf8();
        Ok(match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.hex()?;
                if (0xD800..0xDC00).contains(&first) && self.rest().starts_with("\\u") {
                    let before = self.at;
                    self.at += 2;
                    let second = self.hex()?;
                    if (0xDC00..0xE000).contains(&second) {
                        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.at = before;
                }
                char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err("an escape that JSON does not have"),
        })
    }

    fn hex(&mut self) -> Result<u32, &'static str> {
        let digits = self
            .rest()
            .get(..4)
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        self.at += 4;
        code.ok_or("four hexadecimal digits are wanted")
    }
}

/// JSON's own form of a number.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}
