//! Names: looked at, listed, made, moved, removed.
use std::io::{self, ErrorKind};

use depot::files::{Entry, Stat};

use super::bytes::{read, settle, write};
use super::open::opened;
use super::{RENAME, SETTLE, Sftp, absent, ends};
use crate::session::{Session, strange};
use crate::status;
use crate::wire::{Attributes, Kind, Reply, ask, flag};

/// The longest file that is read at once.
const SMALL: usize = 1 << 20;
/// What is read of one at first: nearly all are shorter.
const FIRST: usize = 32 << 10;

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// SFTP settles no names. Settling the file writes the journal of usual file systems, and its name with it.
pub(super) async fn settle_name(session: &Session, at: &str) -> io::Result<()> {
    if !session.has(SETTLE) {
        return Ok(());
    }
    let handle = opened(session, at, flag::READ).await?;
    let settled = settle(session, &handle).await;
    session.close(&handle);
    settled
}

impl Sftp {
    async fn attributes(&self, session: &Session, at: &str) -> io::Result<Attributes> {
        match session.ask(ask::LSTAT, |packet| packet.bytes(at.as_bytes())).await? {
            Reply::Attributes(found) => Ok(found),
            Reply::Status(code, words) => Err(status::error(code, &words)),
            _ => Err(strange("a look at a file")),
        }
    }

    /// No link leads to the folder of an object, as far as the server tells. What the store has for itself is in nobody's way.
    pub(super) async fn straight(&self, session: &Session, path: &str) -> io::Result<()> {
        let folder = folder_of(path);
        if folder.is_empty() || folder.starts_with('.') {
            return Ok(());
        }
        let real = |at: String| async move {
            match session.ask(ask::REALPATH, |packet| packet.bytes(at.as_bytes())).await? {
                Reply::Names(names) => Ok(names.into_iter().next().map(|name| name.name)),
                // It is made where it is missing.
                Reply::Status(..) => Ok(None),
                _ => Err(strange("a path")),
            }
        };
        let (root, found) = tokio::try_join!(real(self.at("")), real(self.at(folder)))?;
        let (Some(root), Some(found)) = (root, found) else {
            return Ok(());
        };
        let root = root.strip_suffix(b"/").unwrap_or(&root);
        if found == [root, b"/", folder.as_bytes()].concat() {
            return Ok(());
        }
        Err(io::Error::new(ErrorKind::NotADirectory, "a link leads elsewhere"))
    }

    /// Makes a folder, and those above it, where they are missing; what is there is not asked to be made.
    pub(super) async fn folders(&self, session: &Session, path: &str) -> io::Result<()> {
        let whole = self.at(path);
        let mut missing = Vec::new();
        let mut at = whole.as_str();
        while !at.is_empty() {
            match absent(self.attributes(session, at).await)?.map(|found| found.kind()) {
                Some(Kind::File) => return Err(ErrorKind::NotADirectory.into()),
                Some(_) => break,
                None => missing.push(at),
            }
            at = folder_of(at);
        }
        for at in missing.into_iter().rev() {
            let made = session
                .done(ask::MKDIR, |packet| packet.bytes(at.as_bytes()).mode(0o750))
                .await;
            // Another request may have made it meanwhile.
            if let Err(error) = made
                && absent(self.attributes(session, at).await)?.is_none()
            {
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) async fn rename(&self, session: &Session, from: &str, to: &str) -> io::Result<()> {
        self.straight(session, to).await?;
        let (from, at) = (self.at(from), self.at(to));
        let move_it = || {
            session.done(ask::EXTENDED, |packet| {
                packet
                    .bytes(RENAME.as_bytes())
                    .bytes(from.as_bytes())
                    .bytes(at.as_bytes())
            })
        };
        match move_it().await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.folders(session, folder_of(to)).await?;
                move_it().await?;
            }
            moved => moved?,
        }
        settle_name(session, &at).await
    }

