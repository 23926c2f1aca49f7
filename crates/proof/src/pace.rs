//! How fast a transfer may be: bytes a second for all its connections together, changed while it is under way.
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What is taken at a time, where there is a limit: a quarter of a second's worth, so that a new one is soon kept to.
const PER_SECOND: u64 = 4;
/// Of that, the least and the most, bytes.
const LEAST: u64 = 1 << 10;
const MOST: u64 = 64 << 10;

/// A limit, shared by all who read or write. Without one it costs a lock that nobody else wants.
#[derive(Default)]
pub struct Pace(Mutex<State>);

#[derive(Default)]
struct State {
    /// Bytes a second.
    limit: Option<u64>,
    /// Until when what was taken so far lasts.
    until: Option<Instant>,
}

impl State {
    /// How long who has taken so many bytes waits before he takes more.
    fn taken(&mut self, bytes: u64, now: Instant) -> Duration {
        let Some(limit) = self.limit else {
            return Duration::ZERO;
        };
        let from = self.until.map_or(now, |until| until.max(now));
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(limit.max(1));
        let lasts = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let until = from.checked_add(lasts).unwrap_or(from);
        self.until = Some(until);
        until.saturating_duration_since(now)
    }

    fn piece(&self) -> Option<u64> {
        self.limit.map(|limit| (limit / PER_SECOND).clamp(LEAST, MOST))
    }
}

impl Pace {
    /// No more than so many bytes a second from now on; None: as many as there are.
    pub fn set(&self, limit: Option<u64>) {
        let mut state = self.lock();
        if state.limit != limit {
            // What was taken at the old pace is not waited for at the new one.
            *state = State { limit, until: None };
        }
    }

    /// Bytes a second; None: there is no limit.
    pub fn limit(&self) -> Option<u64> {
        self.lock().limit
    }

    /// The most to read at a time; None: there is no limit.
    pub fn piece(&self) -> Option<usize> {
        let piece = self.lock().piece()?;
        usize::try_from(piece).ok()
    }

    /// So many bytes went through: waits until more may.
    pub fn taken(&self, bytes: usize) {
        let wait = self.lock().taken(bytes as u64, Instant::now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads no faster than that.
pub struct Paced<'a, R> {
    inner: R,
    pace: &'a Pace,
}

impl<'a, R: Read> Paced<'a, R> {
    /// What is read through it counts.
    pub fn new(inner: R, pace: &'a Pace) -> Self {
        Self { inner, pace }
    }
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.pace.piece().unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.pace.taken(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_together_get_what_was_given_and_time_that_nobody_used_is_not_made_up_for() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut state = State {
            limit: Some(1 << 20),
            until: None,
        };
        let quarter = 256 << 10;
        // Two that take at the same time wait for each other.
        assert_eq!(state.taken(quarter, at(0)).as_millis(), 250);
        assert_eq!(state.taken(quarter, at(0)).as_millis(), 500);
        assert_eq!(state.taken(quarter, at(500)).as_millis(), 250);
        // A minute without a byte is no minute's worth of bytes now.
        assert_eq!(state.taken(quarter, at(60_000)).as_millis(), 250);
        state.limit = None;
        assert_eq!(state.taken(u64::MAX, at(60_000)), Duration::ZERO);
        state.limit = Some(0);
        assert!(state.taken(1, at(60_000)) <= Duration::from_secs(2), "never for ever");
    }

    #[test]
    fn who_waits_looks_often_enough_to_be_stopped_or_told_of_another_pace() {
        for limit in [1, 6 << 10, 64 << 10, 20 << 20, u64::MAX] {
            let mut state = State {
                limit: Some(limit),
                until: None,
            };
            let piece = state.piece().unwrap();
            let wait = state.taken(piece, Instant::now());
            assert!((LEAST..=MOST).contains(&piece));
            assert!(wait <= Duration::from_secs(1) || limit < 1 << 10, "{limit}: {wait:?}");
        }
        assert_eq!(State::default().piece(), None);
    }

    #[test]
    fn a_reader_gives_all_its_bytes_whatever_the_pace() {
        let pace = Pace::default();
        for limit in [None, Some(100 << 20)] {
            pace.set(limit);
            let bytes: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
            let mut read = Vec::new();
            Paced::new(bytes.as_slice(), &pace).read_to_end(&mut read).unwrap();
            assert!(read == bytes, "{limit:?}");
        }
    }
}
