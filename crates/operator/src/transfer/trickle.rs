//! Connections to agents are opened a few at a time: an operator that takes over hundreds of transfers does not fall upon the API server
//! and its kubelets at once, and each agent waits for it anyway.
use std::future::Future;
use std::pin::pin;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::transfer::limits::{OPENING, OPENING_TURN};

/// The turns.
pub struct Trickle(Semaphore);

impl Default for Trickle {
    fn default() -> Self {
        Self(Semaphore::new(OPENING))
    }
}

impl Trickle {
    /// Waits for a turn.
    pub async fn turn(&self) -> Turn<'_> {
        // It is never closed.
        Turn(self.0.acquire().await.ok())
    }
}

/// A connection may be opened.
pub struct Turn<'a>(Option<SemaphorePermit<'a>>);

impl Turn<'_> {
    /// Opens it. One that is not open after a while (a node that is lost) lets the next begin and goes on.
    pub async fn open<T>(self, opening: impl Future<Output = T>) -> T {
        let mut opening = pin!(opening);
        match timeout(OPENING_TURN, &mut opening).await {
            Ok(opened) => opened,
            Err(_) => {
                drop(self.0);
                opening.await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hundreds_are_opened_a_few_at_a_time_and_those_that_hang_hold_up_the_rest_for_seconds_only() {
        let (trickle, begun) = (Arc::new(Trickle::default()), Arc::new(AtomicUsize::new(0)));
        for _ in 0..300 {
            let (trickle, begun) = (trickle.clone(), begun.clone());
            tokio::spawn(async move {
                trickle
                    .turn()
                    .await
                    .open(async {
                        begun.fetch_add(1, SeqCst);
                        pending::<()>().await
                    })
                    .await
            });
        }
        for round in 1..=4 {
            for _ in 0..1000 {
                yield_now().await;
            }
            assert_eq!(begun.load(SeqCst), round * OPENING);
            advance(OPENING_TURN).await;
        }
    }

    #[tokio::test]
    async fn who_has_opened_gives_the_turn_to_the_next() {
        let trickle = Trickle::default();
        for n in 0..3 * OPENING {
            assert_eq!(trickle.turn().await.open(async { n }).await, n);
        }
    }
}
