//! The one place that says when an attempt under way is over before its transfer ended by itself, and why.
use std::time::Duration;

use api::names::Action;
use kube::ResourceExt;

use crate::run::attempt::{left_to_start, of_copy, start_deadline, storage_of};
use crate::run::carrier::Carrier;
use crate::run::cure::with_cure;
use crate::run::end::failed;
use crate::run::ending::Ending;
use crate::run::life::{self, Attempt};
use crate::run::limits::{self, ABSENCE, AT_ALL, CONTACT_LOST, UNREACHED};
use crate::run::observed::{Contact, End, Found, Observed, PodStage, PodView, StorageView, TransferView};
use crate::run::reason::Reason;

/// How the attempt ends, if it cannot go on; with or without a transfer that this operator holds.
pub fn over(o: &Observed<'_>, at: &Attempt, pod: Option<&PodView>) -> Option<End> {
    let contact = match &o.transfer {
        // What the agent has finished may be committed without its Pod.
        TransferView::Active {
            contact: Contact::Committing,
            ..
        } => return None,
        TransferView::Active { contact, .. } => Some(contact),
        TransferView::Ended { .. } => Some(&Contact::Working),
        TransferView::None => None,
    };
    // Whoever may write the status may have put the transfer there: what this operator holds, it began by the rules.
    if contact.is_none()
        && let Some(end) = closed(o, at)
    {
        return Some(end);
    }
    let lost = match pod {
        None => no_pod(o, at, contact),
        Some(pod) => of_pod(o, at, pod, contact),
    };
    lost.or_else(|| unreached(o, at, pod, contact))
        .or_else(|| belated(o, at, contact))
        .or_else(|| unprepared(o, at, contact))
        .or_else(|| deadline(o, at))
}

/// Why what the status names is not opened: the run's namespace may not use it, neither its own storage nor that of the copy that it reads.
fn closed(o: &Observed<'_>, at: &Attempt) -> Option<End> {
    if let StorageView::Refused { message } = &o.storage {
        return Some(failed(Reason::NamespaceNotAllowed, message.clone()));
    }
    let name = of_copy(o, at)?;
    match storage_of(o, at) {
        Some(StorageView::Ready(_) | StorageView::NotReady { .. }) => None,
        Some(StorageView::Refused { message }) => Some(failed(Reason::NamespaceNotAllowed, message.clone())),
        Some(StorageView::Missing) => {
            let text = format!("storage {name}, whose copy was to be read, is gone; ask again, and another is read");
            Some(failed(Reason::StorageMissing, text))
        }
        None => {
            let text =
                format!("status.transfer names storage {name}, and this run has no copy there; nothing was read in it");
            Some(failed(Reason::ObjectNotAllowed, text))
        }
    }
}

/// The Pod is not there: it is gone, or the API server does not let it be created.
fn no_pod(o: &Observed<'_>, at: &Attempt, contact: Option<&Contact>) -> Option<End> {
    // A command that was handed over is never started afresh by itself, nor one of an attempt that the run brings along from an
    // earlier life.
    let transfer = &at.transfer;
    let begun = transfer.pod_uid.is_some() || transfer.command_started_at.is_some() || life::earlier(o.run).is_some();
    if contact.is_some() || begun {
        let message = "the Pod is gone: it was deleted or its node is lost".into();
        return Some(End::Interrupted { message });
    }
    let why = refused(o, at);
    if let (Some(why), true) = (&why, o.refused.as_ref().is_some_and(|r| r.hopeless)) {
        return Some(failed(Reason::PodRefused, why.clone()));
    }
    start_is_over(o, at).then(|| match why {
        Some(why) => failed(Reason::PodNotAdmitted, in_time(o, &why)),
        None => failed(
            Reason::StartDeadlineExceeded,
            in_time(o, "the Pod could not be created in time"),
        ),
    })
}

/// The API server's words about the Pod that it did not take.
pub fn refused(o: &Observed<'_>, at: &Attempt) -> Option<String> {
    // A run of a schedule is not changed any more: its next one is.
    let of_schedule = o.run.labels().contains_key(api::labels::SCHEDULE);
    let field = if of_schedule { "spec.template.spec" } else { "spec" };
    let refusal = o.refused.as_ref()?;
    Some(format!(
        "the Pod was refused: {}",
        with_cure(
            &refusal.message,
            o.run,
            field,
            o.agent,
            Carrier::of(at.transfer.agent.as_deref())
        )
    ))
}

