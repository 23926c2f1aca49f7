//! The Pod of an attempt: the user's template with the agent put into it.
use std::collections::BTreeMap;

use api::BackupRun;
use api::names::{Action, attempt, pod_of};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, Pod, PodSpec, ResourceRequirements, SeccompProfile, SecurityContext,
    Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};

/// Names of the volumes that hold the agent, and its sockets. Two of them, mounted whole: a part of one (`subPath`) is not seen
/// in every sandbox (kata-containers#12218), and breaks when a container is restarted.
pub const VOLUMES: [&str; 2] = ["backup-operator", "backup-operator-run"];
/// Name of the init container that puts the agent there.
pub const INIT_CONTAINER: &str = "backup-operator-agent";
/// Where containers that run commands find both.
pub const MOUNT: &str = "/.backup-operator";
/// The agent inside those containers.
pub const AGENT: &str = "/.backup-operator/bin/agent";
/// Its sockets.
pub const SOCKETS: &str = "/.backup-operator/run";
/// Seconds that a Pod whose template says nothing gets to end: its command has ended by then.
pub const GRACE_SECONDS: i64 = 5;

/// How the agent is put into Pods.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentSettings {
    /// Image that holds `/agent`: the operator's own.
    pub image: String,
    /// IfNotPresent, Always, Never.
    pub image_pull_policy: String,
    /// CPU of the init container, request and limit alike, so that a Guaranteed Pod stays one.
    pub cpu: String,
    /// Memory of the init container, request and limit alike.
    pub memory: String,
}

/// The Pod of one attempt.
pub fn build(run: &BackupRun, action: Action, number: u32, container: &str, agent: &AgentSettings) -> Pod {
    let name = pod_of(&run.name_any(), action, number);
    let template = &run.spec.template;
    let metadata = template.metadata.clone().unwrap_or_default();
    let mut labels = metadata.labels.unwrap_or_default();
    labels.insert(api::labels::RUN.into(), run_label(run));
    labels.insert(api::labels::ATTEMPT.into(), attempt(action, number));
    if let Some(schedule) = run.labels().get(api::labels::SCHEDULE) {
        labels.insert(api::labels::SCHEDULE.into(), schedule.clone());
    }
    let mut spec = template.spec.clone();
    let resources = resources(run, agent);
    inject(&mut spec, container, agent, resources);
    spec.restart_policy.get_or_insert_with(|| "Never".into());
    spec.termination_grace_period_seconds.get_or_insert(GRACE_SECONDS);
    Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: run.namespace(),
            labels: Some(labels),
            annotations: metadata.annotations,
            owner_references: Some(vec![owner(run)]),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    }
}

/// A label value has at most 63 bytes; a run's name may have 253.
fn run_label(run: &BackupRun) -> String {
    let name = run.name_any();
    if name.len() <= 63 {
        name
    } else {
        run.uid().unwrap_or_default()
    }
}

