//! The desk between the job and the operator: open requests, their answers, and what has still to be said.
//!
//! What is to be said is a state, not a queue: a peer that is away or slow makes nothing grow, and a new connection is
//! told all that matters from the start. Tunnelled bytes are no state, but bounded, and end with their connection.
mod apart;
mod streams;
mod tunnel;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proof::event::Cancel;
use proof::http::Way;
use proof::pace::Pace;
use proof::{NoUrl, SignedUrl};
use protocol::{AgentState, Frame, FromAgent, Job, Report, ToAgent, UrlRequest, VERSION};

use crate::past::Past;
use streams::Streams;

/// Answers to pings that may wait; more are not owed.
const PONGS: u8 = 16;
/// Why a stream ends whose connection does.
const LOST: &str = "the connection to the operator is lost";
/// Between two messages of progress.
const PROGRESS: Duration = Duration::from_millis(490);

enum Phase {
    Idle,
    Running,
    Finished,
}

/// What the current connection has still to be told, in this order.
#[derive(Default)]
struct Unsaid {
    welcome: bool,
    requests: VecDeque<UrlRequest>,
    progress: bool,
    finished: bool,
    pongs: u8,
    probed: Option<(bool, String)>,
}

/// Whoever wants to hear of a `Cancel`.
type Listener = Box<dyn Fn(Cancel) + Send>;

struct State {
    /// Counts the connections that said `Hello`; the newest is the one.
    connection: u64,
    connected: bool,
    unsaid: Unsaid,
    phase: Phase,
    job: Option<Box<Job>>,
    open: Vec<UrlRequest>,
    answers: HashMap<UrlRequest, Result<SignedUrl, String>>,
    progress: Option<(u64, u64)>,
    progress_said: Option<Instant>,
    report: Option<Box<Report>>,
    cancel: Option<Cancel>,
    listener: Option<Listener>,
    stopped: bool,
    done: bool,
    /// The store is being asked; once at a time.
    probing: bool,
    streams: Streams,
    /// The protocol's version that the operator of the newest connection speaks.
    version: u32,
    /// The last `Hello`, or when the daemon began or had its report.
    asked: Instant,
    /// The last message of the operator: it sends one every few seconds, for as long as it is there.
    heard: Instant,
}

/// How long a URL is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// An operator that restarts or moves is waited for: so long without a word of it.
    pub absence: Duration,
    /// One that is there may have no answer for so much longer: it tries the store, and says what that did when this is over. Also in all, where
    /// one operator after the other begins anew.
    pub store: Duration,
}

impl Patience {
    /// What is left of it where the operator was last heard then.
    fn left(&self, asked: Instant, heard: Instant, now: Instant) -> Duration {
        let alone = asked.max(heard) + self.absence;
        // A week at most, which no clock overflows.
        alone
            .min(asked + self.absence + self.store)
            .saturating_duration_since(now)
    }
}

/// Shared by the job and all connections.
pub struct Desk {
    run: String,
    attempt: String,
    past: Past,
    pace: Arc<Pace>,
    state: Mutex<State>,
    changed: Condvar,
    /// Tunnelled streams have moved on, or everything has changed.
    moved: Condvar,
}

impl Desk {
    /// A desk for one run and attempt.
    pub fn new(run: String, attempt: String, past: Past) -> Self {
        let state = State {
            connection: 0,
            connected: false,
            unsaid: Unsaid::default(),
            phase: Phase::Idle,
            job: None,
            open: Vec::new(),
            answers: HashMap::new(),
            progress: None,
            progress_said: None,
            report: None,
            cancel: None,
            listener: None,
            stopped: false,
            done: false,
            probing: false,
            streams: Streams::default(),
            version: VERSION,
            asked: Instant::now(),
            heard: Instant::now(),
        };
        Self {
            run,
            attempt,
            past,
            pace: Arc::default(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            moved: Condvar::new(),
        }
    }

    /// Nothing here is left half changed by a panic, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everyone.
    fn wake(&self) {
        self.changed.notify_all();
        self.moved.notify_all();
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, at_most)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// The job's side.
impl Desk {
    /// How fast its bytes may go to the store, or come from it.
    pub fn pace(&self) -> Arc<Pace> {
        self.pace.clone()
    }

    /// Waits for the work; None when nobody asked for `idle` long.
    pub fn wait_for_job(&self, idle: Duration) -> Option<Box<Job>> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.job.take() {
                return Some(job);
            }
            let left = (state.asked + idle).saturating_duration_since(Instant::now());
            if left.is_zero() || state.done {
                return None;
            }
            state = self.wait(state, left);
        }
    }

