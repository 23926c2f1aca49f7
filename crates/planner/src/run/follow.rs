//! An attempt under way: its Pod is made, its transfer begun and followed, its end reported.
use std::time::Duration;

use api::BackupRunStatus;
use api::labels;
use api::names::Action;
use api::run::Progress;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::attempt::{create_pod, left_to_start, order, pod_of_attempt, start_deadline, writes_to};
use crate::run::life::{self, Attempt};
use crate::run::limits::{CANCEL, LOOK_AGAIN, PROGRESS, STARTING, UNREACHED};
use crate::run::observed::{Chosen, Contact, End, Found, Kept, Observed, PodStage, PodView, TransferView};
use crate::run::over::{over, refused};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::taken::{self, Way};
use crate::run::{cancel, end, fallback, over, starting};

/// What to do next for the attempt that the status names.
pub fn decide(o: &Observed<'_>, status: BackupRunStatus, at: &Attempt) -> Decision {
    if at.action == Action::Restore && o.run.annotations().contains_key(labels::RESTORE) {
        // Crash window: the restore was reported, the annotation that asked for it not yet removed. Or it is another request,
        // which nobody shall wait for in vain.
        let note = format!(
            "{} is under way; a request for a restore that is there meanwhile begins no other. Ask again when it has ended.",
            at.transfer.attempt
        );
        return Decision {
            guarded: vec![Guarded::TakeRequest],
            unguarded: vec![Unguarded::Event(Event {
                warning: false,
                reason: Reason::RestoreUnderWay.word(),
                action: "Restore",
                note,
            })],
            requeue: Some(Duration::ZERO),
            ..Decision::default()
        };
    }
    let pod = pod_of_attempt(o, at);
    if may_be_stopped(o)
        && let Some(taken) = cancel::take(o, &status)
    {
        return taken;
    }
    if let (Some(since), true) = (&at.transfer.cancelled_at, may_be_stopped(o)) {
        return stop(o, status, at, since.0);
    }
    if let Some(decision) = fallback::decide(o, &status, at, pod) {
        return decision;
    }
    match &o.transfer {
        TransferView::Ended { attempt, .. } if *attempt != at.transfer.attempt => Decision {
            unguarded: vec![Unguarded::ForgetTransfer],
            requeue: Some(Duration::ZERO),
            ..Decision::default()
        },
        TransferView::Active { attempt, .. } if *attempt != at.transfer.attempt => Decision {
            cancel: Some(format!("{attempt} is not the attempt under way").into()),
            requeue: Some(Duration::from_secs(1)),
            ..Decision::default()
        },
        TransferView::Ended { end, .. } => {
            let end = cause(o, at, pod, end);
            // Crash window: the store was asked already, and the report of what it has was not written.
            let asked = matches!((&end, &o.found), (End::Failed { .. }, Found::Object(_)));
            let doubtful = asked || matches!(end, End::Interrupted { .. });
            let mut decision = finish(o, status, at, pod, &end, doubtful);
            if !decision.unguarded.iter().any(is_look) {
                decision.unguarded.extend(fallback::late(o, at, pod, &end));
            }
            decision
        }
        TransferView::Active { .. } => match over(o, at, pod) {
            Some(end) => {
                let end = as_it_went(o, at, pod, end);
                let mut decision = finish(o, status, at, pod, &end, true);
                // Not while the store is asked: a transfer that is cancelled tells of the cancel only, and what it was for would be
                // forgotten.
                let looks = decision.unguarded.iter().any(is_look);
                decision.cancel = (!looks).then(|| end::words(&end).into());
                decision.because = (!looks).then(|| Box::new(end.clone()));
                if !looks {
                    decision.unguarded.extend(fallback::late(o, at, pod, &end));
                }
                decision
            }
            None => watch(o, status, at, pod),
        },
        TransferView::None => match over(o, at, pod) {
            Some(end) => {
                let end = as_it_went(o, at, pod, end);
                let mut decision = finish(o, status, at, pod, &end, true);
                if !decision.unguarded.iter().any(is_look) {
                    decision.unguarded.extend(fallback::late(o, at, pod, &end));
                }
                decision
            }
            None => connect(o, status, at, pod),
        },
    }
}

/// What has ended, or is being committed, is not stopped any more: how it ended is told first.
fn may_be_stopped(o: &Observed<'_>) -> bool {
    !matches!(
        o.transfer,
        TransferView::Ended { .. }
            | TransferView::Active {
                contact: Contact::Committing,
                ..
            }
    )
}

/// It is to be stopped: by the agent, which kills the command with all that it has started and says how that ended; without one, or
/// where it does not answer in time, by the end of its Pod.
fn stop(o: &Observed<'_>, status: BackupRunStatus, at: &Attempt, since: Timestamp) -> Decision {
    if let TransferView::Active { cancelling, .. } = &o.transfer
        && !o.left_of(CANCEL, since).is_zero()
    {
        return Decision {
            cancel: (!cancelling).then(|| cancel::WORDS.into()),
            ..Decision::wait(Duration::from_secs(1))
        };
    }
    finish(
        o,
        status,
        at,
        None,
        &end::failed(Reason::Cancelled, cancel::WORDS.into()),
        true,
    )
}

