//! Copies of good backups in further storages, and rewraps of them in their own: which are under way, beside reconcile, which never waits for
//! one.
mod begun;
mod pace;
mod plan;
mod rewrap;
mod whose;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::BackupRun;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::OWN;
use planner::run::observed::{CopyProgress, MadeCopy};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::context::Context;
use crate::log::about_run;
use crate::runtime::Task;
pub use begun::Begun;
use work::Order;

/// So many at once into one storage: one that is slow holds up none of another, as long as there is room in memory.
const AT_ONCE_INTO_ONE: usize = 1;
/// After a failure: the first pause, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);

/// The copies that this operator makes, by the run's UID and the further storage.
pub struct Copies {
    all: Mutex<HashMap<(String, String), Copy>>,
    /// What all may hold in memory, MiB.
    room: Arc<Semaphore>,
    /// Of each further storage.
    own_turns: Mutex<HashMap<String, Arc<Semaphore>>>,
}

struct Copy {
    state: State,
    failures: u32,
}

enum State {
    UnderWay { _task: Task, begun: Begun },
    Made(Box<MadeCopy>),
    Failed { message: String, again: Instant },
}

impl Default for Copies {
    fn default() -> Self {
        Self {
            all: Mutex::default(),
            room: Arc::new(Semaphore::new(plan::ROOM as usize)),
            own_turns: Mutex::default(),
        }
    }
}

impl Copies {
    /// How far a copy is.
    pub fn progress(&self, uid: &str, storage: &str, now: Instant) -> CopyProgress {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&(uid.to_owned(), storage.to_owned())).map(|c| &c.state) {
            None => CopyProgress::Idle,
            Some(State::UnderWay { begun, .. }) => CopyProgress::UnderWay { upload: begun.get() },
            Some(State::Made(made)) => CopyProgress::Made(made.clone()),
            Some(State::Failed { message, again }) => match again.saturating_duration_since(now) {
                Duration::ZERO => CopyProgress::Idle,
                again => CopyProgress::Failed {
                    message: message.clone(),
                    again,
                },
            },
        }
    }

    /// The status names the upload of a copy.
    pub fn noted(&self, uid: &str, storage: &str) {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = all.get(&(uid.to_owned(), storage.to_owned()));
        if let Some(State::UnderWay { begun, .. }) = copy.map(|c| &c.state) {
            begun.note();
        }
    }

    /// What is under way for a run is to end, and to leave nothing.
    pub fn stop(&self, uid: &str) {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, copy) in all.iter().filter(|((of, _), _)| of == uid) {
            if let State::UnderWay { begun, .. } = &copy.state {
                begun.stop();
            }
        }
    }

    fn own_turns(&self, storage: &str) -> Arc<Semaphore> {
        let mut all = self.own_turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Of storages that nobody copies to, or that are gone, nothing is kept.
        all.retain(|_, turns| Arc::strong_count(turns) > 1);
        let one = all.entry(storage.to_owned());
        one.or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE_INTO_ONE)))
            .clone()
    }

    /// Waits for a turn of the further storage.
    async fn turn(&self, storage: &str) -> Option<OwnedSemaphorePermit> {
        let turns = self.own_turns(storage);
        // It is never closed.
        turns.acquire_owned().await.ok()
    }

    /// Waits for so many MiB. Who came first has them first: an object in large parts is not passed by for ever.
    async fn room(&self, mib: u32) -> Option<OwnedSemaphorePermit> {
        self.room.clone().acquire_many_owned(mib).await.ok()
    }

    /// What became of a copy stands in the status.
    pub fn settled(&self, uid: &str, storage: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(uid.to_owned(), storage.to_owned()));
    }

    /// The run is gone: what is under way for it ends.
    pub fn forget(&self, uid: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(of, _), _| of != uid);
    }

    fn ended(&self, uid: &str, storage: &str, end: Result<MadeCopy, String>, now: Instant) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing of a run that was forgotten meanwhile.
        let Some(copy) = all.get_mut(&(uid.to_owned(), storage.to_owned())) else {
            return;
        };
        copy.state = match end {
            Ok(made) => State::Made(Box::new(made)),
            Err(message) => {
                let pause = FIRST_PAUSE
                    .saturating_mul(2u32.saturating_pow(copy.failures))
                    .min(LONGEST_PAUSE);
                copy.failures = copy.failures.saturating_add(1);
                State::Failed {
                    message,
                    again: now + pause,
                }
            }
        };
    }
}

/// What is to be made.
pub struct Wanted {
    /// The further storage; `OWN`: a rewrap, in the run's own.
    pub storage: String,
    /// Its key there.
    pub key: String,
    /// Whom a rewrap is for.
    pub recipients: Vec<String>,
    /// The upload that an earlier try left.
    pub left: Option<String>,
}

