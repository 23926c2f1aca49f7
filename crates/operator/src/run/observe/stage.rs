//! Where a Pod is on its way, in its own words.
use k8s_openapi::api::core::v1::{Container, Pod};
use planner::run::Carrier;
use planner::run::ending::Ending;
use planner::run::observed::PodStage;
use planner::run::pod::{blames_volume, carrier_of};

use crate::run::observe::blocked::blocked;
use crate::run::observe::happened::{Happened, shown};
use crate::run::observe::status::{Member, condition, ending, is_ordinary, said, words};
use crate::run::observe::told::{how, trouble};

/// Reasons that no waiting cures. A missing Secret may still come, a registry that is down may come back.
const HOPELESS: [&str; 2] = ["InvalidImageName", "ErrImageNeverPull"];

/// Where a Pod is, in its own words.
pub fn stage(pod: &Pod, container: &str) -> PodStage {
    if pod.status.is_none() {
        return starting(String::new());
    }
    if let Some(ended) = ended(pod, container) {
        return ended;
    }
    let nothing = Happened::default();
    let main = Member::all(pod).find(|c| !c.init && c.status.name == container);
    if let Some(main) = main.filter(|c| c.running().is_some()) {
        let waited_for = waits(pod) && condition(pod, "Ready").is_none_or(|c| c.status != "True");
        if main.status.ready && !waited_for {
            return PodStage::Running;
        }
        return starting(blocked(pod, &nothing).unwrap_or_else(|| "the Pod is not ready".into()));
    }
    for c in Member::all(pod) {
        if !is_ordinary(c.waits_for()) {
            return PodStage::Starting {
                message: trouble(&c, &nothing).unwrap_or_default(),
                cause: Some(cause(c.waits_for()).into()),
                hopeless: HOPELESS.contains(&c.waits_for()),
            };
        }
    }
    if let Some((message, _)) = failed_init(pod) {
        return starting(message);
    }
    if installed(pod) && !waits(pod) {
        // The kubelet tells of a started container a second later; an exec finds it before.
        return PodStage::Running;
    }
    let unschedulable = condition(pod, "PodScheduled").filter(|c| c.status == "False");
    PodStage::Starting {
        message: unschedulable.map(words).unwrap_or_default(),
        cause: unschedulable.and_then(|c| c.reason.clone()),
        hopeless: false,
    }
}

/// Of an image that cannot be pulled the kubelet says why and that it waits, by turns: one cause.
fn cause(reason: &str) -> &str {
    match reason {
        "ErrImagePull" | "RegistryUnavailable" | "SignatureValidationFailed" => "ImagePullBackOff",
        other => other,
    }
}

fn starting(message: String) -> PodStage {
    PodStage::Starting {
        message,
        cause: None,
        hopeless: false,
    }
}

/// The end of the Pod, or of the container of the command.
fn ended(pod: &Pod, container: &str) -> Option<PodStage> {
    let status = pod.status.as_ref()?;
    // Why it goes: evicted, preempted, its node tainted. Whoever only deletes it leaves no such words.
    let disrupted = condition(pod, "DisruptionTarget").filter(|c| c.status == "True");
    if let (Some(c), true) = (disrupted, pod.metadata.deletion_timestamp.is_some()) {
        return Some(PodStage::Ended {
            message: words(c),
            ending: Ending::Pod,
        });
    }
    let who = who_ended(pod, container);
    if has_ended(pod) {
        let whole = said(status.reason.as_deref(), status.message.as_deref());
        let whole = Some(whole).filter(|w| !w.is_empty()).map(|w| (w, Ending::Pod));
        let by_container = || who.and_then(|c| Some((how(&c.title(), c.ended()?), ending(c.ended()?))));
        let phase = status.phase.as_deref().unwrap_or_default();
        let (message, ending) = whole
            .or_else(|| failed_init(pod))
            .or_else(by_container)
            .unwrap_or_else(|| (format!("phase {phase}"), Ending::Pod));
        return Some(PodStage::Ended { message, ending });
    }
    let who = who?;
    if let Some(ended) = who.ended() {
        return Some(PodStage::Ended {
            message: how(&who.title(), ended),
            ending: ending(ended),
        });
    }
    let crashes = who.waits_for() == "CrashLoopBackOff";
    crashes.then(|| PodStage::Ended {
        message: trouble(&who, &Happened::default()).unwrap_or_default(),
        ending: who.ended_before().map_or(Ending::ByItself, ending),
    })
}

