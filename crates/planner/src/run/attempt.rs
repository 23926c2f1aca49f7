//! An attempt under way: its Pod, its transfer, its deadlines.
use std::time::Duration;

use api::BackupRunStatus;
use api::names::{Action, pod_of};
use api::run::{Progress, Transfer};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::decide::{container_of, create_pod, start_deadline};
use crate::run::observed::{Chosen, Contact, End, Observed, PodStage, PodView, Route, StorageView, TransferView};
use crate::run::step::{Decision, Event, Step, TransferOrder};
use crate::run::verdict;

/// How often progress is written.
const PROGRESS: Duration = Duration::from_secs(10);
/// How long the operator tries to reach an agent that has work before it gives the attempt up.
const CONTACT_LOST: Duration = Duration::from_secs(30 * 60);
/// A container that is just being started cannot be reached either; this long it is not worth a word.
const UNREACHED: Duration = Duration::from_secs(15);
/// The agent keeps the command's deadline; this much later the operator ends the attempt itself. Not sooner: a command that
/// ended in time may still wait for a store, which is tried again for 15 minutes (`retrySeconds`).
const DEADLINE_BACKSTOP: Duration = Duration::from_secs(17 * 60);

/// `restore-2` is the second restore.
pub fn parse(attempt: &str) -> (Action, u32) {
    let (word, number) = attempt.split_once('-').unwrap_or((attempt, "1"));
    let action = if word == Action::Restore.word() {
        Action::Restore
    } else {
        Action::Backup
    };
    (action, number.parse().unwrap_or(1))
}

/// What to do next for the attempt that the status names.
pub fn decide(o: &Observed<'_>, status: BackupRunStatus, transfer: &Transfer) -> Decision {
    let (action, number) = parse(&transfer.attempt);
    let name = pod_of(&o.run.name_any(), action, number);
    let pod = o.pods.iter().find(|p| p.name == name);
    if let Some(request) = taken_request(o, action) {
        // Crash window: the restore was reported, the annotation that asked for it not yet removed.
        return Decision {
            steps: vec![request],
            requeue: Some(Duration::ZERO),
        };
    }
    match &o.transfer {
        TransferView::Ended { attempt, end } if *attempt == transfer.attempt => {
            // Crash window: it was cancelled because of what follows, and the report of that was not written.
            let cancelled = matches!(
                &**end,
                End::Failed {
                    reason: "Cancelled",
                    ..
                }
            );
            let why = overdue(o, transfer, pod, &Contact::Working).filter(|_| cancelled);
            verdict::report(
                o,
                status,
                transfer,
                &why.map_or_else(|| (**end).clone(), |(_, end)| end),
            )
        }
        TransferView::Active { attempt, .. } if *attempt == transfer.attempt => watch(o, status, transfer, pod),
        TransferView::None => connect(o, status, transfer, pod),
        TransferView::Ended { .. } => Decision {
            steps: vec![Step::ForgetTransfer],
            requeue: Some(Duration::ZERO),
        },
        TransferView::Active { attempt, .. } => {
            let reason = format!("{attempt} is not the attempt under way");
            Decision {
                steps: vec![Step::CancelTransfer { reason }],
                requeue: Some(Duration::from_secs(1)),
            }
        }
    }
}

fn taken_request(o: &Observed<'_>, action: Action) -> Option<Step> {
    let asked = o.run.annotations().contains_key(api::labels::RESTORE);
    (asked && action == Action::Restore).then_some(Step::RemoveAnnotation(api::labels::RESTORE))
}

