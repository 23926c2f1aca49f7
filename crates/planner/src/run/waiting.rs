//! A run that waits for its storage.
use api::BackupRunStatus;

use crate::run::limits::STORAGE_WAIT;
use crate::run::observed::{Observed, StorageView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::tell;

/// The storage's prefix, or how to wait for the storage.
pub fn prefix_or_wait(o: &Observed<'_>, status: &BackupRunStatus) -> Result<String, Decision> {
    let (reason, message) = match reason_to_wait(o) {
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

/// The storage's prefix, or why it cannot be used now.
fn reason_to_wait(o: &Observed<'_>) -> Result<String, (&'static str, String)> {
    let name = &o.run.spec.storage.name;
    match &o.storage {
        StorageView::Ready(place) => Ok(place.prefix.clone()),
        StorageView::Missing => Err((
            Reason::StorageMissing.word(),
            format!(
                "spec.storage.name: there is no BackupStorage {name:?}; create it, or correct the name. The run waits."
            ),
        )),
        StorageView::NotReady { message, .. } | StorageView::Refused { message } => Err((
            Reason::StorageNotReady.word(),
            format!("storage {name:?} is not ready: {message} The run waits."),
        )),
    }
}
