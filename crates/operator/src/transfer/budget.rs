//! The memory that agents may have the operator hold for them, all together. Each may send a report of megabytes, and stand
//! still in the middle of it: what one of them can do, a hundred can. So whatever is large is counted before it is taken, a
//! namespace has its share, and who would have more waits, and with him whoever sends it.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::transfer::limits;

/// What all have together.
pub struct Budget {
    all: Arc<Semaphore>,
    namespaces: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits::HELD)),
            namespaces: Mutex::default(),
        }
    }
}

impl Budget {
    /// The share of a namespace: all connections to its Pods have it together.
    pub fn share(&self, namespace: &str) -> Share {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        namespaces.retain(|_, own| own.strong_count() > 0);
        let own = namespaces.get(namespace).and_then(Weak::upgrade).unwrap_or_else(|| {
            let own = Arc::new(Semaphore::new(limits::HELD_BY_NAMESPACE));
            namespaces.insert(namespace.into(), Arc::downgrade(&own));
            own
        });
        Share {
            own,
            all: self.all.clone(),
        }
    }
}

/// The share of a namespace.
#[derive(Clone)]
pub struct Share {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Share {
    /// Bytes of the share that nobody holds.
    #[cfg(test)]
    pub fn left(&self) -> usize {
        self.own.available_permits()
    }

    /// Takes so many bytes, as soon as they are there. None where that takes too long, or can never be.
    pub async fn take(&self, bytes: usize) -> Option<Held> {
        let count = u32::try_from(bytes)
            .ok()
            .filter(|_| bytes <= limits::HELD_BY_NAMESPACE)?;
        let taking = async {
            // First from the own share: who waits there keeps nothing from the others.
            let own = self.own.acquire_many(count).await.ok()?;
            let all = self.all.acquire_many(count).await.ok()?;
            own.forget();
            all.forget();
            Some(Held {
                bytes,
                share: self.clone(),
            })
        };
        timeout(limits::HOLD, taking).await.ok().flatten()
    }
}

/// Bytes that are held; given back when this is dropped.
pub struct Held {
    bytes: usize,
    share: Share,
}

impl Held {
    /// Holds the other's bytes, too, which are of the same share.
    pub fn join(&mut self, mut other: Held) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Gives so many of them back.
    pub fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.share.all.add_permits(bytes);
        self.share.own.add_permits(bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({})", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = limits::HELD_BY_NAMESPACE;

    fn left(share: &Share) -> (usize, usize) {
        (share.own.available_permits(), share.all.available_permits())
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_has_taken_its_share_waits_and_no_other_does() {
        let budget = Budget::default();
        let (hostile, again, other) = (budget.share("a"), budget.share("a"), budget.share("b"));
        let held = hostile.take(MOST).await.unwrap();
        assert!(again.take(1).await.is_none(), "it has all of its share");
        assert!(other.take(MOST).await.is_some());
        let waiting = tokio::spawn(async move { again.take(MOST).await });
        tokio::task::yield_now().await;
        drop(held);
        assert!(
            waiting.await.unwrap().is_some(),
            "what is given back is there for who waits"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn all_namespaces_together_have_no_more_than_there_is() {
        let budget = Budget::default();
        let shares: Vec<_> = (0..limits::HELD / MOST + 1)
            .map(|n| budget.share(&n.to_string()))
            .collect();
        let (last, first) = shares.split_last().unwrap();
        let mut held = Vec::new();
        for share in first {
            held.push(share.take(MOST).await.unwrap());
        }
        assert!(last.take(1).await.is_none());
        assert_eq!(left(last), (MOST, 0), "who did not get it keeps nothing");
        held.pop();
        assert!(last.take(MOST).await.is_some());
    }

    #[tokio::test]
    async fn what_was_taken_is_given_back_once_and_whole() {
        let budget = Budget::default();
        let share = budget.share("a");
        let mut held = share.take(1000).await.unwrap();
        held.join(share.take(50).await.unwrap());
        held.give_back(350);
        assert_eq!(left(&share), (MOST - 700, limits::HELD - 700));
        held.give_back(10_000);
        assert_eq!(left(&share), (MOST, limits::HELD));
        drop(held);
        assert_eq!(left(&share), (MOST, limits::HELD));
    }

    #[tokio::test]
    async fn what_is_more_than_a_share_is_refused_at_once() {
        let budget = Budget::default();
        for bytes in [MOST + 1, usize::MAX] {
            assert!(budget.share("a").take(bytes).await.is_none());
        }
    }

    #[test]
    fn namespaces_that_are_gone_are_forgotten() {
        let budget = Budget::default();
        let kept = budget.share("kept");
        for n in 0..100 {
            budget.share(&n.to_string());
        }
        assert!(Arc::ptr_eq(&kept.own, &budget.share("kept").own));
        assert!(budget.namespaces.lock().unwrap().len() <= 2);
    }
}
