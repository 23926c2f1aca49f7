//! The parts of a copy: as few as its store takes, and small enough to be held.
use store::Terms;

/// Bytes of a part of an ordinary object.
const USUAL: u64 = 8 << 20;
/// The largest part that is held in memory.
const LARGEST: u64 = 24 << 20;
/// What is read at once.
pub const PIECE: u64 = 8 << 20;

/// MiB that all copies hold together, beside all else that the operator's 256 MiB are for: three of the largest objects, seven of ordinary ones.
pub const ROOM: u32 = 3 * room(LARGEST);

/// MiB that a copy in such parts holds: one that is read, one that is written, and the piece that has just come.
pub const fn room(part: u64) -> u32 {
    // Parts are bounded by `LARGEST`.
    (part * 2 + PIECE).div_ceil(1 << 20) as u32
}

/// MiB that a rewrap in such parts holds: as a copy does, and on each side of what encrypts anew one more that waits.
pub const fn room_to_rewrap(part: u64) -> u32 {
    (part * 3 + PIECE * 2).div_ceil(1 << 20) as u32
}

/// Bytes of each part but the last. What a storage says of parts (`partSize`) is for agents.
///
/// # Errors
/// The object is too large for parts that can be held.
pub fn part_size(size: u64, terms: &Terms) -> Result<u64, String> {
    let even = size.div_ceil(u64::from(terms.parts).max(1));
    // In whole MiB: some stores want all parts but the last alike, and none wants them odd.
    let even = even.div_ceil(1 << 20) << 20;
    let part = even.max(USUAL).max(terms.smallest_part);
    if part > LARGEST.min(terms.largest_part) && even > LARGEST.min(terms.largest_part) {
        let most = LARGEST.saturating_mul(u64::from(terms.parts));
        return Err(format!(
            "the object has {size} bytes, and at most {most} are copied to such a store; copy it by the store's own replication"
        ));
    }
    Ok(part.min(LARGEST).min(terms.largest_part))
}

/// From the first byte to the last of each piece of a part that is read by itself.
pub fn pieces(from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
    let starts = std::iter::successors(Some(from), |at| at.checked_add(PIECE));
    starts
        .take_while(move |at| *at < to)
        .map(move |at| (at, at.saturating_add(PIECE).min(to) - 1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use store::Dropped;

    use super::*;

    fn terms(parts: u32, smallest: u64) -> Terms {
        Terms {
            smallest_part: smallest,
            largest_part: 5 << 30,
            parts,
            longest_url: Duration::from_secs(60),
            dropped: Dropped::Gone,
        }
    }

    #[test]
    fn parts_are_small_and_grow_only_where_there_would_be_too_many() {
        let mib = |n: u64| n << 20;
        for (size, parts, part) in [
            (0, 10_000, Some(mib(8))),
            (mib(100), 10_000, Some(mib(8))),
            (mib(80_000), 10_000, Some(mib(8))),
            (mib(80_000) + 1, 10_000, Some(mib(9))),
            (mib(240_000), 10_000, Some(mib(24))),
            (mib(240_000) + 1, 10_000, None),
            (mib(240_000) + 1, 50_000, Some(mib(8))),
            (mib(9_000), 1_000, Some(mib(9))),
        ] {
            let made = part_size(size, &terms(parts, mib(5))).ok();
            assert_eq!(made, part, "{size} {parts}");
            assert!(made.is_none_or(|part| size.div_ceil(part) <= u64::from(parts)));
        }
    }

    #[test]
    fn a_copy_never_needs_more_than_a_third_of_the_room() {
        for size in [0, 1, 78 << 30, 200 << 30] {
            let part = part_size(size, &terms(10_000, 5 << 20)).unwrap();
            assert!(room(part) * 3 <= ROOM, "{size}");
            assert!(room_to_rewrap(part) <= ROOM, "{size}");
        }
        assert_eq!((ROOM, ROOM / room(USUAL)), (168, 7));
    }

    #[test]
    fn pieces_make_up_their_part_and_nothing_else() {
        for (from, to) in [(0, 0), (0, 1), (5, 5 + PIECE), (7, 7 + 3 * PIECE + 1)] {
            let all: Vec<_> = pieces(from, to).collect();
            let mut at = from;
            for (first, last) in all {
                assert!(first == at && last >= first && last - first < PIECE);
                at = last + 1;
            }
            assert_eq!(at, to.max(from));
        }
    }
}
