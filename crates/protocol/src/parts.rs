//! How large the parts of an upload of unknown length are.
use serde::{Deserialize, Serialize};

/// S3: a part other than the last has at least 5 MiB.
pub const SMALLEST_PART: u64 = 5 << 20;
/// S3: a part has at most 5 GiB.
pub const LARGEST_PART: u64 = 5 << 30;
/// S3: an upload has at most 10,000 parts.
pub const MAX_PARTS: u32 = 10_000;

/// Sizes of parts: all equal within a step, doubled from step to step. With the defaults 4.4 GiB go in parts of
/// 5 MiB, so that the agent stays small for ordinary backups, and 5 TiB fit into 10,000 parts. Where the size is known
/// beforehand ([`PartPlan::expecting`]), parts are as large as that wants from the start, and grow beyond it only.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PartPlan {
    /// Bytes of the first part.
    pub smallest: u64,
    /// Parts in a step.
    pub step: u32,
    /// Parts that the store takes.
    pub max_parts: u32,
    /// Parts before the first doubling; 0: as many as in a step.
    #[serde(default)]
    pub first: u32,
    /// Bytes of a part, at most: what the store takes. An agent that does not know it goes up to S3's.
    #[serde(default = "largest_part")]
    pub largest: u64,
}

fn largest_part() -> u64 {
    LARGEST_PART
}

impl Default for PartPlan {
    fn default() -> Self {
        Self {
            smallest: SMALLEST_PART,
            step: 900,
            max_parts: MAX_PARTS,
            first: 0,
            largest: LARGEST_PART,
        }
    }
}

/// Parts for a size that is expected; those behind them are for what is larger than that.
const EXPECTED_PARTS: u32 = 9_000;

impl PartPlan {
    /// For an object of about so many bytes: as few parts' growth as can be, because the memory for a part is the user's. 100 GiB go
    /// in parts of 12 MiB, where the default plan ends with parts of 80 MiB. What becomes larger than expected fits, too, up to
    /// 1 TiB, and up to three times that size; but the more of the 10,000 parts are spent, the faster the rest grow.
    pub fn expecting(bytes: u64, smallest: u64) -> Self {
        const MIB: u64 = 1 << 20;
        let even = bytes
            .div_ceil(u64::from(EXPECTED_PARTS))
            .div_ceil(MIB)
            .saturating_mul(MIB);
        let smallest = even.clamp(smallest, LARGEST_PART.max(smallest));
        let default = Self::default();
        let needed = u32::try_from(bytes.div_ceil(smallest)).unwrap_or(u32::MAX);
        // A tenth more than expected is no reason to grow.
        let first = needed.saturating_add(needed / 10).clamp(default.step, EXPECTED_PARTS);
        // From 5 MiB to 5 GiB parts double ten times.
        let step = (MAX_PARTS - first) / 10;
        Self {
            smallest,
            step: step.clamp(1, default.step),
            first,
            ..default
        }
    }

