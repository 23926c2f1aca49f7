//! How much memory a restore may take for what an object says that it needs: the window of a zstd frame, the work of a passphrase. Who
//! wrote the object chose both, so that neither is taken at its word.

/// The largest window that is taken where nothing is said: 128 MiB, as zstd's own tools do.
const USUAL: u32 = 27;
/// The largest window that a backup of this crate needs (8 MiB, of level 19): it is always read back.
const OWN: u32 = 23;
/// The largest window that zstd reads at all.
const LARGEST: u32 = 31;
/// The largest work factor of a passphrase: scrypt with 2^22, which takes 4 GiB and some 20 seconds of one core, and is the most that Go's
/// age reads. `age -p` asks for 18 (256 MiB), and rage for what it guesses to take a second where it runs, 20 (1 GiB) and more. The library's
/// own limit is what the machine seems to do in 16 seconds at that moment: a throttled container would refuse a file that it took the day
/// before.
pub(crate) const WORK_FACTOR: u8 = 22;
/// What follows a change of the run itself; who reads of it has its first restore behind him.
pub(crate) const AGAIN: &str = "ask for the restore again (annotation backup-operator.io/restore)";
/// What the agent needs beside, bytes.
const BESIDE: u64 = 32 << 20;

/// What a reader may hold beside its own buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The largest window of a zstd frame that the user allows (`spec.compression.windowLog`), as a power of two, 10 to 31. None: 27, or
    /// more where `memory` has room for it twice.
    pub window_log: Option<u32>,
    /// The memory limit of the container, bytes; None where there is none, or it is not known.
    pub memory: Option<u64>,
}

impl Allowance {
    /// The largest window of a zstd frame, as a power of two.
    pub(crate) fn largest_window(&self) -> u32 {
        match self.window_log {
            Some(log) => log.clamp(OWN, LARGEST),
            None => self.room().unwrap_or(USUAL).clamp(USUAL, LARGEST),
        }
    }

    /// The window that half of the memory holds.
    fn room(&self) -> Option<u32> {
        (self.memory? / 2).checked_ilog2()
    }

    /// Why a window of so many bytes is not taken, and what would cure it; None: it is taken.
    pub(crate) fn refuses_window(&self, bytes: u64) -> Option<String> {
        let (allowed, needed) = (self.largest_window(), log_of(bytes));
        if needed <= allowed {
            return None;
        }
        let (needs, allows) = (size(bytes), size(1 << allowed));
        if needed > LARGEST {
            return Some(format!(
                "needs a window of {needs}, and zstd itself reads {} at most",
                size(1 << LARGEST)
            ));
        }
        let set = format!("set spec.compression.windowLog: {needed}, which may be changed on this run");
        let limit = size(bytes.saturating_mul(2));
        Some(match (self.window_log, self.memory) {
            (_, Some(memory)) if bytes.saturating_add(BESIDE) > memory => format!(
                "needs a window of {needs}, and the container's memory limit is {}: make a new run whose container has a limit of {limit}",
                size(memory)
            ),
            (Some(_), _) => format!(
                "needs a window of {needs}, and spec.compression.windowLog allows {allows}: {set}, see that the container has as much memory, and {AGAIN}"
            ),
            (None, Some(memory)) => format!(
                "needs a window of {needs}, and {allows} are allowed in a container with a memory limit of {}: {set}, and {AGAIN}; or make a new run whose container has a limit of {limit}",
                size(memory)
            ),
            (None, None) => format!(
                "needs a window of {needs}, and {allows} are allowed where nothing else is said: {set}, see that the container has as much memory, and {AGAIN}"
            ),
        })
    }

    /// Why the work of a passphrase is not done, and what would cure it; None: it is done.
    pub(crate) fn refuses_work(&self, factor: u8) -> Option<String> {
        const CURE: &str = "encrypt the object again with a smaller one";
        if factor > WORK_FACTOR {
            return Some(format!(
                "the passphrase has a work factor of {factor}, and {WORK_FACTOR} is the largest that is worked through here (4 GiB of memory): {CURE}"
            ));
        }
        // RFC 7914: 128 * r * N bytes, of which age fixes r = 8.
        let needs = 1024_u64 << factor;
        let memory = self.memory.filter(|memory| needs.saturating_add(BESIDE) > *memory)?;
        Some(format!(
            "the passphrase has a work factor of {factor}, which takes {} of memory, and the container's memory limit is {}: make a new run whose container has a limit of {}, or {CURE}",
            size(needs),
            size(memory),
            size(needs + BESIDE)
        ))
    }
}

