//! A backup that failed and is made again: clean up after the attempt, wait, begin the next.
use std::time::Duration;

use api::BackupRunStatus;
use api::names::{Action, pod_of};
use api::run::Transfer;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::attempt::{left_of, parse};
use crate::run::decide::{create_pod, start, start_deadline};
use crate::run::observed::{End, Observed, TransferView};
use crate::run::step::{Decision, Event, Step};
use crate::run::verdict;

/// Before the second attempt; doubled for each that follows, as the Job controller does.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(6 * 60);
/// How long the old Pod is waited for. One on a lost node never goes: its upload is aborted, so it does no harm.
const POD: Duration = Duration::from_secs(60);

/// Ends that no other attempt would change, or that were asked for.
const FINAL: [&str; 11] = [
    "Cancelled",
    "InvalidSpec",
    "ObjectNotAllowed",
    "UploadNotAborted",
    "NoDecryptionKey",
    "PodRefused",
    "PodCannotStart",
    "PodNameTaken",
    "AgentCannotStart",
    "CommandNotStarted",
    "EmptyBackup",
];

/// How long the next attempt waits for a store that does not let the last one's upload be aborted.
const ABORT: Duration = Duration::from_secs(15 * 60);

/// How long to wait after that attempt.
pub fn pause(attempt: u32) -> Duration {
    FIRST
        .saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)))
        .min(LONGEST)
}

/// Reason, message and log of an end that another attempt follows.
pub fn follows<'e>(o: &Observed<'_>, transfer: &Transfer, end: &'e End) -> Option<(&'static str, &'e str, &'e str)> {
    let (action, number) = parse(&transfer.attempt);
    if action != Action::Backup || number > o.run.spec.backoff_limit.unwrap_or(0) {
        return None;
    }
    match end {
        End::Failed {
            reason, message, log, ..
        } if !FINAL.contains(reason) => Some((reason, message, log)),
        End::Interrupted { message } => Some(("Interrupted", message, "")),
        _ => None,
    }
}

/// The attempt has failed and another follows. The upload stays in the status until it is aborted.
pub fn announce(
    o: &Observed<'_>,
    mut status: BackupRunStatus,
    transfer: &Transfer,
    reason: &'static str,
    text: &str,
) -> Decision {
    let (_, number) = parse(&transfer.attempt);
    let of = o.run.spec.backoff_limit.unwrap_or(0).saturating_add(1);
    let wait = pause(number);
    let note = format!(
        "attempt {number} of {of} failed ({reason}): {text}. The next one begins in {} s.",
        wait.as_secs()
    );
    status.message = Some(note.clone());
    status.progress = None;
    status.transfer = Some(Transfer {
        failed_at: Some(Time(o.now)),
        ..transfer.clone()
    });
    let event = Event {
        warning: true,
        reason,
        action: "Backup",
        note,
    };
    Decision {
        steps: vec![Step::Report(Box::new(status)), Step::Event(event)],
        requeue: Some(Duration::ZERO),
    }
}

/// When the attempt failed that another one follows. A time that this operator cannot have written is none: it stands there
/// for ever, and each attempt would be ended by it as soon as it begins.
pub fn failed_at(o: &Observed<'_>, transfer: &Transfer) -> Option<Timestamp> {
    let failed = transfer.failed_at.as_ref()?.0;
    let (action, number) = parse(&transfer.attempt);
    let follows = action == Action::Backup && number <= o.run.spec.backoff_limit.unwrap_or(0);
    (follows && failed >= transfer.started_at.0).then_some(failed)
}

/// What to do between two attempts.
pub fn decide(o: &Observed<'_>, mut status: BackupRunStatus, transfer: &Transfer, failed: Timestamp) -> Decision {
    let (action, number) = parse(&transfer.attempt);
    let mut steps = Vec::new();
    if o.transfer != TransferView::None {
        steps.push(Step::ForgetTransfer);
    }
    let name = pod_of(&o.run.name_any(), action, number);
    let old = o.pods.iter().find(|p| p.ours && p.name == name);
    if let Some(pod) = old.filter(|p| !p.terminating) {
        steps.push(Step::DeletePod {
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            now: true,
        });
    }
    if old.is_some() && !left_of(POD, failed, o.now).is_zero() {
        // Two commands at once on one database are nobody's wish.
        return Decision {
            steps,
            requeue: Some(Duration::from_secs(5)),
        };
    }
    let abort = verdict::abort(o, transfer);
    if !abort.is_empty() && left_of(ABORT, failed, o.now).is_zero() {
        let message = format!(
            "{} It did not: the upload of the last one could not be aborted for {} minutes, which is still tried. Look at the storage, its access keys, and the log of the operator.",
            status.message.clone().unwrap_or_default(),
            ABORT.as_secs() / 60
        );
        let mut decision = verdict::report(o, status, transfer, &verdict::failed("UploadNotAborted", message));
        decision.steps.splice(0..0, steps);
        return decision;
    }
    if !abort.is_empty() {
        steps.extend(abort);
        status.transfer = Some(Transfer {
            upload_id: None,
            command_started_at: None,
            ..transfer.clone()
        });
        steps.push(Step::Report(Box::new(status.clone())));
    }
    let left = left_of(pause(number), failed, o.now);
    if !left.is_zero() {
        return Decision {
            steps,
            requeue: Some(left),
        };
    }
    let next = number.saturating_add(1);
    status.attempts = Some(next);
    start(
        o,
        &mut status,
        Action::Backup,
        next,
        transfer.key.clone().unwrap_or_default(),
    );
    let note = format!(
        "attempt {next} of {} begins",
        o.run.spec.backoff_limit.unwrap_or(0).saturating_add(1)
    );
    steps.push(Step::Report(Box::new(status)));
    steps.push(Step::Event(Event {
        warning: false,
        reason: "BackupRetried",
        action: "Start",
        note,
    }));
    steps.push(create_pod(o, Action::Backup, next));
    Decision {
        steps,
        requeue: Some(start_deadline(o)),
    }
}
