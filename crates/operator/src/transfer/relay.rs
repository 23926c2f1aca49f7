//! The operator's end of tunnelled streams: for each a connection to the store, and bytes copied both ways.
//!
//! An agent cannot say where to: a stream goes to the endpoint of the run's storage and to nowhere else. What is held
//! of it is bounded by credit in one direction, and by reading from the store only what the agent takes in the other;
//! so neither a slow store nor a slow agent fills the connection that all messages share.
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use protocol::{Allowance, Data, Frame, Inbox, MAX_DATA, MAX_STREAMS, ToAgent, WINDOW};
use store::Dial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::runtime::{Task, spawn_held};
use crate::transfer::budget::Held;

/// Until the store's name is resolved and a connection stands. Longer than the dial's own deadlines, for a proxy, too, which say what
/// it was that took so long; and shorter than an agent waits.
const CONNECT: Duration = Duration::from_secs(25);
/// Until the store takes the next bytes; the agent gives up before.
const STALL: Duration = Duration::from_secs(120);
/// How long a store that takes no more bytes may go on answering: it mostly says why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where all streams go.
#[derive(Clone)]
pub struct Endpoint {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The way there.
    pub dial: Dial,
}

impl Endpoint {
    /// Connects, or says in words why not.
    pub async fn connect(&self) -> Result<TcpStream, String> {
        let place = format!("{}:{}", self.host, self.port);
        timeout(CONNECT, self.dial.connect(&self.host, self.port))
            .await
            .map_err(|_| {
                format!(
                    "the operator has no connection to {place} after {} s",
                    CONNECT.as_secs()
                )
            })?
            .map_err(|e| format!("the operator cannot connect to {place}: {e}"))
    }
}

/// The streams of one connection to an agent; dropping it closes them all.
pub struct Relay {
    endpoint: Endpoint,
    out: mpsc::Sender<Frame<ToAgent>>,
    streams: HashMap<u32, Stream>,
    relayed: Arc<AtomicU64>,
}

struct Stream {
    shared: Arc<Shared>,
    _task: Task,
}

/// What the session and a stream's task share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Bytes have come from the agent.
    arrived: Notify,
    /// The agent takes more.
    credited: Notify,
    /// Where bytes are counted, those of all relays together.
    relayed: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    /// From the agent, for the store.
    inbox: Inbox,
    /// The memory that is counted for that.
    held: Option<Held>,
    /// What may be sent to the agent.
    allowance: Allowance,
    ended: bool,
}

impl Shared {
    fn count(&self, bytes: usize) {
        self.relayed
            .fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, piece: &Data, held: Held) -> bool {
        let fits = self.inbox.put(&piece.bytes);
        if fits {
            match &mut self.held {
                Some(before) => before.join(held),
                None => self.held = Some(held),
            }
        }
        fits
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let n = self.inbox.take(buffer);
        if let Some(held) = &mut self.held {
            held.give_back(n);
        }
        n
    }
}

/// A stream is refused or ended; the words are for the agent.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl Relay {
    /// Frames to the agent go to `out`; the bytes that pass are counted.
    pub fn new(endpoint: Endpoint, out: mpsc::Sender<Frame<ToAgent>>, relayed: Arc<AtomicU64>) -> Self {
        Self {
            endpoint,
            out,
            streams: HashMap::new(),
            relayed,
        }
    }

    /// The agent asks for a stream. It is told `Opened` or `Close`; Err is to be told it as `Close`.
    pub fn open(&mut self, id: u32, credit: u32) -> Result<(), Refused> {
        self.streams.retain(|_, stream| !stream.shared.lock().ended);
        if self.streams.contains_key(&id) {
            self.streams.remove(&id);
            return Err(Refused("a stream of that id is open".into()));
        }
        if self.streams.len() >= MAX_STREAMS {
            return Err(Refused(format!("more than {MAX_STREAMS} connections at a time")));
        }
        let shared = Arc::new(Shared {
            relayed: self.relayed.clone(),
            ..Shared::default()
        });
        shared.lock().allowance.grant(credit);
        let task = spawn_held(serve(self.endpoint.clone(), id, shared.clone(), self.out.clone()));
        self.streams.insert(id, Stream { shared, _task: task });
        Ok(())
    }

    /// A piece for the store. One of a stream that is not open comes late. Err where it is more than was granted: the
    /// stream is closed, and the agent is to be told.
    pub fn take(&mut self, piece: &Data, held: Held) -> Result<(), Refused> {
        let Some(stream) = self.streams.get(&piece.stream) else {
            return Ok(());
        };
        if stream.shared.lock().put(piece, held) {
            stream.shared.arrived.notify_one();
            return Ok(());
        }
        self.streams.remove(&piece.stream);
        Err(Refused("more bytes than were granted".into()))
    }

    /// The agent takes more of a stream.
    pub fn credit(&mut self, id: u32, bytes: u32) {
        if let Some(stream) = self.streams.get(&id) {
            stream.shared.lock().allowance.grant(bytes);
            stream.shared.credited.notify_one();
        }
    }

    /// The agent does not need a stream any more.
    pub fn close(&mut self, id: u32) {
        self.streams.remove(&id);
    }
}

