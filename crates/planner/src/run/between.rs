//! Between two attempts of a backup: clean up after the one that failed, wait, begin the next.
use api::BackupRunStatus;
use api::names::Action;
use api::run::Transfer;
use jiff::Timestamp;

use crate::run::attempt::{create_pod, pod_of_attempt, start, start_deadline};
use crate::run::life::{self, Attempt};
use crate::run::limits::{ABORT, AT_ALL, OLD_POD, pause};
use crate::run::observed::{Observed, PodView, TransferView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::waiting::Wants;
use crate::run::{cancel, end, turn, waiting};

/// What to do for a run whose last attempt failed and is followed by another.
pub fn decide(o: &Observed<'_>, mut status: BackupRunStatus, at: &Attempt, failed: Timestamp) -> Decision {
    if let Some(taken) = cancel::take(o, &status) {
        return taken;
    }
    let mut unguarded = Vec::new();
    if o.transfer != TransferView::None {
        unguarded.push(Unguarded::ForgetTransfer);
    }
    let old = pod_of_attempt(o, at).filter(|p| p.ours);
    if let Some(pod) = old.filter(|p| !p.terminating) {
        unguarded.push(Unguarded::DeletePod {
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            now: true,
        });
    }
    if at.transfer.cancelled_at.is_some() {
        let message = format!("{}. {}", cancel::WORDS, waiting::cause(&status));
        let mut decision = end::report(
            o,
            status,
            at,
            &end::failed(Reason::Cancelled, message.trim_end().into()),
        );
        decision.unguarded.splice(0..0, unguarded);
        return decision;
    }
    if old.is_some_and(PodView::is_in_the_way) && !o.left_of(OLD_POD, failed).is_zero() {
        // Two commands at once on one database are nobody's wish.
        return Decision {
            unguarded,
            requeue: Some(std::time::Duration::from_secs(5)),
            ..Decision::default()
        };
    }
    let mut abort = end::abort(o, at);
    abort.extend(end::take_back(o, at));
    // Nobody has tried before this operator.
    let tried = o.age(failed).min(o.working_for) >= ABORT || o.left_of(AT_ALL, failed).is_zero();
    if !abort.is_empty() && tried {
        let message = format!(
            "{} It did not: the upload of the last one could not be aborted for {} minutes, which is still tried. Look at the storage, its access keys, and the log of the operator.",
            status.message.clone().unwrap_or_default(),
            ABORT.as_secs() / 60
        );
        let mut decision = end::report(o, status, at, &end::failed(Reason::UploadNotAborted, message));
        decision.unguarded.splice(0..0, unguarded);
        return decision;
    }
    let left = o.left_of(pause(at.number), failed);
    if !abort.is_empty() {
        unguarded.extend(abort);
        status.transfer = Some(Transfer {
            upload_id: None,
            storage: None,
            command_started_at: None,
            ..at.transfer.clone()
        });
        return Decision {
            unguarded,
            settled: vec![Guarded::Report(Box::new(status))],
            requeue: Some(left),
            ..Decision::default()
        };
    }
    if !left.is_zero() {
        return Decision {
            unguarded,
            requeue: Some(left),
            ..Decision::default()
        };
    }
    if life::earlier(o.run).is_some() {
        let text = "this run was brought back between two attempts of an earlier life, and none is made any more; make a new run";
        let mut decision = end::report(o, status, at, &end::failed(Reason::NotRepeated, text.into()));
        decision.unguarded.splice(0..0, unguarded);
        return decision;
    }
    // The database is not dumped again for a store that has no room for it.
    if o.storage.lacks_room().is_some()
        && let Err(mut wait) = waiting::prefix_or_wait(o, &status, Wants::Room)
    {
        wait.unguarded.splice(0..0, unguarded);
        return wait;
    }
    // Between its attempts a run does not keep others waiting: it asks for its turn again.
    if let Some(wait) = turn::wait(o, &status, false) {
        return Decision { unguarded, ..wait };
    }
    let next = at.number.saturating_add(1);
    status.attempts = Some(next);
    let key = at.transfer.key.clone().unwrap_or_default();
    start(o, &mut status, Action::Backup, next, key);
    let note = format!(
        "attempt {next} of {} begins",
        o.run.spec.backoff_limit.unwrap_or(0).saturating_add(1)
    );
    unguarded.push(Unguarded::Event(Event {
        warning: false,
        reason: Reason::BackupRetried.word(),
        action: "Start",
        note,
    }));
    unguarded.push(create_pod(o, &status, Action::Backup, next));
    Decision {
        guarded: vec![Guarded::Report(Box::new(status))],
        unguarded,
        requeue: Some(start_deadline(o.run)),
        ..Decision::default()
    }
}
