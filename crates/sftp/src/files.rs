//! The folder of a server as the disk of a store. Each call waits for the server, within a deadline, on the thread that makes it; pieces of
//! a call, and calls of several threads, are under way at the same time.
mod bytes;
mod names;
mod open;

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use depot::files::{Entry, Files, Room, Stat};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::connect::Target;
use crate::link::Link;
use crate::wire::{Reply, ask, longs};
use crate::{session, status};

pub use open::OpenFile;

/// Until a call has its answer: connections that have to be made again are within.
const ANSWERED: Duration = Duration::from_secs(90);
/// Room is asked for as often at most: each part wants to know.
const ROOM_ASKED: Duration = Duration::from_secs(2);

/// Takes the place of another at one stroke.
pub(crate) const RENAME: &str = "posix-rename@openssh.com";
/// Bytes survive a power cut.
pub(crate) const SETTLE: &str = "fsync@openssh.com";
const SPACE: &str = "statvfs@openssh.com";

/// A folder of a server.
pub struct Sftp {
    pub(crate) link: Arc<Link>,
    runtime: Handle,
    /// What is before each path: empty, or ends with `/`.
    root: String,
    room: Mutex<Option<(Instant, Room)>>,
}

impl Sftp {
    /// The folder at a path, from the login directory where it is not absolute; empty: that itself. Nothing is asked yet. Calls are to
    /// come from threads that may wait, beside a runtime of several threads.
    pub fn new(target: Target, path: &str, runtime: Handle) -> Self {
        let path = path.trim_end_matches('/');
        Self {
            link: Arc::new(Link::new(target)),
            runtime,
            root: match path {
                "" => String::new(),
                path => format!("{path}/"),
            },
            room: Mutex::default(),
        }
    }

    /// As the server knows a path.
    pub(crate) fn at(&self, path: &str) -> String {
        match (self.root.as_str(), path) {
            ("", "") => ".".to_owned(),
            (root, "") => root.trim_end_matches('/').to_owned(),
            (root, path) => format!("{root}{path}"),
        }
    }

    /// Waits for it, within the deadline.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let late = || {
            self.link.unanswered();
            let words = format!("the server of SFTP has not answered within {} s", ANSWERED.as_secs());
            io::Error::new(ErrorKind::TimedOut, words)
        };
        self.runtime
            .block_on(async { timeout(ANSWERED, work).await.map_err(|_| late())? })
    }

    async fn space(&self) -> io::Result<Room> {
        let (session, _) = self.link.session().await?;
        let unknown = Room {
            free: u64::MAX,
            total: u64::MAX,
        };
        if !session.has(SPACE) {
            return Ok(unknown);
        }
        let path = self.at("");
        let asked = session.ask(ask::EXTENDED, |packet| {
            packet.bytes(SPACE.as_bytes()).bytes(path.as_bytes())
        });
        match asked.await? {
            Reply::Extended(answer) => match longs(&answer)[..] {
                [_, unit, blocks, _, free, ..] => Ok(Room {
                    free: free.saturating_mul(unit),
                    total: blocks.saturating_mul(unit),
                }),
                _ => Ok(unknown),
            },
            // Announced, and not served for this file system.
            Reply::Status(..) => Ok(unknown),
            _ => Err(session::strange("a question for room")),
        }
    }
}

/// What is missing is none.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Files for Sftp {
    type File = OpenFile;

    fn new_file(&self, path: &str) -> io::Result<OpenFile> {
        self.wait(self.make(path))
    }

    fn new_folder(&self, path: &str) -> io::Result<()> {
        self.wait(async {
            let (session, _) = self.link.session().await?;
            self.folders(&session, path).await
        })
    }

    fn open(&self, path: &str) -> io::Result<OpenFile> {
        self.wait(self.open_to_read(path))
    }

    fn write_at(&self, file: &OpenFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let written = self.wait(async {
            let (session, handle) = file.handle().await?;
            bytes::write(&session, &handle, offset, bytes).await
        });
        // "Failure" is all that many servers say of a full disk.
        written.map_err(|error| match self.wait(self.space()) {
            Ok(room) if error.kind() == ErrorKind::Other && room.free < room.total / 50 => {
                io::Error::new(ErrorKind::StorageFull, error)
            }
            _ => error,
        })
    }

    fn read_at(&self, file: &OpenFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.wait(async {
            let (session, handle) = file.handle().await?;
            bytes::read(&session, &handle, offset, into).await
        })
    }

    fn settle(&self, file: &OpenFile) -> io::Result<()> {
        self.wait(async {
            let (session, handle) = file.handle().await?;
            bytes::settle(&session, &handle).await
        })
    }

    fn seal(&self, file: &OpenFile, size: u64, modified: i64) -> io::Result<()> {
        self.wait(async {
            let (session, handle) = file.handle().await?;
            bytes::seal(&session, &handle, size, modified).await
        })
    }

    fn rename_over(&self, from: &str, to: &str) -> io::Result<()> {
        self.wait(async {
            let (session, _) = self.link.session().await?;
            self.rename(&session, from, to).await
        })
    }

    fn settle_name(&self, path: &str) -> io::Result<()> {
        let at = self.at(path);
        self.wait(async {
            let (session, _) = self.link.session().await?;
            names::settle_name(&session, &at).await
        })
    }

    fn put_small(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.wait(self.put(path, bytes))
    }

    fn read_small(&self, path: &str) -> io::Result<Vec<u8>> {
        self.wait(self.small(path))
    }

    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        self.wait(self.look(path))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Entry>> {
        self.wait(self.names(folder))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.wait(async {
            let (session, _) = self.link.session().await?;
            self.straight(&session, path).await?;
            let path = self.at(path);
            absent(session.done(ask::REMOVE, |packet| packet.bytes(path.as_bytes())).await).map(drop)
        })
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.wait(self.clear(path))
    }

    fn prune(&self, path: &str) {
        let mut path = path;
        // The first folder stays.
        while let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| folder.contains('/')) {
            let at = self.at(folder);
            let removed = self.wait(async {
                let (session, _) = self.link.session().await?;
                session.done(ask::RMDIR, |packet| packet.bytes(at.as_bytes())).await
            });
            if removed.is_err() {
                return;
            }
            path = folder;
        }
    }

    fn room(&self) -> io::Result<Room> {
        let known = *self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, room)) = known
            && at.elapsed() < ROOM_ASKED
        {
            return Ok(room);
        }
        let room = self.wait(self.space())?;
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), room));
        Ok(room)
    }

    fn connected(&self) -> u64 {
        self.link.count()
    }
}

/// A status that ends a row of answers.
fn ends(code: u32) -> bool {
    code == status::END
}
