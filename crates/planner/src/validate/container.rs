//! The containers of a run's template: the ones that commands run in, and names that the operator needs for itself.
use api::BackupRunSpec;
use k8s_openapi::api::core::v1::Container;

use super::{Faults, meant};
use crate::run::pod::{INIT_CONTAINER, MOUNT, VOLUMES};

/// The container of an action: the one that it names, or the first of the template.
pub(super) fn resolve(spec: &BackupRunSpec, named: Option<&str>, field: &str, faults: &mut Faults) -> Option<String> {
    let containers = &spec.template.spec.containers;
    let first = containers.first().map(|c| c.name.clone())?;
    let Some(named) = named else {
        return Some(first);
    };
    // The words of api::rules::BACKUP_CONTAINER, which the API server makes itself.
    exists(spec, named, field, &format!("the first one, which is {first}"), faults).then(|| named.into())
}

/// The container that a restore's check names.
pub(super) fn resolve_check(spec: &BackupRunSpec, named: &str, faults: &mut Faults) {
    if !spec.template.spec.containers.is_empty() {
        // The words of api::rules::CHECK_CONTAINER.
        let otherwise = "the one of the restore command";
        exists(spec, named, "restore.check.container", otherwise, faults);
    }
}

fn exists(spec: &BackupRunSpec, named: &str, field: &str, otherwise: &str, faults: &mut Faults) -> bool {
    let pod = &spec.template.spec;
    let known = || pod.containers.iter().map(|c| c.name.as_str());
    if known().any(|k| k == named) {
        return true;
    }
    let init = pod.init_containers.iter().flatten().any(|c| c.name == named);
    let hint = match meant(named, known()) {
        _ if init => "; it is an init container, which has ended by then".to_string(),
        Some(right) => format!("; did you mean {right:?}?"),
        None => String::new(),
    };
    faults.add(
        field,
        format!(
            "there is no container {named} in template.spec.containers; correct it, or leave it out for {otherwise}{hint}"
        ),
    );
    false
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

#[cfg(test)]
mod tests {
    use api::run::Check;

    use crate::validate::run::validate;

    #[test]
    fn a_check_runs_in_a_container_of_the_template() {
        let mut spec = testing::backup_run().spec;
        let first = spec.template.spec.containers[0].name.clone();
        let mut scratch = spec.template.spec.containers[0].clone();
        scratch.name = "scratch".into();
        spec.template.spec.containers.push(scratch);
        let faults = |container: &str| {
            let mut spec = spec.clone();
            spec.restore.as_mut().unwrap().check = Some(Check {
                container: Some(container.into()),
                command: vec!["count".into()],
                args: vec![],
                deadline_seconds: None,
            });
            let faults = validate(&spec).err().unwrap_or_default();
            faults.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(faults(&first), Vec::<String>::new());
        assert_eq!(faults("scratch"), Vec::<String>::new());
        assert_eq!(
            faults("scrach"),
            [
                "spec.restore.check.container: there is no container scrach in template.spec.containers; correct it, or leave it out for the one of the restore command; did you mean \"scratch\"?"
            ]
        );
    }
}