    /// Bytes of a part that is not the last; `number` counts from 1. None past the last part that the store takes.
    pub fn size_of(&self, number: u32) -> Option<u64> {
        if number == 0 || number > self.max_parts {
            return None;
        }
        let step = self.step.max(1);
        let first = if self.first == 0 { step } else { self.first };
        let doublings = match number.checked_sub(first + 1) {
            None => 0,
            Some(beyond) => 1 + beyond / step,
        };
        let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
        Some(self.smallest.saturating_mul(factor).clamp(1, self.largest.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_tib_fit_into_ten_thousand_parts() {
        let plan = PartPlan::default();
        let total: u128 = (1..=MAX_PARTS).map(|n| u128::from(plan.size_of(n).unwrap())).sum();
        assert!(total >= 5 << 40, "{total}");
    }

    /// Parts of a stream of that many bytes, and bytes of the largest.
    fn parts_of(plan: PartPlan, stream: u64) -> (u32, u64) {
        let (mut left, mut number, mut size) = (stream, 0, 0);
        while left > 0 {
            number += 1;
            size = plan.size_of(number).expect("a part that the store takes");
            left = left.saturating_sub(size);
        }
        (number, size)
    }

    #[test]
    fn a_stream_of_any_size_up_to_five_tib_fits_whatever_the_first_part_is() {
        const MIB: u64 = 1 << 20;
        const GIB: u64 = 1 << 30;
        for smallest in [SMALLEST_PART, 16 * MIB, 100 * MIB, GIB, LARGEST_PART] {
            let plan = PartPlan {
                smallest,
                ..PartPlan::default()
            };
            for stream in [
                1,
                SMALLEST_PART,
                GIB,
                4 * GIB,
                20 * GIB,
                100 * GIB,
                1024 * GIB,
                5120 * GIB,
            ] {
                let (parts, largest) = parts_of(plan, stream);
                assert!(parts <= MAX_PARTS, "{stream} bytes from {smallest} on: {parts} parts");
                assert!(
                    largest <= LARGEST_PART,
                    "{stream} bytes from {smallest} on: a part of {largest}"
                );
            }
        }
        // What the user's container pays for: the agent holds three parts, two where they are large; more where they are small.
        let of = |gib: u64| parts_of(PartPlan::default(), gib * GIB);
        assert_eq!(of(4), (820, 5 * MIB));
        assert_eq!(of(20), (2149, 20 * MIB));
        assert_eq!(of(100), (4037, 80 * MIB));
        assert_eq!(of(1024), (7046, 640 * MIB));
    }

    #[test]
    fn a_size_that_is_expected_goes_in_parts_of_one_size_and_what_is_larger_fits_as_well() {
        const MIB: u64 = 1 << 20;
        const GIB: u64 = 1 << 30;
        for (expected, part) in [
            (0, 5 * MIB),
            (GIB, 5 * MIB),
            (40 * GIB, 5 * MIB),
            (100 * GIB, 12 * MIB),
            (1024 * GIB, 117 * MIB),
            (5120 * GIB, 583 * MIB),
        ] {
            let plan = PartPlan::expecting(expected, SMALLEST_PART);
            let (parts, largest) = parts_of(plan, expected.max(1));
            assert_eq!((plan.smallest, largest), (part, part), "{expected}");
            assert!(parts <= 9_000, "{expected}: {parts}");
            let more = expected + expected / 12;
            if parts < 8_000 {
                assert_eq!(parts_of(plan, more.max(1)).1, part, "a little more than {expected}");
            }
            let (parts, largest) = parts_of(plan, (3 * expected).clamp(1024 * GIB, 5120 * GIB));
            assert!(
                parts <= MAX_PARTS && largest <= LARGEST_PART,
                "{expected}: {parts} of {largest}"
            );
        }
        // Small backups that grow are planned as if nothing were known of them.
        let (small, unknown) = (PartPlan::expecting(4 * GIB, SMALLEST_PART), PartPlan::default());
        for gib in [4, 20, 100, 1024, 5120] {
            assert_eq!(
                parts_of(small, gib * GIB).1,
                parts_of(unknown, gib * GIB).1,
                "{gib} GiB"
            );
        }
        // A storage that says how large a part is at least is heard.
        assert_eq!(PartPlan::expecting(GIB, 64 * MIB).smallest, 64 * MIB);
        assert_eq!(PartPlan::expecting(u64::MAX, SMALLEST_PART).smallest, LARGEST_PART);
    }

    #[test]
    fn no_part_is_larger_than_its_store_takes() {
        const MIB: u64 = 1 << 20;
        let plan = PartPlan {
            largest: 4000 * MIB,
            ..PartPlan::default()
        };
        let sizes: Vec<_> = (1..=MAX_PARTS).filter_map(|n| plan.size_of(n)).collect();
        assert_eq!(sizes.iter().max(), Some(&(4000 * MIB)));
        assert!(sizes.iter().map(|size| u128::from(*size)).sum::<u128>() >= 5 << 40);
    }

    #[test]
    fn a_plan_of_before_reads_as_it_was_meant() {
        let old: PartPlan = serde_json::from_str(r#"{"smallest":5242880,"step":900,"maxParts":10000}"#).unwrap();
        assert_eq!(old, PartPlan::default());
    }

    #[test]
    fn parts_never_shrink_and_end_with_the_stores_limit() {
        let plan = PartPlan::default();
        let sizes: Vec<_> = (1..=MAX_PARTS).map(|n| plan.size_of(n).unwrap()).collect();
        assert!(sizes.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(
            (sizes[0], sizes[899], sizes[900]),
            (SMALLEST_PART, SMALLEST_PART, 2 * SMALLEST_PART)
        );
        assert_eq!((plan.size_of(0), plan.size_of(MAX_PARTS + 1)), (None, None));
    }
}
