//! Frames: four bytes of length (big endian), then one message as JSON.
use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

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
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong(length))?.to_be_bytes();
    for (to, from) in frame.iter_mut().zip(prefix) {
        *to = from;
    }
    Ok(frame)
}

/// Finds messages in a stream of bytes that arrives in pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    held: Vec<u8>,
}

impl Decoder {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    /// The next whole message, if it has arrived.
    pub fn next_message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        let Some((prefix, rest)) = self.held.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(body).map_err(FrameError::Malformed)?;
        self.held.drain(..4 + length);
        Ok(Some(message))
    }
}

/// Writes one message.
pub fn write_message<M: Serialize>(to: &mut impl Write, message: &M) -> Result<(), FrameError> {
    to.write_all(&encode(message)?)?;
    to.flush()?;
    Ok(())
}

/// Reads one message; None at a clean end.
pub fn read_message<M: DeserializeOwned>(from: &mut impl Read) -> Result<Option<M>, FrameError> {
    let mut prefix = [0; 4];
    match from.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e.into()),
    }
    let length = u32::from_be_bytes(prefix) as usize;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    serde_json::from_slice(&body).map(Some).map_err(FrameError::Malformed)
}