    pub(super) async fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (session, _) = self.link.session().await?;
        let new = format!("{path}.new");
        let at = self.at(&new);
        let flags = flag::WRITE | flag::CREATE | flag::TRUNCATE;
        let handle = match opened(&session, &at, flags).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.folders(&session, folder_of(path)).await?;
                opened(&session, &at, flags).await?
            }
            opened => opened?,
        };
        let mut written = write(&session, &handle, 0, bytes).await;
        if written.is_ok() {
            written = settle(&session, &handle).await;
        }
        session.close(&handle);
        written?;
        self.rename(&session, &new, path).await
    }

    pub(super) async fn small(&self, path: &str) -> io::Result<Vec<u8>> {
        let (session, _) = self.link.session().await?;
        let handle = opened(&session, &self.at(path), flag::READ).await?;
        let mut bytes = vec![0; FIRST];
        let mut found = read(&session, &handle, 0, &mut bytes).await;
        if matches!(found, Ok(FIRST)) {
            bytes.resize(SMALL + 1, 0);
            found = read(&session, &handle, 0, &mut bytes).await;
        }
        session.close(&handle);
        bytes.truncate(found?);
        if bytes.len() > SMALL {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "longer than any file of the server's own",
            ));
        }
        Ok(bytes)
    }

    pub(super) async fn look(&self, path: &str) -> io::Result<Option<Stat>> {
        let (session, _) = self.link.session().await?;
        match self.straight(&session, path).await {
            Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(None),
            straight => straight?,
        }
        let Some(found) = absent(self.attributes(&session, &self.at(path)).await)? else {
            return Ok(None);
        };
        let folder = match found.kind() {
            Kind::Folder => true,
            Kind::File | Kind::Unknown => false,
            Kind::Other => {
                return Err(io::Error::new(
                    ErrorKind::InvalidInput,
                    "neither a file nor a folder lies there",
                ));
            }
        };
        Ok(Some(Stat {
            size: found.size.unwrap_or_default(),
            modified: found.modified.unwrap_or_default().into(),
            folder,
        }))
    }

    pub(super) async fn names(&self, folder: &str) -> io::Result<Vec<Entry>> {
        let (session, _) = self.link.session().await?;
        let at = self.at(folder);
        let opened = session.handle(ask::OPENDIR, |packet| packet.bytes(at.as_bytes())).await;
        let handle = match opened {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            // A file, to a server that does not say so.
            Err(error) => match absent(self.attributes(&session, &at).await)?.map(|found| found.kind()) {
                None | Some(Kind::File) => return Ok(Vec::new()),
                _ => return Err(error),
            },
            Ok(handle) => handle,
        };
        let listed = self.listed(&session, &handle, folder).await;
        session.close(&handle);
        listed
    }

    async fn listed(&self, session: &Session, handle: &bytes::Bytes, folder: &str) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        loop {
            let names = match session.ask(ask::READDIR, |packet| packet.bytes(handle)).await? {
                Reply::Names(names) => names,
                Reply::Status(code, _) if ends(code) => return Ok(entries),
                Reply::Status(code, words) => return Err(status::error(code, &words)),
                _ => return Err(strange("a list")),
            };
            for found in names {
                let Ok(name) = std::str::from_utf8(&found.name) else {
                    continue;
                };
                // None of these is a name in a folder, whatever the server says.
                if name == "." || name == ".." || name.is_empty() || name.contains(['/', '\0']) {
                    continue;
                }
                let mut kind = found.attributes.kind();
                if kind == Kind::Unknown {
                    let path = format!("{folder}/{name}");
                    let at = self.at(path.trim_start_matches('/'));
                    kind = absent(self.attributes(session, &at).await)?.map_or(Kind::Other, |found| found.kind());
                }
                if kind != Kind::Other {
                    entries.push(Entry {
                        name: name.to_owned(),
                        folder: kind == Kind::Folder,
                    });
                }
            }
        }
    }

    pub(super) async fn clear(&self, path: &str) -> io::Result<()> {
        let (session, _) = self.link.session().await?;
        for entry in self.names(path).await? {
            let at = self.at(&format!("{path}/{}", entry.name));
            absent(session.done(ask::REMOVE, |packet| packet.bytes(at.as_bytes())).await)?;
        }
        let at = self.at(path);
        absent(session.done(ask::RMDIR, |packet| packet.bytes(at.as_bytes())).await).map(drop)
    }
}
