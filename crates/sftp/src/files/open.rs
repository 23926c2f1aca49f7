//! Files that are open. A handle is of one connection: what is written to is opened again on the next, under its name, which nobody else
//! has; what is read is not, because another file may have that name by now.
use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::Sftp;
use crate::link::Link;
use crate::session::Session;
use crate::wire::{ask, flag};

/// A file that is open.
pub struct OpenFile {
    link: Arc<Link>,
    path: String,
    write: bool,
    open: Mutex<Open>,
}

struct Open {
    session: Arc<Session>,
    count: u64,
    handle: Bytes,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let open = self.open.get_mut();
        open.session.close(&open.handle);
    }
}

impl OpenFile {
    /// The connection, and the handle on it.
    pub(super) async fn handle(&self) -> io::Result<(Arc<Session>, Bytes)> {
        let (session, count) = self.link.session().await?;
        let mut open = self.open.lock().await;
        if open.count != count {
            if !self.write {
                let words = "the connection to the server of SFTP broke while the object was read";
                return Err(io::Error::new(ErrorKind::ConnectionReset, words));
            }
            let handle = opened(&session, &self.path, flag::READ | flag::WRITE).await?;
            *open = Open {
                session: session.clone(),
                count,
                handle,
            };
        }
        Ok((session, open.handle.clone()))
    }
}

/// Opens; what is made belongs to its user alone.
pub(super) async fn opened(session: &Session, path: &str, flags: u32) -> io::Result<Bytes> {
    let fill = |packet: crate::wire::Packet| {
        let packet = packet.bytes(path.as_bytes()).word(flags);
        match flags & flag::CREATE {
            0 => packet.plain(),
            _ => packet.mode(0o640),
        }
    };
    session.handle(ask::OPEN, fill).await
}

impl Sftp {
    pub(super) async fn make(&self, path: &str) -> io::Result<OpenFile> {
        let (session, count) = self.link.session().await?;
        self.straight(&session, path).await?;
        let at = self.at(path);
        let flags = flag::READ | flag::WRITE | flag::CREATE;
        let handle = match opened(&session, &at, flags).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.folders(&session, path.rsplit_once('/').map_or("", |(folder, _)| folder))
                    .await?;
                opened(&session, &at, flags).await?
            }
            opened => opened?,
        };
        Ok(self.file(session, count, at, handle, true))
    }

    pub(super) async fn open_to_read(&self, path: &str) -> io::Result<OpenFile> {
        let (session, count) = self.link.session().await?;
        self.straight(&session, path).await?;
        let at = self.at(path);
        let handle = opened(&session, &at, flag::READ).await?;
        Ok(self.file(session, count, at, handle, false))
    }

    fn file(&self, session: Arc<Session>, count: u64, path: String, handle: Bytes, write: bool) -> OpenFile {
        let open = Open { session, count, handle };
        OpenFile {
            link: self.link.clone(),
            path,
            write,
            open: Mutex::new(open),
        }
    }
}
