//! A run that waits for its storage.
use api::BackupRunStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::run::attempt::start_deadline;
use crate::run::limits::{PROGRESS, STORAGE_WAIT};
use crate::run::observed::{Observed, StorageView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::tell;

/// What a storage is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// A backup is made there.
    Room,
    /// What is there is read: a storage that is full will do.
    Object,
}

/// The storage's prefix, or how to wait for the storage.
pub fn prefix_or_wait(o: &Observed<'_>, status: &BackupRunStatus, wants: Wants) -> Result<String, Decision> {
    let (reason, message) = match reason_to_wait(o, wants) {
        Ok(prefix) => return Ok(prefix),
        Err(why) => why,
    };
    let mut decision = Decision::wait(STORAGE_WAIT);
    if status.message.as_deref() != Some(&message) {
        let mut waiting = status.clone();
        tell::waiting(o, &mut waiting, reason, &message);
        decision.guarded.push(Guarded::Report(Box::new(waiting)));
        decision.unguarded.push(Unguarded::Event(Event {
            warning: true,
            reason,
            action: "Wait",
            note: message,
        }));
    }
    Err(decision)
}

/// How a restore waits whose object is nowhere to be had as yet. What was found is looked for again in a moment.
pub fn nowhere(o: &Observed<'_>, status: &BackupRunStatus, words: &str) -> Decision {
    let message = format!("the backup is nowhere to be had at the moment: {words}.{WAITS}");
    let mut decision = Decision {
        unguarded: vec![Unguarded::ForgetFound],
        ..Decision::wait(STORAGE_WAIT)
    };
    if status.message.as_deref() != Some(&message) {
        let mut waiting = status.clone();
        tell::waiting(o, &mut waiting, Reason::StorageNotReady.word(), &message);
        decision.guarded.push(Guarded::Report(Box::new(waiting)));
        decision.unguarded.push(Unguarded::Event(Event {
            warning: true,
            reason: Reason::StorageNotReady.word(),
            action: "Wait",
            note: message,
        }));
    }
    decision
}

/// How a restore waits, or that it has expired, in words: days later it would go over data that somebody has repaired.
///
/// Since when it waits stands in the status, so that neither a restart nor the next leader begins anew. It is not the time at
/// which it was asked for: nobody may have been there to take it up, and its storage may be Ready in a moment.
pub fn restore(
    o: &Observed<'_>,
    status: &BackupRunStatus,
    since: Option<Time>,
    wait: Decision,
) -> Result<Decision, String> {
    let since = since.map_or(o.now, |t| t.0);
    let left = o.left_of(start_deadline(o.run), since);
    if left.is_zero() {
        return Err(format!(
            "it waited for {} s (spec.startDeadlineSeconds) and has expired",
            start_deadline(o.run).as_secs()
        ));
    }
    let told = wait.guarded.iter().find_map(|g| match g {
        Guarded::Report(told) => Some((**told).clone()),
        _ => None,
    });
    let mut waiting = told.unwrap_or_else(|| status.clone());
    waiting.restore_requested_at = Some(Time(since));
    Ok(Decision {
        guarded: vec![Guarded::Report(Box::new(waiting))],
        unguarded: wait.unguarded,
        ..Decision::wait(left.min(PROGRESS))
    })
}

/// The storage's prefix, or why it cannot be used now.
fn reason_to_wait(o: &Observed<'_>, wants: Wants) -> Result<String, (&'static str, String)> {
    let name = &o.run.spec.storage.name;
    if let (Wants::Object, Ok(place)) = (wants, o.storage.to_read()) {
        return Ok(place.prefix.clone());
    }
    match &o.storage {
        StorageView::Ready(place) => Ok(place.prefix.clone()),
        StorageView::Missing => Err((
            Reason::StorageMissing.word(),
            format!(
                "spec.storage.name: there is no BackupStorage {name:?}; create it, or correct the name. The run waits."
            ),
        )),
        StorageView::NotReady { message, .. } | StorageView::Refused { message } => {
            let stop = if message.ends_with(['.', '!', '?']) { "" } else { "." };
            Err((
                Reason::StorageNotReady.word(),
                format!("storage {name:?} is not ready: {message}{stop}{WAITS}"),
            ))
        }
    }
}

/// The end of such a message.
pub const WAITS: &str = " The run waits.";

/// What it has waited for, when it waits no more.
pub fn cause(status: &BackupRunStatus) -> String {
    let message = status.message.as_deref().unwrap_or_default();
    message.trim_end_matches(WAITS).to_string()
}
