//! The end of the stages: cuts the stream into parts, hashes it, and holds the last part back.
use std::io::{self, Write};
use std::sync::{Arc, PoisonError};

use pipeline::Sink;

use super::body::{Body, CHUNK};
use super::{Part, Upload};

/// Fills parts. A full part is queued when a byte more comes: until then it may be the last one.
pub struct PartSink {
    upload: Arc<Upload>,
    number: u32,
    size: u64,
    filling: Body,
}

impl PartSink {
    pub(super) fn new(upload: Arc<Upload>) -> Self {
        Self {
            upload,
            number: 0,
            size: 0,
            filling: Body::default(),
        }
    }

    /// Queues the full part, if there is one, and begins the next; waits where as many are full as may be.
    fn next_part(&mut self) -> io::Result<()> {
        let next = self.number + 1;
        let plan = &self.upload.plan;
        let planned = plan.parts.size_of(next).ok_or_else(|| {
            let most = plan.parts.max_parts;
            let last = plan.parts.size_of(most).unwrap_or(0);
            io::Error::other(plan.room.too_large(last, most))
        })?;
        let size = planned.min(plan.room.largest());
        let mut state = self.upload.lock();
        if self.number > 0 {
            state.queue.push_back(Part {
                number: self.number,
                body: std::mem::take(&mut self.filling),
                whole: false,
            });
            self.upload.work(&mut state)?;
            self.upload.changed.notify_all();
        }
        if size != self.size {
            state.flights.limit(plan.room.flights(size));
        }
        while !state.ended && state.full() > state.flights.allowed() {
            state.flights.held_back();
            state = self.upload.wait(state);
        }
        if state.ended {
            return Err(ended());
        }
        (self.number, self.size) = (next, size);
        Ok(())
    }

    /// An emptied chunk, or a new one as long as there is room; else waits for a part to be stored.
    fn next_chunk(&mut self) -> io::Result<()> {
        let most = self.upload.plan.room.chunks(self.size);
        let mut state = self.upload.lock();
        while !state.ended && state.free.is_empty() && state.chunks >= most {
            state.flights.held_back();
            state = self.upload.wait(state);
        }
        if state.ended {
            return Err(ended());
        }
        let chunk = state.free.pop().unwrap_or_else(|| {
            state.chunks += 1;
            Vec::with_capacity(CHUNK)
        });
        self.filling.give_chunk(chunk);
        Ok(())
    }
}

fn ended() -> io::Error {
    io::Error::other("the upload has ended")
}

impl Write for PartSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.filling.len() == self.size {
            self.next_part()?;
        }
        if self.filling.wants_chunk() {
            self.next_chunk()?;
        }
        let room = usize::try_from(self.size - self.filling.len()).unwrap_or(usize::MAX);
        let taken = self.filling.fill(bytes.get(..room).unwrap_or(bytes));
        self.upload
            .hash
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for PartSink {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let mut state = self.upload.lock();
        if state.ended {
            return Err(ended());
        }
        state.last = Some(Part {
            number: self.number.max(1),
            body: self.filling,
            whole: self.number <= 1,
        });
        Ok(())
    }
}
