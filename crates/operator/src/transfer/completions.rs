//! Completions of uploads that are under way: an operator that is told to end lets them end first.
//!
//! Of what may be under way this alone does not survive its operator everywhere: MinIO, whose client goes away in the midst of it, was left with
//! neither the object nor the parts, and the command had ended well by then (`findings/minio-complete-without-its-client.sh`).
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// More than there are ever at once.
const ALL: u32 = 1 << 20;

/// Of this process.
#[derive(Clone, Debug)]
pub struct Completions(Arc<Semaphore>);

impl Default for Completions {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL as usize)))
    }
}

impl Completions {
    /// Held while a store completes an upload. Once the process is about to end none begins any more: this then waits for ever, and ends with
    /// the process.
    pub async fn begin(&self) -> SemaphorePermit<'_> {
        match self.0.acquire().await {
            Ok(permit) => permit,
            Err(_) => pending().await,
        }
    }

    /// Has none begin any more, and waits for those under way, so long at most. False: some are still under way.
    pub async fn end(&self, limit: Duration) -> bool {
        // In the order of asking: who would begin from now on waits behind this.
        let all = timeout(limit, self.0.acquire_many(ALL)).await;
        self.0.close();
        all.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, pin_mut, poll};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn who_is_told_to_end_lets_what_a_store_completes_end_and_begins_nothing_more() {
        let completions = Completions::default();
        let (first, second) = (completions.begin().await, completions.begin().await);
        let end = completions.end(LIMIT);
        pin_mut!(end);
        assert!(poll!(&mut end).is_pending());
        let late = completions.begin();
        pin_mut!(late);
        drop(first);
        assert!(poll!(&mut late).is_pending() && poll!(&mut end).is_pending());
        drop(second);
        assert!(end.await);
        assert!(poll!(&mut late).is_pending());
        assert!(completions.begin().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_is_not_waited_for_for_ever() {
        let completions = Completions::default();
        let _held = completions.begin().await;
        assert!(!completions.end(LIMIT).await);
        assert!(completions.begin().now_or_never().is_none());
        assert!(Completions::default().end(LIMIT).await);
    }
}
