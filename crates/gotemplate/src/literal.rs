//! Literals: numbers, characters and strings, with Go's escapes.

/// A numeric literal; as in Go, one may be good for more than one type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// Its value as an integer, where it has one (`3.0` has).
    pub int: Option<i64>,
    /// Its value as a float.
    pub float: f64,
    /// Taken for a float where any type will do.
    pub is_float: bool,
    /// Written as a character.
    pub is_char: bool,
}

/// Reads a number as `strconv` does with base 0: prefixes, underscores between digits, octal after a leading zero.
pub fn number(text: &str) -> Result<Number, String> {
    let wrong = || format!("bad number {text:?}");
    if text.ends_with('i') && !text.contains(['x', 'X']) {
        return Err(format!("{text:?}: imaginary numbers are not available in a path"));
    }
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match lower.get(..2) {
        Some("0x") => (16, lower.get(2..).unwrap_or_default()),
        Some("0o") => (8, lower.get(2..).unwrap_or_default()),
        Some("0b") => (2, lower.get(2..).unwrap_or_default()),
        Some(_) if lower.starts_with('0') && !lower.contains(['.', 'e']) => (8, lower.get(1..).unwrap_or_default()),
        _ => (10, lower.as_str()),
    };
    if radix == 10 && body.contains(['.', 'e']) {
        return float(text, negative, body).ok_or_else(wrong);
    }
    if !underscores_are_between_digits(body, radix != 10) {
        return Err(wrong());
    }
    let value = i128::from_str_radix(&body.replace('_', ""), radix).map_err(|_| match radix {
        8 if lower.starts_with("0o") || body.contains(['8', '9']) => {
            format!("bad number {text:?}: a leading 0 means octal")
        }
        _ => wrong(),
    })?;
    let value = if negative { -value } else { value };
    let int = i64::try_from(value).map_err(|_| format!("integer {text} is too large"))?;
    Ok(Number {
        int: Some(int),
        float: int as f64,
        is_float: false,
        is_char: false,
    })
}

fn underscores_are_between_digits(body: &str, after_prefix: bool) -> bool {
    let mut before = after_prefix;
    for c in body.chars() {
        if c == '_' && !before {
            return false;
        }
        before = c != '_';
    }
    before && !body.is_empty() && !body.starts_with(['+', '-'])
}

/// Decimal floats; with underscores they are an oddity of Go's that nobody needs in a path.
fn float(text: &str, negative: bool, body: &str) -> Option<Number> {
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') || text.contains('_') {
        return None;
    }
    let value: f64 = body.parse().ok().filter(|v: &f64| v.is_finite())?;
    let value = if negative { -value } else { value };
    // A float that is a whole number serves where an integer is wanted, if a float holds it exactly.
    let whole = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked above")]
    let int = whole.then_some(value as i64);
    Some(Number {
        int,
        float: value,
        is_float: true,
        is_char: false,
    })
}

/// `'x'` with its quotes: a number, the character's code point.
pub fn character(text: &str) -> Result<Number, String> {
    let wrong = || format!("malformed character constant: {text}");
    let inner = text
        .strip_prefix('\'')
        .and_then(|t| t.strip_suffix('\''))
        .ok_or_else(wrong)?;
    let mut rest = inner;
    let code = match unescape(&mut rest, '\'') {
        Some(Piece::Char(c)) => u32::from(c),
        Some(Piece::Byte(b)) => u32::from(b),
        None => return Err(wrong()),
    };
    if !rest.is_empty() {
        return Err(wrong());
    }
    let int = i64::from(code);
    Ok(Number {
        int: Some(int),
        float: f64::from(code),
        is_float: false,
        is_char: true,
    })
}

/// `"x"` with its quotes.
pub fn quoted(text: &str) -> Result<String, String> {
    let inner = text
        .strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .ok_or("unterminated quoted string")?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        match unescape(&mut rest, '"') {
            Some(Piece::Char(c)) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Some(Piece::Byte(b)) => bytes.push(b),
            None => return Err(format!("bad escape or newline in string {text}")),
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("string {text} is not UTF-8, which a path has to be"))
}

/// `` `x` `` with its quotes; carriage returns are dropped, as Go does.
pub fn raw(text: &str) -> String {
    text.trim_start_matches('`').trim_end_matches('`').replace('\r', "")
}

enum Piece {
    Char(char),
    Byte(u8),
}

/// Takes one character or escape off the front.
fn unescape(rest: &mut &str, quote: char) -> Option<Piece> {
    let mut chars = rest.chars();
    let first = chars.next()?;
    if first == quote || first == '\n' {
        return None;
    }
    if first != '\\' {
        *rest = chars.as_str();
        return Some(Piece::Char(first));
    }
    let escape = chars.next()?;
    let mut digits = |count: usize, radix: u32, lead: Option<char>| {
        let mut value = lead.map_or(Some(0), |c| c.to_digit(radix))?;
        for _ in 0..count {
            value = value.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)?;
        }
        Some(value)
    };
    let piece = match escape {
        'a' => Piece::Char('\u{7}'),
        'b' => Piece::Char('\u{8}'),
        'f' => Piece::Char('\u{c}'),
        'n' => Piece::Char('\n'),
        'r' => Piece::Char('\r'),
        't' => Piece::Char('\t'),
        'v' => Piece::Char('\u{b}'),
        '\\' => Piece::Char('\\'),
        'x' => Piece::Byte(u8::try_from(digits(2, 16, None)?).ok()?),
        'u' => Piece::Char(char::from_u32(digits(4, 16, None)?)?),
        'U' => Piece::Char(char::from_u32(digits(8, 16, None)?)?),
        '0'..='7' => Piece::Byte(u8::try_from(digits(2, 8, Some(escape))?).ok()?),
        c if c == quote => Piece::Char(c),
        _ => return None,
    };
    *rest = chars.as_str();
    Some(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_strconv_reads_them() {
        for (text, int) in [
            ("0", 0),
            ("-3", -3),
            ("+3", 3),
            ("0x1F", 31),
            ("0o17", 15),
            ("017", 15),
            ("0b11", 3),
            ("1_000", 1000),
            ("0x_f", 15),
            ("1e3", 1000),
            ("3.0", 3),
        ] {
            assert_eq!(number(text).unwrap().int, Some(int), "{text}");
        }
        assert_eq!(number("1.5").unwrap().int, None);
        for bad in [
            "1__0",
            "_1",
            "1_",
            "0x",
            "08",
            "1i",
            "1.2.3",
            "e3",
            "9223372036854775808",
            "--1",
            "+-1",
            "0x-1",
            "1e999",
        ] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn strings_know_gos_escapes_and_no_others() {
        assert_eq!(
            quoted(r#""a\tb\"\\\x41\u00e4\U0001f600\101""#).unwrap(),
            "a\tb\"\\Aä😀A"
        );
        for bad in [
            r#""\'""#,
            r#""\q""#,
            r#""\x4""#,
            r#""\ud800""#,
            r#""\xff""#,
            r#""\400""#,
        ] {
            assert!(quoted(bad).is_err(), "{bad}");
        }
        assert_eq!(character("'a'").unwrap().int, Some(97));
        assert_eq!(character(r"'\''").unwrap().int, Some(39));
        for bad in ["''", "'ab'", r#"'\"'"#] {
            assert!(character(bad).is_err(), "{bad}");
        }
        assert_eq!(raw("`a\r\\n`"), "a\\n");
    }
}