    /// How the job says that the store is reached.
    pub fn way<'a>(self: &Arc<Self>, job: &'a Job) -> Way<'a> {
        Way {
            ca_bundle: job.ca_bundle.as_deref(),
            proxy: job.proxy.as_deref(),
            tunnel: job.relay.then(|| self.clone() as _),
            ..Way::default()
        }
    }

    /// From now on `Cancel` is told to this; one that came before too. It must not wait.
    pub fn listen(&self, listener: impl Fn(Cancel) + Send + 'static) {
        let mut state = self.lock();
        if let Some(cancel) = state.cancel.clone() {
            listener(cancel);
        }
        state.listener = Some(Box::new(listener));
    }

    /// Asks for a URL and waits for it.
    pub fn url(&self, request: &UrlRequest, patience: Patience) -> Result<SignedUrl, NoUrl> {
        let asked = Instant::now();
        let mut state = self.lock();
        state.open.push(request.clone());
        state.unsaid.requests.push_back(request.clone());
        self.changed.notify_all();
        let result = loop {
            if let Some(answer) = state.answers.remove(request) {
                break answer.map_err(NoUrl::Refused);
            }
            let left = patience.left(asked, state.heard, Instant::now());
            if state.stopped {
                break Err(NoUrl::Stopped);
            }
            if left.is_zero() {
                break Err(NoUrl::Unanswered(asked.elapsed()));
            }
            state = self.wait(state, left);
        };
        state.open.retain(|open| open != request);
        state.unsaid.requests.retain(|unsaid| unsaid != request);
        result
    }

    /// Waits, unless the transfer is stopped meanwhile: false then.
    pub fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.stopped || left.is_zero() {
                return !state.stopped;
            }
            state = self.wait(state, left);
        }
    }

    /// The transfer was given up: everyone who waits here for it ends.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.wake();
    }

    /// Says how far the transfer is, not too often; the end is in the report.
    pub fn progress(&self, bytes: u64, stored_bytes: u64) {
        let (mut state, now) = (self.lock(), Instant::now());
        if state.progress == Some((bytes, stored_bytes)) {
            return;
        }
        state.progress = Some((bytes, stored_bytes));
        if state.progress_said.is_none_or(|said| now >= said + PROGRESS) {
            state.progress_said = Some(now);
            state.unsaid.progress = true;
            self.changed.notify_all();
        }
    }

    /// Says the end.
    pub fn finish(&self, report: Report) {
        let mut state = self.lock();
        state.phase = Phase::Finished;
        state.stopped = true;
        state.open.clear();
        state.unsaid.requests.clear();
        state.unsaid.finished = true;
        state.report = Some(Box::new(report));
        state.asked = Instant::now();
        self.wake();
    }

    /// The store was asked.
    pub fn probed(&self, reachable: bool, message: String) {
        let mut state = self.lock();
        state.probing = false;
        state.unsaid.probed = Some((reachable, message));
        self.changed.notify_all();
    }

    /// Waits until the report was recorded, or nobody asked for it for `unasked` long.
    pub fn wait_for_done(&self, unasked: Duration) {
        let mut state = self.lock();
        loop {
            let left = (state.asked + unasked).saturating_duration_since(Instant::now());
            if state.done || left.is_zero() {
                return;
            }
            state = self.wait(state, left);
        }
    }
}

/// A connection's side.
impl Desk {
    /// A connection said `Hello`: it is the newest now, unless it came for another run or attempt. All that matters is
    /// to be said again, in words of its version of the protocol.
    pub fn hello(&self, run: &str, attempt: &str, version: u32) -> Option<u64> {
        if run != self.run || attempt != self.attempt {
            return None;
        }
        let mut state = self.lock();
        if let Some(words) = protocol::apart(version, VERSION) {
            state.too_old(words);
        }
        state.connection += 1;
        state.connected = true;
        state.version = version;
        state.asked = Instant::now();
        state.heard = state.asked;
        state.unsaid = Unsaid {
            welcome: true,
            requests: state.open.iter().cloned().collect(),
            progress: state.progress.is_some(),
            finished: state.report.is_some(),
            pongs: 0,
            probed: None,
        };
        state.streams.break_all(LOST);
        self.wake();
        Some(state.connection)
    }

