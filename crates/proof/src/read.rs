//! Reads an object to its end, to wherever its plain bytes are wanted, and proves it.
use std::io::{self, Write};
use std::sync::{Arc, PoisonError};

use protocol::Outcome;

use crate::check::Check;
use crate::download::Watched;
use crate::object::{CHUNK, Object, Open, read_some};

/// An object that is open: its header is good, and its first plain bytes have come.
pub struct Reading {
    open: Open,
    check: Check,
}

/// An object that was proved whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Plain bytes.
    pub bytes: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Of these, hexadecimal.
    pub sha256: String,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It cannot be read, or is not what was stored.
    #[error("the object cannot be read, or is not what was stored")]
    Object(Outcome),
    /// Its bytes are not taken.
    #[error("the bytes cannot be written")]
    Sink(#[source] io::Error),
}

impl Reading {
    /// Opens an object. `watched` tells how far it is, and may stop it.
    ///
    /// # Errors
    /// It is not there, is another one, cannot be reached, or is not what the stages say. Where its header does not open, and its hash is
    /// known from before, it is read to its end before the key is called a wrong one.
    pub fn open(object: Object, watched: Arc<Watched>) -> Result<Self, Outcome> {
        let check = object.check(&watched);
        let open = object.open(watched, &check, &|_| ())?;
        Ok(Self { open, check })
    }

    /// What its plain bytes begin as: `gzip`, `zstd` or `age`; None where they are none of them.
    pub fn packed(&self) -> Option<&'static str> {
        pipeline::packed(&self.open.first)
    }

    /// What was undone because the first bytes say so, the outermost first.
    pub fn undone(&self) -> &[&'static str] {
        &self.open.undone
    }

    /// Reads it to its end. The last chunk is held back until all is proved, so that whoever counts bytes misses some of a stream that is
    /// not whole.
    ///
    /// # Errors
    /// It is not whole, or the sink does not take it.
    pub fn copy(self, sink: &mut dyn Write) -> Result<Whole, Broken> {
        let Self { open, check } = self;
        let (mut plain, mut held) = (open.plain, open.first);
        let mut next = vec![0; CHUNK];
        let mut bytes = 0;
        loop {
            let n = match held.is_empty() {
                true => 0,
                false => read_some(&mut plain, &mut next).map_err(|e| Broken::Object(check.outcome_of(e)))?,
            };
            if n == 0 {
                check.whole().map_err(Broken::Object)?;
            }
            sink.write_all(&held).map_err(Broken::Sink)?;
            bytes += held.len() as u64;
            if n == 0 {
                break;
            }
            std::mem::swap(&mut held, &mut next);
            held.truncate(n);
            next.resize(CHUNK, 0);
        }
        sink.flush().map_err(Broken::Sink)?;
        let hash = check.watched.hash.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Whole {
            bytes,
            stored_bytes: hash.bytes(),
            sha256: hash.hex(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