fn of_pod(o: &Observed<'_>, at: &Attempt, pod: &PodView, contact: Option<&Contact>) -> Option<End> {
    let transfer = &at.transfer;
    let started = transfer.command_started_at.is_some();
    if !pod.ours && contact.is_none() {
        let text = format!(
            "a Pod {:?} exists that does not belong to this run; it was left alone",
            pod.name
        );
        return Some(failed(Reason::PodNameTaken, text));
    }
    if pod.terminating || transfer.pod_uid.as_ref().is_some_and(|uid| *uid != pod.uid) {
        return Some(End::Interrupted { message: deleted(pod) });
    }
    match &pod.stage {
        PodStage::Ended { message, .. } if started => Some(End::Interrupted {
            message: format!("the Pod ended: {message}"),
        }),
        PodStage::Ended { message, ending } => Some(failed(Reason::PodEnded, ended_early(message, *ending))),
        // While its command runs a container may be not ready for a moment; that is no reason to end it.
        PodStage::Starting {
            message,
            hopeless: true,
            ..
        } if !started && is_unconnected(contact) => Some(failed(Reason::PodCannotStart, message.clone())),
        PodStage::Starting { .. } => None,
        PodStage::Running => {
            // The status is not believed where the storage keeps namespaces apart.
            let key = transfer.key.as_deref().filter(|_| contact.is_none());
            key.zip(storage_of(o, at))
                .and_then(|(key, storage)| storage.forbids(key))
                .map(|why| failed(Reason::ObjectNotAllowed, why))
        }
    }
}

/// Nobody talks to the agent: not yet, not any more, or its storage cannot be opened.
fn unreached(o: &Observed<'_>, at: &Attempt, pod: Option<&PodView>, contact: Option<&Contact>) -> Option<End> {
    if !is_unconnected(contact) {
        return None;
    }
    let pod = pod?;
    let starting = match &pod.stage {
        PodStage::Starting { message, .. } => Some(message.as_str()),
        _ => None,
    };
    let unseen = match &o.found {
        Found::Unseen { words, passes: true } => Some(format!("the store cannot be looked at: {words}")),
        _ => None,
    };
    let (since, words) = match contact {
        Some(Contact::Connecting { since, why }) => {
            let words = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            // Before the command it may be another container than the agent's that nothing could be begun in.
            let what = match at.transfer.command_started_at {
                None => "given its command",
                Some(_) => "reached",
            };
            (Some(*since), format!("the agent in the Pod could not be {what}{words}"))
        }
        _ => match o.obstacle.as_ref().filter(|_| starting.is_none()) {
            Some(obstacle) => (Some(obstacle.since), obstacle.message.clone()),
            None => (None, unseen.clone().unwrap_or_else(|| "the Pod is not ready".into())),
        },
    };
    if at.transfer.command_started_at.is_none() {
        // Ready at the last moment, or just looked at for what it restores, or one of many that wait to be connected to: its agent is given a try.
        let untried = matches!(contact, Some(Contact::Connecting { why: None, .. }));
        let tried = since.is_none_or(|since| o.left_of(UNREACHED, since).is_zero()) && !untried
            || left_to_start(o, at, prepared_by(o)).is_zero();
        if !(start_is_over(o, at) && tried)
            || (contact.is_none() && starting.is_none() && o.obstacle.is_none() && unseen.is_none())
        {
            return None;
        }
        let never = |message| format!("the Pod did not start in time: {message}");
        let why = starting.filter(|m| !m.is_empty()).map_or(words, never);
        return Some(failed(Reason::StartDeadlineExceeded, in_time(o, &why)));
    }
    o.left_of(CONTACT_LOST, since?).is_zero().then(|| {
        let minutes = CONTACT_LOST.as_secs() / 60;
        let message = format!("nothing could be done for the command for {minutes} minutes: {words}");
        End::Interrupted { message }
    })
}

/// A Pod whose agent was reached has started in time. What its command still waits for ends by itself; this ends what does not.
fn unprepared(o: &Observed<'_>, at: &Attempt, contact: Option<&Contact>) -> Option<End> {
    let Some(Contact::Preparing { why, .. }) = contact else {
        return None;
    };
    let waits = at.transfer.command_started_at.is_none();
    (waits && left_to_start(o, at, prepared_by(o)).is_zero()).then(|| {
        let minutes = limits::PREPARING.as_secs() / 60;
        let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!("the Pod started, but its command could not be begun within {minutes} minutes more{why}");
        failed(Reason::StartDeadlineExceeded, in_time(o, &text))
    })
}

/// Until then the command of a Pod that started in time is begun.
fn prepared_by(o: &Observed<'_>) -> Duration {
    start_deadline(o.run).saturating_add(limits::PREPARING)
}

