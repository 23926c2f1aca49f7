//! The pace of a copy: by the narrowest of the lanes that it goes through.
use std::time::{Duration, Instant};

use crate::transfer::lanes::Lane;

/// Keeps to the bandwidth of both storages, beside their other transfers.
pub struct Pace {
    lanes: Vec<(Lane, u64)>,
    until: Instant,
}

impl Pace {
    /// Lanes, and what each of their storages gives in all, bytes a second.
    pub fn of(lanes: Vec<(Lane, u64)>) -> Self {
        Self {
            lanes,
            until: Instant::now(),
        }
    }

    /// Until so many bytes more may be sent.
    pub async fn wait(&mut self, bytes: u64) {
        let shares = self.lanes.iter_mut().map(|(lane, limit)| lane.of(*limit));
        let Some(limit) = shares.min() else { return };
        let now = Instant::now();
        let lasts = Duration::from_secs_f64(bytes as f64 / limit.max(1) as f64);
        let from = self.until.max(now);
        self.until = from + lasts;
        tokio::time::sleep_until((from).into()).await;
    }
}
