//! Counters by labels. Those of a namespace go when nothing of it is left: namespaces come and go, and a process lives for months.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// More series than this one counter never has: what comes then is not counted.
const SERIES: usize = 20_000;
/// So long after its last change a series stays whose namespace has no schedule.
const LASTS: Duration = Duration::from_secs(3600);

/// A counter for each set of labels.
pub struct Counters<const N: usize>(Mutex<BTreeMap<[Box<str>; N], Count>>);

struct Count {
    number: u64,
    changed: Instant,
}

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<const N: usize> Counters<N> {
    /// Counts on.
    pub fn add(&self, labels: [&str; N], more: u64) {
        self.add_at(labels, more, Instant::now());
    }

    fn add_at(&self, labels: [&str; N], more: u64, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = all.len() >= SERIES;
        let labels = labels.map(Box::from);
        if full && !all.contains_key(&labels) {
            return;
        }
        let count = all.entry(labels).or_insert(Count {
            number: 0,
            changed: now,
        });
        count.number = count.number.saturating_add(more);
        count.changed = now;
    }

    /// What has been counted.
    pub fn all(&self) -> Vec<([Box<str>; N], u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(labels, count)| (labels.clone(), count.number))
            .collect()
    }

    /// Drops what was counted of namespaces, the first label, that are none of these, and has not changed for an hour.
    pub fn keep(&self, namespaces: &BTreeSet<&str>, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|labels, count| {
            let first = labels.first().map(AsRef::as_ref).unwrap_or_default();
            namespaces.contains(first) || now.duration_since(count.changed) < LASTS
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_of_a_namespace_goes_an_hour_after_its_last_schedule() {
        let counters = Counters::default();
        let now = Instant::now();
        for namespace in ["stays", "goes"] {
            counters.add_at([namespace], 2, now);
            counters.add_at([namespace], 3, now);
        }
        counters.keep(&BTreeSet::from(["stays"]), now + LASTS / 2);
        assert_eq!(counters.all(), [(["goes".into()], 5), (["stays".into()], 5)]);
        counters.keep(&BTreeSet::from(["stays"]), now + LASTS);
        assert_eq!(counters.all(), [(["stays".into()], 5)]);
    }

    #[test]
    fn no_counter_has_series_without_end() {
        let counters = Counters::default();
        for n in 0..SERIES + 5 {
            counters.add([n.to_string().as_str()], 1);
        }
        assert_eq!(counters.all().len(), SERIES);
    }
}
