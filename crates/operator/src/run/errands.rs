//! What a store is asked to do for runs, beside reconcile, which never waits for one: each storage has a few turns, so that one
//! that does not answer holds up nobody but those who want something of it.
mod replaced;
mod steps;
mod told;
mod turns;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::BackupRun;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::{Trouble, Unguarded};
use tokio::time::timeout;

use crate::context::Context;
use crate::log::about_run;
use crate::runtime::Task;
use told::{Failure, Words, most_telling};
pub use turns::Turns;

/// Until an errand has ended, once it is its turn.
const ANSWER: Duration = Duration::from_secs(120);
/// After a failure: the first pause, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The first pause before what is as it is to be is looked at again; doubled, up to what it says itself.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// The errands of each run, by its UID.
#[derive(Default)]
pub struct Errands(Mutex<HashMap<String, Vec<Errand>>>);

struct Errand {
    step: Unguarded,
    state: State,
    failed: Option<Failure>,
}

enum State {
    /// Under way, or waiting for its turn, for as long as this is held.
    Begun {
        _task: Task,
    },
    Done,
    Failed {
        again: Instant,
    },
}

/// How far an errand is.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is to be begun now.
    Due,
    /// It is under way; who waits for it is woken.
    Begun,
    /// It failed, and is due after this.
    Waits(Duration),
    /// It was done.
    Done,
}

impl Errands {
    /// How far a step is that the store is asked for.
    pub fn progress(&self, uid: &str, step: &Unguarded, now: Instant) -> Progress {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let errand = all.get(uid).into_iter().flatten().find(|e| e.step == *step);
        match errand.map(|e| &e.state) {
            None => Progress::Due,
            Some(State::Begun { .. }) => Progress::Begun,
            Some(State::Done) => Progress::Done,
            Some(State::Failed { again }) => match again.saturating_duration_since(now) {
                Duration::ZERO => Progress::Due,
                left => Progress::Waits(left),
            },
        }
    }

    /// Ends what is not wanted any more: it was begun for the run as it was then, and its turn may come an hour later, when the
    /// run's object is to be retained. What failed stays known: a run is given up by it.
    pub fn keep(&self, uid: &str, wanted: &[Unguarded]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(errands) = all.get_mut(uid) else { return };
        let dropped = |e: &Errand| matches!(e.state, State::Begun { .. }) && !wanted.contains(&e.step);
        errands.retain(|e| !dropped(e) || e.failed.is_some());
        for errand in errands.iter_mut().filter(|e| dropped(e)) {
            errand.state = State::Failed { again: Instant::now() };
        }
    }

    /// What was done for a run is settled, or the run is gone; what is under way for it ends.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// What says most of what does not succeed for a run, and for how long it has not: of all of it. What has not
    /// had its turn yet was not tried.
    ///
    /// Of a run that goes, for so long, what was wanted of it before is no trouble: a hold, an archive. Nor is it given up for what another store
    /// did not do before: its own was not asked yet.
    pub fn trouble(&self, uid: &str, goes: Option<Duration>, now: Instant) -> Option<Trouble> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = all
            .get(uid)?
            .iter()
            .filter(|errand| !matches!(errand.state, State::Done))
            .filter(|errand| {
                !(goes.is_some() && matches!(errand.step, Unguarded::Hold { .. } | Unguarded::Thaw { .. }))
            });
        let failures: Vec<_> = open.map(|errand| errand.failed.as_ref()).collect::<Option<_>>()?;
        let last = failures.iter().map(|failure| failure.first).max()?;
        Some(Trouble {
            message: most_telling(&failures)?,
            since: now.saturating_duration_since(last).min(goes.unwrap_or(Duration::MAX)),
            expected: failures.iter().all(|failure| failure.is_expected()),
        })
    }

    /// The task is spawned with the errands locked: it cannot end before it is known to have begun.
    fn begun(&self, uid: &str, step: &Unguarded, spawn: impl FnOnce() -> Task) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let errands = all.entry(uid.into()).or_default();
        let state = State::Begun { _task: spawn() };
        match errands.iter_mut().find(|e| e.step == *step) {
            Some(errand) => errand.state = state,
            None => errands.push(Errand {
                step: step.clone(),
                state,
                failed: None,
            }),
        }
    }

    /// Nothing of a run that was forgotten meanwhile.
    fn ended(&self, uid: &str, step: &Unguarded, end: Result<(), Words>, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let errand = all.get_mut(uid).into_iter().flatten().find(|e| e.step == *step);
        let Some(errand) = errand else { return };
        errand.state = match end {
            Ok(()) => State::Done,
            Err(words) => {
                errand.failed = Some(Failure::after(errand.failed.take(), words.clone(), now));
                let before = errand.failed.as_ref().map_or(0, |f| f.times.saturating_sub(1));
                let pause = words
                    .expected
                    .map_or_else(|| pause(before), |most| look(before).min(most));
                State::Failed { again: now + pause }
            }
        };
    }
}