/// The run as the controller of a child.
pub fn owner(run: &BackupRun) -> OwnerReference {
    OwnerReference {
        api_version: BackupRun::api_version(&()).into(),
        kind: BackupRun::kind(&()).into(),
        name: run.name_any(),
        uid: run.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

fn inject(spec: &mut PodSpec, container: &str, agent: &AgentSettings, resources: ResourceRequirements) {
    spec.volumes.get_or_insert_default().extend(VOLUMES.map(|name| Volume {
        name: name.into(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }));
    let root = spec.security_context.as_ref().and_then(|s| s.run_as_user) == Some(0);
    spec.init_containers
        .get_or_insert_default()
        .insert(0, installer(agent, resources, root));
    for c in spec.containers.iter_mut().filter(|c| c.name == container) {
        c.volume_mounts.get_or_insert_default().extend(mounts(true));
    }
}

/// What the init container requests and is limited to: as the run says, else as the operator does.
pub fn resources(run: &BackupRun, agent: &AgentSettings) -> ResourceRequirements {
    let said = run.spec.agent.as_ref().and_then(|a| a.resources.clone());
    said.unwrap_or_else(|| {
        let amounts = BTreeMap::from([
            ("cpu".to_string(), Quantity(agent.cpu.clone())),
            ("memory".to_string(), Quantity(agent.memory.clone())),
        ]);
        ResourceRequirements {
            requests: Some(amounts.clone()),
            limits: Some(amounts),
            ..ResourceRequirements::default()
        }
    })
}

/// Where the two are; only the init container writes the agent.
fn mounts(read_only: bool) -> [VolumeMount; 2] {
    let [bin, run] = VOLUMES;
    [(bin, "bin", read_only), (run, "run", false)].map(|(name, part, read_only)| VolumeMount {
        name: name.into(),
        mount_path: format!("{MOUNT}/{part}"),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    })
}

/// Copies the agent, nothing else. No `runAsUser`: OpenShift gives its own, elsewhere the image says 65532.
/// A Pod that runs as root by its own words would contradict `runAsNonRoot`, and the kubelet would refuse it.
fn installer(agent: &AgentSettings, resources: ResourceRequirements, root: bool) -> Container {
    Container {
        name: INIT_CONTAINER.into(),
        image: Some(agent.image.clone()),
        image_pull_policy: Some(agent.image_pull_policy.clone()),
        command: Some(vec!["/agent".into(), "install".into(), MOUNT.into()]),
        working_dir: Some("/".into()),
        resources: Some(resources),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".into()]),
                add: None,
            }),
            read_only_root_filesystem: Some(true),
            run_as_non_root: (!root).then_some(true),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                localhost_profile: None,
            }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts(false).into()),
        ..Container::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent() -> AgentSettings {
        AgentSettings {
            image: "operator:1".into(),
            image_pull_policy: "IfNotPresent".into(),
            cpu: "250m".into(),
            memory: "32Mi".into(),
        }
    }

    #[test]
    fn the_agents_amounts_are_the_runs_else_the_operators() {
        let mut run = testing::backup_run();
        let of = |run: &BackupRun| {
            let spec = build(run, Action::Backup, 1, "main", &agent()).spec.unwrap();
            let resources = spec.init_containers.unwrap()[0].resources.clone().unwrap();
            let memory =
                |of: Option<BTreeMap<String, Quantity>>| of.and_then(|all| all.get("memory").map(|q| q.0.clone()));
            (memory(resources.requests), memory(resources.limits))
        };
        assert_eq!(of(&run), (Some("32Mi".into()), Some("32Mi".into())));
        run.spec.agent = serde_json::from_value(json!({"resources": {"requests": {"memory": "64Mi"}}})).unwrap();
        assert_eq!(of(&run), (Some("64Mi".into()), None));
    }

    #[test]
    fn the_agents_volumes_are_mounted_whole_where_commands_run_and_only_the_installer_writes_the_agent() {
        let agent = agent();
        let mut run = testing::backup_run();
        let mut side = run.spec.template.spec.containers[0].clone();
        side.name = "side".into();
        run.spec.template.spec.containers.push(side);
        let main = run.spec.template.spec.containers[0].name.clone();
        let spec = build(&run, Action::Backup, 1, &main, &agent).spec.unwrap();
        let of = |c: &Container| -> Vec<_> {
            let mounts = c.volume_mounts.iter().flatten();
            mounts
                .filter(|m| VOLUMES.contains(&m.name.as_str()))
                .map(|m| (m.mount_path.clone(), m.sub_path.is_some(), m.read_only == Some(true)))
                .collect()
        };
        let at = |read_only| {
            [
                (format!("{MOUNT}/bin"), false, read_only),
                (format!("{MOUNT}/run"), false, false),
            ]
        };
        assert_eq!(of(&spec.containers[0]), at(true));
        assert_eq!(
            of(&spec.containers[1]),
            [],
            "a container that runs no command has no part in it"
        );
        assert_eq!(of(&spec.init_containers.unwrap()[0]), at(false));
        assert_eq!(
            spec.volumes.unwrap().iter().filter(|v| v.empty_dir.is_some()).count(),
            2
        );
    }
}