    /// The connection is gone.
    pub fn lost(&self, connection: u64) {
        let mut state = self.lock();
        if state.connection == connection {
            state.connected = false;
            state.streams.break_all(LOST);
            self.wake();
        }
    }

    /// Takes a message of a connection; false when it is not the newest any more.
    pub fn take(&self, connection: u64, message: ToAgent) -> bool {
        let mut state = self.lock();
        if state.connection != connection {
            return false;
        }
        state.heard = Instant::now();
        match message {
            // Said twice on one connection: nothing new.
            ToAgent::Hello { .. } => {}
            ToAgent::Start(job) => {
                if matches!(state.phase, Phase::Idle) {
                    state.phase = Phase::Running;
                    self.pace.set(job.bandwidth);
                    state.job = Some(job);
                }
            }
            ToAgent::Url { request, url, headers } => state.answer(request, Ok(SignedUrl { url, headers })),
            ToAgent::Refuse { request, message } => state.answer(request, Err(message)),
            ToAgent::Cancel { reason, grace_seconds } => state.cancel(Cancel { reason, grace_seconds }),
            ToAgent::Done => state.done = matches!(state.phase, Phase::Finished | Phase::Idle),
            ToAgent::Pace { bandwidth } => self.pace.set(bandwidth),
            ToAgent::Ping => state.unsaid.pongs = (state.unsaid.pongs + 1).min(PONGS),
            // Whoever began it has called `begin_probe`.
            ToAgent::Probe { .. } => {}
            ToAgent::Opened { stream, credit } => state.streams.opened(stream, credit),
            ToAgent::Credit { stream, bytes } => state.streams.credit(stream, bytes),
            ToAgent::Close { stream, error } => state.streams.closed(stream, error),
        }
        self.wake();
        true
    }

    /// A connection wants the store to be asked: true where it has to be begun. One that is under way will do.
    pub fn begin_probe(&self, connection: u64) -> bool {
        let mut state = self.lock();
        state.connection == connection && !std::mem::replace(&mut state.probing, true)
    }

    /// The next frame for a connection; waits for one. None when the connection is not the newest any more.
    pub fn next(&self, connection: u64) -> Option<Frame<FromAgent>> {
        let mut state = self.lock();
        loop {
            if state.connection != connection || !state.connected {
                return None;
            }
            if let Some(message) = state.next_unsaid(&self.past) {
                return Some(Frame::Message(message));
            }
            if let Some(frame) = state.streams.next_said() {
                // A piece that has left makes room, and so does a stream.
                self.moved.notify_all();
                return Some(frame);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    fn cancel(&mut self, cancel: Cancel) {
        if let Some(listener) = &self.listener {
            listener(cancel.clone());
        }
        self.cancel = Some(cancel);
    }

    /// An answer that nobody waits for is an old one, said again.
    fn answer(&mut self, request: UrlRequest, answer: Result<SignedUrl, String>) {
        if self.open.contains(&request) {
            self.answers.insert(request, answer);
        }
    }

    fn next_unsaid(&mut self, past: &Past) -> Option<FromAgent> {
        if std::mem::take(&mut self.unsaid.welcome) {
            let state = match self.phase {
                Phase::Idle => AgentState::Idle,
                Phase::Running => AgentState::Running,
                Phase::Finished => AgentState::Finished,
            };
            return Some(FromAgent::Welcome {
                version: VERSION,
                state,
                started: past.started || state != AgentState::Idle,
                killed: past.killed.clone(),
                window: past.window,
            });
        }
        if let Some(request) = self.unsaid.requests.pop_front() {
            return Some(FromAgent::NeedUrl(request));
        }
        if self.unsaid.pongs > 0 {
            self.unsaid.pongs -= 1;
            return Some(FromAgent::Pong);
        }
        if let Some((reachable, message)) = self.unsaid.probed.take() {
            return Some(FromAgent::Probed { reachable, message });
        }
        if std::mem::take(&mut self.unsaid.progress)
            && let Some((bytes, stored_bytes)) = self.progress
        {
            return Some(FromAgent::Progress { bytes, stored_bytes });
        }
        if std::mem::take(&mut self.unsaid.finished) {
            return self.report.clone().map(|mut report| {
                report.outcome = report.outcome.for_version(self.version);
                FromAgent::Finished(report)
            });
        }
        None
    }
}

#[cfg(test)]
mod tests;
