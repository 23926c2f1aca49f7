//! Objects that are read whole, and what that came to: as `verify` does it, in a thread of its own, while the pages go on.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::commands::verify::{Verdict, verify};
use crate::stored::source::Source;
use crate::stored::stopped::Stop;
use crate::stored::told::Fate;

/// How long a reading may take.
const LONGEST: Duration = Duration::from_secs(3600);
/// And how long it may take to stop after that.
const STOPS: Duration = Duration::from_secs(60);
/// Readings at a time: each takes the line to the store, and memory.
const AT_A_TIME: usize = 2;
/// Verdicts that are kept.
const KEPT: usize = 100;

/// One reading.
#[derive(Clone)]
pub enum Check {
    /// Under way.
    Reading {
        /// Knows how far it is.
        stop: Stop,
        /// Bytes that there are.
        size: Option<u64>,
    },
    /// It has ended.
    Ended {
        /// What was seen.
        verdict: Verdict,
        /// When.
        at: Timestamp,
    },
}

/// All of them, by the run's uid.
#[derive(Default)]
pub struct Checks(Mutex<BTreeMap<String, Check>>);

impl Checks {
    /// That of a run.
    pub fn of(&self, uid: &str) -> Option<Check> {
        self.held().get(uid).cloned()
    }

    /// Whether one of a run is under way.
    pub fn is_reading(&self, uid: &str) -> bool {
        matches!(self.held().get(uid), Some(Check::Reading { .. }))
    }

    /// Begins one. `slower`: the command for what takes longer.
    ///
    /// # Errors
    /// Why none is begun, in words.
    pub fn begin(self: &Arc<Self>, uid: String, source: Source, slower: &str) -> Result<(), String> {
        let stop = Stop::default();
        self.note(&uid, &stop, source.size)?;
        let (tell, told) = oneshot::channel();
        let reading = stop.clone();
        // Not one of the runtime's: that would wait for it at the program's end.
        let thread = std::thread::Builder::new().name("verify".into());
        let begun = thread.spawn(move || drop(tell.send(verify(&source, &reading))));
        if let Err(why) = begun {
            self.end(uid, failed(&format!("no thread for it: {why}")));
            return Ok(());
        }
        let (checks, late) = (
            self.clone(),
            format!(
                "it was not read within {} minutes; without a limit: {slower}",
                LONGEST.as_secs() / 60
            ),
        );
        tokio::spawn(async move {
            let verdict = watched(told, &stop, &late, LONGEST, STOPS).await;
            checks.end(uid, verdict);
        });
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Check>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, uid: &str, stop: &Stop, size: Option<u64>) -> Result<(), String> {
        let mut all = self.held();
        if matches!(all.get(uid), Some(Check::Reading { .. })) {
            return Err("its object is being read already".into());
        }
        let reading = all
            .values()
            .filter(|check| matches!(check, Check::Reading { .. }))
            .count();
        if reading >= AT_A_TIME {
            return Err(format!(
                "{reading} other objects are being read, and no more are at a time: wait until one has ended"
            ));
        }
        let stop = stop.clone();
        all.insert(uid.into(), Check::Reading { stop, size });
        Ok(())
    }

    fn end(&self, uid: String, verdict: Verdict) {
        let mut all = self.held();
        let at = Timestamp::now();
        all.insert(uid, Check::Ended { verdict, at });
        let ended = |check: &Check| match check {
            Check::Ended { at, .. } => Some(*at),
            Check::Reading { .. } => None,
        };
        while all.values().filter_map(ended).count() > KEPT {
            let oldest = all
                .iter()
                .filter_map(|(uid, check)| Some((ended(check)?, uid.clone())))
                .min();
            oldest.map(|(_, uid)| all.remove(&uid));
        }
    }
}

/// Its verdict, or that there is none in time.
async fn watched(
    mut told: oneshot::Receiver<Verdict>,
    stop: &Stop,
    late: &str,
    longest: Duration,
    stops: Duration,
) -> Verdict {
    let lost = || failed("the reading ended by a fault of this program");
    if let Ok(verdict) = timeout(longest, &mut told).await {
        return verdict.unwrap_or_else(|_| lost());
    }
    stop.call(late);
    match timeout(stops, told).await {
        Ok(verdict) => verdict.unwrap_or_else(|_| lost()),
        Err(_) => failed(late),
    }
}

fn failed(why: &str) -> Verdict {
    Verdict {
        wrong: Some((Fate::Unread, why.into())),
        ..Verdict::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_once_at_a_time_and_few_are_beside_each_other() {
        let checks = Checks::default();
        let stop = Stop::default();
        assert_eq!(checks.note("a", &stop, Some(1)), Ok(()));
        assert!(checks.note("a", &stop, Some(1)).unwrap_err().contains("already"));
        assert_eq!(checks.note("b", &stop, None), Ok(()));
        assert!(checks.note("c", &stop, None).unwrap_err().contains("2 other objects"));
        checks.end("a".into(), Verdict::default());
        assert!(!checks.is_reading("a") && checks.is_reading("b"));
        assert_eq!(checks.note("c", &stop, None), Ok(()));
    }

    #[test]
    fn the_oldest_verdicts_are_forgotten_and_no_reading_is() {
        let checks = Checks::default();
        checks.note("under way", &Stop::default(), None).unwrap();
        for i in 0..=KEPT {
            checks.end(format!("{i:03}"), Verdict::default());
        }
        assert!(checks.of("000").is_none() && checks.of("001").is_some());
        assert!(checks.is_reading("under way"));
    }

    #[test]
    fn a_reading_that_takes_too_long_is_stopped_and_says_so() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let end = |told, stop: &Stop, longest, stops| {
            let verdict = runtime.block_on(watched(told, stop, "too late", longest, stops));
            verdict.wrong.unwrap()
        };
        // It hears, and says what it was told.
        let (tell, told) = oneshot::channel();
        let stop = Stop::default();
        let reading = stop.clone();
        let thread = std::thread::spawn(move || {
            while !reading.is_called() {
                std::thread::yield_now();
            }
            drop(tell.send(failed(&format!("stopped: {}", reading.why().unwrap()))));
        });
        assert_eq!(end(told, &stop, Duration::ZERO, STOPS).1, "stopped: too late");
        thread.join().unwrap();
        // It hears nothing.
        let (deaf, told) = oneshot::channel();
        assert_eq!(
            end(told, &Stop::default(), Duration::ZERO, Duration::ZERO).1,
            "too late"
        );
        drop(deaf);
        // It is gone.
        let (gone, told) = oneshot::channel();
        drop(gone);
        let why = end(told, &Stop::default(), LONGEST, STOPS);
        assert!(why.1.contains("a fault of this program"), "{why:?}");
    }
}
