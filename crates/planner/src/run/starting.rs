//! A Pod that does not start: what keeps it is told in the status, and once in an Event, because who looks for the cause looks there.
use api::BackupRunStatus;

use crate::run::limits::CAUSES;
use crate::run::observed::PodStage;
use crate::run::reason::Reason;
use crate::run::step::{Event, Unguarded};

/// What is said of a Pod while it is waited for.
pub fn note(message: &str) -> String {
    format!("waiting for the Pod: {message}")
}

/// The Event of a cause that this attempt has not told of yet; the cause is noted in the status. The words of one cause change all the
/// time (a back-off, how many nodes there are), and two of them may come by turns.
pub fn told(status: &mut BackupRunStatus, stage: &PodStage) -> Option<Unguarded> {
    let PodStage::Starting {
        message,
        cause: Some(cause),
        ..
    } = stage
    else {
        return None;
    };
    let told = &mut status.transfer.as_mut()?.waited_for;
    if told.contains(cause) || told.len() >= CAUSES {
        return None;
    }
    told.push(cause.clone());
    Some(Unguarded::Event(Event {
        warning: true,
        reason: Reason::PodWaits.word(),
        action: "Wait",
        note: note(message),
    }))
}
