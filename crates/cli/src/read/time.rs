//! Times and spans as people write them.
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
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

/// A time that is over: RFC 3339; a date, whose end is meant, or a date and a time, in `zone`; `yesterday`, its end; or how long ago it was (`2h`,
/// `1d 6h ago`). The end of a day that is not over is now.
///
/// # Errors
/// It is none, or ahead of now.
pub fn time(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    let wrong = || {
        format!(
            "{text:?} is no time: write RFC 3339 (2026-01-31T03:00:00Z), a date (2026-01-31, until its end) or a date and a time (2026-01-31 03:00) in local time, yesterday, or how long ago (2h, 1d 6h)"
        )
    };
    let today = now.to_zoned(zone.clone()).date();
    let at = if let Ok(at) = text.parse::<Timestamp>() {
        at
    } else if let Some(day) = day(text, today) {
        let begun = day.at(0, 0, 0, 0).to_zoned(zone.clone()).map_err(|_| wrong())?;
        let next = day.tomorrow().map_err(|_| wrong())?.at(0, 0, 0, 0);
        let end = next.to_zoned(zone.clone()).map_err(|_| wrong())?.timestamp() - SignedDuration::from_secs(1);
        if begun.timestamp() > now { end } else { end.min(now) }
    } else if let Ok(at) = text.parse::<DateTime>() {
        at.to_zoned(zone.clone()).map_err(|_| wrong())?.timestamp()
    } else {
        let ago = signed(text).filter(|s| !s.is_zero()).ok_or_else(wrong)?.abs();
        now.checked_sub(ago).map_err(|_| wrong())?
    };
    if at > now {
        return Err(format!("{text:?} is ahead of now, {}", seconds(now)));
    }
    Ok(at)
}

/// A date without a time.
fn day(text: &str, today: Date) -> Option<Date> {
    match text {
        "today" => Some(today),
        "yesterday" => today.yesterday().ok(),
        _ => Some(text)
            .filter(|text| text.len() == "2026-01-31".len())
            .and_then(|text| text.parse().ok()),
    }
}

/// A time for people: what is below a second is noise.
pub fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn signed(text: &str) -> Option<SignedDuration> {
    let span: Span = text.trim().parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_people_write_and_never_ahead_of_now() {
        // 13:00 in Berlin.
        let now: Timestamp = "2026-11-28T12:00:00.123456789Z".parse().unwrap();
        let berlin = gotemplate::gotime::zone("Europe/Berlin").unwrap();
        for (text, wanted) in [
            ("2026-11-28T10:00:00Z", Some("2026-11-28T10:00:00Z")),
            ("2026-11-28T11:00:00+01:00", Some("2026-11-28T10:00:00Z")),
            ("2026-11-27", Some("2026-11-27T22:59:59Z")),
            ("2026-11-28", Some("2026-11-28T12:00:00Z")),
            ("today", Some("2026-11-28T12:00:00Z")),
            ("yesterday", Some("2026-11-27T22:59:59Z")),
            // Summer time ended on the 25th, at three o'clock.
            ("2026-10-25", Some("2026-10-25T22:59:59Z")),
            ("2026-10-24", Some("2026-10-24T21:59:59Z")),
            ("2026-11-28T10:00", Some("2026-11-28T09:00:00Z")),
            ("2026-11-28 10:00:30", Some("2026-11-28T09:00:30Z")),
            ("2h ago", Some("2026-11-28T10:00:00Z")),
            ("2h", Some("2026-11-28T10:00:00Z")),
            ("2d", Some("2026-11-26T12:00:00Z")),
            ("1d 2h ago", Some("2026-11-27T10:00:00Z")),
            ("90 minutes ago", Some("2026-11-28T10:30:00Z")),
            ("tomorrow", None),
            ("2026-11-29", None),
            ("2026-11-28 14:00", None),
            ("2026-11-29T10:00:00Z", None),
            ("2026-02-30", None),
            ("9999-12-31", None),
            ("99999999d", None),
            ("0s", None),
            ("soon", None),
            ("", None),
        ] {
            let found = time(text, now, &berlin).ok().map(seconds);
            assert_eq!(found.as_deref(), wanted, "{text:?}");
        }
        let ahead = time("2026-11-29", now, &berlin).unwrap_err();
        assert_eq!(ahead, "\"2026-11-29\" is ahead of now, 2026-11-28T12:00:00Z");
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
