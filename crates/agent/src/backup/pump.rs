//! Reads the command's output and writes it through the stages.
use std::io::{self, PipeReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread;

use pipeline::{Fault, Sink, Step};
use protocol::Outcome;

use crate::event::Event;

/// Bytes read at a time.
const READ: usize = 256 << 10;

/// The thread that pumps.
pub struct Pump {
    bytes: Arc<AtomicU64>,
}

impl Pump {
    /// Pumps until the output ends, then finishes the stages and tells `events`.
    pub fn start(from: PipeReader, to: Box<dyn Sink + Send>, events: Sender<Event>) -> io::Result<Self> {
        let bytes = Arc::new(AtomicU64::new(0));
        let counter = bytes.clone();
        thread::Builder::new().name("pump".into()).spawn(move || {
            let event = match pump(from, to, &counter) {
                Ok(()) => Event::OutputEnded,
                Err(error) => Event::Failed(outcome_of(error)),
            };
            let _ = events.send(event);
        })?;
        Ok(Self { bytes })
    }

    /// Bytes that the command gave.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn pump(mut from: PipeReader, mut to: Box<dyn Sink + Send>, bytes: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return to.finish(),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        to.write_all(buffer.get(..n).unwrap_or_default())?;
        bytes.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// Names the stage. Where the upload itself failed, that was told first, and this comes too late to count.
pub fn outcome_of(error: io::Error) -> Outcome {
    let fault = Fault::of(error);
    let step = if fault.step == Step::Edge {
        "upload".to_string()
    } else {
        fault.step.to_string()
    };
    Outcome::TransferFailed {
        step,
        message: fault.source.to_string(),
    }
}
