//! The end of the stages: cuts the stream into parts, hashes it, and holds the last part back.
use std::io::{self, Write};
use std::sync::{Arc, PoisonError};

use pipeline::Sink;

use super::{Part, Upload};

/// Fills parts. A full part is queued when a byte more comes: until then it may be the last one.
pub struct PartSink {
    upload: Arc<Upload>,
    number: u32,
    size: u64,
    filling: Vec<u8>,
}

impl PartSink {
    pub(super) fn new(upload: Arc<Upload>) -> Self {
        Self {
            upload,
            number: 0,
            size: 0,
            filling: Vec::new(),
        }
    }

    /// Queues the full part, if there is one, and gets a buffer for the next; waits for one where all are in use.
    fn next_part(&mut self) -> io::Result<()> {
        let next = self.number + 1;
        let plan = &self.upload.plan;
        let planned = plan.parts.size_of(next).ok_or_else(|| {
            let most = plan.parts.max_parts;
            let last = plan.parts.size_of(most).unwrap_or(0);
            io::Error::other(plan.room.too_large(last, most))
        })?;
        let size = planned.min(plan.room.largest());
        let capacity = usize::try_from(size).map_err(io::Error::other)?;
        let mut state = self.upload.lock();
        if self.number > 0 {
            let bytes = std::mem::take(&mut self.filling);
            state.queue.push_back(Part {
                number: self.number,
                bytes,
                whole: false,
            });
            self.upload.changed.notify_all();
        }
        while !state.ended && state.queue.len() + state.in_flight + 1 > self.upload.plan.room.buffers(size) {
            state = self.upload.wait(state);
        }
        if state.ended {
            return Err(io::Error::other("the upload has ended"));
        }
        // Where the parts grow, the smaller buffers are of no use any more.
        state.free.retain(|buffer| buffer.capacity() >= capacity);
        let free = state.free.pop();
        drop(state);
        self.filling = free.unwrap_or_else(|| Vec::with_capacity(capacity));
        (self.number, self.size) = (next, size);
        Ok(())
    }
}

impl Write for PartSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.filling.len() as u64 == self.size {
            self.next_part()?;
        }
        let room = usize::try_from(self.size).unwrap_or(usize::MAX) - self.filling.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.upload
            .hash
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update(taken);
        self.filling.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for PartSink {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let mut state = self.upload.lock();
        if state.ended {
            return Err(io::Error::other("the upload has ended"));
        }
        state.last = Some(Part {
            number: self.number.max(1),
            bytes: self.filling,
            whole: self.number <= 1,
        });
        Ok(())
    }
}
