//! An object whose header does not open: a key that does not fit and a bit that has rotted in the header look the same. All of it is read
//! and held against its hash before anybody is sent to look for another key.
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::Outcome;

use crate::check::Check;
use crate::download::Download;
use crate::object::{CHUNK, read_some};

/// Nobody has said what the hash has to be.
const NO_HASH: &str = "no SHA-256 of the object is known from before, which would tell";
/// The reading was not done in time.
const LATE: &str = "the object could not be read to its end before the deadline, and only its SHA-256 would tell";

/// A download that outlives the stages which read it.
#[derive(Clone)]
pub(crate) struct Source(Arc<Mutex<Download>>);

impl Source {
    pub fn new(download: Download) -> Self {
        Self(Arc::new(Mutex::new(download)))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}

/// What is to be said of an object whose header does not open, which is `closed` as far as that shows.
pub(crate) fn judged(mut source: Source, closed: Outcome, check: &Check, late: &dyn Fn(Outcome)) -> Outcome {
    if check.sha256.is_none() {
        return doubted(closed, NO_HASH);
    }
    late(doubted(closed.clone(), LATE));
    let mut chunk = vec![0; CHUNK];
    // What the stages have taken is in the hash already.
    loop {
        match read_some(&mut source, &mut chunk) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return unread(check.outcome_of(error), &closed),
        }
    }
    match check.whole() {
        Ok(()) => closed,
        Err(Outcome::BadObject { step, message }) if step == "hash" => Outcome::BadObject {
            step,
            message: format!(
                "the stored object is damaged: its SHA-256 differs from the recorded one ({message}); that its age header does not open says nothing of the key"
            ),
        },
        Err(other) => other,
    }
}

/// Where a key is said not to fit, that it may be the header's fault.
fn doubted(mut closed: Outcome, why: &str) -> Outcome {
    let is_closed = closed.is_closed();
    if let Outcome::BadObject { message, .. } = &mut closed
        && is_closed
    {
        *message = format!("{message}; or its header is damaged: {why}");
    }
    closed
}

/// Why the rest could not be read, with what was seen until then: the next try may tell.
fn unread(failure: Outcome, closed: &Outcome) -> Outcome {
    match (failure, closed) {
        (Outcome::TransferFailed { step, message }, Outcome::BadObject { message: seen, .. }) => {
            Outcome::TransferFailed {
                step,
                message: format!("{message}; as far as it was read, the object does not open: {seen}"),
            }
        }
        (failure, _) => failure,
    }
}

#[cfg(test)]
mod tests;
