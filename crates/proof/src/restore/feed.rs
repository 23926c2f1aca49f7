//! Feeds the command: one chunk is held back until the next one is there, and the last one until all is proved.
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use super::Guard;
use crate::check::Check;
use crate::command::pipe;
use crate::download::Watched;
use crate::event::{Event, FeedEnd, Verdict};
use crate::object::{CHUNK, Object, Open, read_some};

/// The thread that feeds.
pub(super) struct Feeder {
    pub object: Object,
    pub watched: Arc<Watched>,
    pub written: Arc<AtomicU64>,
    pub input: PipeWriter,
    pub guard: Arc<dyn Guard>,
    pub started: Receiver<()>,
    pub events: Sender<Event>,
}

impl Feeder {
    /// Opens the object, waits for the command, and feeds it.
    pub fn start(self) -> io::Result<()> {
        thread::Builder::new()
            .name("feed".into())
            .spawn(move || self.run())
            .map(drop)
    }

    fn run(self) {
        let Self {
            object,
            watched,
            written,
            mut input,
            guard,
            started,
            events,
        } = self;
        let check = object.check(&watched);
        let late = |outcome| drop(events.send(Event::Unopened(outcome)));
        let verdict = match object.open(watched, &check, &late) {
            Err(outcome) => Verdict::Bad(outcome),
            Ok(Open { mut plain, first, .. }) => {
                let packed = pipeline::packed(&first);
                let _ = events.send(Event::Opened { packed });
                // An error here means that the command could not be started.
                match started.recv() {
                    Ok(()) => feed(&mut plain, first, &mut input, &written, &check),
                    Err(_) => Verdict::Unread(0),
                }
            }
        };
        let proved = matches!(verdict, Verdict::Proved);
        let input = if proved {
            guard.release();
            drop(input);
            None
        } else {
            Some(input)
        };
        let _ = events.send(Event::Fed(FeedEnd { verdict, input }));
    }
}

fn feed(
    plain: &mut impl Read,
    mut held: Vec<u8>,
    input: &mut PipeWriter,
    written: &AtomicU64,
    check: &Check,
) -> Verdict {
    let mut next = vec![0; CHUNK];
    loop {
        let n = if held.is_empty() {
            Ok(0)
        } else {
            read_some(plain, &mut next)
        };
        let ended = match n {
            Ok(0) => {
                if let Err(outcome) = check.whole() {
                    return Verdict::Bad(outcome);
                }
                true
            }
            Ok(_) => false,
            Err(_) if check.watched.stop.load(Ordering::Relaxed) => return Verdict::Unread(held.len() as u64),
            Err(error) => return Verdict::Bad(check.outcome_of(error)),
        };
        if let Err(left) = write(input, &held, written, check) {
            return Verdict::Unread(left);
        }
        if ended {
            return Verdict::Proved;
        }
        let n = n.unwrap_or_default();
        std::mem::swap(&mut held, &mut next);
        held.truncate(n);
        next.resize(CHUNK, 0);
    }
}

/// Writes a chunk, looking between writes whether anyone still reads; returns what was left.
fn write(input: &mut PipeWriter, chunk: &[u8], written: &AtomicU64, check: &Check) -> Result<(), u64> {
    let mut rest = chunk;
    while !rest.is_empty() {
        if check.watched.stop.load(Ordering::Relaxed) {
            return Err(rest.len() as u64);
        }
        match input.write(rest) {
            Ok(n) => {
                written.fetch_add(n as u64, Ordering::Relaxed);
                rest = rest.get(n..).unwrap_or_default();
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(rest.len() as u64),
        }
    }
    Ok(())
}

/// Takes out of a pipe what is in it, without waiting; returns how much that was.
pub(super) fn take_out(mut reader: &PipeReader) -> u64 {
    let mut buffer = vec![0; 64 << 10];
    let mut taken = 0;
    loop {
        let there = usize::try_from(pipe::unread(reader.as_fd()))
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(room) = buffer.get_mut(..there).filter(|room| !room.is_empty()) else {
            return taken;
        };
        match reader.read(room) {
            Ok(n) if n > 0 => taken += n as u64,
            _ => return taken,
        }
    }
}