/// One stream from its beginning to its end, which the agent is told.
async fn serve(endpoint: Endpoint, id: u32, shared: Arc<Shared>, out: mpsc::Sender<Frame<ToAgent>>) {
    let error = copy(&endpoint, id, &shared, &out).await.err();
    // Before it is told: the agent may open the next one at once.
    shared.lock().ended = true;
    if let Some(error) = &error {
        tracing::debug!(stream = id, error, "a relayed connection has ended");
    }
    // Where the link is gone, so is the stream.
    let _ = out.send(Frame::Message(ToAgent::Close { stream: id, error })).await;
}

async fn copy(endpoint: &Endpoint, id: u32, shared: &Shared, out: &mpsc::Sender<Frame<ToAgent>>) -> Result<(), String> {
    let mut tcp = endpoint.connect().await?;
    say(
        out,
        Frame::Message(ToAgent::Opened {
            stream: id,
            credit: WINDOW,
        }),
    )
    .await?;
    let (from_store, to_store) = tcp.split();
    let up = pin!(up(to_store, id, shared, out));
    let down = pin!(down(from_store, id, shared, out));
    let end = match select(up, down).await {
        Either::Left((error, down)) => {
            let _ = timeout(LAST_WORDS, down).await;
            Err(error)
        }
        Either::Right((end, _)) => end,
    };
    // A proxy may have cut it as well as the store.
    end.map_err(|words| words + &endpoint.dial.through())
}

/// Agent to store, until it fails: the agent ends it by `Close`.
async fn up(mut store: WriteHalf<'_>, id: u32, shared: &Shared, out: &mpsc::Sender<Frame<ToAgent>>) -> String {
    let mut buffer = vec![0; MAX_DATA];
    loop {
        let n = shared.lock().take(&mut buffer);
        if n == 0 {
            shared.arrived.notified().await;
            continue;
        }
        if let Err(error) = in_time(store.write_all(buffer.get(..n).unwrap_or_default())).await {
            return format!("the store takes no more bytes: {error}");
        }
        shared.count(n);
        let bytes = {
            let mut state = shared.lock();
            if state.inbox.owes() { state.inbox.grant() } else { 0 }
        };
        if bytes > 0
            && let Err(words) = say(out, Frame::Message(ToAgent::Credit { stream: id, bytes })).await
        {
            return words;
        }
    }
}

/// Store to agent, until the store closes it.
async fn down(
    mut store: ReadHalf<'_>,
    id: u32,
    shared: &Shared,
    out: &mpsc::Sender<Frame<ToAgent>>,
) -> Result<(), String> {
    let mut buffer = vec![0; MAX_DATA];
    loop {
        let room = shared.lock().allowance.room(MAX_DATA);
        if room == 0 {
            shared.credited.notified().await;
            continue;
        }
        // Without a deadline: a connection that the agent keeps for its next request is silent, and ends with it.
        let read = store.read(buffer.get_mut(..room).unwrap_or_default()).await;
        let n = read.map_err(|e| format!("the store broke the connection: {e}"))?;
        if n == 0 {
            return Ok(());
        }
        shared.lock().allowance.spend(n);
        let bytes = buffer.get(..n).unwrap_or_default().to_vec();
        say(out, Frame::Data(Data { stream: id, bytes })).await?;
        shared.count(n);
    }
}

async fn in_time(writing: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(STALL, writing)
        .await
        .unwrap_or_else(|_| Err(io::Error::other(format!("none in {} s", STALL.as_secs()))))
}

async fn say(out: &mpsc::Sender<Frame<ToAgent>>, frame: Frame<ToAgent>) -> Result<(), String> {
    out.send(frame)
        .await
        .map_err(|_| "the connection to the agent is gone".to_string())
}

#[cfg(test)]
mod tests;
