//! What expressions mean, and how they are refused.
use super::*;

fn next(expression: &str, zone: Option<&str>, after: &str) -> Option<String> {
    let after: Timestamp = after.parse().unwrap();
    Calendar::parse(expression, zone)
        .unwrap()
        .next(after)
        .map(|t| t.to_string())
}

#[test]
fn ticks_are_those_of_cron() {
    let cases = [
        ("0 0 * * *", None, "2026-01-31T10:00:00Z", "2026-02-01T00:00:00Z"),
        ("*/15 * * * *", None, "2026-01-31T10:14:59Z", "2026-01-31T10:15:00Z"),
        ("*/15 * * * *", None, "2026-01-31T10:15:00Z", "2026-01-31T10:30:00Z"),
        ("30 4 1,15 * 5", None, "2026-01-02T05:00:00Z", "2026-01-09T04:30:00Z"),
        ("0 0 29 2 *", None, "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        (
            "0 12 ? jan-mar mon",
            None,
            "2026-03-31T00:00:00Z",
            "2027-01-04T12:00:00Z",
        ),
        // As Go reads numbers.
        ("+5 * * * *", None, "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"),
        ("*/+20 * * * *", None, "2026-01-01T00:05:00Z", "2026-01-01T00:20:00Z"),
        ("@hourly", None, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
        ("@every 90m", None, "2026-01-01T00:00:00.9Z", "2026-01-01T01:30:00Z"),
        (
            "TZ=Europe/Berlin 0 3 * * *",
            None,
            "2026-06-01T00:30:00Z",
            "2026-06-01T01:00:00Z",
        ),
        (
            "0 3 * * *",
            Some("America/New_York"),
            "2026-01-01T00:00:00Z",
            "2026-01-01T08:00:00Z",
        ),
        // 02:30 does not exist on 2026-03-29 in Berlin: robfig passes the day by.
        (
            "30 2 * * *",
            Some("Europe/Berlin"),
            "2026-03-28T12:00:00Z",
            "2026-03-30T00:30:00Z",
        ),
    ];
    for (expression, zone, after, wanted) in cases {
        assert_eq!(next(expression, zone, after).as_deref(), Some(wanted), "{expression}");
    }
}

#[test]
fn a_date_that_never_comes_has_no_tick() {
    assert_eq!(next("0 0 30 2 *", None, "2026-01-01T00:00:00Z"), None);
}

#[test]
fn what_cron_does_not_know_is_refused_with_the_field_and_the_cure() {
    let cases = [
        ("", None, "empty"),
        ("* * * *", None, "4 fields"),
        ("60 * * * *", None, "minute"),
        ("* 24 * * *", None, "hour"),
        ("* * 0 * *", None, "day of month"),
        ("* * * foo *", None, "month"),
        ("* * * * 7", None, "day of week"),
        ("* * L * *", None, "day of month"),
        ("5-1 * * * *", None, "minute"),
        ("*/0 * * * *", None, "minute"),
        ("1/2/3 * * * *", None, "minute"),
        ("@reboot", None, "not known"),
        ("@every", None, "not known"),
        ("@every x", None, "duration"),
        ("@every -1h", None, "positive"),
        ("TZ=Nowhere/City 0 0 * * *", None, "Nowhere/City"),
        ("TZ=Europe/Berlin", None, "empty"),
        ("TZ=UTC 0 0 * * *", Some("UTC"), "spec.timeZone only"),
    ];
    for (expression, zone, words) in cases {
        let error = Calendar::parse(expression, zone).unwrap_err();
        assert!(error.to_string().contains(words), "{expression}: {error}");
    }
    assert_eq!(
        Calendar::parse("@daily", Some("Mars/Base")).unwrap_err().field(),
        "spec.timeZone"
    );
}

#[test]
fn a_refusal_has_the_place_of_what_is_wrong() {
    for (expression, place) in [
        ("61 * * * *", 0),
        ("0 3  * * mon-x", 9),
        (" 0 24 * * *", 3),
        ("TZ=UTC 0 24 * * *", 9),
        ("TZ=Nowhere @daily", 3),
        ("@dayly", 0),
        ("@every 5", 7),
        ("@every ", 0),
        ("* * *", 5),
        ("", 0),
    ] {
        let error = Calendar::parse(expression, None).unwrap_err();
        assert_eq!(error.place(expression), place, "{expression:?}: {error}");
    }
}
