//! The driver of a kind: which object is passed over next, so many at once, and none twice at a time.
mod agenda;
mod pace;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use kube::runtime::reflector::ObjectRef;

use self::agenda::Agenda;
pub use self::pace::Pace;
use crate::cache::{Cache, Kind, name_of};
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

/// Passes over every object of a cache once, and from then on over those that are woken or whose time has come, for ever.
pub async fn drive<K, P>(cache: Cache<K>, mut woken: UnboundedReceiver<ObjectRef<K>>, pass: impl Fn(Arc<K>) -> P)
where
    K: Kind,
    P: Future<Output = Then> + Send + 'static,
{
    let mut agenda = Agenda::default();
    for name in cache.names() {
        agenda.wake(name);
    }
    let mut passes = Passes::default();
    loop {
        agenda.come(Instant::now());
        while passes.len() < CONCURRENCY
            && let Some(name) = agenda.next()
        {
            match cache.packed(&name).and_then(|packed| packed.open()) {
                Some(object) => passes.begin(name, pass(object)),
                None => agenda.gone(&name),
            }
        }
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
            () = until(next) => {}
        }
    }
}

/// Ends at a time; where there is none, never.
pub async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