/// This operator holds no transfer: the Pod is not up yet, or an earlier operator held it.
fn connect(o: &Observed<'_>, mut status: BackupRunStatus, transfer: &Transfer, pod: Option<&PodView>) -> Decision {
    // Whoever may write the status may have put the transfer there.
    if let StorageView::Refused { message } = &o.storage {
        return give_up(o, status, transfer, "NamespaceNotAllowed", message);
    }
    let left = left_of(start_deadline(o), transfer.started_at.0, o.now);
    let Some(pod) = pod else {
        return match &transfer.pod_uid {
            None => create(o, status, transfer, left),
            Some(_) => interrupt(
                o,
                status,
                transfer,
                "the Pod is gone: it was deleted or its node is lost",
            ),
        };
    };
    if !pod.ours {
        let text = format!(
            "a Pod {:?} exists that does not belong to this run; it was left alone",
            pod.name
        );
        return give_up(o, status, transfer, "PodNameTaken", &text);
    }
    if pod.terminating || transfer.pod_uid.as_ref().is_some_and(|uid| *uid != pod.uid) {
        return interrupt(o, status, transfer, &deleted(pod));
    }
    // While its command runs a container may be not ready for a moment; that is no reason to end it.
    let stage = match &pod.stage {
        PodStage::Starting { .. } if transfer.command_started_at.is_some() => &PodStage::Running,
        stage => stage,
    };
    match stage {
        PodStage::Ended { message, .. } if transfer.command_started_at.is_some() => {
            interrupt(o, status, transfer, &format!("the Pod ended: {message}"))
        }
        PodStage::Ended { message, init } => give_up(o, status, transfer, "PodEnded", &ended_early(message, *init)),
        PodStage::Starting {
            message,
            hopeless: true,
        } => give_up(o, status, transfer, "PodCannotStart", message),
        PodStage::Starting { message, .. } if left.is_zero() => {
            let why = if message.is_empty() {
                "the Pod is not ready"
            } else {
                message
            };
            let text = format!("{why} (spec.startDeadlineSeconds: {} s)", start_deadline(o).as_secs());
            give_up(o, status, transfer, "StartDeadlineExceeded", &text)
        }
        PodStage::Starting { message, .. } => {
            let note = (!message.is_empty()).then(|| format!("waiting for the Pod: {message}"));
            let mut steps = Vec::new();
            if status.message != note || transfer.pod_uid.is_none() {
                status.message = note;
                set_pod(&mut status, pod);
                steps.push(Step::Report(Box::new(status)));
            }
            Decision {
                steps,
                requeue: Some(left.min(PROGRESS)),
            }
        }
        PodStage::Running => {
            // The status is not believed where the storage keeps namespaces apart.
            if let Some(why) = transfer.key.as_deref().and_then(|key| o.storage.forbids(key)) {
                return give_up(o, status, transfer, "ObjectNotAllowed", &why);
            }
            let mut steps = Vec::new();
            if transfer.pod_uid.is_none() || status.message.is_some() {
                status.message = None;
                set_pod(&mut status, pod);
                steps.push(Step::Report(Box::new(status)));
            }
            steps.push(Step::StartTransfer(Box::new(order(o, transfer, pod))));
            Decision {
                steps,
                requeue: Some(PROGRESS),
            }
        }
    }
}

/// The Pod is not there yet: create it, until the API server's refusals have lasted too long.
fn create(o: &Observed<'_>, mut status: BackupRunStatus, transfer: &Transfer, left: Duration) -> Decision {
    let (action, number) = parse(&transfer.attempt);
    let why = o
        .refused
        .as_ref()
        .map(|r| format!("the Pod was refused: {}", r.message));
    if let (Some(why), true) = (&why, o.refused.as_ref().is_some_and(|r| r.hopeless)) {
        return give_up(o, status, transfer, "PodRefused", why);
    }
    if left.is_zero() {
        let why = why.unwrap_or_else(|| "the Pod could not be created in time".into());
        return give_up(o, status, transfer, "StartDeadlineExceeded", &why);
    }
    let mut steps = Vec::new();
    if why.is_some() && status.message != why {
        status.message = why;
        steps.push(Step::Report(Box::new(status)));
    }
    steps.push(create_pod(o, action, number));
    Decision {
        steps,
        requeue: Some(left),
    }
}

fn order(o: &Observed<'_>, transfer: &Transfer, pod: &PodView) -> TransferOrder {
    let (action, _) = parse(&transfer.attempt);
    TransferOrder {
        attempt: transfer.attempt.clone(),
        action,
        pod: pod.name.clone(),
        pod_uid: pod.uid.clone(),
        container: container_of(o.run, action).unwrap_or_default(),
        storage: o.run.spec.storage.name.clone(),
        key: transfer.key.clone().unwrap_or_default(),
        upload_id: transfer.upload_id.clone(),
        route: Route::of(&transfer.route),
        command_started: transfer.command_started_at.is_some(),
    }
}

