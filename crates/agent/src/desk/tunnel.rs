//! Streams to the store through the operator, as blocking calls for the HTTP client.
//!
//! A stream lives as long as the connection that carries it: when that is lost the HTTP call fails as on any broken
//! network, and is tried again on the next.
use std::io;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proof::http::Tunnels;
use protocol::Data;

use super::streams::Progress;
use super::{Desk, State};

impl Tunnels for Desk {
    /// Opens a stream to the store. Err of kind `TimedOut` where no operator is there or it does not answer in time.
    fn open_stream(&self, limit: Option<Duration>) -> io::Result<u32> {
        let until = limit.map(|limit| Instant::now() + limit);
        let mut state = self.lock();
        let mut stream = None;
        let result = loop {
            if state.stopped {
                break Err(stopped());
            }
            match stream {
                None if state.connected => {
                    stream = state.streams.begin();
                    if stream.is_some() {
                        self.changed.notify_all();
                        continue;
                    }
                }
                None => {}
                Some(id) => match state.streams.progress(id) {
                    Progress::Open => return Ok(id),
                    Progress::Ended(words) => break Err(ended(&words)),
                    Progress::Waits => {}
                },
            }
            let words = match stream {
                _ if !state.connected => "no operator is connected",
                None => "all connections through the operator are in use",
                Some(_) => "the operator did not connect to the store in time",
            };
            state = match self.wait_moved(state, until, words) {
                Ok(state) => state,
                Err((again, error)) => {
                    state = again;
                    break Err(error);
                }
            };
        };
        if let Some(id) = stream {
            state.streams.leave(id);
            self.changed.notify_all();
        }
        result
    }

    /// Sends all bytes, as the operator takes them.
    fn send_stream(&self, id: u32, bytes: &[u8], limit: Option<Duration>) -> io::Result<()> {
        let until = limit.map(|limit| Instant::now() + limit);
        let mut state = self.lock();
        let mut rest = bytes;
        loop {
            if state.stopped {
                return Err(stopped());
            }
            let n = state.streams.send(id, rest).map_err(|words| ended(&words))?;
            if n > 0 {
                self.changed.notify_all();
            }
            rest = rest.get(n..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            state = self
                .wait_moved(state, until, "the operator takes no bytes")
                .map_err(|(_, error)| error)?;
        }
    }

    /// Waits for bytes; 0 at the end of the stream.
    fn receive_stream(&self, id: u32, into: &mut [u8], limit: Option<Duration>) -> io::Result<usize> {
        let until = limit.map(|limit| Instant::now() + limit);
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Err(stopped());
            }
            let n = state.streams.receive(id, into);
            if n > 0 {
                if state.streams.owes(id) {
                    self.changed.notify_all();
                }
                return Ok(n);
            }
            match state.streams.progress(id) {
                Progress::Ended(words) if words.is_empty() => return Ok(0),
                Progress::Ended(words) => return Err(ended(&words)),
                Progress::Open | Progress::Waits => {}
            }
            state = self
                .wait_moved(state, until, "the store sends no bytes")
                .map_err(|(_, error)| error)?;
        }
    }

    /// Whether a stream that nobody reads just now can still be used.
    fn is_stream_quiet(&self, id: u32) -> bool {
        self.lock().streams.is_quiet(id)
    }

    /// Nobody needs it any more.
    fn leave_stream(&self, id: u32) {
        self.lock().streams.leave(id);
        // The writer says so; one that waits for room sees it then.
        self.changed.notify_all();
    }
}

impl Desk {
    /// Takes a piece of a connection; false when that is not the newest any more.
    pub fn take_data(&self, connection: u64, piece: &Data) -> bool {
        let mut state = self.lock();
        if state.connection != connection {
            return false;
        }
        state.streams.put(piece);
        self.moved.notify_all();
        true
    }

    #[allow(clippy::type_complexity)] // The lock comes back with the error, for the one that has to clean up.
    fn wait_moved<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Option<Instant>,
        words: &str,
    ) -> Result<MutexGuard<'a, State>, (MutexGuard<'a, State>, io::Error)> {
        let Some(until) = until else {
            return Ok(self.moved.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err((state, io::Error::new(io::ErrorKind::TimedOut, words)));
        }
        Ok(self
            .moved
            .wait_timeout(state, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0)
    }
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the transfer was stopped")
}

fn ended(words: &str) -> io::Error {
    let words = if words.is_empty() {
        "the store closed the connection"
    } else {
        words
    };
    io::Error::new(io::ErrorKind::BrokenPipe, words)
}
