//! How far a transfer has come, how fast it goes and how long it may take, out of its status and the last backup's size.
use api::{BackupRun, BackupSchedule};
use jiff::{SignedDuration, Timestamp};
use planner::size::{humanize, span};

/// What a transfer will come to, as far as that can be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Bytes on the command's side.
    pub bytes: Option<u64>,
    /// Bytes on the store's side.
    pub stored: Option<u64>,
    /// It is known, not only what the last one had.
    pub known: bool,
}

impl Expected {
    /// Of a backup: about as much as the schedule's last good one.
    pub fn of_schedule(schedule: &BackupSchedule) -> Self {
        let last = schedule.status.as_ref().and_then(|s| s.last_backup.as_ref());
        Self {
            bytes: last.and_then(|l| l.bytes),
            stored: last.and_then(|l| l.stored_bytes),
            known: false,
        }
    }

    /// Of a restore of what that run has stored.
    pub fn of_backup(run: &BackupRun) -> Self {
        let status = run.status.as_ref();
        Self {
            bytes: status.and_then(|s| s.bytes),
            stored: status.and_then(|s| s.size_in_bytes),
            known: true,
        }
    }
}

/// How far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Far {
    /// Bytes on the command's side.
    pub bytes: u64,
    /// Bytes on the store's side.
    pub stored: u64,
    /// Bytes on the command's side each second, since the command began.
    pub rate: Option<u64>,
    /// Of the whole, 0 to 100: where the whole is known or guessed. Beyond a guess it is none.
    pub percent: Option<u8>,
    /// How long it may take yet.
    pub left: Option<SignedDuration>,
    /// The whole is a guess.
    pub guessed: bool,
}

/// Of the transfer under way; None before its first bytes.
pub fn far(run: &BackupRun, expected: Expected) -> Option<Far> {
    let status = run.status.as_ref()?;
    let progress = status.progress.as_ref()?;
    let began = status.transfer.as_ref()?.command_started_at.as_ref()?.0;
    let (bytes, stored) = (progress.bytes, progress.stored_bytes);
    let seconds = u64::try_from(progress.updated_at.0.duration_since(began).as_secs()).unwrap_or(0);
    let rate = (seconds > 0).then(|| bytes / seconds);
    // A restore reads what is stored; of a backup the command's bytes say more.
    let (done, whole) = match (expected.bytes, expected.stored) {
        (Some(whole), _) => (bytes, Some(whole)),
        (None, Some(whole)) => (stored, Some(whole)),
        (None, None) => (bytes, None),
    };
    let whole = whole.filter(|whole| *whole > 0 && (*whole >= done || expected.known));
    let percent = whole.map(|whole| {
        let hundredths = u128::from(done.min(whole)) * 100 / u128::from(whole);
        u8::try_from(hundredths).unwrap_or(100)
    });
    let left = whole.filter(|_| done > 0 && seconds > 0).map(|whole| {
        let left = u128::from(whole.saturating_sub(done)) * u128::from(seconds) / u128::from(done);
        SignedDuration::from_secs(i64::try_from(left).unwrap_or(i64::MAX))
    });
    Some(Far {
        bytes,
        stored,
        rate,
        percent,
        left,
        guessed: !expected.known,
    })
}

impl Far {
    /// As much of it as there is room for, what people ask first before the rest.
    pub fn brief(&self, room: usize) -> String {
        let parts = [
            self.share(),
            self.left.map(|left| format!("{} left", span(left))),
            self.rate.map(|rate| format!("{}/s", humanize(rate))),
            Some(format!("{} of the command", humanize(self.bytes))),
            Some(format!("{} in the store", humanize(self.stored))),
            self.ratio(),
        ];
        let mut words = String::new();
        for part in parts.into_iter().flatten() {
            let comma = if words.is_empty() { "" } else { ", " };
            if words.len() + comma.len() + part.len() > room {
                break;
            }
            words = format!("{words}{comma}{part}");
        }
        words
    }

    /// In one line.
    pub fn words(&self) -> String {
        let ratio = self.ratio().map(|ratio| format!(" ({ratio})")).unwrap_or_default();
        let mut words: Vec<_> = self.share().into_iter().collect();
        words.push(format!(
            "{} of the command, {} in the store{ratio}",
            humanize(self.bytes),
            humanize(self.stored),
        ));
        words.extend(self.rate.map(|rate| format!("{}/s", humanize(rate))));
        words.extend(self.left.map(|left| {
            let about = if self.guessed { ", by the last backup" } else { "" };
            format!("{} left{about}", span(left))
        }));
        words.join(", ")
    }

