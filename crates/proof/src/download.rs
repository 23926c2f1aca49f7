//! The object as a stream: read in ranges, some ahead of the command, and given to it in order. Each range is taken up again
//! where it broke, by the bytes that were asked for.
mod answer;
mod fetch;
mod ring;

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pipeline::Sha256;
use protocol::Outcome;

use crate::http::Client;
use crate::pace::Pace;
use crate::sign::{SignedUrl, Signs};
use ring::{Chunk, Next, Ring};

#[cfg(any(test, fuzzing))]
pub(crate) use answer::{bare, content_range};

/// Between two looks whether anybody still wants the bytes.
const LOOK: Duration = Duration::from_millis(100);

/// What is shared with those who watch a download.
#[derive(Default)]
pub struct Watched {
    /// Bytes so far.
    pub bytes: AtomicU64,
    /// Of these bytes.
    pub hash: Mutex<Sha256>,
    /// Nobody wants the rest.
    pub stop: AtomicBool,
    /// Why reading failed, in the report's words.
    failure: Mutex<Option<Outcome>>,
}

impl Watched {
    /// Why reading failed.
    pub fn failure(&self) -> Option<Outcome> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What to read.
pub struct Wanted {
    /// Bytes of the object.
    pub size: u64,
    /// Of the object; another one is another object.
    pub etag: Option<String>,
    /// How long it is retried without a byte.
    pub patience: Duration,
    /// The memory that there is (the container's limit), bytes, where it is known.
    pub memory: Option<u64>,
    /// The bytes come through the operator.
    pub relayed: bool,
    /// How fast they may come.
    pub pace: Arc<Pace>,
}

/// What the reader and those who fetch share.
struct Shared {
    client: Client,
    signs: Arc<dyn Signs>,
    wanted: Wanted,
    watched: Arc<Watched>,
    url: Mutex<Url>,
    state: Mutex<State>,
    /// For the reader.
    arrived: Condvar,
    /// For those who fetch.
    room: Condvar,
}

/// One URL reads all ranges, until the store refuses it.
#[derive(Default)]
struct Url {
    /// URLs asked for so far.
    number: u32,
    signed: Option<Arc<SignedUrl>>,
}

struct State {
    ring: Ring,
    /// Threads that fetch.
    fetchers: usize,
    /// The reader is gone.
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One thread more, where so many ranges may be read at a time.
    fn fetch(self: &Arc<Self>, state: &mut State) {
        if state.fetchers > 0 && state.fetchers >= state.ring.side_by_side() {
            return;
        }
        let fetcher = fetch::Fetcher { shared: self.clone() };
        let begun = thread::Builder::new().name("fetch".into()).spawn(move || fetcher.run());
        // Those that there are read everything, too.
        state.fetchers += usize::from(begun.is_ok());
    }
}

/// The stream.
pub struct Download {
    shared: Arc<Shared>,
    /// What is being read, and how far.
    chunk: Chunk,
    taken: usize,
    offset: u64,
}

impl Download {
    /// Nothing is asked for before the first read.
    pub fn new(client: Client, signs: Arc<dyn Signs>, wanted: Wanted, watched: Arc<Watched>) -> Self {
        let ring = Ring::new(wanted.size, wanted.memory, wanted.etag.is_some(), wanted.relayed);
        Self {
            shared: Arc::new(Shared {
                client,
                signs,
                wanted,
                watched,
                url: Mutex::default(),
                state: Mutex::new(State {
                    ring,
                    fetchers: 0,
                    ended: false,
                }),
                arrived: Condvar::new(),
                room: Condvar::new(),
            }),
            chunk: Chunk::default(),
            taken: 0,
            offset: 0,
        }
    }

    /// Waits for the next bytes; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        let mut state = self.shared.lock();
        if state.fetchers == 0 {
            self.shared.fetch(&mut state);
            if state.fetchers == 0 {
                return Err(io::Error::other("no thread can be started"));
            }
        }
        let read = std::mem::take(&mut self.chunk);
        self.taken = 0;
        if !read.filled().is_empty() {
            state.ring.give_back(read);
        }
        loop {
            if self.shared.watched.stop.load(Ordering::Relaxed) {
                return Err(self.end(None));
            }
            match state.ring.next() {
                Next::Chunk(chunk) => {
                    state.ring.hungry = false;
                    self.shared.room.notify_all();
                    self.chunk = chunk;
                    return Ok(true);
                }
                Next::End => return Ok(false),
                Next::Failed(outcome) => return Err(self.end(outcome)),
                Next::Waits => {
                    // The first range may have become another one.
                    state.ring.hungry = true;
                    state.ring.flights.held_back();
                    self.shared.room.notify_all();
                    state = self
                        .shared
                        .arrived
                        .wait_timeout(state, LOOK)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
            }
        }
    }

    fn end(&self, outcome: Option<Outcome>) -> io::Error {
        let mut failure = self
            .shared
            .watched
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *failure = outcome;
        io::Error::other("the object cannot be read further")
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || (self.taken == self.chunk.filled().len() && !self.next()?) {
            return Ok(0);
        }
        let n = self.chunk.filled().get(self.taken..).unwrap_or_default().read(buffer)?;
        let watched = &self.shared.watched;
        watched
            .hash
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update(buffer.get(..n).unwrap_or_default());
        self.taken += n;
        self.offset += n as u64;
        watched.bytes.store(self.offset, Ordering::Relaxed);
        Ok(n)
    }
}

impl Drop for Download {
    /// Nobody reads any more: those who fetch end with what they are in.
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.room.notify_all();
    }
}
