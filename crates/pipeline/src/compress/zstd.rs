//! zstd: two worker threads with small jobs, a content checksum, and a reader that insists on whole frames.
use std::io::{self, BufRead, Read, Write};

use zstd::stream::raw::{CParameter, Decoder, Encoder, InBuffer, Operation, OutBuffer};

use crate::error::{Step, at};
use crate::sink::Sink;

/// Threads that compress.
const WORKERS: u32 = 2;
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
    pub(super) fn new(level: i32, sink: Box<dyn Sink + Send>) -> io::Result<Self> {
        let build = || {
            let mut encoder = Encoder::new(level)?;
            encoder.set_parameter(CParameter::ChecksumFlag(true))?;
            encoder.set_parameter(CParameter::NbWorkers(WORKERS))?;
            encoder.set_parameter(CParameter::JobSize(JOB))?;
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

/// Decompresses a row of frames to its end.
pub(super) struct Reader {
    source: Box<dyn BufRead + Send>,
    decoder: Decoder<'static>,
    /// The last call ended a frame, so that the source may end here.
    whole: bool,
    seen: bool,
}

impl Reader {
    pub(super) fn new(source: Box<dyn BufRead + Send>) -> io::Result<Self> {
        let decoder = Decoder::new().map_err(|e| at(Step::Decompress, e))?;
        Ok(Self {
            source,
            decoder,
            whole: true,
            seen: false,
        })
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let piece = self.source.fill_buf().map_err(|e| at(Step::Edge, e))?;
            let ended = piece.is_empty();
            if ended && self.whole {
                if self.seen {
                    return Ok(0);
                }
                return Err(at(
                    Step::Decompress,
                    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream is empty"),
                ));
            }
            if !ended && self.whole {
                self.decoder.reinit().map_err(|e| at(Step::Decompress, e))?;
                self.whole = false;
                self.seen = true;
            }
            let mut input = InBuffer::around(piece);
            let mut output = OutBuffer::around(&mut *buffer);
            let hint = self
                .decoder
                .run(&mut input, &mut output)
                .map_err(|e| at(Step::Decompress, e))?;
            let (used, made) = (input.pos(), output.pos());
            self.source.consume(used);
            self.whole = hint == 0;
            if made > 0 {
                return Ok(made);
            }
            if ended && !self.whole {
                return Err(at(
                    Step::Decompress,
                    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream is cut inside a frame"),
                ));
            }
        }
    }
}