/// The power of two that holds so many bytes.
fn log_of(bytes: u64) -> u32 {
    bytes.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}

/// For people: whole GiB, or MiB, rounded up.
fn size(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    match bytes {
        _ if bytes >= GIB && bytes.is_multiple_of(GIB) => format!("{} GiB", bytes / GIB),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn allowance(window_log: Option<u32>, memory: Option<u64>) -> Allowance {
        Allowance { window_log, memory }
    }

    #[test]
    fn a_window_is_as_large_as_was_said_or_as_half_of_the_memory_and_never_below_what_is_written_here() {
        for (said, memory, log) in [
            (None, None, 27),
            (None, Some(64 * MIB), 27),
            (None, Some(512 * MIB), 28),
            (None, Some(4096 * MIB), 31),
            (None, Some(u64::MAX), 31),
            (None, Some(0), 27),
            (Some(31), Some(64 * MIB), 31),
            (Some(24), Some(4096 * MIB), 24),
            (Some(10), None, 23),
            (Some(99), None, 31),
        ] {
            assert_eq!(
                allowance(said, memory).largest_window(),
                log,
                "{said:?} in {memory:?} bytes"
            );
        }
    }

    #[test]
    fn a_window_that_is_not_taken_is_told_with_what_would_take_it() {
        for (said, memory, bytes, words) in [
            (
                None,
                None,
                2 << 30,
                "a window of 2 GiB, and 128 MiB are allowed where nothing else is said: set spec.compression.windowLog: 31",
            ),
            // A header may say any eighth between two powers.
            (
                None,
                None,
                144 * MIB,
                "a window of 144 MiB, and 128 MiB are allowed where nothing else is said: set spec.compression.windowLog: 28",
            ),
            (
                Some(24),
                None,
                128 * MIB,
                "spec.compression.windowLog allows 16 MiB: set spec.compression.windowLog: 27",
            ),
            (
                None,
                Some(1024 * MIB),
                900 * MIB,
                "512 MiB are allowed in a container with a memory limit of 1 GiB: set spec.compression.windowLog: 30, which may be changed on this run, and ask for the restore again (annotation backup-operator.io/restore); or make a new run",
            ),
            // No setting makes room that is not there, and the template of a run stays as it is.
            (
                None,
                Some(1024 * MIB),
                1 << 30,
                "and the container's memory limit is 1 GiB: make a new run whose container has a limit of 2 GiB",
            ),
            (
                Some(28),
                Some(256 * MIB),
                1 << 30,
                "and the container's memory limit is 256 MiB: make a new run",
            ),
            (Some(31), None, 15 << 28, "zstd itself reads 2 GiB at most"),
        ] {
            let said = allowance(said, memory).refuses_window(bytes).unwrap();
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(allowance(None, None).refuses_window(128 * MIB), None);
        assert_eq!(allowance(Some(31), None).refuses_window(2 << 30), None);
        assert_eq!(allowance(None, None).refuses_window(0), None);
    }

    #[test]
    fn a_passphrase_is_worked_on_by_a_limit_that_is_set_and_where_the_memory_is_there() {
        for (factor, memory, words) in [
            (18, None, None),
            (22, None, None),
            (23, None, Some("22 is the largest")),
            (63, None, Some("22 is the largest")),
            (255, Some(u64::MAX), Some("22 is the largest")),
            (18, Some(512 * MIB), None),
            (
                18,
                Some(256 * MIB),
                Some(
                    "takes 256 MiB of memory, and the container's memory limit is 256 MiB: make a new run whose container has a limit of 288 MiB",
                ),
            ),
        ] {
            let said = allowance(None, memory).refuses_work(factor);
            assert_eq!(said.is_some(), words.is_some(), "{factor}: {said:?}");
            assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{factor}");
        }
    }
}
