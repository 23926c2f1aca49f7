//! One container of a template.
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, ResourceRequirements, VolumeMount};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Faults, meant, one_of, quantity};

/// When an image is pulled.
const PULLS: [&str; 3] = ["Always", "IfNotPresent", "Never"];

/// Checks a container at a field.
pub(super) fn check(one: &Container, pod: &PodSpec, at: &str, faults: &mut Faults) {
    let image = one.image.as_deref().unwrap_or_default();
    if image.is_empty() {
        faults.add(&format!("{at}.image"), "the image of the container is needed");
    } else if image.trim() != image {
        faults.add(
            &format!("{at}.image"),
            format!("{image:?} has white space around it; take it away"),
        );
    }
    one_of(
        one.image_pull_policy.as_deref(),
        &PULLS,
        &format!("{at}.imagePullPolicy"),
        faults,
    );
    for (index, variable) in one.env.iter().flatten().enumerate() {
        environment(variable, &format!("{at}.env[{index}]"), faults);
    }
    for (index, port) in one.ports.iter().flatten().enumerate() {
        if !(1..=65_535).contains(&port.container_port) {
            faults.add(
                &format!("{at}.ports[{index}].containerPort"),
                format!("{} is no port; 1 to 65535 are", port.container_port),
            );
        }
    }
    mounts(one.volume_mounts.as_deref().unwrap_or_default(), pod, at, faults);
    if let Some(resources) = &one.resources {
        amounts(resources, &format!("{at}.resources"), faults);
    }
    user(one, pod, at, faults);
}

fn environment(variable: &EnvVar, at: &str, faults: &mut Faults) {
    let name = &variable.name;
    if name.is_empty() || name.contains('=') || !name.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        faults.add(
            &format!("{at}.name"),
            format!("{name:?} cannot be the name of a variable: it is not empty, printable ASCII, and without ="),
        );
    }
    if variable.value.as_ref().is_some_and(|v| !v.is_empty()) && variable.value_from.is_some() {
        faults.add(
            &format!("{at}.valueFrom"),
            "contradicts the value beside it; take one away",
        );
    }
}

fn mounts(mounts: &[VolumeMount], pod: &PodSpec, at: &str, faults: &mut Faults) {
    let known = || pod.volumes.iter().flatten().map(|v| v.name.as_str());
    let mut seen = BTreeSet::new();
    for (index, mount) in mounts.iter().enumerate() {
        let at = format!("{at}.volumeMounts[{index}]");
        // The operator's own volumes are refused elsewhere, with the reason.
        if !known().any(|k| k == mount.name) && !crate::run::pod::VOLUMES.contains(&mount.name.as_str()) {
            let hint = meant(&mount.name, known())
                .map(|m| format!("; did you mean {m:?}?"))
                .unwrap_or_default();
            faults.add(
                &format!("{at}.name"),
                format!("there is no volume {:?} in template.spec.volumes{hint}", mount.name),
            );
        }
        let path = mount.mount_path.as_str();
        if path.is_empty() || path.contains(':') {
            faults.add(
                &format!("{at}.mountPath"),
                format!("{path:?} cannot be mounted at: a path without : is needed"),
            );
        } else if !seen.insert(path) {
            faults.add(
                &format!("{at}.mountPath"),
                format!("something else is mounted at {path:?}; mount one of them elsewhere"),
            );
        }
    }
}

pub(super) fn amounts(resources: &ResourceRequirements, at: &str, faults: &mut Faults) {
    let empty = BTreeMap::new();
    let requests = resources.requests.as_ref().unwrap_or(&empty);
    let limits = resources.limits.as_ref().unwrap_or(&empty);
    let mut read = |group: &str, name: &str, amount: &Quantity| match quantity::parse(&amount.0) {
        Some(value) if value >= 0.0 => Some(value),
        _ => {
            faults.add(
                &format!("{at}.{group}[{name:?}]"),
                format!("{:?} is no quantity; write 500m, 2, 128Mi or 1Gi", amount.0),
            );
            None
        }
    };
    let limits: BTreeMap<_, _> = limits
        .iter()
        .filter_map(|(name, amount)| Some((name, (read("limits", name, amount)?, amount))))
        .collect();
    let mut over = Vec::new();
    for (name, amount) in requests {
        let Some(request) = read("requests", name, amount) else {
            continue;
        };
        if let Some((_, limit)) = limits.get(name).filter(|(limit, _)| request > *limit) {
            over.push((name, amount, *limit));
        }
    }
    for (name, request, limit) in over {
        faults.add(
            &format!("{at}.requests[{name:?}]"),
            format!(
                "{:?} is more than the limit, {:?}; lower the one or raise the other",
                request.0, limit.0
            ),
        );
    }
}

/// Root that must not be root is refused by the kubelet, when the Pod is there already.
fn user(one: &Container, pod: &PodSpec, at: &str, faults: &mut Faults) {
    let (own, all) = (one.security_context.as_ref(), pod.security_context.as_ref());
    let not_root = own
        .and_then(|s| s.run_as_non_root)
        .or_else(|| all.and_then(|s| s.run_as_non_root));
    let user = own
        .and_then(|s| s.run_as_user)
        .or_else(|| all.and_then(|s| s.run_as_user));
    if (not_root, user) == (Some(true), Some(0)) {
        faults.add(
            &format!("{at}.securityContext.runAsUser"),
            "0 contradicts runAsNonRoot: true; name another user, or allow root",
        );
    }
    if own.is_some_and(|s| s.privileged == Some(true) && s.allow_privilege_escalation == Some(false)) {
        faults.add(
            &format!("{at}.securityContext.allowPrivilegeEscalation"),
            "false contradicts privileged: true; take one of them away",
        );
    }
}
