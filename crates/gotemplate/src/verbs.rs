//! `printf`: Go's verbs with their flags, width and precision. Where Go would print a complaint such as
//! `%!d(string=x)` into the path, the template is refused.
use crate::eval::{Call, Fault};
use crate::funcs::Bounded;
use crate::value::{Value, exponent_form, float};

/// The widest field, in characters.
const WIDTH_MAX: usize = 1_000;

/// What stands between `%` and the verb.
#[derive(Clone, Copy, Debug, Default)]
struct Spec {
    plus: bool,
    minus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `printf format arguments...`
pub fn printf(call: &Call<'_>) -> Result<Value, Fault> {
    let mut rest = call.text(0)?;
    let mut out = Bounded::new(call);
    let mut next = 1;
    while let Some((before, after)) = rest.split_once('%') {
        out.push(before)?;
        let (spec, after) = spec(after).map_err(|e| call.wants(0, &e))?;
        let mut chars = after.chars();
        let Some(verb) = chars.next() else {
            return Err(call.wants(0, "a verb after the last %"));
        };
        rest = chars.as_str();
        if verb == '%' {
            out.push("%")?;
            continue;
        }
        let Some(argument) = call.arguments.get(next) else {
            return Err(call.fault(format!("has no argument for %{verb}")));
        };
        out.push(&one(spec, verb, &argument.value).map_err(|e| Fault {
            at: argument.at,
            message: format!("printf %{verb} {e}"),
        })?)?;
        next += 1;
    }
    if let Some(extra) = call.arguments.get(next) {
        return Err(call.fault(format!(
            "has no verb for its argument {}, {}",
            next + 1,
            extra.value.kind()
        )));
    }
    out.push(rest)?;
    Ok(out.done())
}

fn spec(text: &str) -> Result<(Spec, &str), String> {
    let mut spec = Spec::default();
    let mut rest = text;
    while let Some(flag) = rest.chars().next().filter(|c| "+- #0".contains(*c)) {
        match flag {
            '+' => spec.plus = true,
            '-' => spec.minus = true,
            ' ' => spec.space = true,
            '#' => spec.sharp = true,
            _ => spec.zero = true,
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    spec.zero &= !spec.minus;
    (spec.width, rest) = number(rest)?;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after)?;
        spec.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    if rest.starts_with(['*', '[']) {
        return Err("a format whose widths and order are written out (no * and no [n])".into());
    }
    Ok((spec, rest))
}

fn number(text: &str) -> Result<(Option<usize>, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    if digits.is_empty() {
        return Ok((None, rest));
    }
    match digits.parse() {
        Ok(n) if n <= WIDTH_MAX => Ok((Some(n), rest)),
        _ => Err(format!("a format with widths of at most {WIDTH_MAX}")),
    }
}

fn one(spec: Spec, verb: char, value: &Value) -> Result<String, String> {
    let cannot = || Err(format!("is not available for {}", value.kind()));
    if spec.sharp {
        return Err("is not available with the flag #".into());
    }
    match (value, verb) {
        (Value::Text(text), 's' | 'v') => plain(spec, cut(spec, text)),
        (Value::Text(text), 'q') => plain(spec, &quote(cut(spec, text))?),
        (Value::Text(text), 'x' | 'X') => {
            let bytes = text.as_bytes().iter().take(spec.precision.unwrap_or(usize::MAX));
            let hex: String = bytes
                .map(|b| {
                    if verb == 'x' {
                        format!("{b:02x}")
                    } else {
                        format!("{b:02X}")
                    }
                })
                .collect();
            plain(spec, &hex)
        }
        (Value::Bool(b), 't' | 'v') => plain(spec, &b.to_string()),
        (Value::Int(i) | Value::Int64(i), 'v' | 'd' | 'x' | 'X' | 'o' | 'b') => integer(spec, verb, *i),
        (Value::Month(i) | Value::Weekday(i), 'd' | 'x' | 'X' | 'o' | 'b') => match verb {
            // Go shows the name in hexadecimal.
            'x' | 'X' => cannot(),
            _ => integer(spec, verb, i64::from(*i)),
        },
        (Value::Int(i) | Value::Int64(i), 'c') => {
            let c = u32::try_from(*i)
                .ok()
                .and_then(char::from_u32)
                .ok_or("is given a number that is no character")?;
            plain(spec, &c.to_string())
        }
        (Value::Month(_) | Value::Weekday(_), 's' | 'v') => {
            let text = value.print()?;
            plain(spec, cut(spec, &text))
        }
        (Value::Time(_), 's' | 'v') => {
            let text = value.print()?;
            plain(spec, cut(spec, &text))
        }
        (Value::Float(f), 'v' | 'g' | 'f' | 'F' | 'e') => floating(spec, verb, *f),
        _ => cannot(),
    }
}

/// The precision of a text is its length in characters.
fn cut(spec: Spec, text: &str) -> &str {
    let end = spec
        .precision
        .and_then(|p| text.char_indices().nth(p))
        .map_or(text.len(), |(i, _)| i);
    text.get(..end).unwrap_or(text)
}

/// Versions of Go differ on texts padded with zeros.
fn plain(spec: Spec, text: &str) -> Result<String, String> {
    if spec.zero && spec.width.is_some() {
        return Err("is not available with the flag 0 for what is not a number".into());
    }
    if spec.plus || spec.space {
        return Err("is not available with the flags + and space for what is not a number".into());
    }
    Ok(pad(spec, text))
}

fn pad(spec: Spec, text: &str) -> String {
    let fill = " ".repeat(spec.width.unwrap_or(0).saturating_sub(text.chars().count()));
    if spec.minus {
        format!("{text}{fill}")
    } else {
        format!("{fill}{text}")
    }
}

fn integer(spec: Spec, verb: char, value: i64) -> Result<String, String> {
    let magnitude = value.unsigned_abs();
    let digits = match verb {
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        'o' => format!("{magnitude:o}"),
        'b' => format!("{magnitude:b}"),
        _ => magnitude.to_string(),
    };
    let sign = sign(spec, value < 0);
    let least = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero => width.saturating_sub(sign.len()),
        _ => 1,
    };
    if spec.precision == Some(0) && value == 0 {
        return Ok(pad(spec, ""));
    }
    let zeros = "0".repeat(least.saturating_sub(digits.len()));
    Ok(pad(spec, &format!("{sign}{zeros}{digits}")))
}

fn sign(spec: Spec, negative: bool) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}