/// The container was gone before the command could start in it.
fn ended_early(message: &str, init: bool) -> String {
    let cure = if init {
        "The other containers start only when it ends with status 0"
    } else {
        "Its container has to stay alive, for example with the command `sleep 1d`"
    };
    format!("the Pod ended before the command could start: {message}. {cure}")
}

/// A Pod that goes says why where it was evicted; a person who deletes it leaves no words.
fn deleted(pod: &PodView) -> String {
    match &pod.stage {
        PodStage::Ended { message, .. } if pod.terminating => format!("the Pod was deleted: {message}"),
        _ => "the Pod was deleted".into(),
    }
}

fn set_pod(status: &mut BackupRunStatus, pod: &PodView) {
    if let Some(transfer) = &mut status.transfer {
        transfer.pod_uid = Some(pod.uid.clone());
    }
}

/// This operator holds the transfer: record what it asks for, keep the deadlines.
fn watch(o: &Observed<'_>, mut status: BackupRunStatus, transfer: &Transfer, pod: Option<&PodView>) -> Decision {
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
    // What the agent has finished may be committed without its Pod.
    if *contact != Contact::Committing
        && let Some((reason, end)) = overdue(o, transfer, pod, contact)
    {
        let mut decision = verdict::report(o, status, transfer, &end);
        decision.steps.insert(0, Step::CancelTransfer { reason });
        return decision;
    }
    let record_upload = upload.as_ref().filter(|id| transfer.upload_id.as_ref() != Some(*id));
    let record_start = *contact == Contact::AwaitsStart && transfer.command_started_at.is_none();
    // In the status before the command starts: an operator that takes over has to know whether it is the agent's only way.
    let record_route = route.as_ref().filter(|c| c.route.word() != transfer.route);
    let moved = status.progress.as_ref().is_none_or(|p| {
        (p.bytes, p.stored_bytes) != (*bytes, *stored_bytes) && left_of(PROGRESS, p.updated_at.0, o.now).is_zero()
    });
    let mut steps = Vec::new();
    let note = match pod.map(|p| &p.stage) {
        Some(PodStage::Starting { message, .. }) if !message.is_empty() => {
            Some(format!("waiting for the Pod: {message}"))
        }
        _ => match contact {
            Contact::Connecting { since, why: Some(why) } if left_of(UNREACHED, *since, o.now).is_zero() => {
                Some(format!("the agent in the Pod cannot be reached: {why}"))
            }
            _ => None,
        },
    };
    let noted = transfer.command_started_at.is_none() && status.message != note;
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
        steps.push(Step::Report(Box::new(status)));
    } else if record_upload.is_some() || record_route.is_some() || record_start || noted {
        steps.push(Step::Report(Box::new(status)));
    }
    steps.extend(record_route.and_then(relayed));
    if upload.is_some() || *contact == Contact::AwaitsStart {
        steps.push(Step::TransferRecorded {
            upload_id: upload.clone(),
            command_started: record_start || transfer.command_started_at.is_some(),
        });
    }
    Decision {
        steps,
        requeue: Some(PROGRESS),
    }
}

/// A route that was not asked for is said to people.
fn relayed(chosen: &Chosen) -> Option<Step> {
    let why = chosen.why.as_ref()?;
    Some(Step::Event(Event {
        warning: false,
        reason: "Relayed",
        action: "Transfer",
        note: format!("the Pod cannot reach the store, so its bytes go through the operator: {why}"),
    }))
}

