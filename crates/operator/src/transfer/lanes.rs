//! How the bandwidth of a storage is shared by its transfers: backups among themselves, and restores.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::names::Action;
use tokio::sync::watch;

/// By storage and direction: how many are under way.
#[derive(Clone, Default)]
pub struct Lanes(Arc<Mutex<Counts>>);

/// Of a storage and a direction.
type Counts = HashMap<(String, bool), watch::Sender<u64>>;

/// The place of one transfer among those of its storage and direction; given up when dropped.
pub struct Lane {
    all: Lanes,
    of: (String, bool),
    count: watch::Receiver<u64>,
}

impl Lanes {
    /// One transfer more.
    pub fn join(&self, storage: &str, action: Action) -> Lane {
        let of = (storage.to_owned(), action == Action::Restore);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(of.clone()).or_insert_with(|| watch::Sender::new(0));
        count.send_modify(|n| *n += 1);
        Lane {
            all: self.clone(),
            of,
            count: count.subscribe(),
        }
    }
}

impl Lane {
    /// This transfer's part of so many bytes a second.
    pub fn of(&mut self, bandwidth: u64) -> u64 {
        part(bandwidth, *self.count.borrow_and_update())
    }

    /// Waits until there are more transfers, or fewer, than [`Lane::of`] has last seen.
    pub async fn changed(&mut self) {
        if self.count.changed().await.is_err() {
            // Nobody changes it any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get(&self.of) {
            count.send_modify(|n| *n = n.saturating_sub(1));
            if *count.borrow() == 0 {
                all.remove(&self.of);
            }
        }
    }
}

fn part(bandwidth: u64, transfers: u64) -> u64 {
    (bandwidth / transfers.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn transfers_of_one_storage_and_direction_share_and_are_told_when_one_comes_or_goes() {
        let lanes = Lanes::default();
        let mut first = lanes.join("s3", Action::Backup);
        assert_eq!(first.of(900), 900);
        let _restore = lanes.join("s3", Action::Restore);
        let _other = lanes.join("other", Action::Backup);
        assert_eq!(first.of(900), 900, "each direction and each storage by itself");
        let (second, mut third) = (lanes.join("s3", Action::Backup), lanes.join("s3", Action::Backup));
        first.changed().await;
        assert_eq!((first.of(900), third.of(900)), (300, 300));
        drop(second);
        first.changed().await;
        assert_eq!(first.of(900), 450);
        drop((first, third));
        assert_eq!(lanes.0.lock().unwrap().len(), 2, "what nobody uses is not kept");
        assert_eq!(part(1, 5), 1, "never nothing");
    }
}
