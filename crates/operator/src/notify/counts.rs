//! How many notifications were delivered and given up, by the kind of their channel.
use std::sync::atomic::{AtomicU64, Ordering};

/// The kinds of channels, as a metric's label has them.
pub const KINDS: [&str; 4] = ["webhook", "slack", "smtp", "ping"];

/// Counted since the process began.
#[derive(Default)]
pub struct Counts([[AtomicU64; 2]; KINDS.len()]);

impl Counts {
    /// One more was delivered.
    pub fn delivered(&self, kind: &str) {
        self.add(kind, 0);
    }

    /// One more was given up.
    pub fn failed(&self, kind: &str) {
        self.add(kind, 1);
    }

    fn add(&self, kind: &str, result: usize) {
        let place = KINDS.iter().position(|k| *k == kind);
        if let Some(count) = place.and_then(|at| self.0.get(at)?.get(result)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Channel, result (`Delivered` or `Failed`) and how many.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        KINDS.iter().zip(&self.0).flat_map(|(kind, counts)| {
            let results = ["Delivered", "Failed"].into_iter().zip(counts);
            results.map(|(result, count)| (*kind, result, count.load(Ordering::Relaxed)))
        })
    }
}