fn is_look(step: &Unguarded) -> bool {
    matches!(step, Unguarded::Look { .. })
}

/// A backup of whose end nobody has told (it is `doubtful`) is not called bad before the store was asked: the status may be older than the store (an etcd
/// snapshot, a crash between completion and report). The agent sends what makes an object visible only after its command
/// ended well, so an object that names this attempt is the evidence of a good backup.
fn finish(
    o: &Observed<'_>,
    status: BackupRunStatus,
    at: &Attempt,
    pod: Option<&PodView>,
    end: &End,
    doubtful: bool,
) -> Decision {
    // Also where the status knows of no command or Pod: it may be from before that.
    let doubtful = doubtful && at.action == Action::Backup;
    let key = at.transfer.key.as_deref().filter(|k| o.storage.forbids(k).is_none());
    let (true, Some(key)) = (doubtful, key) else {
        return end::report(o, status, at, end);
    };
    let proof = match &o.found {
        Found::Unknown if o.storage.to_read().is_ok() => {
            let mut unguarded = vec![Unguarded::look(key)];
            // Of one that is gone nothing is known that would be worth it.
            if let (Some(pod), End::Interrupted { message }) = (pod, end) {
                unguarded.push(Unguarded::KeepWords(Kept {
                    pod_uid: pod.uid.clone(),
                    message: message.clone(),
                }));
            }
            return Decision {
                unguarded,
                ..Decision::wait(PROGRESS)
            };
        }
        Found::Object(object) => {
            let lives = [o.run.metadata.uid.as_ref(), life::earlier(o.run)];
            let named = object.run_uid.is_some()
                && lives.contains(&object.run_uid.as_ref())
                && object.attempt.as_deref() == Some(&at.transfer.attempt)
                && !taken::is_elsewheres(object, o.cluster);
            named.then(|| End::Adopted(object.clone()))
        }
        Found::Unknown | Found::Nothing | Found::Unseen { .. } => None,
    };
    let mut decision = end::report(o, status, at, proof.as_ref().unwrap_or(end));
    decision.unguarded.push(Unguarded::ForgetFound);
    decision
}

/// A Pod that is gone says no more why it went: what it said while it was there was kept when the store was asked. It is an interruption
/// either way, so what is kept decides nothing.
fn as_it_went(o: &Observed<'_>, at: &Attempt, pod: Option<&PodView>, end: End) -> End {
    match (end, pod, &o.kept) {
        (End::Interrupted { .. }, None, Some(kept)) if at.transfer.pod_uid.as_ref() == Some(&kept.pod_uid) => {
            End::Interrupted {
                message: kept.message.clone(),
            }
        }
        (end, ..) => end,
    }
}

/// Crash window: another operator had the agent stop because of what made the attempt end, and ended itself before it had reported that: the
/// agent says no more than that it was stopped. What this operator stops a transfer for is kept with it (`Decision::because`).
fn cause(o: &Observed<'_>, at: &Attempt, pod: Option<&PodView>, end: &End) -> End {
    let cancelled = matches!(
        end,
        End::Failed {
            reason: Reason::Cancelled,
            ..
        }
    );
    let why = over::over(o, at, pod).filter(|_| cancelled);
    why.unwrap_or_else(|| end.clone())
}

/// This operator holds no transfer: the Pod is not up yet, or an earlier operator held it.
fn connect(o: &Observed<'_>, mut status: BackupRunStatus, at: &Attempt, pod: Option<&PodView>) -> Decision {
    let left = left_to_start(o, at, start_deadline(o.run));
    let Some(pod) = pod else {
        let mut decision = Decision::wait(left);
        let why = refused(o, at);
        let create = create_pod(o, &status, at.action, at.number);
        if why.is_some() && status.message != why {
            status.message = why;
            decision.guarded.push(Guarded::Report(Box::new(status)));
        }
        decision.unguarded.push(create);
        return decision;
    };
    if let (PodStage::Starting { message, .. }, None) = (&pod.stage, &at.transfer.command_started_at) {
        let early = o.left_of(STARTING, at.transfer.started_at.0);
        if !early.is_zero() && status.message.is_none() {
            return Decision::wait(left.min(early));
        }
        let note = (!message.is_empty()).then(|| starting::note(message));
        let mut decision = Decision::wait(left.min(PROGRESS));
        let event = starting::told(&mut status, &pod.stage);
        if status.message != note || event.is_some() || at.transfer.pod_uid.is_none() {
            status.message = note;
            set_pod(&mut status, pod);
            decision.guarded.push(Guarded::Report(Box::new(status)));
        }
        decision.unguarded.extend(event);
        return decision;
    }
    let mut decision = Decision::wait(PROGRESS);
    let mut note = o.obstacle.as_ref().map(|obstacle| obstacle.message.clone());
    // The storage was edited while the Pod came up.
    let place = writes_to(o, at.action)
        .filter(|place| at.transfer.command_started_at.is_none() && at.transfer.location.as_ref() != Some(place));
    match taken::way(o, at) {
        Way::Over(end) => {
            let mut decision = end::report(o, status, at, &end);
            decision.unguarded.push(Unguarded::ForgetFound);
            return decision;
        }
        Way::Unknown { key } => decision.unguarded.push(Unguarded::look(key)),
        Way::Unseen(words) => {
            decision = Decision::wait(LOOK_AGAIN);
            decision.unguarded.push(Unguarded::ForgetFound);
            note = Some(words);
        }
        Way::Open(event) => {
            // What lies there now says nothing about the end of this attempt.
            decision.unguarded.push(Unguarded::ForgetFound);
            decision.unguarded.extend(event.map(Unguarded::Event));
            let order = Box::new(order(o, at, pod));
            decision.unguarded.push(Unguarded::StartTransfer(order));
        }
    }
    // Written by the pass that begins the transfer: one request guards both.
    let looks = matches!(decision.unguarded.first(), Some(Unguarded::Look { .. }));
    if !looks && (at.transfer.pod_uid.is_none() || place.is_some() || status.message != note) {
        if let (Some(place), Some(transfer)) = (place, &mut status.transfer) {
            transfer.location = Some(place);
        }
        status.message = note;
        set_pod(&mut status, pod);
        decision.guarded.push(Guarded::Report(Box::new(status)));
    }
    decision
}

