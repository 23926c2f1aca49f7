//! Who signs URLs: the operator, by the agent's desk, or whoever has the store's keys.
use std::time::Duration;

use protocol::{Headers, Secret};

/// A URL and the headers that were signed with it.
pub struct SignedUrl {
    /// The URL.
    pub url: Secret,
    /// To be sent as they are.
    pub headers: Headers,
}

/// Why there is no URL.
#[derive(Debug, thiserror::Error)]
pub enum NoUrl {
    /// The operator's word.
    #[error("the operator refused to sign: {0}")]
    Refused(String),
    /// It was away for too long.
    #[error("the operator did not answer within {} s", .0.as_secs())]
    Unanswered(Duration),
    /// The transfer has ended meanwhile.
    #[error("the transfer was stopped")]
    Stopped,
}

/// Signs URLs to read one object, and ends the waits of a transfer that is given up.
pub trait Signs: Send + Sync {
    /// A URL to GET the object, good for some minutes at least; the holder adds the range. `number` counts those that were asked for, from 1.
    ///
    /// # Errors
    /// There is none, and will be none.
    fn url(&self, number: u32) -> Result<SignedUrl, NoUrl>;

    /// Waits, unless the transfer is given up meanwhile: false then.
    fn pause(&self, pause: Duration) -> bool;

    /// The transfer is given up: whoever waits here for it ends.
    fn stop(&self);
}
