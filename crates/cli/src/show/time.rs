//! Moments as people ask for them: how long ago, or how long until then.
use jiff::Timestamp;
use planner::size::span;

/// How long ago it was: `3h30m`. What is still to come, by a clock that differs, was just now.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(at))
}

/// How long it is until then; what has passed is due.
pub fn until(at: Timestamp, now: Timestamp) -> String {
    if at <= now {
        return "due".into();
    }
    span(at.duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_has_an_age_and_what_comes_a_distance() {
        let t = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(ago(t(0), t(3600 * 5)), "5h");
        assert_eq!(ago(t(9), t(0)), "0s");
        assert_eq!(until(t(90), t(0)), "90s");
        assert_eq!(until(t(0), t(0)), "due");
    }
}
