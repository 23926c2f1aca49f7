//! Frames: four bytes of length (big endian), then either one message as JSON, which begins with `{`, or a piece of a
//! tunnelled stream: a tag byte, the stream's id (four bytes, big endian), and the bytes.
use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::{Zeroize, Zeroizing};

/// The longest frame, bytes: a report of 10,000 parts has about 2 MiB.
pub const MAX_FRAME: usize = 4 << 20;
/// The most bytes of a stream in one frame: a message never waits behind more.
pub const MAX_DATA: usize = 64 << 10;
/// First byte of a piece of a stream. No JSON begins with it.
const DATA: u8 = 1;
/// Tag and id before the bytes of a piece.
const DATA_HEAD: usize = 5;
/// What a decoder that has nothing to hold keeps for what comes next: no more than a few pieces, whatever came before.
const KEPT: usize = 256 << 10;
/// The longest piece, with tag and id.
const DATA_FRAME: usize = MAX_DATA + DATA_HEAD;

/// A piece of a tunnelled stream.
#[derive(Clone, PartialEq, Eq)]
pub struct Data {
    /// Which stream.
    pub stream: u32,
    /// Its next bytes, at most `MAX_DATA`.
    pub bytes: Vec<u8>,
}

/// Shows no bytes: they are a stranger's.
impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data")
            .field("stream", &self.stream)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// What comes in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<M> {
    /// A message.
    Message(M),
    /// A piece of a stream.
    Data(Data),
}

/// Why a frame could not be read. After any of these the connection is closed: there is no way to find the next frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than `MAX_FRAME`.
    #[error("a frame of {0} bytes is longer than {MAX_FRAME}")]
    TooLong(usize),
    /// Not a message of this protocol.
    #[error("not a message of this protocol")]
    Malformed(#[source] serde_json::Error),
    /// A piece of a stream that is too short to have an id, or longer than `MAX_DATA`.
    #[error("a piece of a stream in a frame of {0} bytes; between {DATA_HEAD} and {DATA_FRAME} are possible")]
    BadData(usize),
    /// The other side is gone.
    #[error("the connection is lost")]
    Io(#[from] io::Error),
}

/// One message as a frame.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, FrameError> {
    let mut frame = Vec::new();
    append(message, &mut frame)?;
    Ok(frame)
}

fn append<M: Serialize>(message: &M, to: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = to.len();
    to.extend_from_slice(&[0; 4]);
    serde_json::to_writer(&mut *to, message).map_err(FrameError::Malformed)?;
    let length = to.len() - start - 4;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let prefix = u32::try_from(length)
        .map_err(|_| FrameError::TooLong(length))?
        .to_be_bytes();
    for (to, from) in to.iter_mut().skip(start).zip(prefix) {
        *to = from;
    }
    Ok(())
}

/// One piece of a stream as a frame.
pub fn encode_data(data: &Data) -> Result<Vec<u8>, FrameError> {
    let mut frame = Vec::new();
    append_data(data, &mut frame)?;
    Ok(frame)
}

fn append_data(data: &Data, to: &mut Vec<u8>) -> Result<(), FrameError> {
    let length = data.bytes.len() + DATA_HEAD;
    if data.bytes.len() > MAX_DATA {
        return Err(FrameError::BadData(length));
    }
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong(length))?;
    to.reserve_exact(4 + length);
    to.extend_from_slice(&prefix.to_be_bytes());
    to.push(DATA);
    to.extend_from_slice(&data.stream.to_be_bytes());
    to.extend_from_slice(&data.bytes);
    Ok(())
}

impl<M: Serialize> Frame<M> {
    /// As it goes over the connection.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let mut frame = Vec::new();
        self.encode_into(&mut frame)?;
        Ok(frame)
    }

    /// The same behind what is there, so that what goes before it costs no copy.
    pub fn encode_into(&self, to: &mut Vec<u8>) -> Result<(), FrameError> {
        match self {
            Self::Message(message) => append(message, to),
            Self::Data(data) => append_data(data, to),
        }
    }
}

/// What a body is: the frame without its length.
fn decode<M: DeserializeOwned>(body: &[u8]) -> Result<Frame<M>, FrameError> {
    match body.split_first() {
        Some((&DATA, rest)) => {
            let (id, bytes) = rest.split_first_chunk::<4>().ok_or(FrameError::BadData(body.len()))?;
            if bytes.len() > MAX_DATA {
                return Err(FrameError::BadData(body.len()));
            }
            Ok(Frame::Data(Data {
                stream: u32::from_be_bytes(*id),
                bytes: bytes.to_vec(),
            }))
        }
        _ => serde_json::from_slice(body)
            .map(Frame::Message)
            .map_err(FrameError::Malformed),
    }
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
            self.held.shrink_to(KEPT);
        }
        self.held.extend_from_slice(piece);
    }

    /// The next whole frame, if it has arrived.
    pub fn next_frame<M: DeserializeOwned>(&mut self) -> Result<Option<Frame<M>>, FrameError> {
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
        let frame = decode(body)?;
        let end = self.read + 4 + length;
        // A message may have carried an identity or a signed URL.
        if let (Frame::Message(_), Some(seen)) = (&frame, self.held.get_mut(self.read..end)) {
            seen.zeroize();
        }
        self.read = end;
        if self.read == self.held.len() {
            self.held.clear();
            self.read = 0;
            self.held.shrink_to(KEPT);
        }
        Ok(Some(frame))
    }

    /// Bytes of the frame that has begun to arrive, as it says itself; None before it does.
    pub fn announced(&self) -> Option<usize> {
        let left = self.held.get(self.read..).unwrap_or_default();
        left.first_chunk::<4>()
            .map(|prefix| u32::from_be_bytes(*prefix) as usize)
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

/// Reads one frame; None at a clean end, which is one between two frames.
pub fn read_frame<M: DeserializeOwned>(from: &mut impl Read) -> Result<Option<Frame<M>>, FrameError> {
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
    decode(&body).map(Some)
}

#[cfg(test)]
mod tests;
