//! The driver of a kind: which object is passed over next, so many at once, and none twice at a time.
mod agenda;
mod pace;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use futures::channel::oneshot;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;

use self::agenda::Agenda;
pub use self::pace::Pace;
use crate::cache::{Cache, Due, Kind, name_of};
use crate::runtime::Passes;

/// How many objects of a kind are worked on at the same time.
const CONCURRENCY: usize = 16;

/// What follows a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing, until something changes.
    Await,
    /// Another pass, after that time or when something changes.
    Again(Duration),
}

/// The first look at all objects of a kind. Tens of thousands that are at rest take a minute of two cores, in which nobody's tick shall be late:
/// they come after all that something has woken, in the order of when there is something to do for them, and those for which there is
/// nothing after another kind's.
#[derive(Default)]
pub struct Sweep {
    /// When those begin for which there is nothing to do.
    pub after: Option<oneshot::Receiver<()>>,
    /// Told when all have begun.
    pub ended: Option<oneshot::Sender<()>>,
}

/// Passes over every object of a cache once, and from then on over those that are woken or whose time has come, for ever. `waiting` is told
/// how many are due.
pub async fn drive<K, P>(
    cache: Cache<K>,
    mut woken: UnboundedReceiver<ObjectRef<K>>,
    mut sweep: Sweep,
    pass: impl Fn(Arc<K>) -> P,
    waiting: impl Fn(usize),
) where
    K: Kind,
    P: Future<Output = Then> + Send + 'static,
{
    let mut agenda = Agenda::default();
    let (urgent, swept, mut at_rest) = in_order(cache.dues(), Timestamp::now());
    urgent.into_iter().for_each(|name| agenda.wake(name));
    swept.into_iter().for_each(|name| agenda.sweep(name));
    let mut passes = Passes::default();
    loop {
        if sweep.after.is_none() {
            at_rest.drain(..).for_each(|name| agenda.sweep(name));
            if agenda.is_swept()
                && let Some(ended) = sweep.ended.take()
            {
                // Nobody may wait for it.
                let _ = ended.send(());
            }
        }
        agenda.come(Instant::now());
        while passes.len() < CONCURRENCY
            && let Some(name) = agenda.next()
        {
            match cache.packed(&name).and_then(|packed| packed.open()) {
                Some(object) => passes.begin(name, pass(object)),
                None => agenda.gone(&name),
            }
        }
        waiting(agenda.due());
        let next = agenda.first_time();
        tokio::select! {
            ended = passes.ended(), if passes.len() > 0 => {
                let Some((name, then)) = ended else { continue };
                let at = match then {
                    Then::Await => None,
                    Then::Again(after) => Some(Instant::now() + after),
                };
                agenda.ended(name, at);
            }
            object = woken.next() => {
                // The senders live as long as the process.
                let Some(object) = object else { return };
                if let Some(packed) = cache.packed(&name_of(&object)) {
                    agenda.wake(packed.name().clone());
                }
            }
            _ = turn(&mut sweep.after) => sweep.after = None,
            () = until(next) => {}
        }
    }
}

/// Names of objects, in an order.
type Names = Vec<Arc<str>>;

/// Those whose time has come, those whose time will come, the next one first, and those for which none does.
fn in_order(mut all: Vec<(Due, Arc<str>)>, now: Timestamp) -> (Names, Names, Names) {
    all.sort_unstable();
    let urgent = all.partition_point(|(due, _)| *due <= Due::At(now));
    let timed = all.partition_point(|(due, _)| *due < Due::Never);
    let mut names = all.into_iter().map(|(_, name)| name);
    let first = names.by_ref().take(urgent).collect();
    let second = names.by_ref().take(timed.saturating_sub(urgent)).collect();
    (first, second, names.collect())
}

/// Ends when it was told, or nobody is left to tell; where there is nothing to wait for, never.
async fn turn(after: &mut Option<oneshot::Receiver<()>>) {
    match after {
        Some(told) => {
            let _ = told.await;
        }
        None => std::future::pending().await,
    }
}

/// Ends at a time; where there is none, never.
pub async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_goes_by_time_and_ends_with_what_is_at_rest() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let all = [
            (Due::Never, "over"),
            (Due::At(at(70)), "later"),
            (Due::At(at(40)), "overdue"),
            (Due::At(at(60)), "soon"),
            (Due::Now, "new"),
            (Due::At(at(50)), "due"),
        ];
        let all = all.map(|(due, name)| (due, Arc::from(name))).to_vec();
        let (urgent, swept, at_rest) = in_order(all, at(50));
        let words = |names: Vec<Arc<str>>| names.join(" ");
        assert_eq!(words(urgent), "new overdue due");
        assert_eq!(words(swept), "soon later");
        assert_eq!(words(at_rest), "over");
    }
}
