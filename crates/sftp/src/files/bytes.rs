//! Bytes of open files, in pieces of which many are under way.
use std::io::{self, ErrorKind};

use bytes::Bytes;
use futures::future::{join_all, try_join_all};

use super::SETTLE;
use crate::session::{Session, strange};
use crate::status;
use crate::wire::{Reply, ask};

/// Every server takes so much in one request.
const PIECE: usize = 32 << 10;

fn behind(offset: u64, pieces: usize) -> u64 {
    offset.saturating_add((pieces * PIECE) as u64)
}

pub(super) async fn write(session: &Session, handle: &Bytes, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let pieces = bytes.chunks(PIECE).enumerate().map(|(number, piece)| {
        session.done(ask::WRITE, move |packet| {
            packet.bytes(handle).long(behind(offset, number)).bytes(piece)
        })
    });
    // All of them are waited for: none comes later, in the place of what is written again.
    join_all(pieces).await.into_iter().collect()
}

/// As much as is there.
pub(super) async fn read(session: &Session, handle: &Bytes, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let pieces = into
        .chunks_mut(PIECE)
        .enumerate()
        .map(|(number, piece)| fill(session, handle, behind(offset, number), piece));
    let mut read = 0;
    for (number, count) in try_join_all(pieces).await?.into_iter().enumerate() {
        // What lies behind a piece that ended early is not there either.
        if read == number * PIECE {
            read += count;
        }
    }
    Ok(read)
}

/// A server may give less than it was asked for, at any place.
async fn fill(session: &Session, handle: &Bytes, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
        let wanted = u32::try_from(rest.len()).unwrap_or_default();
        let asked = session.ask(ask::READ, |packet| {
            packet
                .bytes(handle)
                .long(offset.saturating_add(read as u64))
                .word(wanted)
        });
        match asked.await? {
            Reply::Data(bytes) if bytes.is_empty() => break,
            Reply::Data(bytes) => {
                let place = rest.get_mut(..bytes.len()).ok_or_else(|| strange("a read"))?;
                place.copy_from_slice(&bytes);
                read += bytes.len();
            }
            Reply::Status(code, _) if super::ends(code) => break,
            Reply::Status(code, words) => return Err(status::error(code, &words)),
            _ => return Err(strange("a read")),
        }
    }
    Ok(read)
}

/// Where the server has no word for it, when bytes are safe is the server's own affair.
pub(super) async fn settle(session: &Session, handle: &Bytes) -> io::Result<()> {
    if !session.has(SETTLE) {
        return Ok(());
    }
    let asked = session.done(ask::EXTENDED, |packet| packet.bytes(SETTLE.as_bytes()).bytes(handle));
    asked.await
}

pub(super) async fn seal(session: &Session, handle: &Bytes, size: u64, modified: i64) -> io::Result<()> {
    let found = match session.ask(ask::FSTAT, |packet| packet.bytes(handle)).await? {
        Reply::Attributes(found) => found.size,
        Reply::Status(code, words) => return Err(status::error(code, &words)),
        _ => return Err(strange("a look at a file")),
    };
    if found != Some(size) {
        session
            .done(ask::FSETSTAT, |packet| packet.bytes(handle).size(size))
            .await?;
    }
    let modified = u32::try_from(modified)
        .map_err(|_| io::Error::new(ErrorKind::InvalidInput, "SFTP has no times before 1970 or after 2106"))?;
    session
        .done(ask::FSETSTAT, |packet| packet.bytes(handle).times(modified))
        .await?;
    settle(session, handle).await
}
