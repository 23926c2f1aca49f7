//! What keeps a Pod that starts from being ready, from its status and its Events together.
use k8s_openapi::api::core::v1::Pod;

use crate::run::observe::happened::Happened;
use crate::run::observe::status::{Member, condition, words};
use crate::run::observe::told::trouble;

/// What keeps a Pod from being ready, container by container. The init container that has not ended, or the sidecar that has not
/// started, is all there is to say: the others wait for it.
pub fn blocked(pod: &Pod, events: &Happened) -> Option<String> {
    let first = Member::all(pod).filter(|c| c.init).find(|c| {
        let ended_well = c.ended().is_some_and(|t| t.exit_code == 0);
        let done = if c.is_sidecar() {
            c.status.started == Some(true)
        } else {
            ended_well
        };
        !done
    });
    if let Some(first) = first {
        return trouble(&first, events);
    }
    let all: Vec<_> = Member::all(pod)
        .filter(|c| !c.status.ready && (!c.init || c.is_sidecar()))
        .filter_map(|c| trouble(&c, events))
        .collect();
    if !all.is_empty() {
        return Some(all.join("; "));
    }
    // All containers are ready: a readiness gate of the Pod is not.
    let runs = Member::all(pod).any(|c| !c.init && c.status.ready);
    let ready = condition(pod, "Ready").filter(|c| runs && c.status == "False")?;
    Some(format!("the Pod is not ready: {}", words(ready)))
}

/// How far it has come, where nobody says why not further.
pub fn stuck(pod: &Pod) -> Option<String> {
    let Some(scheduled) = condition(pod, "PodScheduled") else {
        return Some("no scheduler has looked for a node for it yet".into());
    };
    let node = pod
        .spec
        .as_ref()
        .and_then(|s| s.node_name.as_deref())
        .unwrap_or_default();
    if scheduled.status == "True" && Member::all(pod).next().is_none() {
        return Some(format!("node {node:?} has not begun to start it"));
    }
    let bare = condition(pod, "PodReadyToStartContainers").is_some_and(|c| c.status == "False");
    bare.then(|| format!("its volumes and its network are not set up yet on node {node:?}"))
}
