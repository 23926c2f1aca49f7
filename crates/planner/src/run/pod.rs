//! The Pod of an attempt: the user's template with the agent put into it.
use std::collections::BTreeMap;

use api::BackupRun;
use api::names::{Action, attempt, pod_of};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, ImageVolumeSource, Pod, PodSpec, ResourceRequirements,
    SeccompProfile, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};

use crate::run::carrier::{AgentVolume, Carrier};

/// Names of the volumes that hold the agent (an emptyDir, or the operator's image), and its sockets. Two of them, mounted whole: a part of one (`subPath`) is not seen
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
    /// Whether a volume of that image is used instead, where that can be.
    pub volume: AgentVolume,
}

/// The Pod of one attempt.
pub fn build(
    run: &BackupRun,
    action: Action,
    number: u32,
    container: &str,
    agent: &AgentSettings,
    carrier: Carrier,
) -> Pod {
    let name = pod_of(&run.name_any(), action, number);
    let template = &run.spec.template;
    let metadata = template.metadata.clone().unwrap_or_default();
    let mut labels = metadata.labels.unwrap_or_default();
    labels.insert(api::labels::RUN.into(), run_label(run));
    labels.insert(api::labels::ATTEMPT.into(), attempt(action, number));
    for of in [api::labels::SCHEDULE, api::labels::DRILL, api::labels::DRILL_MODE] {
        labels.extend(run.labels().get(of).map(|value| (of.to_string(), value.clone())));
    }
    let mut spec = template.spec.clone();
    match carrier {
        Carrier::ImageVolume => mount(&mut spec, agent),
        Carrier::InitContainer => install(&mut spec, agent, resources(run, agent)),
    }
    let check = (action == Action::Restore)
        .then(|| check_container(run, container))
        .flatten();
    let works = |c: &&mut Container| c.name == container || check == Some(c.name.as_str());
    for c in spec.containers.iter_mut().filter(works) {
        c.volume_mounts.get_or_insert_default().extend(mounts(true));
    }
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

/// The container that a restore's check runs in, where that is another one than its command's.
pub fn check_container<'r>(run: &'r BackupRun, container: &str) -> Option<&'r str> {
    let check = run.spec.restore.as_ref()?.check.as_ref()?;
    check.container.as_deref().filter(|named| *named != container)
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

/// The agent's volume is the operator's image, which has it at its root. Everybody may execute it there, as whatever user, and nobody write.
fn mount(spec: &mut PodSpec, agent: &AgentSettings) {
    let [bin, run] = VOLUMES;
    let volumes = [image_volume(bin, agent), empty_dir(run)];
    spec.volumes.get_or_insert_default().extend(volumes);
}

/// A volume of the operator's image.
pub fn image_volume(name: &str, agent: &AgentSettings) -> Volume {
    Volume {
        name: name.into(),
        image: Some(ImageVolumeSource {
            reference: Some(agent.image.clone()),
            pull_policy: Some(agent.image_pull_policy.clone()),
        }),
        ..Volume::default()
    }
}

