//! What is told of errands that fail: what the store has answered, rather than that it could not be reached the last time.
use std::time::{Duration, Instant};

/// How much an error says of why nothing is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nobody answered, as while a store or its cluster is being shut down.
    Silence,
    /// The store has an error of its own, or no patience.
    Busy,
    /// An answer, or what keeps it from being asked at all.
    Answer,
}

/// An error in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// How much they say.
    pub weight: Weight,
    /// For people.
    pub text: String,
    /// It is as it is to be, and changes by itself: the store keeps the object, or brings it back. To be asked again after this.
    pub expected: Option<Duration>,
}

impl Words {
    /// No answer.
    pub fn silence(text: impl Into<String>) -> Self {
        Self {
            weight: Weight::Silence,
            text: text.into(),
            expected: None,
        }
    }
}

/// That an errand has failed, once or more.
pub struct Failure {
    /// For the first time.
    pub first: Instant,
    /// How often.
    pub times: u32,
    telling: Words,
    last: Words,
}

impl Failure {
    /// One more; of two that say as much the newer one counts.
    pub fn after(before: Option<Self>, words: Words, now: Instant) -> Self {
        // That something is as it is to be for a month is no trouble of a month, when something goes wrong then.
        let before = before.filter(|f| f.last.expected.is_some() == words.expected.is_some());
        let (first, times) = before.as_ref().map_or((now, 0), |f| (f.first, f.times));
        let telling = before.map(|f| f.telling).filter(|old| old.weight > words.weight);
        Self {
            first,
            times: times.saturating_add(1),
            telling: telling.unwrap_or_else(|| words.clone()),
            last: words,
        }
    }

    /// It is as it is to be.
    pub fn is_expected(&self) -> bool {
        self.last.expected.is_some()
    }

    fn text(&self) -> String {
        match self.telling == self.last || self.last.expected.is_some() {
            true => self.last.text.clone(),
            false => format!("{} (and the last time: {})", self.telling.text, self.last.text),
        }
    }
}

/// Of all that fails for a run; of failures that say as much, the one that began last.
pub fn most_telling(failures: &[&Failure]) -> Option<String> {
    let most = failures.iter().max_by_key(|f| (f.telling.weight, f.first))?;
    Some(most.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_has_answered_is_told_though_it_cannot_be_reached_since() {
        let start = Instant::now();
        let words = |weight, text: &str| Words {
            weight,
            text: text.into(),
            expected: None,
        };
        let refused = words(Weight::Answer, "403 AccessDenied");
        let busy = words(Weight::Busy, "503 SlowDown");
        let away = Words::silence("connection refused");
        for (row, told) in [
            (vec![&away], "connection refused"),
            (vec![&away, &refused], "403 AccessDenied"),
            (
                vec![&refused, &away],
                "403 AccessDenied (and the last time: connection refused)",
            ),
            (
                vec![&refused, &away, &busy],
                "403 AccessDenied (and the last time: 503 SlowDown)",
            ),
            (vec![&busy, &away, &refused], "403 AccessDenied"),
        ] {
            let failure = row
                .into_iter()
                .fold(None, |before, words| Some(Failure::after(before, words.clone(), start)));
            assert_eq!(most_telling(&[&failure.unwrap()]).as_deref(), Some(told));
        }
        let first = Failure::after(None, refused, start);
        let later = Failure::after(None, away, start + Duration::from_secs(60));
        assert_eq!(most_telling(&[&first, &later]).as_deref(), Some("403 AccessDenied"));
    }
}
