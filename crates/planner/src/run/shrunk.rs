//! Whether a backup is suspiciously small: a dump that breaks off quietly is shorter, and nothing else about it is wrong.
use api::run::BackupAction;

use crate::size::humanize;

/// Of so many good backups, the newest, the median is taken.
pub const LAST: usize = 5;

/// `spec.backup.minSize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinSize {
    /// So many bytes.
    Bytes(u64),
    /// So much of the median.
    Percent(u64),
}

impl MinSize {
    /// Reads what `api::rules::MIN_SIZE` lets pass.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end)?;
        if number.is_empty() || number.len() > 15 {
            return None;
        }
        let value: u64 = number.parse().ok()?;
        let factor = match unit {
            "%" => return (!number.starts_with('0') && value <= 100).then_some(Self::Percent(value)),
            "" => 1,
            "k" => 1000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            "T" => 1_000_000_000_000,
            "P" => 1_000_000_000_000_000,
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            "Ti" => 1 << 40,
            "Pi" => 1 << 50,
            _ => return None,
        };
        Some(Self::Bytes(value.saturating_mul(factor)))
    }
}

/// `spec.backup.expectedSize` in bytes; None where it is not given, or is none.
pub fn expected(backup: &BackupAction) -> Option<u64> {
    match MinSize::parse(backup.expected_size.as_deref()?)? {
        MinSize::Bytes(bytes) => Some(bytes),
        MinSize::Percent(_) => None,
    }
}

/// What the size of a backup says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Nothing.
    Ok,
    /// It is good, and people should look at it: the note of the Event `Shrunk`.
    Shrunk(String),
    /// It is no good backup: the message, of the reason `TooSmall`.
    TooSmall(String),
}

/// Judges the bytes that a command printed, `before` being those of its schedule's earlier good backups, newest first.
/// It is asked before the upload is completed: what is too small never becomes an object.
pub fn judge(backup: &BackupAction, bytes: u64, before: &[u64]) -> Judged {
    let median = median(before);
    if let Some((least, of)) = least(backup, before).filter(|(least, _)| bytes < *least) {
        return Judged::TooSmall(format!(
            "the command printed {bytes} bytes ({}), and spec.backup.minSize asks for {least} at least ({}{of}): is the dump whole? Nothing was stored",
            humanize(bytes),
            humanize(least)
        ));
    }
    match median {
        Some(median) if backup.min_size.is_none() && bytes < median / 2 => Judged::Shrunk(format!(
            "the backup has {} only, and {} has {}: is the dump whole? spec.backup.minSize would have refused it",
            humanize(bytes),
            words_of(before),
            humanize(median)
        )),
        _ => Judged::Ok,
    }
}

/// The fewest bytes that the command has to print; known before it is started.
pub fn minimum(backup: &BackupAction, before: &[u64]) -> Option<u64> {
    least(backup, before).map(|(least, _)| least)
}

/// The same, and what it is a part of.
fn least(backup: &BackupAction, before: &[u64]) -> Option<(u64, String)> {
    match MinSize::parse(backup.min_size.as_deref()?)? {
        MinSize::Bytes(least) => Some((least, String::new())),
        MinSize::Percent(percent) => {
            let median = median(before)?;
            let least = u64::try_from(u128::from(median) * u128::from(percent) / 100).unwrap_or(u64::MAX);
            Some((least, format!(", {percent}% of {}", words(median, before))))
        }
    }
}

fn words(median: u64, before: &[u64]) -> String {
    format!("{}, {}", humanize(median), words_of(before))
}

fn words_of(before: &[u64]) -> String {
    match before.len().min(LAST) {
        1 => "the last good one of its schedule".into(),
        n => format!("the median of the last {n} good ones of its schedule"),
    }
}

/// The median of the newest; of an even number the lower one of the two in the middle.
fn median(before: &[u64]) -> Option<u64> {
    let mut last: Vec<u64> = before.iter().take(LAST).copied().collect();
    last.sort_unstable();
    last.get(last.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_least_size_is_bytes_or_a_percentage() {
        for (text, wanted) in [
            ("0", Some(MinSize::Bytes(0))),
            ("1024", Some(MinSize::Bytes(1024))),
            ("500k", Some(MinSize::Bytes(500_000))),
            ("10Mi", Some(MinSize::Bytes(10 << 20))),
            ("999999999999999Pi", Some(MinSize::Bytes(u64::MAX))),
            ("1%", Some(MinSize::Percent(1))),
            ("100%", Some(MinSize::Percent(100))),
            ("101%", None),
            ("0%", None),
            ("050%", None),
            ("%", None),
            ("", None),
            ("Mi", None),
            ("10MB", None),
            ("10 Mi", None),
            ("1.5Gi", None),
            ("-1", None),
            ("9999999999999999", None),
            ("10é", None),
        ] {
            assert_eq!(MinSize::parse(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_backup_that_is_far_smaller_than_those_before_is_told_of_or_fails() {
        let mut backup = testing::backup_run().spec.backup.unwrap();
        for (least, bytes, before, wanted) in [
            (None, 1, vec![], "ok"),
            (None, 49, vec![100], "shrunk"),
            (None, 50, vec![100], "ok"),
            // The newest five: what was long ago does not count, nor does one that was odd.
            (None, 49, vec![100, 1, 100, 100, 1, 1, 1, 1], "shrunk"),
            (None, 49, vec![60, 60, 60, 60, 60, 9000, 9000, 9000, 9000], "ok"),
            (None, 30, vec![50, 100], "ok"),
            (None, 0, vec![0], "ok"),
            (Some("50%"), 49, vec![100, 100, 100], "too small"),
            (Some("50%"), 50, vec![100, 100, 100], "ok"),
            // A percentage of nothing asks for nothing.
            (Some("50%"), 1, vec![], "ok"),
            // Who has set a limit has said what is too small.
            (Some("10%"), 20, vec![100], "ok"),
            (Some("1Ki"), 1023, vec![], "too small"),
            (Some("1Ki"), 1024, vec![1 << 40], "ok"),
            (Some("100%"), u64::MAX - 1, vec![u64::MAX], "too small"),
        ] {
            backup.min_size = least.map(Into::into);
            let judged = match judge(&backup, bytes, &before) {
                Judged::Ok => "ok",
                Judged::Shrunk(_) => "shrunk",
                Judged::TooSmall(_) => "too small",
            };
            assert_eq!(judged, wanted, "{least:?} {bytes} {before:?}");
            let enough = minimum(&backup, &before).is_none_or(|least| bytes >= least);
            assert_eq!(enough, wanted != "too small", "{least:?} {bytes} {before:?}");
        }
    }

    #[test]
    fn a_backup_that_is_too_small_is_told_with_what_it_is_measured_by() {
        let mut backup = testing::backup_run().spec.backup.unwrap();
        backup.min_size = Some("50%".into());
        let Judged::TooSmall(text) = judge(&backup, 20, &[4096, 4096]) else {
            panic!("20 of 4096");
        };
        for words in [
            "20 bytes",
            "spec.backup.minSize",
            "2048",
            "50% of 4.0 KiB",
            "last 2 good ones",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }
}
