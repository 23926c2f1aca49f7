//! A connection to the agent in a Pod: `agent connect` over the API server's exec, `v5.channel.k8s.io`.
//!
//! Reading and writing are tasks of their own, so that neither can hold the other up; every wait has a deadline, because
//! a broken socket does not always say so.
use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use kube::core::Request;
use protocol::{Data, Decoder, Frame, FromAgent, ToAgent};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::runtime::{Task, spawn_held};
use crate::transfer::budget::{Held, Share};
use crate::transfer::exec::Exec;
use crate::transfer::pace::Pace;
use crate::transfer::{limits, text};

/// Until the exec is upgraded: the kubelet has to start the process.
const OPEN: Duration = Duration::from_secs(30);
/// Until one frame has left.
const WRITE: Duration = Duration::from_secs(20);
/// Balancers cut idle streams after 30 s and more.
const PING: Duration = Duration::from_secs(10);
/// Without a byte for this long the connection is dead: the agent answers every ping.
const SILENCE: Duration = Duration::from_secs(45);
/// Frames of tunnelled streams that wait to be written.
const STREAMS: usize = 4;
/// What is read at once: a record of TLS. All of it is memory that a run takes for as long as it waits for its command, and the usual 128 KiB
/// would be more than all else that it takes.
const READ: usize = 16 << 10;
/// Messages and pieces that wait to be taken.
const HEARD: usize = 16;
/// What is kept of `connect`'s standard error.
const STDERR: usize = 2048;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const ERROR_OUTPUT: u8 = 2;
const STATUS: u8 = 3;

/// Where to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Namespace of the Pod.
    pub namespace: String,
    /// Pod.
    pub pod: String,
    /// Container.
    pub container: String,
    /// `agent connect` and its arguments.
    pub command: Vec<String>,
}

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The API server refused the exec.
    #[error("exec into the Pod was refused")]
    Refused(#[source] kube::Error),
    /// The API server speaks an older exec protocol.
    #[error("the API server does not speak v5.channel.k8s.io; Kubernetes 1.30 or newer is needed")]
    Protocol,
    /// Nothing happened.
    #[error("exec into the Pod was not answered within {} s", OPEN.as_secs())]
    Timeout,
}

/// What comes over a connection.
#[derive(Debug)]
pub enum Incoming {
    /// A message of the agent, and the memory that is counted for it where it is large.
    Message(Box<FromAgent>, Option<Held>),
    /// A piece of a tunnelled stream, and the memory that is counted for it.
    Data(Data, Held),
    /// The connection has ended.
    Closed {
        /// `agent connect` was started and said this before it ended; empty where the connection just broke.
        words: String,
    },
}

/// An open connection; dropping it closes it.
pub struct Link {
    outgoing: mpsc::Sender<ToAgent>,
    streams: mpsc::Sender<Frame<ToAgent>>,
    incoming: mpsc::Receiver<Incoming>,
    /// The version of the protocol that the agent knows; before it has told, the oldest.
    version: u32,
    _tasks: [Task; 2],
}

impl Link {
    /// Starts `agent connect` in the container. What it says is held within the share.
    pub async fn open(exec: &Exec, target: &Target, share: Share) -> Result<Self, LinkError> {
        let client = exec.client().await.map_err(LinkError::Refused)?;
        let parameters = AttachParams {
            container: Some(target.container.clone()),
            stdin: true,
            stdout: true,
            stderr: true,
            tty: false,
            ..AttachParams::default()
        };
        let url = format!("/api/v1/namespaces/{}/pods", target.namespace);
        let request = Request::new(url)
            .exec(&target.pod, target.command.iter(), &parameters)
            .map_err(|e| LinkError::Refused(kube::Error::BuildRequest(e)))?;
        let connection = timeout(OPEN, client.connect(request))
            .await
            .map_err(|_| LinkError::Timeout)?;
        let connection = connection.map_err(LinkError::Refused)?;
        if !connection.supports_stream_close() {
            return Err(LinkError::Protocol);
        }
        // Nothing was read yet, so that none of it is in the buffer that goes.
        let socket = connection.into_stream().into_inner();
        let buffers = WebSocketConfig::default().read_buffer_size(READ);
        let socket = WebSocketStream::from_raw_socket(socket, Role::Client, Some(buffers)).await;
        let (sink, stream) = socket.split();
        let (outgoing, to_write) = mpsc::channel(64);
        let (streams, of_streams) = mpsc::channel(STREAMS);
        let (read, incoming) = mpsc::channel(HEARD);
        let tasks = [
            spawn_held(write(sink, to_write, of_streams)),
            spawn_held(receive(stream, read, share)),
        ];
        Ok(Self {
            outgoing,
            streams,
            incoming,
            version: protocol::OLDEST,
            _tasks: tasks,
        })
    }

