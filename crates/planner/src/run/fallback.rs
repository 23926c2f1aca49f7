//! An image volume with the agent that does not come up: the attempt is begun again with an init container, as the same attempt.
use std::time::Duration;

use api::BackupRunStatus;
use kube::ResourceExt;

use crate::run::attempt::{left_to_start, start_deadline};
use crate::run::carrier::{AgentVolume, Carrier};
use crate::run::end;
use crate::run::life::Attempt;
use crate::run::observed::{Contact, End, Observed, PodView, TransferView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};

/// What to do where the attempt is to have another carrier of its agent than it was begun with. Its command has not begun.
///
/// First the status says so, and forgets the Pod; then that Pod goes; then there is none, and one with an init container is made by the same
/// name. Each of these is seen in the cluster, so that another operator goes on from there.
pub fn decide(o: &Observed<'_>, status: &BackupRunStatus, at: &Attempt, pod: Option<&PodView>) -> Option<Decision> {
    let transfer = &at.transfer;
    let over = left_to_start(o, at, start_deadline(o.run)).is_zero();
    if transfer.command_started_at.is_some() || over {
        return None;
    }
    let carried = pod.filter(|p| p.ours && p.carrier == Carrier::ImageVolume);
    if Carrier::of(transfer.agent.as_deref()) == Carrier::ImageVolume {
        let auto = o.agent.volume == AgentVolume::Auto;
        return fault(o, at, pod, carried)
            .filter(|_| auto)
            .map(|fault| begin_again(o, status, fault));
    }
    let pod = carried?;
    let delete = Unguarded::DeletePod {
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        now: true,
    };
    Some(Decision {
        unguarded: if pod.terminating { Vec::new() } else { vec![delete] },
        ..Decision::wait(Duration::from_secs(1))
    })
}

/// Why the agent does not come by a volume.
enum Fault {
    /// The API server does not take the Pod. It may not be for the volume: then it does not take the next one either.
    Refused,
    /// The Pod is there, and the volume is not, or nothing in it may be executed.
    Failed(String),
}

/// A Pod with an image volume did not come up in time, in words that nobody knows: the next attempt and the next run try an init container, and do
/// not fail in the same way for ever.
pub fn late(o: &Observed<'_>, at: &Attempt, pod: Option<&PodView>, end: &End) -> Vec<Unguarded> {
    // While this operator was there: of a node that was away with the one before, the volume is not to blame.
    let late = matches!(
        end,
        End::Failed {
            reason: Reason::StartDeadlineExceeded,
            ..
        }
    ) && left_to_start(o, at, start_deadline(o.run)).is_zero();
    let unmade = pod.is_some_and(|p| p.ours && p.unmade && p.carrier == Carrier::ImageVolume);
    if !late || !unmade || o.agent.volume != AgentVolume::Auto || o.served.given_up {
        return Vec::new();
    }
    let why = end::words(end).to_string();
    let event = Event {
        warning: true,
        reason: Reason::ImageVolumeFailed.word(),
        action: "Start",
        note: format!(
            "the Pod has a volume with the agent and did not come up in time, which may be for that volume: {why}. Until the operator is started again, no other Pod gets such a volume"
        ),
    };
    vec![Unguarded::GiveUpImageVolumes { why }, Unguarded::Event(event)]
}

fn fault(o: &Observed<'_>, at: &Attempt, pod: Option<&PodView>, carried: Option<&PodView>) -> Option<Fault> {
    if pod.is_none() {
        return o.refused.as_ref().map(|_| Fault::Refused);
    }
    let pod = carried.filter(|p| !p.terminating)?;
    match &o.transfer {
        TransferView::None
        | TransferView::Active {
            contact: Contact::Connecting { .. },
            ..
        } => pod.no_volume.clone().map(Fault::Failed),
        // What was the end of another attempt says nothing of this one's Pod.
        TransferView::Ended { attempt, .. } if *attempt != at.transfer.attempt => None,
        TransferView::Ended { end, .. } => match end.as_ref() {
            End::Failed {
                reason: Reason::AgentCannotStart,
                message,
                ..
            } => Some(Fault::Failed(message.clone())),
            _ => pod.no_volume.clone().map(Fault::Failed),
        },
        TransferView::Active { .. } => None,
    }
}

fn begin_again(o: &Observed<'_>, status: &BackupRunStatus, fault: Fault) -> Decision {
    let mut status = status.clone();
    status.message = None;
    if let Some(transfer) = &mut status.transfer {
        transfer.agent = Some(Carrier::InitContainer.word().into());
        transfer.pod_uid = None;
    }
    // Whoever tries to reach the agent does so no more; with it the refusal of the Pod is forgotten, which the next one may not meet.
    let mut unguarded = vec![Unguarded::ForgetTransfer];
    match fault {
        // Said by the Pod of the init container, where that is refused, too.
        Fault::Refused => unguarded.push(Unguarded::RefusedImageVolume {
            namespace: o.run.namespace().unwrap_or_default(),
        }),
        Fault::Failed(why) => {
            unguarded.push(Unguarded::GiveUpImageVolumes { why: why.clone() });
            unguarded.push(Unguarded::Event(Event {
                warning: true,
                reason: Reason::ImageVolumeFailed.word(),
                action: "Start",
                note: format!(
                    "the volume with the agent did not come up, so the Pod is made again with an init container: {why}. Until the operator is started again, no other Pod gets such a volume"
                ),
            }));
        }
    }
    Decision {
        guarded: vec![Guarded::Report(Box::new(status))],
        unguarded,
        ..Decision::wait(Duration::ZERO)
    }
}