/// Begins a copy, or a rewrap, unless it is under way; the run is woken when it has ended, well or not.
///
/// Crash window: an operator that dies in it leaves an upload that nothing is visible of. The next one drops it and begins anew.
pub fn begin(run: &Arc<BackupRun>, context: &Arc<Context>, wanted: Wanted) {
    let Wanted {
        storage,
        key,
        recipients,
        left,
    } = wanted;
    let uid = run.uid().unwrap_or_default();
    if context.copies.progress(&uid, &storage, Instant::now()) != CopyProgress::Idle {
        return;
    }
    let (run, made_for) = (run.clone(), context.clone());
    let (of, to) = (uid.clone(), storage.clone());
    let begun = Begun::default();
    let told = begun.clone();
    let work = async move {
        let order = Order {
            storage: &to,
            key: &key,
            left,
            begun: &told,
        };
        let end = tokio::select! {
            end = async {
                // Who waits for its storage holds no room that another could use.
                let into = if to == OWN { &run.spec.storage.name } else { &to };
                let _turn = made_for.copies.turn(into).await;
                match to == OWN {
                    true => rewrap::rewrap(&run, &made_for, &order, &recipients).await,
                    false => work::copy(&run, &made_for, &order).await,
                }
            } => end,
            () = stopped_before(&told) => Err(work::STOPPED.into()),
        };
        if let Err(message) = &end {
            let (what, at) = match to == OWN {
                true => ("rewrap", run.spec.storage.name.as_str()),
                false => ("copy", to.as_str()),
            };
            about_run!(
                warn,
                run.as_ref(),
                what,
                storage = at,
                key,
                message,
                "what was to be made of a stored backup failed; it is tried again"
            );
        }
        made_for.copies.ended(&of, &to, end, Instant::now());
        made_for.registry.wake(ObjectRef::from_obj(run.as_ref()));
    };
    let mut all = context.copies.all.lock().unwrap_or_else(PoisonError::into_inner);
    // Spawned with the copies locked: it cannot end before it is known to have begun.
    let state = State::UnderWay {
        _task: crate::runtime::spawn_held(work),
        begun,
    };
    let copy = all.entry((uid, storage)).or_insert(Copy {
        state: State::Failed {
            message: String::new(),
            again: Instant::now(),
        },
        failures: 0,
    });
    copy.state = state;
}

/// It is to stop while it waits for its turn. Once it has an upload, it ends by itself, and drops that.
async fn stopped_before(begun: &Begun) {
    begun.stopped().await;
    if begun.get().is_some() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn begun(copies: &Copies, storage: &str) {
        let task = crate::runtime::spawn_held(std::future::pending());
        let mut all = copies.all.lock().unwrap();
        let copy = all.entry(("r".into(), storage.into())).or_insert(Copy {
            state: State::Failed {
                message: String::new(),
                again: Instant::now(),
            },
            failures: 0,
        });
        copy.state = State::UnderWay {
            _task: task,
            begun: Begun::default(),
        };
    }

    #[test]
    fn slow_storages_hold_up_none_that_is_well_as_long_as_there_is_room_and_room_is_never_exceeded() {
        let copies = Copies::default();
        let usual = plan::room(8 << 20);
        let take = |storage: &str, mib| {
            let turn = copies.turn(storage).now_or_never()??;
            Some((turn, copies.room(mib).now_or_never()??))
        };
        let mut held: Vec<_> = (0..6).map(|n| take(&format!("slow-{n}"), usual).unwrap()).collect();
        assert!(take("slow-0", usual).is_none(), "one into each");
        held.push(take("well", usual).unwrap());
        assert!(take("eighth", usual).is_none(), "there is no room for more");
        held.clear();
        let largest = plan::room(24 << 20);
        held.extend((0..3).map(|n| take(&format!("slow-{n}"), largest).unwrap()));
        assert!(take("fourth", usual).is_none());
        held.clear();
        drop(copies.own_turns("another"));
        assert_eq!(
            copies.own_turns.lock().unwrap().len(),
            1,
            "nothing is kept of who is through"
        );
    }

    #[tokio::test]
    async fn a_copy_that_fails_is_due_later_and_later_and_one_that_is_made_is_known_until_it_is_written_down() {
        let (copies, mut now) = (Copies::default(), Instant::now());
        assert_eq!(copies.progress("r", "far", now), CopyProgress::Idle);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            begun(&copies, "far");
            assert_eq!(
                copies.progress("r", "far", now),
                CopyProgress::UnderWay { upload: None }
            );
            copies.ended("r", "far", Err("503".into()), now);
            let CopyProgress::Failed { message, again } = copies.progress("r", "far", now) else {
                panic!()
            };
            assert_eq!(message, "503");
            pauses.push(again.as_secs());
            now += again;
            assert_eq!(copies.progress("r", "far", now), CopyProgress::Idle, "it is due");
        }
        assert_eq!(pauses, [15, 30, 60, 120, 240, 480, 960, 1800, 1800]);
        begun(&copies, "far");
        begun(&copies, "near");
        copies.ended("r", "far", Ok(MadeCopy::default()), now);
        assert!(matches!(copies.progress("r", "far", now), CopyProgress::Made(_)));
        copies.settled("r", "far");
        assert_eq!(copies.progress("r", "far", now), CopyProgress::Idle);
        copies.forget("r");
        copies.ended("r", "near", Ok(MadeCopy::default()), now);
        assert!(
            copies.all.lock().unwrap().is_empty(),
            "nothing is kept of a run that is gone"
        );
    }
}