    /// From now on the agent is told what agents of that version know.
    pub fn speaks(&mut self, version: u32) {
        self.version = version;
    }

    /// Sends a message; false where the connection is dead. An agent that does not know such a message goes without: it would lose
    /// its connection over it, each time.
    pub async fn send(&self, message: ToAgent) -> bool {
        if message.since() > self.version {
            return true;
        }
        matches!(timeout(WRITE, self.outgoing.send(message)).await, Ok(Ok(())))
    }

    /// Where tunnelled streams put their frames: few wait, in their order, and all messages go before them.
    pub fn streams(&self) -> mpsc::Sender<Frame<ToAgent>> {
        self.streams.clone()
    }

    /// The next message or piece, or the end.
    pub async fn next(&mut self) -> Incoming {
        self.incoming
            .recv()
            .await
            .unwrap_or(Incoming::Closed { words: String::new() })
    }
}

type Socket<S> = WebSocketStream<S>;

async fn write<S>(
    mut sink: SplitSink<Socket<S>, Message>,
    mut messages: mpsc::Receiver<ToAgent>,
    mut streams: mpsc::Receiver<Frame<ToAgent>>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let frame = tokio::select! {
            biased;
            message = messages.recv() => match message {
                Some(message) => Frame::Message(message),
                None => break,
            },
            Some(frame) = streams.recv() => frame,
            () = sleep(PING) => Frame::Message(ToAgent::Ping),
        };
        let mut bytes = vec![STDIN];
        if frame.encode_into(&mut bytes).is_err() {
            break;
        }
        if !matches!(
            timeout(WRITE, sink.send(Message::Binary(bytes.into()))).await,
            Ok(Ok(()))
        ) {
            break;
        }
    }
    // A close that is not taken is the API server's to clean up.
    let _ = timeout(Duration::from_secs(1), sink.close()).await;
}

async fn receive<S>(mut stream: SplitStream<Socket<S>>, out: mpsc::Sender<Incoming>, share: Share)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut agent = Agent::new(out, share);
    let mut stderr = Vec::new();
    let mut verdict = String::new();
    loop {
        let Ok(Some(Ok(message))) = timeout(agent.patience(), stream.next()).await else {
            verdict = agent.overdue().unwrap_or(verdict);
            break;
        };
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Close(_) => break,
            _ => continue,
        };
        let Some((&channel, payload)) = bytes.split_first() else {
            continue;
        };
        match channel {
            STDOUT => match agent.hear(payload).await {
                Ok(()) => {}
                Err(Unheard::Nobody) => return,
                Err(Unheard::GivenUp(words)) => {
                    let _ = agent.out.send(Incoming::Closed { words }).await;
                    return;
                }
            },
            ERROR_OUTPUT => stderr.extend(payload.iter().take(STDERR.saturating_sub(stderr.len()))),
            STATUS => verdict = failure(payload),
            _ => {}
        }
    }
    let said = text::line(String::from_utf8_lossy(&stderr).trim(), STDERR);
    let words = if said.is_empty() { verdict } else { said };
    let _ = agent.out.send(Incoming::Closed { words }).await;
}

/// What comes from the agent: its frames, in bounds of size, time and number.
struct Agent {
    out: mpsc::Sender<Incoming>,
    decoder: Decoder,
    share: Share,
    /// Of the frame that is arriving, where it is large.
    large: Option<Held>,
    /// Since when a frame is arriving that is not whole.
    begun: Option<Instant>,
    /// It has sent its report.
    reported: bool,
    messages: Pace,
    pieces: Pace,
}

