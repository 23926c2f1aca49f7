//! A run is stopped on request, and kept: the request is taken up once, and stops nothing that begins later.
use std::time::Duration;

use api::{BackupRunStatus, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::end;
use crate::run::observed::Observed;
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};

/// What is said of an attempt that was stopped.
pub const WORDS: &str = "it was cancelled on request (annotation backup-operator.io/cancel)";

/// Whether it is asked for.
pub fn is_asked(o: &Observed<'_>) -> bool {
    o.run.annotations().contains_key(labels::CANCEL)
}

/// Takes a request up for the attempt that the status names; none is there otherwise.
///
/// First the status says that this attempt is to be stopped, then the annotation goes, and only then is anything stopped: whatever a
/// crash leaves of that, the same attempt is stopped by it, once, and no later one.
pub fn take(o: &Observed<'_>, status: &BackupRunStatus) -> Option<Decision> {
    let transfer = status.transfer.as_ref().filter(|_| is_asked(o))?;
    let mut guarded = Vec::new();
    if transfer.cancelled_at.is_none() {
        let mut status = status.clone();
        if let Some(transfer) = &mut status.transfer {
            transfer.cancelled_at = Some(Time(o.now));
        }
        guarded.push(Guarded::Report(Box::new(status)));
    }
    guarded.push(Guarded::TakeCancel);
    Some(Decision {
        guarded,
        ..Decision::wait(Duration::ZERO)
    })
}

/// A run that waits for its storage or its turn has nothing to stop: it ends. A crash before the annotation is removed finds a run that
/// has ended.
pub fn before_it_began(o: &Observed<'_>, status: BackupRunStatus) -> Decision {
    let text = format!("{WORDS} before it began");
    let mut decision = end::refuse(o, status, Reason::Cancelled, &text);
    decision.guarded.push(Guarded::TakeCancel);
    for step in &mut decision.unguarded {
        if let Unguarded::Event(event) = step {
            event.action = ACTION;
        }
    }
    decision
}

/// Nothing is under way. A restore that waits does not begin: which of the two was asked for first nobody can tell, and what was not
/// restored can be restored later.
pub fn of_what_ended(o: &Observed<'_>) -> Decision {
    let waits = o.run.annotations().contains_key(labels::RESTORE) && !o.request_is_kept;
    let (reason, note) = if waits {
        (
            Reason::Cancelled,
            "the restore that was asked for was cancelled before it began (annotation backup-operator.io/cancel)",
        )
    } else {
        (
            Reason::NothingToCancel,
            "nothing is under way that could be cancelled; the run is as it ended",
        )
    };
    let request = waits.then_some(Guarded::TakeRequest);
    Decision {
        guarded: request.into_iter().chain([Guarded::TakeCancel]).collect(),
        unguarded: vec![Unguarded::Event(Event {
            warning: false,
            reason: reason.word(),
            action: ACTION,
            note: note.into(),
        })],
        ..Decision::wait(Duration::ZERO)
    }
}

const ACTION: &str = "Cancel";
