//! gzip: independent members on two threads; read back member by member.
//!
//! RFC 1952 section 2.2 lets a file be a row of members. One of 512 KiB costs about one percent against an endless
//! one and lets libdeflate, which has no streaming interface, work.
use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use libdeflater::{CompressionLvl, Compressor};

use crate::error::{Step, at};
use crate::sink::Sink;

/// Plain bytes of a member.
const MEMBER: usize = 512 << 10;
/// Threads that compress.
const WORKERS: usize = 2;
/// Members at work or waiting: one more than the workers, so that none idles while the oldest is written out.
const AT_WORK: usize = WORKERS + 1;

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
    free: Vec<Member>,
    work: Option<Sender<Ticket>>,
    workers: Vec<JoinHandle<()>>,
    started: bool,
}

impl Writer {
    pub(super) fn new(level: i32, sink: Box<dyn Sink + Send>) -> io::Result<Self> {
        let level = CompressionLvl::new(level).map_err(|e| {
            at(
                Step::Compress,
                io::Error::new(io::ErrorKind::InvalidInput, format!("level: {e:?}")),
            )
        })?;
        let (work, queue) = channel::<Ticket>();
        let queue = Arc::new(Mutex::new(queue));
        let workers = (0..WORKERS)
            .map(|_| {
                let queue = queue.clone();
                std::thread::Builder::new()
                    .name("gzip".into())
                    .spawn(move || compress(Compressor::new(level), &queue))
            })
            .collect::<io::Result<Vec<_>>>()
            .map_err(|e| at(Step::Compress, e))?;
        Ok(Self {
            sink,
            filling: Member::new(),
            at_work: VecDeque::with_capacity(AT_WORK),
            free: (0..AT_WORK).map(|_| Member::new()).collect(),
            work: Some(work),
            workers,
            started: false,
        })
    }

    fn send(&mut self) -> io::Result<()> {
        if self.at_work.len() == AT_WORK {
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

/// Reads a row of members to its end; anything behind the last one is an error.
pub(super) fn reader(source: Box<dyn BufRead + Send>) -> Box<dyn Read + Send> {
    Box::new(Reader(flate2::bufread::MultiGzDecoder::new(source)))
}

struct Reader(flate2::bufread::MultiGzDecoder<Box<dyn BufRead + Send>>);

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|e| at(Step::Decompress, e))
    }
}
