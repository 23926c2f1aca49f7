//! How much memory a restore may take for what an object says that it needs: the window of a zstd frame, the work of a passphrase. Who
//! wrote the object chose both, so that neither is taken at its word.

/// The largest window that is taken where nothing is said: 128 MiB, as zstd's own tools do.
const USUAL: u32 = 27;
/// The largest window that a backup of this crate needs (8 MiB, of level 19): it is always read back.
pub(crate) const OWN: u32 = 23;
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

/// Is told how many bytes a window takes that is larger than those before it and than a backup's own, before they are taken: what was
/// killed for it cannot say so any more.
pub type Note = Box<dyn Fn(u64) + Send>;

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

    /// The container's memory limit, where it has no room for a window of which so many bytes are held. What this crate writes is read
    /// in any container: less than its window is little beside the agent itself.
    fn short_of(&self, held: u64) -> Option<u64> {
        self.memory
            .filter(|memory| held > 1 << OWN && held.saturating_add(BESIDE) > *memory)
    }

    /// Why a frame is not taken that needs a window of so many bytes and holds `content` bytes, where it says so, and what would cure it;
    /// None: it is taken. A window is taken up bit by bit: one that the memory has no room for would not fail when it is asked for, but
    /// be ended by the kernel in the middle of the restore.
    pub(crate) fn refuses_frame(&self, window: u64, content: Option<u64>) -> Option<String> {
        let (allowed, needed) = (self.largest_window(), log_of(window));
        if needed > LARGEST {
            return Some(format!(
                "needs a window of {}, and zstd itself reads {} at most",
                size(window),
                size(1 << LARGEST)
            ));
        }
        let (needs, allows) = (size(window), size(1 << allowed));
        let held = content.map_or(window, |content| content.min(window));
        let set = (needed > allowed).then(|| format!("spec.compression.windowLog: {needed}"));
        let words = match (self.short_of(held), self.window_log, self.memory, set) {
            (None, _, _, None) => return None,
            (Some(memory), _, _, set) => format!(
                "needs a window of {}, and the container's memory limit is {}: make a new run whose container has a limit of {}, plus what the command takes{}",
                size(held),
                size(memory),
                size(held + BESIDE),
                set.map(|set| format!(", and {set}")).unwrap_or_default()
            ),
            (None, Some(_), _, Some(set)) => format!(
                "needs a window of {needs}, and spec.compression.windowLog allows {allows}: set {set}, which may be changed on this run, see that the container has as much memory, and {AGAIN}"
            ),
            (None, None, Some(memory), Some(set)) => format!(
                "needs a window of {needs}, and {allows} are allowed in a container with a memory limit of {}: set {set}, which may be changed on this run, and {AGAIN}; or make a new run whose container has a limit of {}",
                size(memory),
                size(window.saturating_mul(2))
            ),
            (None, None, None, Some(set)) => format!(
                "needs a window of {needs}, and {allows} are allowed where nothing else is said: set {set}, which may be changed on this run, see that the container has as much memory, and {AGAIN}"
            ),
        };
        Some(words)
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
                Some(1100 * MIB),
                1 << 30,
                "512 MiB are allowed in a container with a memory limit of 1100 MiB: set spec.compression.windowLog: 30, which may be changed on this run, and ask for the restore again (annotation backup-operator.io/restore); or make a new run whose container has a limit of 2 GiB",
            ),
            (Some(31), None, 15 << 28, "zstd itself reads 2 GiB at most"),
            (Some(31), Some(64 * MIB), u64::MAX, "zstd itself reads 2 GiB at most"),
        ] {
            let said = allowance(said, memory).refuses_frame(bytes, None).unwrap();
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(allowance(None, None).refuses_frame(128 * MIB, None), None);
        assert_eq!(allowance(Some(31), None).refuses_frame(2 << 30, None), None);
        assert_eq!(allowance(None, None).refuses_frame(0, None), None);
    }

    #[test]
    fn a_window_that_the_memory_has_no_room_for_is_refused_whatever_was_said() {
        for (said, memory, window, content, words) in [
            (
                None,
                128,
                128,
                None,
                Some(
                    "needs a window of 128 MiB, and the container's memory limit is 128 MiB: make a new run whose container has a limit of 160 MiB, plus what the command takes",
                ),
            ),
            (Some(27), 128, 128, None, Some("a limit of 160 MiB")),
            (None, 48, 64, None, Some("a limit of 96 MiB")),
            (Some(28), 128, 256, None, Some("a limit of 288 MiB")),
            (
                Some(27),
                128,
                256,
                None,
                Some("a limit of 288 MiB, plus what the command takes, and spec.compression.windowLog: 28"),
            ),
            (
                None,
                128,
                256,
                None,
                Some("plus what the command takes, and spec.compression.windowLog: 28"),
            ),
            (None, 160, 128, None, None),
            (Some(28), 300, 256, None, None),
            // No more is held than there is.
            (None, 64, 128, Some(3), None),
            (None, 64, 128, Some(40), Some("needs a window of 40 MiB")),
            // What is written here is read in the smallest container.
            (None, 16, 8, None, None),
        ] {
            let found = allowance(said, Some(memory * MIB)).refuses_frame(window * MIB, content.map(|c: u64| c * MIB));
            assert_eq!(
                found.is_some(),
                words.is_some(),
                "{said:?} {memory} {window} {content:?}: {found:?}"
            );
            let found = found.unwrap_or_default();
            assert!(found.contains(words.unwrap_or_default()), "{found}");
        }
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
