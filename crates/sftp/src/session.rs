//! One connection, with many requests under way: each has a number, and its answer is brought to whoever waits for it.
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::status;
use crate::wire::{self, Packet, Reply, ask};

/// Requests that are under way at a time, each with at most 32 KiB.
const UNDER_WAY: usize = 64;
/// The longest packet that is taken. None that was asked for is longer.
const LONGEST: u32 = 1 << 20;
/// A server that has said nothing for so long, and does not answer, is not waited for any more.
const SILENT: Duration = Duration::from_secs(30);
/// The version that is spoken.
const VERSION: u32 = 3;

type Waiting = Arc<Mutex<HashMap<u32, oneshot::Sender<Reply>>>>;

/// A connection.
pub struct Session {
    sender: mpsc::UnboundedSender<Bytes>,
    waiting: Waiting,
    next: AtomicU32,
    room: Semaphore,
    broken: Arc<AtomicBool>,
    /// When something came.
    heard: Arc<Mutex<Instant>>,
    extensions: Vec<(String, Bytes)>,
    /// What has to live as long as this.
    _below: Box<dyn Send + Sync>,
}

/// The connection is gone.
pub fn broken() -> io::Error {
    io::Error::new(ErrorKind::ConnectionReset, "the connection to the server of SFTP broke")
}

/// The server speaks another protocol.
pub fn strange(what: &str) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("the server of SFTP answers {what} with something else"),
    )
}

/// Forgets a request whose answer nobody waits for any more.
struct Forget<'s>(&'s Waiting, u32);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(self.0).remove(&self.1);
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<u32, oneshot::Sender<Reply>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Greets a server. Call it within a deadline.
    ///
    /// # Errors
    /// It is none of this protocol and version.
    pub async fn open<S>(stream: S, below: Box<dyn Send + Sync>) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        writer.write_all(&Packet::new(ask::INIT, VERSION).done()).await?;
        writer.flush().await?;
        let first = packet(&mut reader).await.map_err(|_| broken())?;
        let extensions = match wire::reply(first) {
            Some((_, Reply::Version(VERSION, extensions))) => extensions,
            Some((_, Reply::Version(other, _))) => {
                let words = format!("the server speaks version {other} of SFTP only; version 3 is needed");
                return Err(io::Error::new(ErrorKind::Unsupported, words));
            }
            _ => return Err(strange("the greeting")),
        };
        let (sender, mut receiver) = mpsc::unbounded_channel::<Bytes>();
        let (waiting, broken) = (Waiting::default(), Arc::new(AtomicBool::new(false)));
        let (answers, ends) = (waiting.clone(), broken.clone());
        let heard = Arc::new(Mutex::new(Instant::now()));
        let hears = heard.clone();
        tokio::spawn(async move {
            while let Ok(packet) = packet(&mut reader).await {
                let Some((id, reply)) = wire::reply(packet) else {
                    tracing::warn!("the server of SFTP sent what is no answer; the connection is given up");
                    break;
                };
                *hears.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                // Nobody may wait any more.
                if let Some(waiter) = lock(&answers).remove(&id) {
                    let _ = waiter.send(reply);
                }
            }
            ends.store(true, Ordering::SeqCst);
            lock(&answers).clear();
        });
        let (answers, ends) = (waiting.clone(), broken.clone());
        tokio::spawn(async move {
            while let Some(packet) = receiver.recv().await {
                if writer.write_all(&packet).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
            }
            ends.store(true, Ordering::SeqCst);
            lock(&answers).clear();
            let _ = writer.shutdown().await;
        });
        Ok(Self {
            sender,
            waiting,
            next: AtomicU32::new(1),
            room: Semaphore::new(UNDER_WAY),
            broken,
            heard,
            extensions,
            _below: below,
        })
    }

    /// Whether it is gone.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Gives it up where nothing at all has come for long.
    pub fn give_up(&self) {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.elapsed() > SILENT {
            self.broken.store(true, Ordering::SeqCst);
            lock(&self.waiting).clear();
        }
    }

    /// Whether the server has an extension, of that version where it has some.
    pub fn has(&self, extension: &str) -> bool {
        self.extensions.iter().any(|(name, _)| name == extension)
    }

    /// Asks, and waits for the answer. Call it within a deadline.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn ask(&self, kind: u8, fill: impl FnOnce(Packet) -> Packet) -> io::Result<Reply> {
        let _room = self.room.acquire().await.map_err(|_| broken())?;
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).insert(id, sender);
        let _forget = Forget(&self.waiting, id);
        if self.is_broken() || self.sender.send(fill(Packet::new(kind, id)).done()).is_err() {
            return Err(broken());
        }
        receiver.await.map_err(|_| broken())
    }

    /// Asks for what is answered by a status.
    ///
    /// # Errors
    /// The status.
    pub async fn done(&self, kind: u8, fill: impl FnOnce(Packet) -> Packet) -> io::Result<()> {
        match self.ask(kind, fill).await? {
            Reply::Status(status::OK, _) => Ok(()),
            Reply::Status(code, words) => Err(status::error(code, &words)),
            _ => Err(strange("a request")),
        }
    }

    /// Asks for a handle.
    ///
    /// # Errors
    /// The status.
    pub async fn handle(&self, kind: u8, fill: impl FnOnce(Packet) -> Packet) -> io::Result<Bytes> {
        match self.ask(kind, fill).await? {
            Reply::Handle(handle) => Ok(handle),
            Reply::Status(code, words) => Err(status::error(code, &words)),
            _ => Err(strange("an open")),
        }
    }

    /// Closes a handle; nobody waits for it.
    pub fn close(&self, handle: &Bytes) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let _ = self.sender.send(Packet::new(ask::CLOSE, id).bytes(handle).done());
    }
}

async fn packet(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let length = reader.read_u32().await?;
    if length > LONGEST {
        tracing::warn!(
            length,
            "the server of SFTP sends more than was asked for; the connection is given up"
        );
        return Err(strange("a request"));
    }
    let mut bytes = BytesMut::zeroed(usize::try_from(length).unwrap_or_default());
    reader.read_exact(&mut bytes).await?;
    Ok(bytes.freeze())
}
