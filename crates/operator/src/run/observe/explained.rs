//! What the Events of a Pod add to the words of its status: why it does not start, and who ended it.
use k8s_openapi::api::core::v1::Pod;
use planner::run::ending::Ending;
use planner::run::observed::PodStage;

use crate::run::observe::blocked::{blocked, stuck};
use crate::run::observe::happened::Happened;
use crate::run::observe::stage::who_ended;
use crate::run::observe::status::{Member, condition, is_ordinary};
use crate::run::observe::told::{before, trouble};

/// The stage with what the Pod's Events add to its words.
pub fn explained(pod: &Pod, container: &str, stage: PodStage, events: &Happened) -> PodStage {
    match stage {
        PodStage::Starting {
            message,
            cause,
            hopeless,
        } => {
            let known = blocked(pod, events).or_else(|| Some(message).filter(|m| !m.is_empty()));
            let (message, cause) = match (known, events.of_pod(has_node(pod))) {
                (Some(known), _) => (Some(known), cause),
                (None, Some(warning)) => (Some(warning.words()), Some(warning.reason.clone())),
                (None, None) => (stuck(pod), cause),
            };
            PodStage::Starting {
                message: message.unwrap_or_default(),
                cause,
                hopeless,
            }
        }
        PodStage::Ended { message, ending } => {
            let who = who_ended(pod, container).filter(|_| may_be_killed(ending));
            let killer = who.and_then(|c| {
                let ended = c.ended().or_else(|| c.ended_before())?;
                events.killer(&c, ended)
            });
            match (killer, who) {
                (Some(killer), _) => PodStage::Ended {
                    message: format!("{message}: {}", killer.words),
                    ending: killer.ending,
                },
                (None, Some(c)) if ending == Ending::Signal => PodStage::Ended {
                    message: format!("{message}{}", before(&c, events)),
                    ending,
                },
                (None, _) => PodStage::Ended { message, ending },
            }
        }
        PodStage::Running => {
            let told = unseen(pod, container).and_then(|c| {
                let of_container = trouble(&c, events).map(|words| (words, None));
                of_container.or_else(|| not_set_up(pod, events))
            });
            match told {
                Some((message, cause)) => PodStage::Starting {
                    message,
                    cause,
                    hopeless: false,
                },
                None => PodStage::Running,
            }
        }
    }
}

/// The Pod's Events may say more than its status: not of an image that cannot be pulled, of no node that fits.
pub fn asks(pod: &Pod, container: &str, stage: &PodStage) -> bool {
    match stage {
        PodStage::Starting { .. } => {
            let told = Member::all(pod).any(|c| {
                let reason = c.waits_for();
                !is_ordinary(reason) && reason != "CrashLoopBackOff"
            });
            let placed = condition(pod, "PodScheduled").is_none_or(|c| c.status != "False");
            placed && !told
        }
        PodStage::Ended { ending, .. } => may_be_killed(*ending),
        PodStage::Running => unseen(pod, container).is_some(),
    }
}

/// The container of the command is taken for one that runs, and the kubelet has not said so: its image may still be pulled.
fn unseen<'p>(pod: &'p Pod, container: &str) -> Option<Member<'p>> {
    let main = Member::all(pod).find(|c| !c.init && c.status.name == container)?;
    main.running().is_none().then_some(main)
}

/// Where no init container had to end before, the containers may wait for what the kubelet sets up for all of them.
fn not_set_up(pod: &Pod, events: &Happened) -> Option<(String, Option<String>)> {
    let bare = condition(pod, "PodReadyToStartContainers").is_some_and(|c| c.status == "False");
    let warned = || {
        events
            .of_pod(has_node(pod))
            .map(|w| (w.words(), Some(w.reason.clone())))
    };
    bare.then(|| warned().or_else(|| stuck(pod).map(|words| (words, None))))?
}

fn has_node(pod: &Pod) -> bool {
    condition(pod, "PodScheduled").is_some_and(|c| c.status == "True")
}

/// It ended, and its status does not say whether somebody made it.
fn may_be_killed(ending: Ending) -> bool {
    matches!(ending, Ending::ByItself | Ending::Signal)
}

#[cfg(test)]
mod tests;