/// What changes by itself may do so soon, or in days.
fn look(times: u32) -> Duration {
    FIRST_LOOK.saturating_mul(2u32.saturating_pow(times))
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(2u32.saturating_pow(failures))
        .min(LONGEST_PAUSE)
}

/// Begins an errand; the run is woken when it has ended, well or not.
///
/// Crash window: what was done and not settled yet is done again by the next operator. Each step bears that.
pub fn begin(run: &Arc<BackupRun>, context: &Arc<Context>, step: Unguarded) {
    let uid = run.uid().unwrap_or_default();
    let (of, asked, all) = (uid.clone(), step.clone(), context.clone());
    let (run, context) = (run.clone(), context.clone());
    let errand = async move {
        // Of the storage that is asked: one that hangs holds up nobody who wants another.
        let of = step.further().unwrap_or(&run.spec.storage.name);
        let turn = context.turns.take(of, &context.storages).await;
        let done = match timeout(ANSWER, steps::take(&run, &context, &step)).await {
            Ok(done) => done.map_err(|error| Words {
                weight: error.weight(),
                expected: error.expected(),
                text: crate::events::causes(&error),
            }),
            Err(_) => Err(Words::silence(format!(
                "the store did not answer within {} s",
                ANSWER.as_secs()
            ))),
        };
        drop(turn);
        if let Err(Words {
            text, expected: None, ..
        }) = &done
        {
            about_run!(
                warn,
                run.as_ref(),
                error = text,
                "the store did not do what a run needs; trying again"
            );
        }
        context.errands.ended(&uid, &step, done, Instant::now());
        context.registry.wake(ObjectRef::from_obj(run.as_ref()));
    };
    all.errands.begun(&of, &asked, || crate::runtime::spawn_held(errand));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(upload: &str) -> Unguarded {
        Unguarded::AbortUpload {
            key: "db.sql".into(),
            upload_id: upload.into(),
        }
    }

    fn endless() -> Task {
        crate::runtime::spawn_held(std::future::pending())
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_run_wants_no_more_is_not_done_when_its_turn_comes() {
        let begun = |errands: &Errands, upload: &str| {
            let (turn, came) = tokio::sync::oneshot::channel::<()>();
            let task = || {
                crate::runtime::spawn_held(async move {
                    let _held = came;
                    std::future::pending::<()>().await;
                })
            };
            errands.begun("r", &step(upload), task);
            turn
        };
        let errands = Errands::default();
        let (mut kept, mut dropped) = (begun(&errands, "a"), begun(&errands, "b"));
        errands.begun("r", &step("c"), endless);
        errands.ended("r", &step("c"), Err(Words::silence("no")), Instant::now());
        errands.keep("r", &[step("a")]);
        timeout(ANSWER, dropped.closed()).await.unwrap();
        assert!(!kept.is_closed());
        assert_eq!(errands.progress("r", &step("a"), Instant::now()), Progress::Begun);
        assert_eq!(errands.progress("r", &step("b"), Instant::now()), Progress::Due);
        errands.keep("r", &[]);
        timeout(ANSWER, kept.closed()).await.unwrap();
        assert!(
            errands.trouble("r", None, Instant::now()).is_some(),
            "a run is given up by what has failed"
        );
        // Also where it is tried once more.
        let mut again = begun(&errands, "c");
        errands.keep("r", &[]);
        timeout(ANSWER, again.closed()).await.unwrap();
        assert!(errands.trouble("r", None, Instant::now()).is_some());
        let mut last = begun(&errands, "d");
        errands.forget("r");
        timeout(ANSWER, last.closed()).await.unwrap();
    }

    #[tokio::test]
    async fn a_run_is_not_in_trouble_before_all_that_it_wants_was_tried() {
        let (errands, start) = (Errands::default(), Instant::now());
        let later = |seconds| start + Duration::from_secs(seconds);
        errands.begun("r", &step("refused"), endless);
        errands.begun("r", &step("waits"), endless);
        errands.ended("r", &step("refused"), Err(Words::silence("403")), start);
        assert_eq!(errands.trouble("r", None, later(3600)), None);
        errands.ended("r", &step("waits"), Err(Words::silence("503")), later(3600));
        let trouble = errands.trouble("r", None, later(3610)).unwrap();
        assert_eq!((trouble.message.as_str(), trouble.since.as_secs()), ("503", 10));
        errands.ended("r", &step("waits"), Ok(()), later(3620));
        let trouble = errands.trouble("r", None, later(3630)).unwrap();
        assert_eq!((trouble.message.as_str(), trouble.since.as_secs()), ("403", 3630));
        // Of a run that was deleted just now, its object was asked of no store yet.
        let goes = Some(Duration::from_secs(1));
        assert_eq!(errands.trouble("r", goes, later(3630)).unwrap().since.as_secs(), 1);
    }

    #[tokio::test]
    async fn an_errand_is_begun_once_and_done_until_it_is_forgotten() {
        let (errands, now) = (Errands::default(), Instant::now());
        assert_eq!(errands.progress("r", &step("a"), now), Progress::Due);
        errands.begun("r", &step("a"), endless);
        assert_eq!(errands.progress("r", &step("a"), now), Progress::Begun);
        assert_eq!(errands.progress("r", &step("b"), now), Progress::Due);
        assert_eq!(errands.progress("another", &step("a"), now), Progress::Due);
        errands.ended("r", &step("a"), Ok(()), now);
        assert_eq!(errands.progress("r", &step("a"), now), Progress::Done);
        errands.forget("r");
        assert_eq!(errands.progress("r", &step("a"), now), Progress::Due);
        // One that ends after its run is gone leaves nothing.
        errands.begun("r", &step("a"), endless);
        errands.forget("r");
        errands.ended("r", &step("a"), Ok(()), now);
        assert!(errands.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_changes_by_itself_is_no_trouble_and_looked_at_less_and_less_often() {
        let (errands, start) = (Errands::default(), Instant::now());
        let (mut now, mut pauses) = (start, Vec::new());
        for _ in 0..7 {
            errands.begun("r", &step("a"), endless);
            let words = Words {
                expected: Some(Duration::from_secs(300)),
                ..Words::silence("it comes")
            };
            errands.ended("r", &step("a"), Err(words), now);
            let Progress::Waits(pause) = errands.progress("r", &step("a"), now) else {
                panic!()
            };
            pauses.push(pause.as_secs());
            now += pause;
            assert!(errands.trouble("r", None, now).unwrap().expected);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300]);
        errands.begun("r", &step("b"), endless);
        errands.ended("r", &step("b"), Err(Words::silence("503")), now);
        assert!(
            !errands.trouble("r", None, now).unwrap().expected,
            "another thing is wrong"
        );
    }

    #[tokio::test]
    async fn what_fails_is_due_later_and_later_and_is_in_trouble_since_its_first_failure() {
        let (errands, start) = (Errands::default(), Instant::now());
        assert_eq!(errands.trouble("r", None, start), None);
        let mut now = start;
        let mut pauses = Vec::new();
        for n in 0..7 {
            errands.begun("r", &step("a"), endless);
            // It took its time to be refused; waiting for a turn is no trouble.
            now += Duration::from_secs(30);
            errands.ended("r", &step("a"), Err(Words::silence(format!("no {n}"))), now);
            let Progress::Waits(pause) = errands.progress("r", &step("a"), now) else {
                panic!()
            };
            pauses.push(pause.as_secs());
            now += pause;
            assert_eq!(errands.progress("r", &step("a"), now), Progress::Due);
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
        let trouble = errands.trouble("r", None, now).unwrap();
        assert_eq!(trouble.message, "no 6");
        assert_eq!(trouble.since, now - start - Duration::from_secs(30));
        errands.begun("r", &step("a"), endless);
        errands.ended("r", &step("a"), Ok(()), now);
        assert_eq!(errands.trouble("r", None, now), None);
    }
}