fn set_pod(status: &mut BackupRunStatus, pod: &PodView) {
    if let Some(transfer) = &mut status.transfer {
        transfer.pod_uid = Some(pod.uid.clone());
    }
}

/// This operator holds the transfer: record what it asks for.
fn watch(o: &Observed<'_>, mut status: BackupRunStatus, at: &Attempt, pod: Option<&PodView>) -> Decision {
    let TransferView::Active {
        contact,
        upload,
        route,
        bytes,
        stored_bytes,
        ..
    } = &o.transfer
    else {
        return Decision::wait(PROGRESS);
    };
    let transfer = &at.transfer;
    // Crash window: an operator that was replaced while it hung had created one as well, and recorded it. The first that is recorded is the
    // upload of the attempt; whoever holds the transfer is told which.
    let record_upload = upload.as_ref().filter(|_| transfer.upload_id.is_none());
    let record_start = *contact == Contact::AwaitsStart && transfer.command_started_at.is_none();
    // In the status before the command starts: an operator that takes over has to know whether it is the agent's only way.
    let record_route = route.as_ref().filter(|c| c.route.word() != transfer.route);
    let moved = status.progress.as_ref().is_none_or(|p| {
        (p.bytes, p.stored_bytes) != (*bytes, *stored_bytes) && o.left_of(PROGRESS, p.updated_at.0).is_zero()
    });
    let mut decision = Decision::wait(PROGRESS);
    if o.found != Found::Unknown || o.kept.is_some() {
        // It was asked for an end that did not come.
        decision.unguarded.push(Unguarded::ForgetFound);
    }
    let note = match pod.map(|p| &p.stage) {
        Some(PodStage::Starting { message, .. }) if !message.is_empty() => Some(starting::note(message)),
        _ => match contact {
            Contact::Connecting { since, why: Some(why) } | Contact::Preparing { since, why: Some(why) }
                if o.left_of(UNREACHED, *since).is_zero() =>
            {
                Some(format!("the agent in the Pod cannot be reached: {why}"))
            }
            _ => None,
        },
    };
    let begun = transfer.command_started_at.is_some();
    let event = pod
        .filter(|_| !begun)
        .and_then(|pod| starting::told(&mut status, &pod.stage));
    let noted = !begun && (status.message != note || event.is_some());
    if noted {
        status.message = note;
    }
    if let Some(t) = status.transfer.as_mut() {
        if let Some(id) = record_upload {
            t.upload_id = Some(id.clone());
        }
        if let Some(chosen) = record_route {
            t.route = chosen.route.word().into();
        }
        if record_start {
            t.command_started_at = Some(Time(o.now));
        }
    }
    if moved && (*bytes, *stored_bytes) != (0, 0) {
        status.progress = Some(Progress {
            bytes: *bytes,
            stored_bytes: *stored_bytes,
            updated_at: Time(o.now),
        });
        decision.guarded.push(Guarded::Report(Box::new(status)));
    } else if record_upload.is_some() || record_route.is_some() || record_start || noted {
        decision.guarded.push(Guarded::Report(Box::new(status)));
    }
    decision.unguarded.extend(event);
    decision.unguarded.extend(record_route.and_then(relayed));
    if upload.is_some() || *contact == Contact::AwaitsStart {
        decision.unguarded.push(Unguarded::TransferRecorded {
            upload_id: transfer.upload_id.clone().or_else(|| upload.clone()),
            command_started: record_start || transfer.command_started_at.is_some(),
        });
    }
    decision
}

/// A route that was not asked for is said to people.
fn relayed(chosen: &Chosen) -> Option<Unguarded> {
    let why = chosen.why.as_ref()?;
    Some(Unguarded::Event(Event {
        warning: false,
        reason: Reason::Relayed.word(),
        action: "Transfer",
        note: format!("the Pod cannot reach the store, so its bytes go through the operator: {why}"),
    }))
}
