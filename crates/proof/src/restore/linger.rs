//! The time after the leader's good end in which what it left running may still work.
use std::time::{Duration, Instant};

/// How long what the command left running may work on after the command's end, or after the last byte that it took, where
/// the restore has no deadline of its own. Long enough for a database to load what a pipe and its programs' buffers hold;
/// short enough that a server that was started and never ends is told of in the same hour.
const AT_MOST: Duration = Duration::from_secs(10 * 60);
/// What is always given, also where the deadline comes right after the command's end: nobody ends in no time. Also how
/// long the feeder may take to see that nobody reads any more.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Began with the leader's end.
pub struct Linger {
    exited: Instant,
    deadline: Option<Instant>,
    /// The last byte was taken, or none was there to take.
    moved: Instant,
    taken: u64,
    /// Nothing lives any more since then.
    alone: Option<Instant>,
}

impl Linger {
    /// `taken` bytes were taken by then.
    pub fn begin(exited: Instant, deadline: Option<Instant>, taken: u64) -> Self {
        Self {
            exited,
            deadline,
            moved: exited,
            taken,
            alone: None,
        }
    }

    /// Something lives: is its time over? `starved`: all that came was taken, and more is to come, which has limits of its
    /// own.
    pub fn is_over(&mut self, now: Instant, taken: u64, starved: bool) -> bool {
        if starved || taken != self.taken {
            (self.moved, self.taken) = (now, taken);
        }
        let end = match self.deadline {
            Some(at) => at.max(self.exited + DRAIN),
            None => self.moved + AT_MOST,
        };
        now >= end
    }

    /// Nothing lives: has that been so for long enough that a feeder must have seen it?
    pub fn is_settled(&mut self, now: Instant) -> bool {
        now >= *self.alone.get_or_insert(now) + DRAIN
    }

    /// Since the leader's end.
    pub fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.exited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_the_command_left_running_has_until_the_deadline_and_a_moment_at_least() {
        let exited = Instant::now();
        let deadline = exited + 60 * SECOND;
        let over = |deadline, now| Linger::begin(exited, Some(deadline), 0).is_over(now, 0, true);
        assert!(!over(deadline, deadline - SECOND));
        assert!(over(deadline, deadline));
        assert!(!over(exited, exited + SECOND));
        assert!(over(exited, exited + DRAIN));
    }

    #[test]
    fn without_a_deadline_it_has_ten_minutes_after_the_last_byte_that_it_could_take() {
        let exited = Instant::now();
        let mut linger = Linger::begin(exited, None, 7);
        assert!(!linger.is_over(exited + AT_MOST - SECOND, 7, false));
        assert!(linger.is_over(exited + AT_MOST, 7, false));
        let later = exited + AT_MOST - SECOND;
        assert!(!linger.is_over(later, 8, false));
        assert!(!linger.is_over(later + AT_MOST - SECOND, 8, false));
        let starved = later + 2 * AT_MOST;
        assert!(!linger.is_over(starved, 8, true), "the store is away, not the reader");
        assert!(linger.is_over(starved + AT_MOST, 8, false));
    }

    #[test]
    fn a_feeder_has_a_moment_to_see_that_nobody_reads_however_late_that_is() {
        let exited = Instant::now();
        let mut linger = Linger::begin(exited, None, 0);
        let gone = exited + 60 * SECOND;
        assert!(!linger.is_settled(gone));
        assert!(!linger.is_settled(gone + DRAIN - SECOND));
        assert!(linger.is_settled(gone + DRAIN));
    }
}
