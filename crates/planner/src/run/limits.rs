//! Every duration and number that decisions about runs go by, in one table; its test says how they depend on each other.
use std::time::Duration;

/// How often progress is written, and the longest pause between two looks at an attempt under way.
pub const PROGRESS: Duration = Duration::from_secs(10);
/// Look again at a run that waits for its storage; a change of the storage wakes it sooner.
pub const STORAGE_WAIT: Duration = Duration::from_secs(30);
/// The Pod of a backup goes within seconds, or its template gives it up to this long: what else may keep it is said after that.
pub const GOING: Duration = Duration::from_secs(30);
/// Look again at a run that waits for its turn; it is woken when it has it.
pub const QUEUED: Duration = Duration::from_secs(60);
/// The first look at its place after it was told: runs of one tick or one file come one by one, and restores among them go first.
pub const SETTLED: Duration = Duration::from_secs(3);
/// Its place is told again once it has come down to this part of what was told: 5,000 runs that wait then cost about three writes
/// each, not thousands.
pub const PLACE: u32 = 10;
/// What is written right behind a report is looked for this much later: the cache shows one before the other.
pub const BEHIND: Duration = Duration::from_secs(5);
/// Look again at what lies under a backup's key, before its command starts, where the store did not answer.
pub const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A container that is just being started cannot be reached either; this long it is not worth a word.
pub const UNREACHED: Duration = Duration::from_secs(15);
/// A Pod that is just being started is worth neither a word nor a write: most are up before.
pub const STARTING: Duration = Duration::from_secs(5);
/// On top of the time that a Pod has to start: all that lies between an agent that was reached and its command, each with a shorter
/// deadline of its own.
pub const PREPARING: Duration = Duration::from_secs(5 * 60);
/// An attempt that could not be begun for so long is over, however many operators have tried: each has its own time.
pub const AT_ALL: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the agent keeps its work for an operator that is away (`Job.absence_seconds`).
pub const ABSENCE: Duration = Duration::from_secs(15 * 60);
/// How long the operator tries to reach an agent that has work, or to open its storage, before it gives the attempt up.
pub const CONTACT_LOST: Duration = Duration::from_secs(30 * 60);
/// How long a failing store is tried again where the storage does not say (`retrySeconds`).
pub const RETRY: Duration = Duration::from_secs(15 * 60);
/// On top of all that an agent may rightly wait for; see [`backstop`].
pub const SLACK: Duration = Duration::from_secs(2 * 60);

/// The pause before the second attempt; doubled for each that follows, as the Job controller does.
pub const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause between two attempts.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60);
/// How long the next attempt waits for the last one's Pod. One on a lost node never goes: its upload is aborted, so it does
/// no harm.
pub const OLD_POD: Duration = Duration::from_secs(60);
/// How long the next attempt waits for a store that does not let the last one's upload be aborted.
pub const ABORT: Duration = Duration::from_secs(15 * 60);

/// How long a cancelled command gets before its Pod is deleted under it.
pub const CANCEL: Duration = Duration::from_secs(30);
/// How long Pods get to go away before a deleted run is let go without them; they are owned and go by themselves.
pub const PODS: Duration = Duration::from_secs(60);
/// How long a commit, and a store that fails, hold a deleted run: since its first failure.
pub const STORE: Duration = Duration::from_secs(5 * 60);

/// So many causes that keep a Pod from starting are told of in each attempt: whoever may write Events of Pods can make up any number.
pub const CAUSES: usize = 8;
/// How long a restore waits for its object to come back from an archive: the slowest tier of the deepest one takes two days.
pub const THAW: Duration = Duration::from_secs(72 * 3600);
/// How often a rewrap is tried.
pub const REWRAP_TRIES: u32 = 4;
/// How long what a rewrap has replaced is kept, or looked for, for what need never end: a run of another namespace that reads it, a storage
/// that takes no new copy while there is another one, an endpoint under which it is not found.
pub const REPLACED: Duration = Duration::from_secs(24 * 3600);
/// How many rewraps are remembered.
pub const REWRAPS: usize = 10;
/// How long a URL to download by is good.
pub const LENT: Duration = Duration::from_secs(15 * 60);
/// How many restores are remembered.
pub const RESTORES: usize = 10;

/// The agent keeps the command's deadline; this much later the operator ends the attempt itself. Not sooner: a command that
/// ended in time may still wait for its store, a restoring one may have waited as long for its input before its own clock
/// began, and an operator may have been away meanwhile.
pub fn backstop(retry: Duration) -> Duration {
    retry.saturating_add(ABSENCE).saturating_add(SLACK)
}

/// How long to wait after that attempt.
pub fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_another_waits_longer_than_the_other_may_take() {
        // An agent that gave up is found without work: until then the operator must not have given up itself.
        assert!(CONTACT_LOST > ABSENCE + SLACK);
        // A restore whose command waits for what is looked at before it is told so, rather than that its operator was away.
        assert!(PREPARING < ABSENCE);
        // A command that ended just in time, then an operator away, then a store away.
        for retry in [Duration::ZERO, RETRY, Duration::from_secs(7 * 24 * 3600)] {
            assert!(backstop(retry) > retry + ABSENCE);
        }
        // A cancelled command is stopped before its Pod is deleted under it, and a Pod goes before the run is let go.
        assert!(CANCEL < PODS && PODS < STORE);
        assert!(FIRST_PAUSE < LONGEST_PAUSE && UNREACHED > PROGRESS);
        // A restore that waits is looked at often enough to be told in time what keeps it.
        assert!(GOING > PROGRESS);
        // The next attempt begins neither beside the old Pod nor beside an upload that a store's bad minutes kept.
        assert!(OLD_POD >= CANCEL && ABORT >= RETRY);
    }

    #[test]
    fn the_pause_doubles_up_to_six_minutes() {
        let seconds: Vec<_> = (1..=8).map(|n| pause(n).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 320, 360, 360]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
