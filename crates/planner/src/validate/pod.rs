//! The Pod of a template: what the API server would refuse when the Pod is created, at the latest, said at once.
//!
//! Only what is wrong in every cluster; what a cluster's policies and quotas think of the Pod is for its API server to say.
mod container;
mod quantity;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements, Volume};

use super::{Faults, meant, metadata, names};

/// What a Pod's containers can do when they end.
const RESTARTS: [&str; 3] = ["Always", "OnFailure", "Never"];
/// Where a Pod can ask for names.
const DNS: [&str; 4] = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];

/// A quantity in whole bytes.
pub(crate) fn bytes(quantity: &str) -> Option<u64> {
    let value = quantity::parse(quantity).filter(|v| *v >= 0.0)?;
    // A limit of more than 2^53 bytes is none that matters.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(value as u64)
}

/// The ServiceAccount that a Pod names, and the field: the API server still takes the old one where the other is empty.
pub fn account(pod: &PodSpec) -> Option<(&'static str, &String)> {
    let fields = [
        ("serviceAccountName", &pod.service_account_name),
        ("serviceAccount", &pod.service_account),
    ];
    let named = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    let (field, name) = fields.into_iter().find(|(_, name)| named(name))?;
    Some((field, name.as_ref()?))
}

/// Checks the amounts of a container that stand elsewhere.
pub(super) fn resources(resources: &ResourceRequirements, at: &str, faults: &mut Faults) {
    container::amounts(resources, at, faults);
}

/// Checks a Pod at `template.spec`.
pub(super) fn check(pod: &PodSpec, faults: &mut Faults) {
    one_of(
        pod.restart_policy.as_deref(),
        &RESTARTS,
        "template.spec.restartPolicy",
        faults,
    );
    one_of(pod.dns_policy.as_deref(), &DNS, "template.spec.dnsPolicy", faults);
    if pod.ephemeral_containers.as_ref().is_some_and(|all| !all.is_empty()) {
        faults.add(
            "template.spec.ephemeralContainers",
            "can only be added to a Pod that runs, by kubectl debug; take them out",
        );
    }
    if pod.termination_grace_period_seconds.is_some_and(|s| s < 0) {
        faults.add("template.spec.terminationGracePeriodSeconds", "must not be negative");
    }
    if pod.active_deadline_seconds.is_some_and(|s| s < 1) {
        faults.add(
            "template.spec.activeDeadlineSeconds",
            "has to be at least 1; leave it out for no limit",
        );
    }
    if let Some((field, name)) = account(pod).filter(|(_, name)| !names::is_subdomain(name)) {
        faults.add(
            &format!("template.spec.{field}"),
            format!("{name:?} cannot be the name of a ServiceAccount: {}", names::SUBDOMAIN),
        );
    }
    if let Some(name) = pod.hostname.as_ref().filter(|n| !n.is_empty() && !names::is_label(n)) {
        faults.add(
            "template.spec.hostname",
            format!("{name:?} is no host name: {}", names::LABEL),
        );
    }
    metadata::labels(pod.node_selector.as_ref(), "template.spec.nodeSelector", faults);
    linux(pod, faults);
    volumes(pod.volumes.as_deref().unwrap_or_default(), faults);
    containers(pod, faults);
}

/// The agent is a program for Linux.
fn linux(pod: &PodSpec, faults: &mut Faults) {
    let label = pod.node_selector.as_ref().and_then(|s| s.get("kubernetes.io/os"));
    let said = [
        ("template.spec.os.name", pod.os.as_ref().map(|os| &os.name)),
        ("template.spec.nodeSelector[\"kubernetes.io/os\"]", label),
    ];
    for (field, os) in said {
        if let Some(os) = os.filter(|os| *os != "linux") {
            faults.add(
                field,
                format!("{os:?}: the agent that runs the command is a program for linux"),
            );
        }
    }
}

fn one_of(given: Option<&str>, known: &[&str], field: &str, faults: &mut Faults) {
    let Some(given) = given.filter(|g| !known.contains(g)) else {
        return;
    };
    let hint = meant(given, known.iter().copied())
        .map(|m| format!("; did you mean {m}?"))
        .unwrap_or_default();
    faults.add(
        field,
        format!("{given:?} is not known; there are {}{hint}", known.join(", ")),
    );
}

fn volumes(volumes: &[Volume], faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (index, volume) in volumes.iter().enumerate() {
        let at = format!("template.spec.volumes[{index}]");
        if !names::is_label(&volume.name) {
            faults.add(
                &format!("{at}.name"),
                format!("{:?} cannot be the name of a volume: {}", volume.name, names::LABEL),
            );
        } else if !seen.insert(volume.name.as_str()) {
            faults.add(
                &format!("{at}.name"),
                format!("there is another volume {:?}; rename one", volume.name),
            );
        }
        let sources = match serde_json::to_value(volume) {
            Ok(serde_json::Value::Object(fields)) => fields.len().saturating_sub(1),
            _ => 1,
        };
        if sources > 1 {
            faults.add(&at, "has more than one source; make a volume of each");
        }
    }
}

fn containers(pod: &PodSpec, faults: &mut Faults) {
    let groups: [(&str, &[Container]); 2] = [
        ("initContainers", pod.init_containers.as_deref().unwrap_or_default()),
        ("containers", &pod.containers),
    ];
    let mut seen = BTreeSet::new();
    for (group, all) in groups {
        for (index, one) in all.iter().enumerate() {
            let at = format!("template.spec.{group}[{index}]");
            if !names::is_label(&one.name) {
                faults.add(
                    &format!("{at}.name"),
                    format!("{:?} cannot be the name of a container: {}", one.name, names::LABEL),
                );
            } else if !seen.insert(one.name.as_str()) {
                faults.add(
                    &format!("{at}.name"),
                    format!("there is another container {:?}; rename one", one.name),
                );
            }
            container::check(one, pod, &at, faults);
        }
    }
}

#[cfg(test)]
mod tests;
