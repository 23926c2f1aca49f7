//! Times that have not come yet: the clock that wrote them was ahead. Taken at their word, they would silence a schedule until then.
use jiff::{SignedDuration, Timestamp};

use crate::run::Event;

/// How much later than now a time may be for which no clock is called wrong: it may be of another node's, on which the operator was before. More than
/// clocks that are kept by NTP ever differ, and less than the 15 minutes from which on stores refuse what such a clock has signed.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// It was written by a clock that was ahead.
pub fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at.duration_since(now) > SKEW
}

/// That time; now, where it was written by a clock that was ahead.
pub fn righted(at: Timestamp, now: Timestamp) -> Timestamp {
    if is_ahead(at, now) { now } else { at }
}

/// What is said where the last tick is one that has not come yet.
pub fn event(reason: &'static str, at: Timestamp, now: Timestamp) -> Event {
    Event {
        warning: true,
        reason,
        action: "Schedule",
        note: format!(
            "ticks were taken up until {at}, which has not come yet: a clock was ahead, or is behind. They are counted from {now} on; see to the clocks of the nodes, and look at runs whose times are still to come"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_by_minutes_are_not_called_wrong() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (seconds, ahead) in [(-600, false), (0, false), (300, false), (301, true)] {
            let at = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
            assert_eq!(is_ahead(at, now), ahead, "{seconds}");
            assert_eq!(righted(at, now), if ahead { now } else { at }, "{seconds}");
        }
    }
}
