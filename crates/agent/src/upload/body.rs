//! The bytes of a part, in chunks that are used again: what is held is what was filled, and parts may grow.
use std::io::{self, Read};

/// Bytes of a chunk: large enough for the kernel to give and take it alone, small against a part.
pub const CHUNK: usize = 512 << 10;

/// Bytes in chunks, all of them full but for the last.
#[derive(Default)]
pub struct Body {
    chunks: Vec<Vec<u8>>,
    length: usize,
}

impl Body {
    /// Bytes.
    pub fn len(&self) -> u64 {
        self.length as u64
    }

    /// Every chunk is full: the next byte needs another.
    pub fn wants_chunk(&self) -> bool {
        self.chunks.last().is_none_or(|last| last.len() >= CHUNK)
    }

    /// An empty chunk for what comes next.
    pub fn give_chunk(&mut self, chunk: Vec<u8>) {
        self.chunks.push(chunk);
    }

    /// Takes what fits into the last chunk; returns how much that was.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let Some(last) = self.chunks.last_mut() else { return 0 };
        let taken = bytes.get(..CHUNK - last.len()).unwrap_or(bytes);
        last.extend_from_slice(taken);
        self.length += taken.len();
        taken.len()
    }

    /// Its pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(Vec::as_slice)
    }

    /// From its first byte on.
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            body: self,
            chunk: 0,
            at: 0,
        }
    }

    /// Its chunks, emptied.
    pub fn emptied(self) -> impl Iterator<Item = Vec<u8>> {
        self.chunks.into_iter().map(|mut chunk| {
            chunk.clear();
            chunk
        })
    }
}

/// Reads a body.
pub struct Reader<'a> {
    body: &'a Body,
    chunk: usize,
    at: usize,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let (Some(chunk), Some(room)) = (self.body.chunks.get(self.chunk), buffer.get_mut(done..)) {
            let n = chunk.get(self.at..).unwrap_or_default().read(room)?;
            done += n;
            self.at += n;
            if self.at < chunk.len() {
                break;
            }
            (self.chunk, self.at) = (self.chunk + 1, 0);
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_read_and_seen_in_order_whatever_the_pieces() {
        let bytes: Vec<u8> = (0..2 * CHUNK + 77).map(|n| (n % 251) as u8).collect();
        for piece in [1_000, CHUNK, bytes.len()] {
            let mut body = Body::default();
            for piece in bytes.chunks(piece) {
                let mut rest = piece;
                while !rest.is_empty() {
                    if body.wants_chunk() {
                        body.give_chunk(Vec::with_capacity(CHUNK));
                    }
                    rest = &rest[body.fill(rest)..];
                }
            }
            assert_eq!(body.len(), bytes.len() as u64);
            assert!(body.pieces().collect::<Vec<_>>().concat() == bytes);
            for _ in 0..2 {
                let mut read = Vec::new();
                body.reader().read_to_end(&mut read).unwrap();
                assert!(read == bytes, "by {piece}");
            }
            let emptied: Vec<_> = body.emptied().collect();
            assert!(emptied.len() == 3 && emptied.iter().all(|c| c.is_empty() && c.capacity() == CHUNK));
        }
        assert_eq!(Body::default().reader().read(&mut [0; 9]).unwrap(), 0);
    }
}
