//! The containers of a run's template: the ones that commands run in, and names that the operator needs for itself.
use api::BackupRunSpec;
use k8s_openapi::api::core::v1::Container;

use super::{Faults, meant};
use crate::run::pod::{INIT_CONTAINER, MOUNT, VOLUMES};

/// The container of an action: the one that it names, or the first of the template.
pub(super) fn resolve(spec: &BackupRunSpec, named: Option<&str>, field: &str, faults: &mut Faults) -> Option<String> {
    let containers = &spec.template.spec.containers;
    let Some(named) = named else {
        return containers.first().map(|c| c.name.clone());
    };
    if containers.is_empty() {
        return None;
    }
    let known = || containers.iter().map(|c| c.name.as_str());
    if known().any(|k| k == named) {
        return Some(named.into());
    }
    let init = spec
        .template
        .spec
        .init_containers
        .iter()
        .flatten()
        .any(|c| c.name == named);
    let hint = match meant(named, known()) {
        _ if init => "; it is an init container, which has ended by then".to_string(),
        Some(right) => format!("; did you mean {right:?}?"),
        None => String::new(),
    };
    // The words of api::rules::BACKUP_CONTAINER, which the API server makes itself.
    let first = known().next().unwrap_or_default();
    faults.add(
        field,
        format!(
            "there is no container {named} in template.spec.containers; correct it, or leave it out for the first one, which is {first}{hint}"
        ),
    );
    None
}

/// There is a container, and none of the operator's names is taken.
pub(super) fn check(spec: &BackupRunSpec, faults: &mut Faults) {
    let pod = &spec.template.spec;
    if pod.containers.is_empty() {
        faults.add(
            "template.spec.containers",
            "at least one container is needed, for the commands to run in",
        );
    }
    for (index, volume) in pod.volumes.iter().flatten().enumerate() {
        if VOLUMES.contains(&volume.name.as_str()) {
            reserved(faults, &format!("template.spec.volumes[{index}].name"), &volume.name);
        }
    }
    let groups = [
        ("containers", pod.containers.as_slice()),
        ("initContainers", pod.init_containers.as_deref().unwrap_or_default()),
    ];
    for (group, containers) in groups {
        for (index, container) in containers.iter().enumerate() {
            check_one(container, &format!("template.spec.{group}[{index}]"), faults);
        }
    }
}

fn check_one(container: &Container, field: &str, faults: &mut Faults) {
    if container.name == INIT_CONTAINER {
        reserved(faults, &format!("{field}.name"), INIT_CONTAINER);
    }
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let below = mount.mount_path.strip_prefix(MOUNT);
        if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            reserved(faults, &format!("{field}.volumeMounts[{index}].mountPath"), MOUNT);
        }
    }
}

fn reserved(faults: &mut Faults, field: &str, name: &str) {
    faults.add(
        field,
        format!("{name:?} is what the operator puts its agent into; choose another"),
    );
}
