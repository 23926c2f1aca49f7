//! Times and spans as people write them.
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// A span: `90s`, `15m`, `2h30m`, `1d`.
///
/// # Errors
/// It is none, or not above zero.
pub fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "is no span of time above zero, such as 90s, 15m, 2h30m or 1d".to_string();
    let span = signed(text).filter(|s| s.is_positive()).ok_or_else(wrong)?;
    Duration::try_from(span).map_err(|_| wrong())
}

/// A time: RFC 3339, or how long ago it was (`2h ago`).
///
/// # Errors
/// It is neither, or ahead of now.
pub fn time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong =
        || format!("{text:?} is no time: write RFC 3339 (2026-01-31T03:00:00Z) or how long ago (2h ago, 1d 6h ago)");
    let at = match text.trim().parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let ago = signed(text).filter(|s| s.is_negative()).ok_or_else(wrong)?;
            now.checked_add(ago).map_err(|_| wrong())?
        }
    };
    if at > now {
        return Err(format!("{text:?} is ahead of now, {now}"));
    }
    Ok(at)
}

fn signed(text: &str) -> Option<SignedDuration> {
    let span: Span = text.trim().parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_or_how_long_ago() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        for (text, wanted) in [
            ("2026-11-28T10:00:00Z", Some("2026-11-28T10:00:00Z")),
            ("2026-11-28T11:00:00+01:00", Some("2026-11-28T10:00:00Z")),
            ("2h ago", Some("2026-11-28T10:00:00Z")),
            ("1d 2h ago", Some("2026-11-27T10:00:00Z")),
            ("90 minutes ago", Some("2026-11-28T10:30:00Z")),
            ("2h", None),
            ("yesterday", None),
            ("2026-11-29T10:00:00Z", None),
            ("", None),
        ] {
            let found = time(text, now).ok().map(|t| t.to_string());
            assert_eq!(found.as_deref(), wanted, "{text:?}");
        }
    }

    #[test]
    fn spans_are_above_zero() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("2h30m", Some(9000)),
            ("1d", Some(86_400)),
            ("0s", None),
            ("2h ago", None),
            ("12", None),
        ] {
            assert_eq!(span(text).ok().map(|d| d.as_secs()), seconds, "{text:?}");
        }
    }
}
