//! The time after the leader's end in which its output may still come.
use std::time::{Duration, Instant};

use proof::command::pipe;

/// How long something that the command left running may hold its output.
const DRAIN: Duration = Duration::from_secs(5);
/// Between two looks after that.
const LOOK: Duration = Duration::from_millis(100);

/// Began with the leader's end.
pub struct Drain {
    exited: Instant,
    bytes: u64,
}

/// What is seen.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// Look again then.
    Again(Instant),
    /// Someone else holds the output: it may be incomplete.
    Held,
}

impl Drain {
    /// `bytes` of the output were read by then.
    pub fn begin(exited: Instant, bytes: u64) -> Self {
        Self { exited, bytes }
    }

    /// What the command wrote before its end may take long to go to a slow store; so only two things count: an empty
    /// pipe that someone can still write to, or more bytes than the pipe can have held.
    pub fn look(&self, now: Instant, bytes: u64, held: impl FnOnce() -> bool) -> Look {
        let end = self.exited + DRAIN;
        if now < end {
            return Look::Again(end);
        }
        if held() || bytes.saturating_sub(self.bytes) > 2 * pipe::SIZE as u64 {
            return Look::Held;
        }
        Look::Again(now + LOOK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_output_that_someone_else_holds_after_the_drain_time_is_held() {
        let start = Instant::now();
        let drain = Drain::begin(start, 100);
        let late = start + DRAIN;
        let again = |now: Instant| Look::Again(now + LOOK);
        for (now, bytes, held, seen) in [
            (start, 100, true, Look::Again(late)),
            (late - LOOK, 100, true, Look::Again(late)),
            (late, 100, true, Look::Held),
            (late, 100, false, again(late)),
            (
                late + 100 * DRAIN,
                100 + pipe::SIZE as u64,
                false,
                again(late + 100 * DRAIN),
            ),
            (late, 101 + 2 * pipe::SIZE as u64, false, Look::Held),
        ] {
            assert_eq!(drain.look(now, bytes, || held), seen);
        }
    }
}