/// The container that a Pod's end is told by: of a Pod that has ended the first that failed, or else the first that ended; of
/// others that of the command.
pub fn who_ended<'p>(pod: &'p Pod, container: &str) -> Option<Member<'p>> {
    let mains = || Member::all(pod).filter(|c| !c.init);
    if has_ended(pod) {
        let failed = mains().find(|c| c.ended().is_some_and(|t| t.exit_code != 0));
        return failed.or_else(|| mains().find(|c| c.ended().is_some()));
    }
    mains().find(|c| c.status.name == container)
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

/// All containers have ended, by the kubelet's own word: of a Pod on a lost node it is only the phase that says so, which others write.
pub fn is_over(pod: &Pod) -> bool {
    let wanted = pod.spec.as_ref().map_or(0, |s| s.containers.len());
    let ended = Member::all(pod).filter(|c| !c.init && c.ended().is_some()).count();
    let runs = Member::all(pod).any(|c| c.running().is_some());
    has_ended(pod) && !runs && ended == wanted
}

/// All init containers have done their work, the agent's among them: the other containers are being started. Where a volume brings the agent
/// there may be none, and the kubelet has begun once it tells of the containers.
fn installed(pod: &Pod) -> bool {
    let begun = carrier_of(pod) == Carrier::ImageVolume && Member::all(pod).next().is_some();
    let inits: Vec<_> = Member::all(pod).filter(|c| c.init).collect();
    let wanted = pod
        .spec
        .as_ref()
        .map_or(0, |s| s.init_containers.iter().flatten().count());
    let ended = |c: &Member<'_>| c.ended().is_some_and(|t| t.exit_code == 0);
    (wanted > 0 || begun) && inits.len() == wanted && inits.iter().all(ended)
}

/// The volume with the agent did not come up, in the words of the container that was to have it.
pub fn no_volume(pod: &Pod, container: &str) -> Option<String> {
    if carrier_of(pod) == Carrier::InitContainer {
        return None;
    }
    let main = Member::all(pod).find(|c| !c.init && c.status.name == container)?;
    let ended = main
        .ended()
        .or_else(|| main.ended_before())
        .and_then(|t| t.message.as_deref());
    let waits = main.status.state.as_ref().and_then(|s| s.waiting.as_ref());
    let mut all = waits.and_then(|w| w.message.as_deref()).into_iter().chain(ended);
    let words = all.find(|words| blames_volume(words))?;
    let words = words.split_whitespace().map(shown).collect::<Vec<_>>().join(" ");
    Some(format!("{}: {words}", main.title()))
}

/// What a container waits for in vain that its image is to blame for, or what of the cluster its template names.
const ANOTHERS: [&str; 8] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "CreateContainerConfigError",
];

/// A node has the Pod, and the container was never made, for no reason that an image or another container has.
pub fn unmade(pod: &Pod, container: &str) -> bool {
    let on_node = pod.spec.as_ref().is_some_and(|s| s.node_name.is_some());
    let main = Member::all(pod).find(|c| !c.init && c.status.name == container);
    let made = main.is_some_and(|c| c.running().is_some() || c.ended().is_some() || c.ended_before().is_some());
    let anothers = |c: &Member<'_>| {
        let at_work = c.init && (c.running().is_some() && !c.is_sidecar() || c.ended_before().is_some());
        let failed = c.init && c.ended().is_some_and(|t| t.exit_code != 0);
        at_work || failed || ANOTHERS.contains(&c.waits_for())
    };
    on_node && !made && !Member::all(pod).any(|c| anothers(&c))
}

/// A container has a say in when the Pod can be worked with: by a probe, or by a postStart that prepares it. That of the command
/// may need another one: a proxy to the database, a mesh.
fn waits(pod: &Pod) -> bool {
    let of = |c: &Container| {
        let prepares = c.lifecycle.as_ref().is_some_and(|l| l.post_start.is_some());
        prepares || c.readiness_probe.is_some() || c.startup_probe.is_some()
    };
    let sidecar = |c: &&Container| c.restart_policy.as_deref() == Some("Always");
    pod.spec.as_ref().is_some_and(|spec| {
        let sidecars = spec.init_containers.iter().flatten().filter(sidecar);
        spec.containers.iter().chain(sidecars).any(of)
    })
}

/// The init container that keeps the others from starting: most have ended well, and are not told of. One that is tried
/// again has failed before.
fn failed_init(pod: &Pod) -> Option<(String, Ending)> {
    let mut inits = Member::all(pod).filter(|c| c.init && !c.is_sidecar());
    inits.find_map(|c| {
        let ended = c.ended().or_else(|| c.ended_before()).filter(|t| t.exit_code != 0)?;
        let ending = match ending(ended) {
            Ending::ByItself | Ending::Signal => Ending::Init,
            known => known,
        };
        Some((how(&c.title(), ended), ending))
    })
}

#[cfg(test)]
mod tests;
