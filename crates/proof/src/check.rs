//! What a stream has to be before its end may count as one.
use std::io;
use std::sync::{Arc, PoisonError};

use pipeline::{Fault, Step};
use protocol::Outcome;

use crate::download::Watched;

/// What is known of an object from before.
pub(crate) struct Check {
    pub watched: Arc<Watched>,
    /// Bytes as stored.
    pub size: u64,
    /// Of these bytes, hexadecimal.
    pub sha256: Option<String>,
}

impl Check {
    /// All has come, and is what was stored.
    pub fn whole(&self) -> Result<(), Outcome> {
        let bad = |step: &str, message| {
            Err(Outcome::BadObject {
                step: step.into(),
                message,
            })
        };
        let hash = self.watched.hash.lock().unwrap_or_else(PoisonError::into_inner);
        if hash.bytes() != self.size {
            return bad(
                "size",
                format!("expected {} bytes, the stream ends after {}", self.size, hash.bytes()),
            );
        }
        match &self.sha256 {
            Some(want) if *want != hash.hex() => bad("hash", format!("expected SHA-256 {want}, read {}", hash.hex())),
            _ => Ok(()),
        }
    }

    /// Whose failure it is that no more can be read.
    pub fn outcome_of(&self, error: io::Error) -> Outcome {
        self.outcome_of_fault(Fault::of(error))
    }

    /// The same.
    pub fn outcome_of_fault(&self, fault: Fault) -> Outcome {
        match fault.step {
            Step::Edge => self.watched.failure().unwrap_or_else(|| Outcome::TransferFailed {
                step: "download".into(),
                message: fault.source.to_string(),
            }),
            step => Outcome::BadObject {
                step: step.to_string(),
                message: fault.source.to_string(),
            },
        }
    }
}