/// A restore outlives an operator's absence before its command as it does after, and is not begun days later: somebody may have repaired the data
/// by then. A backup is good whenever it is made, but not tried for ever.
fn belated(o: &Observed<'_>, at: &Attempt, contact: Option<&Contact>) -> Option<End> {
    let why = match contact {
        Some(Contact::Connecting { why, .. } | Contact::Preparing { why, .. }) => why.as_deref(),
        None => None,
        // It is being handed over, or was; the status may be older than that.
        Some(Contact::AwaitsStart | Contact::Working | Contact::Committing) => return None,
    };
    let (more, text) = match at.action {
        Action::Restore => (
            ABSENCE,
            "the restore had not begun when its operator went away, and is not begun so much later, over data that somebody may have repaired: ask for it again",
        ),
        Action::Backup => (
            AT_ALL,
            "the backup could not be begun for days, by one operator after the other",
        ),
    };
    let limit = start_deadline(o.run).saturating_add(more);
    let waits = at.transfer.command_started_at.is_none();
    (waits && o.left_of(limit, at.transfer.started_at.0).is_zero()).then(|| {
        let why = why.map(|why| format!(". {why}")).unwrap_or_default();
        failed(Reason::StartDeadlineExceeded, in_time(o, &format!("{text}{why}")))
    })
}

/// The command should have ended long ago, and the agent did not stop it. Of a restore its check comes after the command, in a time of its own:
/// nobody tells the one from the other here, so both have to be over, and a check without a limit leaves all to the agent.
fn deadline(o: &Observed<'_>, at: &Attempt) -> Option<End> {
    let (seconds, check) = match at.action {
        Action::Backup => (o.run.spec.backup.as_ref()?.deadline_seconds?, None),
        Action::Restore => {
            let restore = o.run.spec.restore.as_ref()?;
            (restore.deadline_seconds?, restore.check.as_ref())
        }
    };
    let after = match check {
        Some(check) => check.deadline_seconds?,
        None => 0,
    };
    let started = at.transfer.command_started_at.as_ref()?;
    let limit = Duration::from_secs(seconds.saturating_add(after))
        .saturating_add(limits::backstop(patience(o, at).unwrap_or(limits::RETRY)));
    o.left_of(limit, started.0).is_zero().then(|| {
        let (and, check) = if check.is_some() {
            (" and its check", " and spec.restore.check.deadlineSeconds together")
        } else {
            ("", "")
        };
        let message = format!(
            "the command{and} did not end within spec.{}.deadlineSeconds{check}, and the agent did not stop it",
            at.action.word()
        );
        failed(Reason::DeadlineExceeded, message)
    })
}

/// How long the agent tries a store that fails: that which it reads, and a restore may read a copy.
fn patience(o: &Observed<'_>, at: &Attempt) -> Option<Duration> {
    storage_of(o, at).and_then(StorageView::retry)
}

fn is_unconnected(contact: Option<&Contact>) -> bool {
    matches!(contact, None | Some(Contact::Connecting { .. }))
}

fn start_is_over(o: &Observed<'_>, at: &Attempt) -> bool {
    left_to_start(o, at, start_deadline(o.run)).is_zero()
}

/// Words, and the limit that they were waited for.
fn in_time(o: &Observed<'_>, why: &str) -> String {
    format!(
        "{why} (spec.startDeadlineSeconds: {} s)",
        start_deadline(o.run).as_secs()
    )
}

/// The container was gone before the command could start in it.
fn ended_early(message: &str, ending: Ending) -> String {
    let cure = ending.cure().map(|cure| format!(". {cure}")).unwrap_or_default();
    format!("the Pod ended before the command could start: {message}{cure}")
}

/// A Pod that goes says why where it was evicted; a person who deletes it leaves no words.
fn deleted(pod: &PodView) -> String {
    match &pod.stage {
        PodStage::Ended { message, .. } if pod.terminating => format!("the Pod was deleted: {message}"),
        _ => "the Pod was deleted".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_was_evicted_before_its_command_began_is_given_no_advice_for_its_container() {
        let evicted = ended_early("Evicted: The node was low on resource: memory.", Ending::Pod);
        assert!(evicted.ends_with("resource: memory."), "{evicted}");
        let ended = ended_early("container \"db\" ended with status 0 (Completed)", Ending::ByItself);
        assert!(
            ended.ends_with(
                "(Completed). Its container has to stay alive, for example with the command `sleep infinity`"
            )
        );
    }

    #[test]
    fn a_pod_that_goes_says_why_in_its_own_words_where_it_has_any() {
        let pod = |terminating, stage| PodView {
            carrier: Carrier::InitContainer,
            no_volume: None,
            unmade: false,
            over: false,
            finalizers: Vec::new(),
            name: "db".into(),
            uid: "1".into(),
            ours: true,
            terminating,
            stage,
        };
        // In these words the node life-cycle controller takes Pods from a node that is lost; there is none to lose where
        // the tests run.
        let lost = "DeletionByTaintManager: Taint manager: deleting due to NoExecute taint";
        let ended = |message: &str| PodStage::Ended {
            ending: Ending::Pod,
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
}
