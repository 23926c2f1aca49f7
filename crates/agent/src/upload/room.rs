//! How parts fit into the container's memory: it is the command's, too, and the kernel ends who asks for too much.
use protocol::parts::{LARGEST_PART, SMALLEST_PART};

/// PUTs at a time.
pub const PUTS: usize = 2;
/// Parts larger than this go one at a time, bytes: an upload of hundreds of GiB already has parts that fill the line.
const LARGE: u64 = 32 << 20;

/// What the container's memory limit leaves for parts: half of it, the rest being the command's and the stages'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    limit: Option<u64>,
}

impl Room {
    /// In a container with that memory limit, bytes; None: none that is known.
    pub fn new(limit: Option<u64>) -> Self {
        Self { limit }
    }

    /// The largest part there is room for, bytes: two of them, one being filled while the other is sent. No store takes smaller ones
    /// than S3's least, and smaller backups do not fill those.
    pub fn largest(self) -> u64 {
        self.limit
            .map_or(LARGEST_PART, |limit| (limit / 4).clamp(SMALLEST_PART, LARGEST_PART))
    }

    /// Buffers for parts of this size: those in flight and the one that is being filled.
    pub fn buffers(self, size: u64) -> usize {
        let three = self.limit.is_none_or(|limit| size.saturating_mul(3) <= limit / 2);
        if size > LARGE || !three { 2 } else { PUTS + 1 }
    }

    /// The words for a backup that needs more parts than the store takes.
    pub fn too_large(self, planned: u64, parts: u32) -> String {
        match self.limit {
            Some(limit) if self.largest() < planned => format!(
                "the backup is too large: the store takes {parts} parts, and the container's memory limit of {} MiB leaves room for parts of {} MiB; raise resources.limits.memory of the container, or say in spec.backup.expectedSize how large it is",
                limit >> 20,
                self.largest() >> 20
            ),
            _ => format!("the backup is too large: the store takes {parts} parts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn parts_never_take_more_than_half_of_the_containers_memory() {
        for (limit, largest) in [(16, 5), (64, 16), (128, 32), (512, 128), (1 << 20, 5 << 10)] {
            let room = Room::new(Some(limit * MIB));
            assert_eq!(room.largest(), largest * MIB, "{limit} MiB");
            for size in [5, 12, 16, 32, 80].map(|s: u64| (s * MIB).min(room.largest())) {
                let held = room.buffers(size) as u64 * size;
                assert!(
                    held <= (limit * MIB / 2).max(2 * SMALLEST_PART),
                    "{limit} MiB: {held} for {size}"
                );
            }
        }
        assert_eq!(Room::new(None).largest(), LARGEST_PART);
    }

    #[test]
    fn small_parts_are_sent_side_by_side_where_there_is_room() {
        for (limit, size, buffers) in [
            (None, 5, 3),
            (None, 33, 2),
            (Some(128), 5, 3),
            (Some(128), 12, 2 + 1),
            (Some(64), 12, 2),
            (Some(32), 5, 3),
            (Some(24), 5, 2),
        ] {
            assert_eq!(
                Room::new(limit.map(|l: u64| l * MIB)).buffers(size * MIB),
                buffers,
                "{limit:?} {size}"
            );
        }
    }
}