    /// How much of the whole.
    fn share(&self) -> Option<String> {
        let about = if self.guessed { "about " } else { "" };
        self.percent.map(|percent| format!("{about}{percent} %"))
    }

    /// How many times smaller it is stored.
    fn ratio(&self) -> Option<String> {
        if self.stored == 0 || self.bytes == 0 {
            return None;
        }
        let tenths = (u128::from(self.bytes) * 10 + u128::from(self.stored) / 2) / u128::from(self.stored);
        Some(format!("{}.{} times smaller", tenths / 10, tenths % 10))
    }
}

/// When a line about progress is due: at most every ten seconds, and only where something has moved.
pub fn is_due(last: Option<(Timestamp, u64)>, now: Timestamp, bytes: u64) -> bool {
    const EVERY: SignedDuration = SignedDuration::from_secs(10);
    last.is_none_or(|(at, told)| told != bytes && now.duration_since(at) >= EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(bytes: u64, stored: u64, seconds: u32) -> BackupRun {
        let mut run = testing::backup_run();
        run.status = serde_json::from_value(json!({
            "transfer": {"attempt": "backup-1", "route": "Direct",
                "startedAt": "2026-11-28T09:59:00Z", "commandStartedAt": "2026-11-28T10:00:00Z"},
            "progress": {"bytes": bytes, "storedBytes": stored, "updatedAt": format!("2026-11-28T10:00:{seconds:02}Z")},
        }))
        .unwrap();
        run
    }

    #[test]
    fn the_estimate_is_the_last_backups_and_none_once_it_is_passed() {
        let guess = |bytes| Expected {
            bytes,
            stored: None,
            known: false,
        };
        let known = Expected {
            bytes: None,
            stored: Some(200),
            known: true,
        };
        for (expected, percent, left, words) in [
            (
                guess(Some(2048)),
                Some(50),
                Some(10),
                "about 50 %, 1.0 KiB of the command, 100 B in the store (10.2 times smaller), 102 B/s, 10s left, by the last backup",
            ),
            (
                guess(Some(1000)),
                None,
                None,
                "1.0 KiB of the command, 100 B in the store (10.2 times smaller), 102 B/s",
            ),
            (
                guess(None),
                None,
                None,
                "1.0 KiB of the command, 100 B in the store (10.2 times smaller), 102 B/s",
            ),
            (
                known,
                Some(50),
                Some(10),
                "50 %, 1.0 KiB of the command, 100 B in the store (10.2 times smaller), 102 B/s, 10s left",
            ),
        ] {
            let far = far(&run(1024, 100, 10), expected).unwrap();
            assert_eq!(
                (far.percent, far.left.map(|l| l.as_secs())),
                (percent, left),
                "{expected:?}"
            );
            assert_eq!(far.words(), words);
        }
    }

    #[test]
    fn where_there_is_little_room_what_people_ask_first_is_said() {
        let half = Expected {
            bytes: Some(2048),
            ..Expected::default()
        };
        let far = far(&run(1024, 100, 10), half).unwrap();
        for (room, wanted) in [
            (
                200,
                "about 50 %, 10s left, 102 B/s, 1.0 KiB of the command, 100 B in the store, 10.2 times smaller",
            ),
            (40, "about 50 %, 10s left, 102 B/s"),
            (20, "about 50 %, 10s left"),
            (9, ""),
        ] {
            assert_eq!(far.brief(room), wanted, "{room}");
        }
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        let none = far(&run(0, 0, 0), Expected::default()).unwrap();
        assert_eq!(none.words(), "0 B of the command, 0 B in the store");
        let most = Expected {
            bytes: Some(u64::MAX),
            ..Expected::default()
        };
        assert_eq!(far(&run(1, 1, 1), most).unwrap().percent, Some(0));
        assert_eq!(far(&testing::backup_run(), most), None);
    }

    #[test]
    fn progress_is_a_line_at_most_every_ten_seconds() {
        let at = |seconds: i64| Timestamp::from_second(1000 + seconds).unwrap();
        for (last, now, bytes, due) in [
            (None, 0, 0, true),
            (Some((at(0), 5)), 9, 6, false),
            (Some((at(0), 5)), 10, 6, true),
            (Some((at(0), 5)), 60, 5, false),
        ] {
            assert_eq!(is_due(last, at(now), bytes), due, "{last:?} {now}");
        }
    }
}
