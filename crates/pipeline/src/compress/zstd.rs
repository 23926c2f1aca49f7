//! zstd: worker threads with small jobs, a content checksum, and a reader that insists on whole frames.
mod frame;
mod window;

use std::io::{self, BufRead, Read, Write};

use zstd::stream::raw::{CParameter, DParameter, Decoder, Encoder, InBuffer, Operation, OutBuffer};

use crate::allowance::{Allowance, Note};
use crate::error::{Step, at};
use crate::foreign;
use crate::sink::Sink;

use window::Windows;

pub(super) use frame::may_begin;

/// Above this level each thread takes 35 to 70 MiB for its tables, and the memory is the user's: one has to do.
pub(super) const LIGHT: i32 = 12;
/// Bytes of a job. The default of four windows takes 70 MiB with two workers at level 3; this takes 26 MiB and is
/// as fast.
const JOB: u32 = 1 << 20;
/// Bytes handed to the sink at a time.
const OUT: usize = 128 << 10;

/// Compresses into a sink.
pub(super) struct Writer {
    sink: Box<dyn Sink + Send>,
    encoder: Encoder<'static>,
    out: Vec<u8>,
}

impl Writer {
    pub(super) fn new(level: i32, threads: usize, sink: Box<dyn Sink + Send>) -> io::Result<Self> {
        // At least one: without any the library would compress in the thread that reads the command's output.
        let workers = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
        let build = || {
            let mut encoder = Encoder::new(level)?;
            encoder.set_parameter(CParameter::ChecksumFlag(true))?;
            if level <= LIGHT {
                encoder.set_parameter(CParameter::NbWorkers(workers))?;
                encoder.set_parameter(CParameter::JobSize(JOB))?;
            }
            Ok(encoder)
        };
        let encoder = build().map_err(|e| at(Step::Compress, e))?;
        Ok(Self {
            sink,
            encoder,
            out: vec![0; OUT],
        })
    }

    fn hand_on(&mut self, length: usize) -> io::Result<()> {
        self.sink.write_all(self.out.get(..length).unwrap_or_default())
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            let mut output = OutBuffer::around(self.out.as_mut_slice());
            self.encoder
                .run(&mut input, &mut output)
                .map_err(|e| at(Step::Compress, e))?;
            let made = output.pos();
            self.hand_on(made)?;
        }
        Ok(bytes.len())
    }

    /// Does nothing: a flushed block would only be larger.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Writer {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        loop {
            let mut output = OutBuffer::around(self.out.as_mut_slice());
            let left = self
                .encoder
                .finish(&mut output, true)
                .map_err(|e| at(Step::Compress, e))?;
            let made = output.pos();
            self.hand_on(made)?;
            if left == 0 {
                break;
            }
        }
        let Self { sink, .. } = *self;
        sink.finish()
    }
}

/// Decompresses a row of frames to its end; of no bytes at all it makes none.
pub(super) struct Reader {
    source: Box<dyn BufRead + Send>,
    decoder: Decoder<'static>,
    windows: Windows,
    /// The last call ended a frame, so that the source may end here.
    whole: bool,
    /// Compressed bytes that were taken.
    at: u64,
    /// Where the frame that is read begins, and its first bytes, as far as they were taken.
    start: u64,
    head: Vec<u8>,
}

impl Reader {
    pub(super) fn new(source: Box<dyn BufRead + Send>, allowance: Allowance, note: Option<Note>) -> io::Result<Self> {
        let build = || {
            let mut decoder = Decoder::new()?;
            decoder.set_parameter(DParameter::WindowLogMax(allowance.largest_window()))?;
            Ok(decoder)
        };
        Ok(Self {
            source,
            decoder: build().map_err(|e| at(Step::Decompress, e))?,
            windows: Windows::new(allowance, note),
            whole: true,
            at: 0,
            start: 0,
            head: Vec::with_capacity(frame::LONGEST),
        })
    }
}

/// In words, what the decoder has one answer for.
fn explain(start: u64, head: &[u8], error: &io::Error) -> io::Error {
    bad(match frame::parse(head) {
        Some(frame::Header {
            dictionary: Some(number),
            ..
        }) => format!(
            "the frame at byte {start} was made with a dictionary ({number}), which no restore has: make the object again without one"
        ),
        // Also where it was made with a dictionary and does not say so.
        Some(_) => format!("the frame at byte {start} is damaged, or was made with a dictionary: {error}"),
        None => format!("the frame at byte {start} is damaged: {error}"),
    })
}

fn bad(words: impl Into<String>) -> io::Error {
    at(
        Step::Decompress,
        io::Error::new(io::ErrorKind::InvalidData, words.into()),
    )
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let piece = self.source.fill_buf().map_err(|e| at(Step::Edge, e))?;
            let ended = piece.is_empty();
            if self.whole {
                if ended {
                    return Ok(0);
                }
                self.decoder.reinit().map_err(|e| at(Step::Decompress, e))?;
                (self.whole, self.start) = (false, self.at);
                self.head.clear();
                self.windows.next();
            }
            // As far as the decoder may look in this call.
            let known = self.head.len();
            let rest = piece.get(..frame::LONGEST - known).unwrap_or(piece);
            self.head.extend_from_slice(rest);
            // The first one was looked at before.
            if !frame::may_begin(&self.head) {
                let what = foreign::behind(self.head.first().copied(), "something that is no frame");
                return Err(bad(format!(
                    "after the last frame, at byte {}, there is {what}: {}",
                    self.start,
                    foreign::cut_off(self.start)
                )));
            }
            self.windows.judge(&self.head, self.start).map_err(bad)?;
            let mut input = InBuffer::around(piece);
            let mut output = OutBuffer::around(&mut *buffer);
            let hint = self
                .decoder
                .run(&mut input, &mut output)
                .map_err(|e| explain(self.start, &self.head, &e))?;
            let (used, made) = (input.pos(), output.pos());
            self.head.truncate(known + used);
            self.at += used as u64;
            self.source.consume(used);
            self.whole = hint == 0;
            if made > 0 {
                return Ok(made);
            }
            if ended && !self.whole {
                let words = format!("the stream is cut inside the frame that begins at byte {}", self.start);
                return Err(at(
                    Step::Decompress,
                    io::Error::new(io::ErrorKind::UnexpectedEof, words),
                ));
            }
        }
    }
}
