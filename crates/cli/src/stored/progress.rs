//! How far it is, on a terminal and nowhere else.
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use planner::size::humanize;
use proof::Watched;

/// Between two lines.
const PACE: Duration = Duration::from_millis(250);
/// Clears what is left of the line.
const CLEAR: &str = "\r\u{1b}[K";

/// One line that is written over and over, on standard error.
pub struct Progress {
    shown: bool,
    /// Bytes that there are.
    size: u64,
    begun: Instant,
    told: Option<Instant>,
}

impl Progress {
    /// Of so many bytes as stored.
    pub fn of(size: u64) -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
            size,
            begun: Instant::now(),
            told: None,
        }
    }

    /// So many have come.
    pub fn tell(&mut self, stored: u64) {
        let now = Instant::now();
        if self.shown && self.told.is_none_or(|told| now >= told + PACE) {
            self.told = Some(now);
            let line = line(stored, self.size, now.saturating_duration_since(self.begun));
            // Nobody needs it.
            let _ = write!(std::io::stderr(), "{CLEAR}{line}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.told.is_some() {
            let _ = write!(std::io::stderr(), "{CLEAR}");
        }
    }
}

/// A sink, and how far what it is given is of the object.
pub struct Counted<'a> {
    sink: &'a mut dyn Write,
    watched: Arc<Watched>,
    progress: Progress,
}

impl<'a> Counted<'a> {
    /// Of a reading that is watched.
    pub fn new(sink: &'a mut dyn Write, watched: Arc<Watched>, progress: Progress) -> Self {
        Self {
            sink,
            watched,
            progress,
        }
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.progress.tell(self.watched.bytes.load(Ordering::Relaxed));
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn line(stored: u64, size: u64, time: Duration) -> String {
    let percent = match size {
        0 => 100,
        size => u128::from(stored) * 100 / u128::from(size),
    };
    let millis = time.as_millis().max(1);
    let rate = u64::try_from(u128::from(stored) * 1000 / millis).unwrap_or(u64::MAX);
    format!(
        "{} of {} ({percent} %), {}/s",
        humanize(stored),
        humanize(size),
        humanize(rate)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_part_whole_and_rate_and_divides_by_nothing() {
        let second = Duration::from_secs(1);
        for (stored, size, time, words) in [
            (1 << 20, 4 << 20, second, "1.0 MiB of 4.0 MiB (25 %), 1.0 MiB/s"),
            (0, 0, Duration::ZERO, "0 B of 0 B (100 %), 0 B/s"),
            (u64::MAX, u64::MAX, second, "16.0 EiB of 16.0 EiB (100 %), 16.0 EiB/s"),
        ] {
            assert_eq!(line(stored, size, time), words);
        }
    }
}
