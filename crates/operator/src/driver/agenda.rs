//! What is to be passed over: now, later, or once more when the pass that is under way has ended. The clock is passed in.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Each object stands in it once.
#[derive(Default)]
pub struct Agenda {
    now: VecDeque<Arc<str>>,
    /// Those that nothing has woken; some may stand elsewhere by now.
    swept: VecDeque<Arc<str>>,
    later: BTreeMap<(Instant, u64), Arc<str>>,
    all: HashMap<Arc<str>, Standing>,
    /// Tells two of the same time apart.
    number: u64,
}

enum Standing {
    Now,
    Swept,
    Later(Instant, u64),
    /// A pass is under way. Whether something has changed since it began.
    UnderWay {
        again: bool,
    },
}

impl Agenda {
    /// Something has changed for an object.
    pub fn wake(&mut self, name: Arc<str>) {
        match self.all.get_mut(&name) {
            Some(Standing::Now) => {}
            Some(Standing::UnderWay { again }) => *again = true,
            Some(Standing::Later(time, number)) => {
                let place = (*time, *number);
                self.later.remove(&place);
                self.stand_now(name);
            }
            Some(Standing::Swept) | None => self.stand_now(name),
        }
    }

    /// An object is to be looked at once, when nothing else is to be done: nothing has changed for it that is known.
    pub fn sweep(&mut self, name: Arc<str>) {
        if !self.all.contains_key(&name) {
            self.swept.push_back(name.clone());
            self.all.insert(name, Standing::Swept);
        }
    }

    /// Whether none is left that is to be looked at once.
    pub fn is_swept(&self) -> bool {
        self.swept.is_empty()
    }

    /// The time is now: those whose time has come are to be passed over.
    pub fn come(&mut self, now: Instant) {
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let name = first.remove();
            self.stand_now(name);
        }
    }

    /// How many are to be passed over now.
    pub fn due(&self) -> usize {
        self.now.len()
    }

    /// When the next one's time comes.
    pub fn first_time(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((time, _), _)| *time)
    }

    /// Takes the next one; its pass begins.
    pub fn next(&mut self) -> Option<Arc<str>> {
        let name = self.now.pop_front().or_else(|| self.next_swept())?;
        self.all.insert(name.clone(), Standing::UnderWay { again: false });
        Some(name)
    }

    /// The pass over an object has ended; the next one is at that time, if any, or at once where something has changed meanwhile.
    pub fn ended(&mut self, name: Arc<str>, next: Option<Instant>) {
        let again = matches!(self.all.remove(&name), Some(Standing::UnderWay { again: true }));
        match next {
            _ if again => self.stand_now(name),
            None => {}
            Some(time) => {
                self.number = self.number.wrapping_add(1);
                self.later.insert((time, self.number), name.clone());
                self.all.insert(name, Standing::Later(time, self.number));
            }
        }
    }

    /// An object that was taken is not there any more.
    pub fn gone(&mut self, name: &str) {
        self.all.remove(name);
    }

    fn next_swept(&mut self) -> Option<Arc<str>> {
        while let Some(name) = self.swept.pop_front() {
            if matches!(self.all.get(&name), Some(Standing::Swept)) {
                return Some(name);
            }
        }
        None
    }

    fn stand_now(&mut self, name: Arc<str>) {
        self.now.push_back(name.clone());
        self.all.insert(name, Standing::Now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(agenda: &mut Agenda) -> Vec<String> {
        std::iter::from_fn(|| agenda.next())
            .map(|name| name.to_string())
            .collect()
    }

    #[test]
    fn an_object_that_is_woken_often_is_passed_over_once_in_the_order_of_the_first_calls() {
        let mut agenda = Agenda::default();
        for name in ["a", "b", "a", "c", "b"] {
            agenda.wake(name.into());
        }
        assert_eq!(names(&mut agenda), ["a", "b", "c"]);
    }

    #[test]
    fn what_changes_during_a_pass_is_seen_by_another_and_never_by_two_at_a_time() {
        let now = Instant::now();
        let mut agenda = Agenda::default();
        agenda.wake("a".into());
        assert_eq!(names(&mut agenda), ["a"]);
        agenda.wake("a".into());
        agenda.wake("a".into());
        assert!(names(&mut agenda).is_empty(), "it is under way");
        // Also where the pass wanted to wait for long.
        agenda.ended("a".into(), Some(now + Duration::from_secs(60)));
        assert_eq!(names(&mut agenda), ["a"]);
        agenda.ended("a".into(), None);
        assert!(names(&mut agenda).is_empty() && agenda.first_time().is_none());
    }

    #[test]
    fn one_that_waits_for_its_time_comes_at_it_or_when_it_is_woken() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut agenda = Agenda::default();
        for (name, seconds) in [("late", 20), ("early", 10), ("same", 10)] {
            agenda.wake(name.into());
            names(&mut agenda);
            agenda.ended(name.into(), Some(at(seconds)));
        }
        assert_eq!(agenda.first_time(), Some(at(10)));
        agenda.come(at(9));
        assert!(names(&mut agenda).is_empty());
        agenda.come(at(10));
        assert_eq!(names(&mut agenda), ["early", "same"]);
        assert_eq!(agenda.first_time(), Some(at(20)));
        agenda.wake("late".into());
        assert_eq!(names(&mut agenda), ["late"]);
        agenda.come(at(30));
        assert!(names(&mut agenda).is_empty(), "its time went when it was woken");
    }

    #[test]
    fn what_is_swept_comes_once_and_after_all_that_something_has_woken() {
        let mut agenda = Agenda::default();
        for name in ["a", "b", "c", "d"] {
            agenda.sweep(name.into());
        }
        agenda.wake("new".into());
        agenda.wake("c".into());
        agenda.sweep("new".into());
        assert!(!agenda.is_swept());
        assert_eq!(agenda.next().as_deref(), Some("new"));
        assert_eq!(agenda.next().as_deref(), Some("c"));
        assert_eq!(agenda.next().as_deref(), Some("a"));
        agenda.wake("newer".into());
        assert_eq!(names(&mut agenda), ["newer", "b", "d"]);
        assert!(agenda.is_swept());
    }

    #[test]
    fn one_that_is_gone_may_come_again() {
        let mut agenda = Agenda::default();
        agenda.wake("a".into());
        let name = agenda.next().unwrap();
        agenda.gone(&name);
        agenda.wake("a".into());
        assert_eq!(names(&mut agenda), ["a"]);
    }
}
