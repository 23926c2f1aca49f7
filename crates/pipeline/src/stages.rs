//! The one list of stages, in the direction of a backup: written forwards, read backwards.
use std::io::{self, BufRead, BufReader, Read, Write};

use crate::allowance::{Allowance, Note};
use crate::compress::{self, Compression};
use crate::encrypt::{Identities, Recipients};
use crate::error::{Step, at};
use crate::sink::Sink;

/// Bytes read at a time from a stage or the source.
const READ: usize = 256 << 10;

/// One stage and what it needs in each direction.
pub enum Stage {
    /// Compress, decompress.
    Compress(Compression),
    /// Encrypt: this list can only be written.
    Encrypt(Recipients),
    /// Decrypt: this list can only be read.
    Decrypt(Identities),
}

/// The stages of a stream, in the direction of a backup.
#[derive(Default)]
pub struct Stages {
    list: Vec<Stage>,
    /// For reading.
    allowance: Allowance,
    note: Option<Note>,
    /// That compress, for writing.
    threads: usize,
}

impl Stages {
    /// Stages to write through: plain bytes go in, what is stored comes out.
    pub fn to_write(compression: Option<Compression>, recipients: Option<Recipients>) -> Self {
        Self::of(compression, recipients.map(Stage::Encrypt))
    }

    /// Compresses by so many threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The same stages to read back through, within that allowance.
    pub fn to_read(compression: Option<Compression>, identities: Option<Identities>, allowance: Allowance) -> Self {
        Self {
            allowance,
            ..Self::of(compression, identities.map(Stage::Decrypt))
        }
    }

    /// The order, said once: encrypted bytes do not compress.
    fn of(compression: Option<Compression>, crypt: Option<Stage>) -> Self {
        Self {
            list: compression.map(Stage::Compress).into_iter().chain(crypt).collect(),
            threads: compress::USUAL,
            ..Self::default()
        }
    }

    /// The same, with large windows noted.
    #[must_use]
    pub fn noting(mut self, note: Note) -> Self {
        self.note = Some(note);
        self
    }

    /// A sink for plain bytes whose product goes to `sink`.
    pub fn writer(self, sink: Box<dyn Sink + Send>) -> io::Result<Box<dyn Sink + Send>> {
        let edge: Box<dyn Sink + Send> = Box::new(Edge(sink));
        let threads = self.threads;
        self.list.into_iter().rev().try_fold(edge, |sink, stage| match stage {
            Stage::Compress(compression) => compression.writer(threads, sink),
            Stage::Encrypt(recipients) => recipients.writer(sink),
            Stage::Decrypt(_) => Err(at(
                Step::Encrypt,
                io::Error::other("there are keys to decrypt, none to encrypt"),
            )),
        })
    }

    /// A reader of plain bytes from what is stored. Its end is proof of what the formats can prove; see the crate's
    /// first lines for what they cannot.
    pub fn reader(mut self, source: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        let edge: Box<dyn Read + Send> = Box::new(Edge(source));
        let secret = self.list.iter().any(|stage| matches!(stage, Stage::Decrypt(_)));
        self.list.into_iter().rev().try_fold(edge, |source, stage| {
            let source: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(READ, source));
            match stage {
                Stage::Compress(compression) => compression.reader(source, self.allowance, self.note.take(), secret),
                Stage::Decrypt(identities) => identities.reader(source, self.allowance),
                Stage::Encrypt(_) => Err(at(
                    Step::Decrypt,
                    io::Error::other("there are keys to encrypt, none to decrypt"),
                )),
            }
        })
    }
}

/// Marks failures of the sink or source as such, so that no stage takes them for its own.
struct Edge<T>(T);

impl<T: Write> Write for Edge<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|e| at(Step::Edge, e))
    }
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).map_err(|e| at(Step::Edge, e))
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|e| at(Step::Edge, e))
    }
}

impl Sink for Edge<Box<dyn Sink + Send>> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish().map_err(|e| at(Step::Edge, e))
    }
}

impl<T: Read> Read for Edge<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|e| at(Step::Edge, e))
    }
}

#[cfg(test)]
mod tests;
