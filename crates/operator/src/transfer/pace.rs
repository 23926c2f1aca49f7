//! How fast a stranger is served: what comes faster waits, and with it whoever sent it.
use std::time::Duration;

use tokio::time::Instant;

use crate::transfer::limits::BURST;

/// An even pace, and a burst before it.
#[derive(Debug)]
pub struct Pace {
    each: Duration,
    /// When all that was taken would have been taken at the even pace.
    due: Instant,
}

impl Pace {
    /// So many a second.
    pub fn new(a_second: u32, now: Instant) -> Self {
        Self {
            each: Duration::from_secs(1) / a_second.max(1),
            due: now,
        }
    }

    /// Takes so many; how long to wait before they are served.
    pub fn take(&mut self, many: u32, now: Instant) -> Duration {
        let due = self.due.max(now);
        self.due = due + self.each.saturating_mul(many);
        due.saturating_duration_since(now).saturating_sub(BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_served_at_once_and_a_flood_at_the_even_pace() {
        let start = Instant::now();
        let mut pace = Pace::new(10, start);
        for n in 0..=20 {
            assert_eq!(pace.take(1, start), Duration::ZERO, "{n}");
        }
        assert_eq!(pace.take(1, start), Duration::from_millis(100));
        let mut now = start;
        for _ in 0..1000 {
            now += pace.take(1, now);
        }
        let seconds = (now - start).as_secs();
        assert!((99..=101).contains(&seconds), "1,000 at ten a second took {seconds} s");
    }

    #[test]
    fn who_keeps_to_the_pace_never_waits_and_a_rest_gives_no_more_than_a_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(10, start);
        for n in 0..1000u32 {
            assert_eq!(pace.take(1, start + Duration::from_millis(100) * n), Duration::ZERO);
        }
        let later = start + Duration::from_secs(3600);
        assert_eq!(pace.take(1000, later), Duration::ZERO);
        assert_eq!(pace.take(1, later), Duration::from_secs(98));
    }
}
