//! One field of a cron expression: which values it holds, and whether it was written with a star.
use crate::schedule::cron::CronError;

/// The values of a field, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    bits: u64,
    /// Written as `*` or `?`, without a step.
    pub star: bool,
}

impl Field {
    /// Whether a value is in the field; calendar values are never negative.
    pub fn has(&self, value: i8) -> bool {
        u32::try_from(value)
            .ok()
            .and_then(|v| 1u64.checked_shl(v))
            .is_some_and(|bit| self.bits & bit != 0)
    }
}

/// The shape of a field.
pub struct Shape {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

/// 0 to 59.
pub const MINUTE: Shape = Shape {
    name: "minute",
    low: 0,
    high: 59,
    names: &[],
};
/// 0 to 23.
pub const HOUR: Shape = Shape {
    name: "hour",
    low: 0,
    high: 23,
    names: &[],
};
/// 1 to 31.
pub const DAY: Shape = Shape {
    name: "day of month",
    low: 1,
    high: 31,
    names: &[],
};
/// 1 to 12, or names.
pub const MONTH: Shape = Shape {
    name: "month",
    low: 1,
    high: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
/// 0 (Sunday) to 6, or names.
pub const WEEKDAY: Shape = Shape {
    name: "day of week",
    low: 0,
    high: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

impl Shape {
    /// As people call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Parses a list of values, ranges and steps.
    pub fn parse(&self, text: &str) -> Result<Field, CronError> {
        let mut field = Field { bits: 0, star: false };
        for part in text.split(',').filter(|p| !p.is_empty()) {
            let (bits, star) = self.part(part).map_err(|why| CronError::Field {
                field: self.name,
                text: text.into(),
                why,
            })?;
            field.bits |= bits;
            field.star |= star;
        }
        if field.bits == 0 {
            return Err(CronError::Field {
                field: self.name,
                text: text.into(),
                why: "names no value".into(),
            });
        }
        Ok(field)
    }

    fn part(&self, part: &str) -> Result<(u64, bool), String> {
        let (range, step) = match part.split_once('/') {
            Some((_, step)) if step.contains('/') => return Err("has more than one slash".into()),
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (low, high) = match range.split_once('-') {
            Some((_, high)) if high.contains('-') => return Err("has more than one hyphen".into()),
            Some((low, high)) => (low, Some(high)),
            None => (range, None),
        };
        let star = matches!(low, "*" | "?");
        let (first, mut last) = if star {
            (self.low, self.high)
        } else {
            let first = self.value(low)?;
            (first, high.map(|h| self.value(h)).transpose()?.unwrap_or(first))
        };
        let step = match step {
            None => 1,
            Some(step) => {
                // `5/15` runs from 5 to the end.
                if high.is_none() {
                    last = self.high;
                }
                number(step)?
            }
        };
        if step == 0 {
            return Err("its step is 0".into());
        }
        if first < self.low || last > self.high {
            return Err(format!("is not within {} to {}", self.low, self.high));
        }
        if first > last {
            return Err("begins after its end".into());
        }
        let step_size = usize::try_from(step).unwrap_or(usize::MAX);
        let bits = (first..=last).step_by(step_size).fold(0, |bits, v| bits | (1u64 << v));
        Ok((bits, star && step == 1))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let low = text.to_lowercase();
        let named = self.names.iter().zip(self.low..).find(|(name, _)| **name == low);
        named.map_or_else(|| number(text), |(_, value)| Ok(value))
    }
}

/// As Go's `strconv.Atoi`, which robfig/cron reads numbers with, takes them: also `+5`.
fn number(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{text:?} is not a number or a name"));
    }
    digits.parse().map_err(|_| format!("{text:?} is too large"))
}