/// Why there is nothing more to hear.
enum Unheard {
    /// Nobody wants to know any more.
    Nobody,
    /// It does not keep to the protocol, or would have too much held.
    GivenUp(String),
}

impl Agent {
    fn new(out: mpsc::Sender<Incoming>, share: Share) -> Self {
        let now = Instant::now();
        Self {
            out,
            decoder: Decoder::default(),
            share,
            large: None,
            begun: None,
            reported: false,
            messages: Pace::new(limits::MESSAGES, now),
            pieces: Pace::new(limits::PIECES, now),
        }
    }

    /// How long the next bytes are waited for.
    fn patience(&self) -> Duration {
        self.begun
            .map_or(SILENCE, |at| SILENCE.min(limits::FRAME.saturating_sub(at.elapsed())))
    }

    async fn hear(&mut self, bytes: &[u8]) -> Result<(), Unheard> {
        self.decoder.push(bytes);
        let mut whole = 0;
        loop {
            let before = self.decoder.pending();
            let frame = self.decoder.next_frame::<FromAgent>();
            let length = before.saturating_sub(self.decoder.pending());
            let Some(frame) =
                frame.map_err(|e| Unheard::GivenUp(format!("the agent sent what is not a message: {e}")))?
            else {
                break;
            };
            whole += 1;
            let large = self.large.take();
            let incoming = match frame {
                // A report is large, and one is enough.
                Frame::Message(FromAgent::Finished(_)) if std::mem::replace(&mut self.reported, true) => continue,
                Frame::Message(message) => {
                    if length > limits::MESSAGE && !matches!(message, FromAgent::Finished(_)) {
                        let words = format!("the agent sent a message of {length} bytes that is no report");
                        return Err(Unheard::GivenUp(words));
                    }
                    Incoming::Message(Box::new(message), large)
                }
                Frame::Data(piece) => {
                    let held = self.hold(piece.bytes.len()).await?;
                    Incoming::Data(piece, held)
                }
            };
            let now = Instant::now();
            let wait = match &incoming {
                Incoming::Data(..) => self.pieces.take(1, now),
                _ => self
                    .messages
                    .take(1 + u32::try_from(length >> 10).unwrap_or(u32::MAX), now),
            };
            if !wait.is_zero() {
                sleep(wait).await;
            }
            self.out.send(incoming).await.map_err(|_| Unheard::Nobody)?;
        }
        let mut begun = self.begun.filter(|_| whole == 0);
        if self.large.is_none()
            && let Some(length) = self.decoder.announced().filter(|n| *n > limits::UNCOUNTED)
        {
            self.large = Some(self.hold(length.saturating_mul(limits::COUNTED)).await?);
            // The wait was not the agent's.
            begun = None;
        }
        self.begun = (self.decoder.pending() > 0).then(|| begun.unwrap_or_else(Instant::now));
        self.overdue().map_or(Ok(()), |words| Err(Unheard::GivenUp(words)))
    }

    /// Memory for what comes next: nothing more is read until it is there.
    async fn hold(&self, bytes: usize) -> Result<Held, Unheard> {
        self.share.take(bytes).await.ok_or_else(|| {
            let seconds = limits::HOLD.as_secs();
            let words =
                format!("the operator had no room for what the agent sends, for {seconds} s: other transfers hold it");
            Unheard::GivenUp(words)
        })
    }

    /// A frame was begun and does not come to its end.
    fn overdue(&self) -> Option<String> {
        let seconds = limits::FRAME.as_secs();
        self.begun
            .filter(|at| at.elapsed() >= limits::FRAME)
            .map(|_| format!("a frame of the agent was not whole after {seconds} s"))
    }
}

/// The message of a failed exec's Status; nothing for a good one.
fn failure(payload: &[u8]) -> String {
    let Ok(status) = serde_json::from_slice::<Status>(payload) else {
        return String::new();
    };
    if status.status.as_deref() == Some("Success") {
        String::new()
    } else {
        text::line(&status.message.unwrap_or_default(), STDERR)
    }
}

#[cfg(test)]
mod tests;
