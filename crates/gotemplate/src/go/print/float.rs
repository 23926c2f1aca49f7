//! Floats: `%v %g %G %e %E %f %F`, and `strconv.FormatFloat` with the shortest digits.
use super::integer::sign;
use super::{Printer, Spec};
use crate::call::Fault;
use crate::value::Value;

impl Printer<'_> {
    pub(super) fn float(&mut self, spec: Spec, verb: char, value: f64, original: &Value) -> Result<(), Fault> {
        if !matches!(verb, 'v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F') {
            return self.bad_verb(verb, original);
        }
        if !value.is_finite() {
            let text = match (value.is_nan(), value > 0.0) {
                (true, _) if spec.plus => "+NaN",
                (true, _) if spec.space => " NaN",
                (true, _) => "NaN",
                (_, true) if !spec.plus && spec.space => " Inf",
                (_, true) => "+Inf",
                (_, false) => "-Inf",
            };
            return self.pad(Spec { zero: false, ..spec }, text);
        }
        if spec.sharp {
            return self.refuse("the flag # is not available for a number with a fraction");
        }
        let magnitude = value.abs();
        let digits = match (verb, spec.precision) {
            ('v' | 'g' | 'G', None) => shortest(magnitude),
            ('v' | 'g' | 'G', Some(precision)) => general(magnitude, precision),
            ('e' | 'E', precision) => {
                let precision = precision.unwrap_or(6);
                let (mantissa, exponent) = scientific(&format!("{magnitude:.precision$e}"));
                exponent_form(&mantissa, exponent)
            }
            (_, precision) => format!("{magnitude:.*}", precision.unwrap_or(6)),
        };
        let digits = if matches!(verb, 'G' | 'E') {
            digits.to_uppercase()
        } else {
            digits
        };
        let sign = sign(spec, value.is_sign_negative());
        let zeros = match spec.width {
            Some(width) if spec.zero && !spec.minus => width.saturating_sub(sign.len() + digits.len()),
            _ => 0,
        };
        self.pad(
            Spec { zero: false, ..spec },
            &format!("{sign}{}{digits}", "0".repeat(zeros)),
        )
    }
}

fn scientific(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa.into(), exponent.parse().unwrap_or(0))
}

/// `%g` with a precision: that many significant digits, zeros at the end dropped.
fn general(magnitude: f64, precision: usize) -> String {
    let precision = precision.max(1);
    let (mantissa, exponent) = scientific(&format!("{magnitude:.*e}", precision - 1));
    let mut digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_end_matches('0').len().max(1);
    digits.truncate(significant);
    // The number of digits decides where the exponent begins, unless there are fewer than those before the point.
    let point = exponent + 1;
    let count = i32::try_from(significant).unwrap_or(i32::MAX);
    let wide = i32::try_from(precision).unwrap_or(i32::MAX);
    let limit = if wide > count && count >= point { count } else { wide };
    if exponent < -4 || exponent >= limit {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
        let mantissa = if rest.is_empty() {
            first.to_string()
        } else {
            format!("{first}.{rest}")
        };
        return exponent_form(&mantissa, exponent);
    }
    match usize::try_from(point) {
        Ok(whole) if whole >= digits.len() => format!("{digits}{}", "0".repeat(whole - digits.len())),
        Ok(whole) if whole > 0 => {
            let (before, after) = digits.split_at_checked(whole).unwrap_or((&digits, ""));
            format!("{before}.{after}")
        }
        _ => format!("0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0))),
    }
}

/// The shortest text that reads back as the same float; with an exponent below 1e-4 and from 1e+06 on: Go's `%v` and
/// `%g`.
fn shortest(f: f64) -> String {
    if !f.is_finite() {
        return if f.is_nan() {
            "NaN"
        } else if f > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .into();
    }
    let (mantissa, exponent) = scientific(&format!("{f:e}"));
    if (-4..LIMIT).contains(&exponent) {
        return format!("{f}");
    }
    exponent_form(&mantissa, exponent)
}

/// From this exponent on a float is written with one.
const LIMIT: i32 = 6;

/// Without an exponent, whatever it is: `strconv.FormatFloat` with `f`.
pub fn shortest_plain(f: f64) -> String {
    format!("{f}")
}

/// `1.5e+06`: the exponent has a sign and at least two digits.
fn exponent_form(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
