//! Frames: four bytes of length (big endian), then one message as JSON.
use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::{Zeroize, Zeroizing};

/// The longest frame, bytes: a report of 10,000 parts has about 2 MiB.
pub const MAX_FRAME: usize = 4 << 20;

/// Why a frame could not be read. After any of these the connection is closed: there is no way to find the next frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than `MAX_FRAME`.
    #[error("a frame of {0} bytes is longer than {MAX_FRAME}")]
    TooLong(usize),
    /// Not a message of this protocol.
    #[error("not a message of this protocol")]
    Malformed(#[source] serde_json::Error),
    /// The other side is gone.
    #[error("the connection is lost")]
    Io(#[from] io::Error),
}

/// One message as a frame.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message).map_err(FrameError::Malformed)?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let prefix = u32::try_from(length)
        .map_err(|_| FrameError::TooLong(length))?
        .to_be_bytes();
    for (to, from) in frame.iter_mut().zip(prefix) {
        *to = from;
    }
    Ok(frame)
}

/// Finds messages in a stream of bytes that arrives in pieces. What was read is skipped, and moved only when it is
/// more than what is left, so that many small messages in one piece cost no more than their bytes.
#[derive(Default)]
pub struct Decoder {
    held: Vec<u8>,
    /// Bytes at the front of `held` that were read.
    read: usize,
}

impl Decoder {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        if self.read > self.held.len() / 2 {
            self.held.drain(..self.read);
            self.read = 0;
        }
        self.held.extend_from_slice(piece);
    }

    /// The next whole message, if it has arrived.
    pub fn next_message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        let left = self.held.get(self.read..).unwrap_or_default();
        let Some((prefix, rest)) = left.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let message = serde_json::from_slice(body).map_err(FrameError::Malformed)?;
        let end = self.read + 4 + length;
        // A message may have carried an identity or a signed URL.
        if let Some(seen) = self.held.get_mut(self.read..end) {
            seen.zeroize();
        }
        self.read = end;
        if self.read == self.held.len() {
            self.held.clear();
            self.read = 0;
        }
        Ok(Some(message))
    }

    /// Bytes that arrived and belong to a message that is not whole yet.
    pub fn pending(&self) -> usize {
        self.held.len() - self.read
    }
}

/// Shows no bytes: they may be of a secret.
impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("pending", &self.pending()).finish()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

/// Writes one message.
pub fn write_message<M: Serialize>(to: &mut impl Write, message: &M) -> Result<(), FrameError> {
    to.write_all(&encode(message)?)?;
    to.flush()?;
    Ok(())
}

/// Reads one message; None at a clean end, which is one between two messages.
pub fn read_message<M: DeserializeOwned>(from: &mut impl Read) -> Result<Option<M>, FrameError> {
    let mut prefix = [0; 4];
    let mut have = 0;
    while have < prefix.len() {
        match from.read(prefix.get_mut(have..).unwrap_or_default()) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    let length = u32::from_be_bytes(prefix) as usize;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let mut body = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut body)?;
    serde_json::from_slice(&body).map(Some).map_err(FrameError::Malformed)
}

#[cfg(test)]
mod tests;
