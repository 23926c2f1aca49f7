//! The upload: parts are filled from the stages and PUT by a few threads, with chunks of memory that go round.
mod body;
mod put;
mod room;
mod sink;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pipeline::Sha256;
use proof::flights::Flights;
use proof::http;
use protocol::{Checksum, Outcome, PartPlan, PartReceipt};

use crate::desk::Desk;
use crate::event::Event;

use body::Body;
pub use room::Room;
pub use sink::PartSink;

/// What an upload needs to know.
pub struct Plan {
    /// Sizes of parts.
    pub parts: PartPlan,
    /// What there is room for.
    pub room: Room,
    /// How parts are bound to their URLs.
    pub checksum: Checksum,
    /// How long a part is retried.
    pub patience: Duration,
    /// How long an operator that is away is waited for.
    pub absence: Duration,
}

/// A part, or the whole object.
struct Part {
    number: u32,
    body: Body,
    /// The only one: put as an object, without a multipart upload.
    whole: bool,
}

struct State {
    queue: VecDeque<Part>,
    /// Parts that were taken from the queue.
    in_flight: usize,
    /// How many may be.
    flights: Flights,
    /// Threads that PUT.
    workers: usize,
    /// Emptied chunks.
    free: Vec<Vec<u8>>,
    /// Chunks that there are.
    chunks: usize,
    receipts: BTreeMap<u32, PartReceipt>,
    object_etag: Option<String>,
    /// What is left when the stages have ended; not sent before the command's end is known good.
    last: Option<Part>,
    /// The last part is queued: when all is stored, it is over.
    closed: bool,
    /// Failed or given up: nothing goes on.
    ended: bool,
}

impl State {
    fn new(flights: Flights) -> Self {
        Self {
            queue: VecDeque::new(),
            in_flight: 0,
            flights,
            workers: 0,
            free: Vec::new(),
            chunks: 0,
            receipts: BTreeMap::new(),
            object_etag: None,
            last: None,
            closed: false,
            ended: false,
        }
    }

    /// Parts that are full and not stored.
    fn full(&self) -> usize {
        self.queue.len() + self.in_flight
    }
}

/// One upload.
pub struct Upload {
    plan: Plan,
    /// What the threads work with.
    client: http::Client,
    desk: Arc<Desk>,
    events: Sender<Event>,
    state: Mutex<State>,
    changed: Condvar,
    stored: AtomicU64,
    /// Of all bytes that came out of the stages.
    hash: Mutex<Sha256>,
}

/// What the store has.
pub struct Stored {
    /// In order.
    pub parts: Vec<PartReceipt>,
    /// Where the object was put whole.
    pub object_etag: Option<String>,
}

impl Upload {
    /// An upload, its first thread, and the sink that feeds it.
    pub fn start(
        plan: Plan,
        client: http::Client,
        desk: &Arc<Desk>,
        events: &Sender<Event>,
    ) -> io::Result<(Arc<Self>, PartSink)> {
        let first = plan.parts.size_of(1).unwrap_or(0).min(plan.room.largest());
        let flights = Flights::new(plan.room.flights(first));
        let upload = Arc::new(Self {
            plan,
            client,
            desk: desk.clone(),
            events: events.clone(),
            state: Mutex::new(State::new(flights)),
            changed: Condvar::new(),
            stored: AtomicU64::new(0),
            hash: Mutex::default(),
        });
        upload.work(&mut upload.lock())?;
        let sink = PartSink::new(upload.clone());
        Ok((upload, sink))
    }

    /// One thread more, where so many may be at work.
    fn work(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        if state.workers < state.flights.allowed() {
            let worker = put::Worker { upload: self.clone() };
            thread::Builder::new().name("put".into()).spawn(move || worker.run())?;
            state.workers += 1;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that the store has taken.
    pub fn stored_bytes(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// Bytes and hexadecimal SHA-256 of what came out of the stages.
    pub fn hash(&self) -> (u64, String) {
        let hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        (hash.bytes(), hash.hex())
    }

    /// The command's end is good: the last part may go, and with it the object may become visible. `Event::Stored`
    /// follows.
    pub fn send_last(&self) {
        let mut state = self.lock();
        state.closed = true;
        if let Some(last) = state.last.take() {
            state.queue.push_back(last);
        }
        self.changed.notify_all();
    }

    /// Gives up: the sink fails, the threads end after what they are in.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.queue.clear();
        state.last = None;
        self.changed.notify_all();
    }

    /// What the store has now.
    pub fn result(&self) -> Stored {
        let state = self.lock();
        Stored {
            parts: state.receipts.values().cloned().collect(),
            object_etag: state.object_etag.clone(),
        }
    }

    /// The first failure counts, and is told before the sink can see that it has ended and tell its own.
    fn fail(&self, outcome: Outcome) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.ended, true) {
            let _ = self.events.send(Event::Failed(outcome));
        }
        self.changed.notify_all();
    }
}
