//! When to try again, and when to give up. The clock is passed in.
use std::time::{Duration, Instant};

/// First pause; doubled each time.
const FIRST: Duration = Duration::from_millis(200);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(10);
/// Tries of what is probably wrong for good.
const DOUBTFUL: u32 = 5;

/// What a failure lets hope for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// It passes by itself: network, 5xx, an expired URL.
    Passes,
    /// It may have been damaged on its way: a few more tries.
    Doubtful,
    /// It will not pass.
    None,
}

/// The failures of one part or download in a row.
#[derive(Debug)]
pub struct Retry {
    patience: Duration,
    first: Option<Instant>,
    failures: u32,
    doubtful: u32,
}

impl Retry {
    /// Gives up when failures have gone on for `patience`.
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            first: None,
            failures: 0,
            doubtful: 0,
        }
    }

    /// Some bytes came through: failures before this one do not count.
    pub fn progressed(&mut self) {
        *self = Self::new(self.patience);
    }

    /// How long to pause after a failure; None to give up.
    pub fn after(&mut self, hope: Hope, now: Instant) -> Option<Duration> {
        let first = *self.first.get_or_insert(now);
        let pause = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures += 1;
        match hope {
            Hope::None => return None,
            Hope::Doubtful => {
                self.doubtful += 1;
                if self.doubtful >= DOUBTFUL {
                    return None;
                }
            }
            Hope::Passes => {}
        }
        // A failure that is found after the patience is over ends it; a pause never goes beyond it.
        let left = (first + self.patience).saturating_duration_since(now);
        if left.is_zero() { None } else { Some(pause.min(left)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_up_to_ten_seconds_and_end_with_the_patience() {
        let (mut retry, start) = (Retry::new(60 * S), Instant::now());
        let mut now = start;
        let mut pauses = Vec::new();
        while let Some(pause) = retry.after(Hope::Passes, now) {
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(
            pauses,
            [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000, 7400]
        );
        assert_eq!(now, start + 60 * S);
    }

    #[test]
    fn what_will_not_pass_is_not_tried_again_and_what_is_doubtful_a_few_times() {
        let now = Instant::now();
        assert_eq!(Retry::new(60 * S).after(Hope::None, now), None);
        let mut retry = Retry::new(60 * S);
        let tries = (0..20)
            .take_while(|_| retry.after(Hope::Doubtful, now).is_some())
            .count();
        assert_eq!(tries, 4);
    }

    #[test]
    fn progress_gives_the_whole_patience_back() {
        let (mut retry, now) = (Retry::new(S), Instant::now());
        assert!(retry.after(Hope::Passes, now).is_some());
        assert_eq!(retry.after(Hope::Passes, now + S), None);
        retry.progressed();
        assert!(retry.after(Hope::Passes, now + S).is_some());
    }
}
