//! How parts fit into the container's memory: it is the command's, too, and the kernel ends who asks for too much.
use protocol::Compression;
use protocol::parts::{LARGEST_PART, SMALLEST_PART};

use super::body::CHUNK;

/// PUTs at a time, where they are small; of the streams of a relayed transfer some are just being closed.
const PUTS: usize = 6;
/// Bytes of small parts that are held whatever the line: two under way, and one that is filled.
const SMALL: u64 = 3 * SMALLEST_PART;
/// Parts larger than this go one at a time, bytes: an upload of hundreds of GiB already has parts that fill the line.
const LARGE: u64 = 32 << 20;

/// What the container's memory limit leaves for parts: half of it, the rest being the command's and the stages'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    limit: Option<u64>,
    /// For small parts, where the line takes more than two at a time.
    spare: u64,
}

impl Room {
    /// In a container with that memory limit, bytes; None: none that is known. The agent takes no more than 32 MiB for backups
    /// whose parts are small: what the stages leave of that is for more parts at a time.
    pub fn new(limit: Option<u64>, compression: Option<Compression>) -> Self {
        const MIB: u64 = 1 << 20;
        let spare = match compression {
            // Five parts, and a chunk of the next.
            None => 25 * MIB + CHUNK as u64,
            Some(Compression::Gzip { .. }) => 22 * MIB,
            Some(Compression::Zstd { level: ..=3 }) => 18 * MIB,
            Some(Compression::Zstd { .. }) => SMALL,
        };
        Self { limit, spare }
    }

    /// The largest part there is room for, bytes: two of them, one being filled while the other is sent. No store takes smaller ones
    /// than S3's least, and smaller backups do not fill those.
    pub fn largest(self) -> u64 {
        self.limit
            .map_or(LARGEST_PART, |limit| (limit / 4).clamp(SMALLEST_PART, LARGEST_PART))
    }

    /// Bytes that all parts of this size may take that are held at a time: those under way and the one that is being filled.
    fn held(self, size: u64) -> u64 {
        let half = self.limit.map_or(u64::MAX, |limit| limit / 2);
        let three = size.saturating_mul(3);
        let least = if size > LARGE || three > half {
            size.saturating_mul(2)
        } else {
            three
        };
        least.max(self.spare.min(half))
    }

    /// Chunks for that.
    pub fn chunks(self, size: u64) -> usize {
        let part = size.div_ceil(CHUNK as u64);
        usize::try_from((self.held(size) / CHUNK as u64).max(2 * part)).unwrap_or(usize::MAX)
    }

    /// Parts of this size that may be under way at a time, the memory being there.
    pub fn flights(self, size: u64) -> usize {
        // What is filled while they are under way needs room, too, if not for the whole of it.
        let least = CHUNK.min(usize::try_from(size).unwrap_or(CHUNK)) as u64;
        let many = self.held(size).saturating_sub(least) / size.max(1);
        usize::try_from(many).unwrap_or(PUTS).clamp(1, PUTS)
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
    const ZSTD: Option<Compression> = Some(Compression::Zstd { level: 3 });

    #[test]
    fn parts_never_take_more_than_half_of_the_containers_memory() {
        for (limit, largest) in [(16, 5), (64, 16), (128, 32), (512, 128), (1 << 20, 5 << 10)] {
            for compression in [None, ZSTD] {
                let room = Room::new(Some(limit * MIB), compression);
                assert_eq!(room.largest(), largest * MIB, "{limit} MiB");
                for size in [5, 12, 16, 32, 80].map(|s: u64| (s * MIB).min(room.largest())) {
                    let held = room.chunks(size) as u64 * CHUNK as u64;
                    assert!(
                        held <= (limit * MIB / 2).max(2 * SMALLEST_PART),
                        "{limit} MiB: {held} for {size}"
                    );
                    let under_way = room.flights(size) as u64 * size;
                    assert!(
                        under_way < held,
                        "{limit} MiB: nothing is left to fill the next of {size} in"
                    );
                }
            }
        }
        assert_eq!(Room::new(None, None).largest(), LARGEST_PART);
    }

    #[test]
    fn small_parts_are_sent_side_by_side_where_there_is_room_and_the_agent_stays_small() {
        for (limit, compression, size, flights, held) in [
            (None, None, 5, 5, 25),
            (None, Some(Compression::Gzip { level: 6 }), 5, 4, 22),
            (None, ZSTD, 5, 3, 18),
            (None, Some(Compression::Zstd { level: 9 }), 5, 2, 15),
            (None, None, 12, 2, 36),
            (None, None, 33, 1, 66),
            (Some(128), None, 5, 5, 25),
            (Some(128), None, 12, 2, 36),
            (Some(64), None, 12, 2, 25),
            (Some(64), ZSTD, 12, 1, 24),
            (Some(40), None, 5, 3, 20),
            (Some(32), None, 5, 3, 16),
            (Some(24), None, 5, 2, 12),
            (Some(16), None, 5, 1, 10),
        ] {
            let room = Room::new(limit.map(|l: u64| l * MIB), compression);
            let chunks = held * MIB / CHUNK as u64 + u64::from(held == 25);
            assert_eq!(
                (room.flights(size * MIB), room.chunks(size * MIB) as u64),
                (flights, chunks),
                "{limit:?} {compression:?} {size}"
            );
        }
        // Sizes that only tests have.
        assert_eq!(Room::new(None, None).flights(1000), PUTS);
        assert_eq!(Room::new(None, None).flights(0), PUTS);
    }
}