fn empty_dir(name: &str) -> Volume {
    Volume {
        name: name.into(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}

/// The agent's volume is empty, and an init container copies it there.
fn install(spec: &mut PodSpec, agent: &AgentSettings, resources: ResourceRequirements) {
    spec.volumes.get_or_insert_default().extend(VOLUMES.map(empty_dir));
    let root = spec.security_context.as_ref().and_then(|s| s.run_as_user) == Some(0);
    spec.init_containers
        .get_or_insert_default()
        .insert(0, installer(agent, resources, root));
}

/// What carries the agent into a Pod that was built.
pub fn carrier_of(pod: &Pod) -> Carrier {
    let [agent, _] = VOLUMES;
    let mut volumes = pod.spec.iter().flat_map(|s| s.volumes.iter().flatten());
    if volumes.any(|v| v.name == agent && v.image.is_some()) {
        Carrier::ImageVolume
    } else {
        Carrier::InitContainer
    }
}

/// Whether what a container says that could not be made, or an Event of its Pod, says so of the agent's volume: a runtime that knows no image
/// volumes finds a mount without a path on the host, one that does names the mount, or what Kubernetes calls the fault; a kubelet that has them
/// switched off names the volume. An image that cannot be pulled is none: the init container needs the same.
pub fn blames_volume(words: &str) -> bool {
    let [volume, _] = VOLUMES;
    // crun tells of it from the root of the container.
    let mounted = format!("{}/bin", MOUNT.trim_start_matches('/'));
    let missing = format!("cannot find volume \"{volume}\" to mount");
    let failed = format!("for volume \"{volume}\"");
    let signs = [
        "failed to mkdir \"\"",
        "mount.HostPath is empty",
        "ImageVolumeMountFailed",
        &mounted,
        &missing,
        &failed,
    ];
    let processed = words.split_once("failed to process volumes=[");
    let mut unprocessed = processed
        .and_then(|(_, all)| all.split(']').next())
        .unwrap_or_default()
        .split_whitespace();
    signs.iter().any(|sign| words.contains(sign)) || unprocessed.any(|name| name == volume)
}

/// What the init container requests and is limited to: as the run says, else as the operator does.
pub fn resources(run: &BackupRun, agent: &AgentSettings) -> ResourceRequirements {
    let said = run.spec.agent.as_ref().and_then(|a| a.resources.clone());
    said.unwrap_or_else(|| amounts(agent))
}

/// The operator's own amounts.
pub fn amounts(agent: &AgentSettings) -> ResourceRequirements {
    let amounts = BTreeMap::from([
        ("cpu".to_string(), Quantity(agent.cpu.clone())),
        ("memory".to_string(), Quantity(agent.memory.clone())),
    ]);
    ResourceRequirements {
        requests: Some(amounts.clone()),
        limits: Some(amounts),
        ..ResourceRequirements::default()
    }
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
            volume: AgentVolume::Auto,
        }
    }

    #[test]
    fn the_agents_amounts_are_the_runs_else_the_operators() {
        let mut run = testing::backup_run();
        let of = |run: &BackupRun| {
            let spec = build(run, Action::Backup, 1, "main", &agent(), Carrier::InitContainer)
                .spec
                .unwrap();
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
        let spec = build(&run, Action::Backup, 1, &main, &agent, Carrier::InitContainer)
            .spec
            .unwrap();
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

    #[test]
    fn the_container_of_a_restores_check_has_a_part_in_the_agent_too() {
        let mut run = testing::backup_run();
        let main = run.spec.template.spec.containers[0].name.clone();
        let mut scratch = run.spec.template.spec.containers[0].clone();
        scratch.name = "scratch".into();
        run.spec.template.spec.containers.push(scratch);
        let mounted = |run: &BackupRun, action| -> Vec<bool> {
            let spec = build(run, action, 1, &main, &agent(), Carrier::ImageVolume)
                .spec
                .unwrap();
            let ours = |c: &Container| c.volume_mounts.iter().flatten().any(|m| m.name == VOLUMES[1]);
            spec.containers.iter().map(ours).collect()
        };
        for (named, restores) in [(None, false), (Some(main.as_str()), false), (Some("scratch"), true)] {
            run.spec.restore.as_mut().unwrap().check = Some(api::run::Check {
                container: named.map(Into::into),
                command: vec!["count".into()],
                args: vec![],
                deadline_seconds: None,
            });
            assert_eq!(check_container(&run, &main).is_some(), restores, "{named:?}");
            assert_eq!(mounted(&run, Action::Restore), [true, restores], "{named:?}");
            assert_eq!(mounted(&run, Action::Backup), [true, false], "{named:?}");
        }
    }

    #[test]
    fn a_pod_with_an_image_volume_has_no_container_that_is_not_its_templates() {
        let run = testing::backup_run();
        let main = run.spec.template.spec.containers[0].name.clone();
        let of = |carrier| build(&run, Action::Backup, 1, &main, &agent(), carrier);
        let (by_volume, by_init) = (of(Carrier::ImageVolume), of(Carrier::InitContainer));
        assert_eq!(carrier_of(&by_volume), Carrier::ImageVolume);
        assert_eq!(carrier_of(&by_init), Carrier::InitContainer);
        let (spec, other) = (by_volume.spec.unwrap(), by_init.spec.unwrap());
        assert_eq!(spec.init_containers, run.spec.template.spec.init_containers);
        assert_eq!(
            spec.containers, other.containers,
            "all is where it is with an init container"
        );
        let ours = |spec: &PodSpec| -> Vec<_> {
            let volumes = spec
                .volumes
                .iter()
                .flatten()
                .filter(|v| VOLUMES.contains(&v.name.as_str()));
            volumes.map(|v| serde_json::to_value(v).unwrap()).collect()
        };
        let image =
            json!({"name": "backup-operator", "image": {"reference": "operator:1", "pullPolicy": "IfNotPresent"}});
        let sockets = json!({"name": "backup-operator-run", "emptyDir": {}});
        assert_eq!(ours(&spec), [image, sockets]);
        assert_eq!(
            (spec.restart_policy.as_deref(), by_volume.metadata),
            (Some("Never"), by_init.metadata)
        );
    }

    #[test]
    fn a_volume_is_blamed_in_the_runtimes_words_only() {
        for (words, blamed) in [
            // containerd 1.6 below a kubelet of 1.35.
            (
                r#"failed to generate container "b4ae" spec: failed to generate spec: failed to mkdir "": mkdir : no such file or directory"#,
                true,
            ),
            ("mount.HostPath is empty", true),
            // What a kubelet and a runtime that know them say.
            (
                r#"ImageVolumeMountFailed: failed to resolve image "sha256:1": not found"#,
                true,
            ),
            (
                r#"runc create failed: error mounting "/run/x" to rootfs at "/.backup-operator/bin": no such device"#,
                true,
            ),
            // crun, as it names what is mounted.
            (
                "crun: mount `/var/lib/containers/x` to `.backup-operator/bin`: Operation not permitted",
                true,
            ),
            // A kubelet that has them switched off.
            (
                r#"cannot find volume "backup-operator" to mount into container "main""#,
                true,
            ),
            (
                r#"Unable to attach or mount volumes: unmounted volumes=[backup-operator], unattached volumes=[], failed to process volumes=[data backup-operator]: no volume plugin matched"#,
                true,
            ),
            (
                r#"MountVolume.SetUp failed for volume "backup-operator" : no such plugin"#,
                true,
            ),
            (
                r#"Unable to attach or mount volumes: unmounted volumes=[backup-operator data], failed to process volumes=[data]: not found"#,
                false,
            ),
            (r#"cannot find volume "backup-operator-run" to mount"#, false),
            // The init container would need the same.
            (
                r#"failed to pull and unpack image "registry/backup-operator:1": connection refused"#,
                false,
            ),
            // The template's own.
            (r#"exec: "dump": executable file not found in $PATH"#, false),
            (r#"failed to mkdir "/var/data": read-only file system"#, false),
            (
                r#"error mounting "x" to rootfs at "/.backup-operator/run": no space left"#,
                false,
            ),
        ] {
            assert_eq!(blames_volume(words), blamed, "{words}");
        }
    }
}
