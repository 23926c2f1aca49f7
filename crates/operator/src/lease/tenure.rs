//! For how long who leads may take itself for the leader.
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use store::Fence;
use tokio::time::Instant;

use super::RENEW_DEADLINE;

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

    /// Goes on where it lasts. Where it does not, the process is about to end, and nothing of it goes on.
    pub async fn passed(&self) {
        if !self.lasts() {
            pending().await
        }
    }

    /// The same for a store.
    pub fn fence(&self) -> Fence {
        let tenure = self.clone();
        Fence::new(move || tenure.lasts())
    }
}