/// Why the attempt cannot go on, if so, and how it ends.
fn overdue(o: &Observed<'_>, transfer: &Transfer, pod: Option<&PodView>, contact: &Contact) -> Option<(String, End)> {
    let lost = match pod {
        None => Some("the Pod is gone: it was deleted or its node is lost".to_string()),
        Some(p) if p.terminating || transfer.pod_uid.as_ref().is_some_and(|uid| *uid != p.uid) => Some(deleted(p)),
        Some(PodView {
            stage: PodStage::Ended { message, .. },
            ..
        }) => Some(format!("the Pod ended: {message}")),
        Some(_) => None,
    };
    if let Some(message) = lost {
        let early = match pod {
            Some(p) if transfer.command_started_at.is_none() && !p.terminating => match &p.stage {
                PodStage::Ended { message, init } => Some(verdict::failed("PodEnded", ended_early(message, *init))),
                _ => None,
            },
            _ => None,
        };
        return Some((message.clone(), early.unwrap_or(End::Interrupted { message })));
    }
    if let Contact::Connecting { since, why } = contact {
        let words = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        if transfer.command_started_at.is_some() && left_of(CONTACT_LOST, *since, o.now).is_zero() {
            let message = format!(
                "the agent could not be reached for {} minutes{words}",
                CONTACT_LOST.as_secs() / 60
            );
            return Some((message.clone(), End::Interrupted { message }));
        }
        let waiting = match pod {
            Some(PodView {
                stage: PodStage::Starting { message, hopeless },
                ..
            }) => Some((message, *hopeless)),
            _ => None,
        };
        if let (None, Some((message, true))) = (&transfer.command_started_at, waiting) {
            return Some((message.clone(), verdict::failed("PodCannotStart", message.clone())));
        }
        if transfer.command_started_at.is_none() && left_of(start_deadline(o), transfer.started_at.0, o.now).is_zero() {
            let why = waiting.map(|(m, _)| m.clone()).filter(|m| !m.is_empty());
            let why = why.unwrap_or_else(|| format!("the agent in the Pod could not be reached{words}"));
            let message = format!("{why} (spec.startDeadlineSeconds: {} s)", start_deadline(o).as_secs());
            return Some((message.clone(), verdict::failed("StartDeadlineExceeded", message)));
        }
    }
    let (action, _) = parse(&transfer.attempt);
    let deadline = match action {
        Action::Backup => o.run.spec.backup.as_ref().and_then(|a| a.deadline_seconds),
        Action::Restore => o.run.spec.restore.as_ref().and_then(|a| a.deadline_seconds),
    };
    let started = transfer.command_started_at.as_ref()?;
    let limit = Duration::from_secs(deadline?) + DEADLINE_BACKSTOP;
    left_of(limit, started.0, o.now).is_zero().then(|| {
        let message = format!(
            "the command did not end within spec.{}.deadlineSeconds, and the agent did not stop it",
            action.word()
        );
        (message.clone(), verdict::failed("DeadlineExceeded", message))
    })
}

/// The end was reported, and then the operator died: finish what follows a report.
pub fn clean_up(o: &Observed<'_>, mut status: BackupRunStatus, transfer: &Transfer) -> Decision {
    let mut steps = verdict::tidy(o, transfer);
    status.transfer = None;
    steps.push(Step::Report(Box::new(status)));
    Decision { steps, requeue: None }
}

fn give_up(
    o: &Observed<'_>,
    status: BackupRunStatus,
    transfer: &Transfer,
    reason: &'static str,
    text: &str,
) -> Decision {
    verdict::report(o, status, transfer, &verdict::failed(reason, text.to_string()))
}

fn interrupt(o: &Observed<'_>, status: BackupRunStatus, transfer: &Transfer, text: &str) -> Decision {
    verdict::report(
        o,
        status,
        transfer,
        &End::Interrupted {
            message: text.to_string(),
        },
    )
}

/// What is left of a limit that began at a time; zero when it is over.
pub fn left_of(limit: Duration, since: Timestamp, now: Timestamp) -> Duration {
    let gone = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    limit.saturating_sub(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_goes_says_why_in_its_own_words_where_it_has_any() {
        let pod = |terminating, stage| PodView {
            name: "db".into(),
            uid: "1".into(),
            ours: true,
            terminating,
            created: None,
            stage,
        };
        // In these words the node life-cycle controller takes Pods from a node that is lost; there is none to lose where
        // the tests run.
        let lost = "DeletionByTaintManager: Taint manager: deleting due to NoExecute taint";
        let ended = |message: &str| PodStage::Ended {
            init: false,
            message: message.into(),
        };
        assert_eq!(deleted(&pod(true, ended(lost))), format!("the Pod was deleted: {lost}"));
        assert_eq!(deleted(&pod(true, PodStage::Running)), "the Pod was deleted");
        assert_eq!(
            deleted(&pod(false, ended("Evicted"))),
            "the Pod was deleted",
            "of another UID"
        );
    }

    #[test]
    fn an_init_container_is_not_told_to_stay_alive() {
        assert!(ended_early("container \"wait\" ended with status 3 (Error)", true).ends_with("ends with status 0"));
        assert!(ended_early("container \"db\" ended with status 0 (Completed)", false).contains("sleep 1d"));
    }
}
