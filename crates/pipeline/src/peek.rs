//! A source whose first bytes are looked at before anybody reads them.
use std::io::{self, BufRead, Read};

/// Bytes that are looked at: a tar archive says in the first 262 that it is one, and text may stand in front of what was meant.
pub(crate) const HEAD: usize = 64 << 10;

/// The source, with its first bytes in hand.
pub(crate) struct Peek {
    head: Vec<u8>,
    /// How many of them were read.
    given: usize,
    source: Box<dyn BufRead + Send>,
}

impl Peek {
    /// Waits for the first bytes, or for the end.
    pub fn new(mut source: Box<dyn BufRead + Send>) -> io::Result<Self> {
        let mut head = Vec::with_capacity(HEAD);
        // Unlike one `read`, it goes on after a piece that is short, and after an interruption.
        source.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        Ok(Self { head, given: 0, source })
    }

    /// As many bytes as there are, up to [`HEAD`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    fn left(&self) -> &[u8] {
        self.head.get(self.given..).unwrap_or_default()
    }
}

impl BufRead for Peek {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.given < self.head.len() {
            true => Ok(self.left()),
            false => self.source.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        match self.given < self.head.len() {
            true => self.given += count,
            false => self.source.consume(count),
        }
    }
}

impl Read for Peek {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.head.len() {
            return self.source.read(buffer);
        }
        let count = self.left().read(buffer)?;
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_is_read_again_whatever_the_pieces() {
        for length in [0, 1, 1000, HEAD - 1, HEAD, HEAD + 1, HEAD + 1000] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            for piece in [1, 7, HEAD, 4096] {
                let source = io::BufReader::with_capacity(piece, io::Cursor::new(bytes.clone()));
                let mut peek = Peek::new(Box::new(source)).unwrap();
                assert_eq!(peek.head(), &bytes[..length.min(HEAD)]);
                let mut read = vec![0; length / 2];
                peek.read_exact(&mut read).unwrap();
                while let Some(byte) = peek.fill_buf().unwrap().first().copied() {
                    read.push(byte);
                    peek.consume(1);
                }
                assert_eq!(read, bytes);
            }
        }
    }
}
