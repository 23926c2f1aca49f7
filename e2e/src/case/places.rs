//! How many cases work at a time. A case whose work is done gives its place to the next one while its namespace still goes, which takes long and
//! costs little. Each test has a thread from the start; those that wait for a place have no runtime, no client and no namespace yet.
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};

use super::held;

/// Cases wait for Pods more than they compute: so many keep two cores busy. E2E_PLACES says another number.
const PLACES: NonZeroUsize = NonZeroUsize::new(6).expect("a number");

/// Who comes first of those that wait.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Turn {
    /// It holds a lock that others wait for, so that all of them are one long case.
    Killer,
    /// It takes longer than others: were it begun last, all would wait for it alone.
    Long,
    Usual,
}

/// A place, which is free again when this is dropped.
pub(super) struct Place(&'static Places);

struct Places {
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    free: usize,
    /// How many have come.
    came: u64,
    waiting: BTreeSet<(Turn, u64)>,
}

/// Waits for a place. Whoever has one waits for no lock that another case holds for as long as it works; such a lock is taken before.
pub(super) fn take(turn: Turn) -> Place {
    static ALL: LazyLock<Places> = LazyLock::new(|| Places::new(number().get()));
    ALL.take(turn)
}

fn number() -> NonZeroUsize {
    match std::env::var("E2E_PLACES") {
        Ok(said) => said
            .parse::<NonZeroUsize>()
            .unwrap_or_else(|e| panic!("E2E_PLACES is how many cases work at a time, not {said:?}: {e}")),
        Err(_) => PLACES,
    }
}

impl Places {
    const fn new(free: usize) -> Self {
        let queue = Queue {
            free,
            came: 0,
            waiting: BTreeSet::new(),
        };
        Self {
            queue: Mutex::new(queue),
            changed: Condvar::new(),
        }
    }

    fn take(&'static self, turn: Turn) -> Place {
        let mut queue = held(&self.queue);
        let mine = (turn, queue.came);
        queue.came += 1;
        queue.waiting.insert(mine);
        while queue.free == 0 || queue.waiting.first() != Some(&mine) {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.waiting.remove(&mine);
        queue.free -= 1;
        drop(queue);
        // Whoever is the first now may have looked before: there may be a place for it, too.
        self.changed.notify_all();
        Place(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        held(&self.0.queue).free += 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_goes_to_who_has_the_first_turn_and_then_to_who_came_first() {
        static ONE: Places = Places::new(1);
        let turns = [
            ("usual", Turn::Usual),
            ("later", Turn::Usual),
            ("long", Turn::Long),
            ("killer", Turn::Killer),
        ];
        let got = Mutex::new(Vec::new());
        let first = ONE.take(Turn::Usual);
        std::thread::scope(|scope| {
            for (before, (name, turn)) in turns.into_iter().enumerate() {
                let got = &got;
                scope.spawn(move || {
                    let _place = ONE.take(turn);
                    held(got).push(name);
                });
                while held(&ONE.queue).waiting.len() == before {
                    std::thread::yield_now();
                }
            }
            assert!(held(&got).is_empty(), "there is one place");
            drop(first);
        });
        assert_eq!(*held(&got), ["killer", "long", "usual", "later"]);
        assert_eq!(held(&ONE.queue).free, 1);
    }
}
