//! For how long who leads may take itself for the leader.
use std::sync::{Arc, Mutex, PoisonError};

use store::Fence;
use tokio::time::Instant;

use super::RENEW_DEADLINE;

/// A request was not sent.
#[derive(Debug, thiserror::Error)]
#[error("nothing is sent: the lease was not renewed within {} s, and another operator may lead", RENEW_DEADLINE.as_secs())]
pub struct Over;

/// Since when the lease is known to be held: asked before each request to a store or an API server, because one that hung (its node stood
/// still, its process was stopped) wakes beside its successor, and what acts may be faster to go on than what looks at the lease. Without a
/// lease it lasts.
#[derive(Clone, Default)]
pub struct Tenure(Arc<Mutex<Option<Instant>>>);

impl Tenure {
    /// The lease was written by a request that was sent then.
    pub fn renewed(&self, sent: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
    }

    /// Whether nobody else can have the lease yet.
    pub fn lasts(&self) -> bool {
        let renewed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.is_none_or(|sent| sent.elapsed() < RENEW_DEADLINE)
    }

    /// Nothing, where it lasts; else why a request is not sent.
    pub fn check(&self) -> Result<(), Over> {
        if self.lasts() { Ok(()) } else { Err(Over) }
    }

    /// The same for a store, where requests wait.
    pub fn fence(&self) -> Fence {
        let tenure = self.clone();
        Fence::new(move || tenure.lasts())
    }
}
