//! Go's durations: `1h30m`, `-1.5h`, `300ms`.

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// The magnitude of the lowest duration.
const LIMIT: u64 = 1 << 63;

/// Parses a duration into nanoseconds, as `time.ParseDuration` does.
///
/// # Errors
/// It is not a duration, or is longer than 292 years.
pub fn parse(text: &str) -> Result<i64, String> {
    let wrong =
        || format!("invalid duration {text:?}; one such as 1h30m, 90s or 36h is wanted (units: ns, us, ms, s, m, h)");
    let (negative, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(wrong());
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end).unwrap_or((after, ""));
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| match unit {
            "" => format!("missing unit in duration {text:?}; one such as 1h30m, 90s or 36h is wanted"),
            "d" | "w" | "y" => format!("unknown unit {unit:?} in duration {text:?}; a day is 24h"),
            _ => format!("unknown unit {unit:?} in duration {text:?} (units: ns, us, ms, s, m, h)"),
        })?;
        let whole: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| wrong())?
        };
        let value = whole.checked_mul(*size).filter(|v| *v <= LIMIT).ok_or_else(wrong)?;
        let value = value
            .checked_add(part(fraction, *size))
            .filter(|v| *v <= LIMIT)
            .ok_or_else(wrong)?;
        total = total.checked_add(value).filter(|v| *v <= LIMIT).ok_or_else(wrong)?;
        rest = next;
    }
    if negative {
        return 0_i64.checked_sub_unsigned(total).ok_or_else(wrong);
    }
    i64::try_from(total).map_err(|_| wrong())
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A decimal fraction of a unit; digits past what 63 bits hold are dropped, and the product is a float's, as in Go.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "Go's own arithmetic; the product is below 3.6e12"
)]
fn part(fraction: &str, size: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in fraction.bytes() {
        let next = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit - b'0')))
            .filter(|v| *v <= LIMIT);
        let Some(next) = next else { break };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (size as f64 / scale)) as u64
}

/// A duration in nanoseconds as Go prints it: `1h2m3.5s`, `2m3s`, `1.5ms`, `0s`.
pub fn print(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let fraction = |whole: u64, rest: u64, digits: usize| {
        let text = format!("{rest:0digits$}");
        let text = text.trim_end_matches('0');
        if text.is_empty() {
            whole.to_string()
        } else {
            format!("{whole}.{text}")
        }
    };
    match total {
        0 => "0s".into(),
        1..=999 => format!("{sign}{total}ns"),
        1_000..=999_999 => format!("{sign}{}µs", fraction(total / 1_000, total % 1_000, 3)),
        1_000_000..=999_999_999 => format!("{sign}{}ms", fraction(total / 1_000_000, total % 1_000_000, 6)),
        _ => {
            let seconds = total / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let seconds = fraction(seconds % 60, total % 1_000_000_000, 9);
            if hours > 0 {
                format!("{sign}{hours}h{minutes}m{seconds}s")
            } else if minutes > 0 {
                format!("{sign}{minutes}m{seconds}s")
            } else {
                format!("{sign}{seconds}s")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("1h30m", 5_400_000_000_000),
            ("-24h", -86_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5m", 30_000_000_000),
            ("1.s", 1_000_000_000),
            ("1us", 1000),
            ("3µs2ns", 3002),
            ("+5ms", 5_000_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(parse(text), Ok(nanoseconds), "{text}");
        }
        for bad in [
            "",
            "-",
            "3",
            "h",
            "1d",
            ".s",
            "1h-1m",
            "1h 1m",
            "9223372036854775808ns",
            "1e3s",
            "3000000h",
            "1hh",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("7d").unwrap_err().contains("a day is 24h"));
    }

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (-2_000_000, "-2ms"),
            (59_000_000_000, "59s"),
            (60_000_000_000, "1m0s"),
            (3_723_500_000_000, "1h2m3.5s"),
            (-90_000_000_000, "-1m30s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(print(nanoseconds), text);
        }
    }
}
