//! gzip: independent members on several threads; read back member by member.
//!
//! RFC 1952 section 2.2 lets a file be a row of members. One of 512 KiB costs about one percent against an endless
//! one and lets libdeflate, which has no streaming interface, work.
use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use flate2::bufread::GzDecoder;
use libdeflater::{CompressionLvl, Compressor};

use crate::error::{Fault, Step, at};
use crate::foreign;
use crate::sink::Sink;

/// Plain bytes of a member.
const MEMBER: usize = 512 << 10;

/// One member on its way; its buffers are used again and again.
struct Member {
    plain: Vec<u8>,
    packed: Vec<u8>,
    failed: Option<String>,
}

struct Ticket {
    member: Member,
    done: SyncSender<Member>,
}

/// Compresses into a sink.
pub(super) struct Writer {
    sink: Box<dyn Sink + Send>,
    filling: Member,
    at_work: VecDeque<Receiver<Member>>,
    /// Members at work or waiting: one more than the workers, so that none idles while the oldest is written out.
    most: usize,
    free: Vec<Member>,
    work: Option<Sender<Ticket>>,
    workers: Vec<JoinHandle<()>>,
    started: bool,
}

impl Writer {
    pub(super) fn new(level: i32, threads: usize, sink: Box<dyn Sink + Send>) -> io::Result<Self> {
        let level = CompressionLvl::new(level).map_err(|e| {
            at(
                Step::Compress,
                io::Error::new(io::ErrorKind::InvalidInput, format!("level: {e:?}")),
            )
        })?;
        let (work, queue) = channel::<Ticket>();
        let queue = Arc::new(Mutex::new(queue));
        let workers = (0..threads.max(1))
            .map(|_| {
                let queue = queue.clone();
                std::thread::Builder::new()
                    .name("gzip".into())
                    .spawn(move || compress(Compressor::new(level), &queue))
            })
            .collect::<io::Result<Vec<_>>>()
            .map_err(|e| at(Step::Compress, e))?;
        let most = workers.len() + 1;
        Ok(Self {
            sink,
            filling: Member::new(),
            at_work: VecDeque::with_capacity(most),
            most,
            free: (0..most).map(|_| Member::new()).collect(),
            work: Some(work),
            workers,
            started: false,
        })
    }

    fn send(&mut self) -> io::Result<()> {
        if self.at_work.len() == self.most {
            self.write_oldest()?;
        }
        let next = self.free.pop().unwrap_or_else(Member::new);
        let member = std::mem::replace(&mut self.filling, next);
        let (done, result) = sync_channel(1);
        let sent = self
            .work
            .as_ref()
            .is_some_and(|work| work.send(Ticket { member, done }).is_ok());
        if !sent {
            return Err(at(Step::Compress, io::Error::other("the compressing threads are gone")));
        }
        self.at_work.push_back(result);
        self.started = true;
        Ok(())
    }

    fn write_oldest(&mut self) -> io::Result<()> {
        let Some(result) = self.at_work.pop_front() else {
            return Ok(());
        };
        let mut member = result
            .recv()
            .map_err(|_| at(Step::Compress, io::Error::other("a compressing thread is gone")))?;
        if let Some(failed) = member.failed.take() {
            return Err(at(Step::Compress, io::Error::other(failed)));
        }
        self.sink.write_all(&member.packed)?;
        member.plain.clear();
        self.free.push(member);
        Ok(())
    }
}

impl Member {
    fn new() -> Self {
        Self {
            plain: Vec::with_capacity(MEMBER),
            packed: Vec::new(),
            failed: None,
        }
    }
}

fn compress(mut compressor: Compressor, queue: &Mutex<Receiver<Ticket>>) {
    loop {
        let next = queue.lock().map(|queue| queue.recv());
        let Ok(Ok(Ticket { mut member, done })) = next else {
            return;
        };
        let bound = compressor.gzip_compress_bound(member.plain.len());
        member.packed.resize(bound, 0);
        match compressor.gzip_compress(&member.plain, &mut member.packed) {
            Ok(length) => member.packed.truncate(length),
            Err(e) => member.failed = Some(format!("libdeflate: {e:?}")),
        }
        // The writer is gone only where it failed and was dropped.
        let _ = done.send(member);
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MEMBER - self.filling.plain.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.filling.plain.extend_from_slice(taken);
        if self.filling.plain.len() == MEMBER {
            self.send()?;
        }
        Ok(taken.len())
    }

    /// Does nothing: a member that is cut short to flush would only be smaller.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Writer {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        // An empty stream is one empty member: no bytes at all are not a gzip file.
        if !self.filling.plain.is_empty() || !self.started {
            self.send()?;
        }
        while !self.at_work.is_empty() {
            self.write_oldest()?;
        }
        let sink = std::mem::replace(&mut self.sink, Box::new(Ended));
        drop(self);
        sink.finish()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.at_work.clear();
        self.work = None;
        for worker in self.workers.drain(..) {
            // A worker that panicked has lost its member; that was an error already.
            let _ = worker.join();
        }
    }
}

