//! Where in the file of its upload a part belongs, before all parts in front of it are there: they are of one size, but for the last, or
//! grow from step to step. A place that turns out to be wrong costs a copy at the end and nothing else.
use std::collections::BTreeMap;

/// S3: a part that is not the last has at least as many bytes. Of a smaller one nothing can be told about those before it.
const SMALLEST: u64 = 5 << 20;

/// Where the bytes of a part are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the upload's file, from there on.
    At(u64),
    /// In a file of their own.
    Apart(u64),
}

/// A part that is there, or comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub size: u64,
    pub place: Place,
    /// A request is writing it.
    pub coming: bool,
    /// SHA-256 of one that was answered.
    pub note: Option<[u8; 32]>,
}

/// The place for a part of that size; None: it cannot be told, or is taken.
pub(super) fn place(number: u32, size: u64, held: &BTreeMap<u32, Held>) -> Option<u64> {
    let known = held.range(..number).rev().find_map(|(number, held)| match held.place {
        Place::At(offset) => Some((*number, offset, held.size)),
        Place::Apart(_) => None,
    });
    let (below, mut offset, each) = match known {
        Some((below, offset, last)) => (below, offset.checked_add(last)?, Some(last)),
        None => (0, 0, None),
    };
    // Parts between that nobody has told of: as large as this one, or as the last before, where this one is the last of all.
    let between = match each {
        None => Some(size).filter(|size| *size >= SMALLEST),
        Some(last) => Some(last).filter(|last| size <= *last),
    };
    for missing in below + 1..number {
        let bytes = held.get(&missing).map(|held| held.size).or(between)?;
        offset = offset.checked_add(bytes)?;
    }
    let end = offset.checked_add(size)?;
    let taken = held.iter().any(|(other, held)| match held.place {
        Place::At(at) => *other != number && at < end && offset < at.saturating_add(held.size),
        Place::Apart(_) => false,
    });
    (!taken).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn held(parts: &[(u32, u64, Option<u64>)]) -> BTreeMap<u32, Held> {
        let held = |size, at: Option<u64>| Held {
            size,
            place: at.map_or(Place::Apart(1), Place::At),
            coming: false,
            note: None,
        };
        parts
            .iter()
            .map(|(number, size, at)| (*number, held(*size, *at)))
            .collect()
    }

    #[test]
    fn a_part_goes_to_its_place_where_that_can_be_told() {
        let five = 5 * MIB;
        type Parts<'a> = &'a [(u32, u64, Option<u64>)];
        let cases: &[(Parts<'_>, u32, u64, Option<u64>)] = &[
            (&[], 1, 3, Some(0)),
            (&[], 3, five, Some(2 * five)),
            // The last of a small upload came first.
            (&[], 2, 3, None),
            (&[(2, five, Some(five))], 1, five, Some(0)),
            (&[(1, five, Some(0))], 4, five, Some(3 * five)),
            // The last one, before its neighbour.
            (&[(1, five, Some(0))], 3, 7, Some(2 * five)),
            // It grows somewhere between.
            (&[(1, five, Some(0))], 3, 2 * five, None),
            (&[(1, five, Some(0)), (2, five, None)], 3, 2 * five, Some(2 * five)),
            // A guess was wrong, and its place is taken.
            (&[(2, five, Some(five))], 1, 2 * five, None),
            (&[(1, u64::MAX, Some(0))], 2, five, None),
        ];
        for (parts, number, size, expected) in cases {
            assert_eq!(
                place(*number, *size, &held(parts)),
                *expected,
                "{parts:?} {number} {size}"
            );
        }
    }

    /// All parts of a plan, as an agent sends them: some at a time, in any order among those.
    fn sent(sizes: &[u64], order: &[usize]) -> (BTreeMap<u32, Held>, u64) {
        let (mut parts, mut copied) = (BTreeMap::new(), 0);
        for index in order {
            let (number, size) = (*index as u32 + 1, sizes[*index]);
            let at = place(number, size, &parts);
            let offset: u64 = sizes[..*index].iter().sum();
            copied += if at == Some(offset) { 0 } else { size };
            parts.extend(held(&[(number, size, at)]));
        }
        (parts, copied)
    }

    proptest! {
        #[test]
        fn parts_never_lie_over_each_other_and_those_of_an_agent_hardly_ever_elsewhere(
            count in 1_usize..60, step in 1_usize..30, last in 1_u64..5, keys in proptest::collection::vec(0_usize..6, 60),
        ) {
            let mut sizes: Vec<u64> = (0..count).map(|n| (5 * MIB) << (n / step).min(8)).collect();
            sizes[count - 1] = last;
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by_key(|index| index + keys[*index]);
            let (parts, copied) = sent(&sizes, &order);
            let mut ranges: Vec<_> = parts.values().filter_map(|held| match held.place {
                Place::At(at) => Some((at, at + held.size)),
                Place::Apart(_) => None,
            }).collect();
            ranges.sort_unstable();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            if step >= count {
                prop_assert!(copied <= last.max(5 * MIB * 6), "{copied}");
            }
        }
    }
}
