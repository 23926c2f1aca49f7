//! What changes many times a second is looked at soon after the first change, and then once in a while. The clock is passed in.
use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// After the first change: others of the same moment are looked at together.
const SOON: Duration = Duration::from_millis(200);
/// From one look to the next.
const WHILE: Duration = Duration::from_secs(10);

/// When each of some is looked at.
pub struct Pace<N> {
    due: HashMap<N, Instant>,
    last: HashMap<N, Instant>,
}

impl<N> Default for Pace<N> {
    fn default() -> Self {
        Self {
            due: HashMap::new(),
            last: HashMap::new(),
        }
    }
}

impl<N: Eq + Hash + Clone> Pace<N> {
    /// Something has changed for that one.
    pub fn changed(&mut self, name: N, now: Instant) {
        let after_last = self.last.get(&name).map(|last| *last + WHILE);
        let at = after_last.map_or(now + SOON, |at| at.max(now + SOON));
        // Counted from the first change: one that changes again and again is not put off for ever.
        self.due.entry(name).or_insert(at);
    }

    /// When the next one is looked at.
    pub fn first_time(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// Those that are looked at now.
    pub fn come(&mut self, now: Instant) -> Vec<N> {
        self.last.retain(|_, last| now.saturating_duration_since(*last) < WHILE);
        let come: Vec<_> = self
            .due
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(name, _)| name.clone())
            .collect();
        for name in &come {
            self.due.remove(name);
            self.last.insert(name.clone(), now);
        }
        come
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_looked_at_soon_and_those_that_follow_once_in_a_while() {
        let began = Instant::now();
        let mut pace = Pace::default();
        let mut looks = Vec::new();
        // A change each 50 ms for half a minute.
        for tick in 0..600 {
            let now = began + Duration::from_millis(50) * tick;
            pace.changed("storage", now);
            looks.extend(
                pace.come(now)
                    .into_iter()
                    .map(|_| now.duration_since(began).as_millis()),
            );
        }
        assert_eq!(looks, [200, 10_200, 20_200]);
    }

    #[test]
    fn the_last_change_is_looked_at_and_then_nothing_is_left() {
        let began = Instant::now();
        let mut pace = Pace::default();
        pace.changed("a", began);
        assert_eq!(pace.first_time(), Some(began + SOON));
        assert_eq!(pace.come(began + SOON), ["a"]);
        pace.changed("a", began + Duration::from_secs(1));
        pace.changed("b", began + Duration::from_secs(1));
        assert_eq!(
            pace.come(began + Duration::from_secs(2)),
            ["b"],
            "each has its own pace"
        );
        assert_eq!(pace.first_time(), Some(began + SOON + WHILE));
        assert_eq!(pace.come(began + SOON + WHILE), ["a"]);
        assert!(pace.come(began + SOON + WHILE * 3).is_empty());
        assert!(pace.first_time().is_none() && pace.last.is_empty());
        pace.changed("a", began + WHILE * 4);
        assert_eq!(pace.first_time(), Some(began + WHILE * 4 + SOON));
    }
}
