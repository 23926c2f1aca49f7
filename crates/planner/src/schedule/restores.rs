//! What a schedule does while one of its runs is being restored: a backup made meanwhile would be one of half the data.
use api::condition;
use api::schedule::ConcurrencyPolicy;
use kube::ResourceExt;

use crate::run::Event;
use crate::schedule::observed::{Observed, is_being_restored};
use crate::schedule::reason::Reason;

/// Reason of the InProgress condition while a restore is under way and no run wants to start.
const RESTORING: &str = Reason::RestoreUnderWay.word();
/// The same while a run waits for the restore to end.
const WAITING: &str = Reason::NextWaitsForRestore.word();
/// The same once a run was started beside the restore.
const BESIDE: &str = Reason::RunBesideRestore.word();

/// Whether a run may start now, as far as restores go.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// Nothing is being restored.
    Now,
    /// Yes, and this is said of it; the Event once for a restore.
    Warned {
        /// Reason and message of the InProgress condition.
        condition: (&'static str, String),
        /// What people should hear.
        event: Option<Event>,
    },
    /// No: it waits for the restore to end.
    Waits {
        /// Reason and message of the InProgress condition.
        condition: (&'static str, String),
        /// What people should hear.
        event: Option<Event>,
    },
}

/// Whether a run may start now. Only Allow starts one beside a restore; Replace replaces backups, never restores.
pub fn may_start(o: &Observed<'_>, policy: ConcurrencyPolicy, what: &str) -> Start {
    let Some(names) = names(o) else { return Start::Now };
    if policy == ConcurrencyPolicy::Allow {
        let words = beside(&names);
        let note = format!("{what} is started: {words}");
        let event = (!told(o, BESIDE, &words)).then(|| event(true, BESIDE, note));
        return Start::Warned {
            condition: (BESIDE, words),
            event,
        };
    }
    let words =
        format!("waits until the restore of {names} has ended (concurrencyPolicy: {policy:?}); rotation waits, too");
    let note = format!("{what} {words}");
    // What waits changes with every tick, what it waits for does not.
    let event = (!told(o, WAITING, &words)).then(|| event(false, WAITING, note.clone()));
    Start::Waits {
        condition: (WAITING, note),
        event,
    }
}

/// Reason and message of the InProgress condition while a run is being restored and nothing else is to be said.
pub fn condition(o: &Observed<'_>) -> Option<(&'static str, String)> {
    let names = names(o)?;
    let words = beside(&names);
    // Kept from one tick to the next, so that the warning comes once for a restore.
    if told(o, BESIDE, &words) {
        return Some((BESIDE, words));
    }
    let message = format!("{names} is being restored, or asked to be; rotation waits until that has ended");
    Some((RESTORING, message))
}

fn beside(names: &str) -> String {
    format!(
        "{names} is being restored, and runs are made meanwhile (concurrencyPolicy: Allow): a backup of what is half restored counts as good. To have them wait, say concurrencyPolicy: Forbid, or suspend: true until then"
    )
}

/// The runs that are being restored or asked to be, for people.
fn names(o: &Observed<'_>) -> Option<String> {
    let mut names: Vec<_> = o
        .runs
        .iter()
        .filter(|r| is_being_restored(r))
        .map(|r| r.name_any())
        .chain(o.restored_by.iter().cloned())
        .collect();
    names.sort();
    (!names.is_empty()).then(|| names.join(", "))
}

fn told(o: &Observed<'_>, reason: &str, words: &str) -> bool {
    let status = o.schedule.status.as_ref();
    let told = status.and_then(|s| condition::find(&s.conditions, condition::IN_PROGRESS));
    told.is_some_and(|c| c.reason == reason && c.message.ends_with(words))
}

fn event(warning: bool, reason: &'static str, note: String) -> Event {
    Event {
        warning,
        reason,
        action: "Schedule",
        note,
    }
}