/// Stands in for the sink that `finish` took out.
struct Ended;

impl Write for Ended {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("written after its end"))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Ended {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a row of members to its end. Zeros behind the last one are padding, as of a tape or a block device, and are the end, too;
/// anything else there is an error.
pub(super) fn reader(source: Box<dyn BufRead + Send>) -> Box<dyn Read + Send> {
    let source = Counted { source, at: 0 };
    Box::new(Reader {
        member: Some(GzDecoder::new(source)),
        start: 0,
    })
}

struct Reader {
    /// The member that is read; None at the end.
    member: Option<GzDecoder<Counted>>,
    /// Where it begins.
    start: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member
                .read(buffer)
                .map_err(|e| at(Step::Decompress, placed(self.start, e)))?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(member) = self.member.take() else { break };
            let mut source = member.into_inner();
            if source.has_another().map_err(|e| at(Step::Decompress, e))? {
                self.start = source.at;
                self.member = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}

/// The decoder's own words, with the place; what the source said stays as it is.
fn placed(start: u64, error: io::Error) -> io::Error {
    let own = error.get_ref().is_none_or(|inner| !inner.is::<Fault>());
    match error.kind() {
        io::ErrorKind::UnexpectedEof if own => io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the stream is cut inside the member that begins at byte {start}"),
        ),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if own => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the member at byte {start}: {error}"),
        ),
        _ => error,
    }
}

/// The compressed bytes, and how many of them were read.
struct Counted {
    source: Box<dyn BufRead + Send>,
    at: u64,
}

impl Counted {
    /// Whether another member begins here; what stands between is padding.
    fn has_another(&mut self) -> io::Result<bool> {
        let mut padded = false;
        loop {
            let seen = match self.source.fill_buf() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                seen => seen?,
            };
            match seen.iter().position(|byte| *byte != 0) {
                None if seen.is_empty() => return Ok(false),
                None => {
                    let zeros = seen.len();
                    padded = true;
                    self.consume(zeros);
                }
                // RFC 1952 section 2.3.1: a member begins so.
                Some(0) if !padded && seen.first() == Some(&0x1f) => return Ok(true),
                Some(zeros) => {
                    let place = self.at + zeros as u64;
                    let what = foreign::behind(
                        seen.get(zeros).copied(),
                        "something that is neither a member nor padding",
                    );
                    let words = format!(
                        "after the last member, at byte {place}, there is {what}: {}",
                        foreign::cut_off(place)
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, words));
                }
            }
        }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.at += count as u64;
        self.source.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    /// In pieces of that size, as they come from a store.
    fn read(bytes: Vec<u8>, piece: usize) -> Result<String, String> {
        let source = io::BufReader::with_capacity(piece, io::Cursor::new(bytes));
        let mut text = String::new();
        match reader(Box::new(source)).read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(e) => Err(std::error::Error::source(&e).map_or_else(|| e.to_string(), |s| format!("{e}: {s}"))),
        }
    }

    #[test]
    fn zeros_behind_the_last_member_are_the_end_and_anything_else_is_an_error_with_its_place() {
        let (a, b) = (member("one "), member("two"));
        let both = [a.clone(), b.clone()].concat();
        for piece in [1, 7, 4096] {
            let with = |tail: &[u8]| read([&both, tail].concat(), piece);
            assert_eq!(with(b""), Ok("one two".into()));
            assert_eq!(with(&[0; 511]), Ok("one two".into()));
            for (tail, place) in [(&b"x"[..], 0), (b"\0\0x", 2), (b"\0\x1f\x8b", 1)] {
                let place = format!("at byte {}", both.len() + place);
                assert!(
                    with(tail).is_err_and(|e| e.contains(&place)),
                    "{tail:?} {:?}",
                    with(tail)
                );
            }
            // What begins like a member and is none has its place, too.
            for tail in [&b"\x1f"[..], b"\x1fx", b"\x1f\x8b\x08 not a member"] {
                let place = format!("at byte {}", both.len());
                assert!(
                    with(tail).is_err_and(|e| e.contains(&place)),
                    "{tail:?} {:?}",
                    with(tail)
                );
            }
            // A member that is cut is no end, whatever is behind it.
            let cut = [&both[..both.len() - 8], &[0; 64][..]].concat();
            assert!(read(cut, piece).is_err());
            assert!(read(Vec::new(), piece).is_err(), "no bytes at all are no gzip file");
            assert!(read(vec![0; 64], piece).is_err());
        }
    }
}