fn floating(spec: Spec, verb: char, value: f64) -> Result<String, String> {
    let magnitude = value.abs();
    let digits = match (verb, spec.precision) {
        ('v' | 'g', None) => float(magnitude),
        ('v' | 'g', Some(_)) => return Err("is not available for a number with a precision; %f is".into()),
        ('e', precision) => {
            let precision = precision.unwrap_or(6);
            let text = format!("{magnitude:.precision$e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            exponent_form(mantissa, exponent.parse().unwrap_or(0))
        }
        (_, precision) => {
            let precision = precision.unwrap_or(6);
            format!("{magnitude:.precision$}")
        }
    };
    let sign = sign(spec, value.is_sign_negative());
    let zeros = if spec.zero {
        spec.width.unwrap_or(0).saturating_sub(sign.len() + digits.len())
    } else {
        0
    };
    Ok(pad(spec, &format!("{sign}{}{digits}", "0".repeat(zeros))))
}

/// `strconv.Quote`. Of what is not ASCII only letters and digits are taken: the others may be escaped by one version of
/// Go's tables and not by the next.
pub fn quote(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_ascii() || c.is_alphanumeric() => out.push(c),
            c => return Err(format!("is not available for {c:?}")),
        }
    }
    out.push('"');
    Ok(out)
}
