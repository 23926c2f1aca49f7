//! The run of a drill: a restore-only one that names the backup's run as its source. With mode Read its Pod is the operator's own.
use std::collections::BTreeMap;

use api::drill::{DrillMode, Reader};
use api::run::{Encryption, PodTemplate, RestoreAction, RetainPolicy, RunStorage};
use api::source::Source;
use api::{BackupDrill, BackupRun, BackupRunSpec, labels};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};

/// The container that reads.
pub const READER: &str = "reader";

/// How a drill proves backups.
pub fn mode(drill: &BackupDrill) -> DrillMode {
    drill.spec.mode.unwrap_or_default()
}

/// Whether the restore command is the drill's own, and not the picked run's.
pub fn says_how(drill: &BackupDrill) -> bool {
    mode(drill) == DrillMode::Read || drill.spec.restore.is_some()
}

/// The restore command of a drill for a run whose own one is this; None where there is none.
pub fn restore(drill: &BackupDrill, own: Option<&RestoreAction>) -> Option<RestoreAction> {
    if mode(drill) == DrillMode::Read {
        return Some(RestoreAction {
            container: Some(READER.into()),
            command: vec!["/agent".into(), "drain".into()],
            args: Vec::new(),
            deadline_seconds: None,
            check: None,
        });
    }
    let mut restore = drill.spec.restore.clone().or_else(|| own.cloned())?;
    restore.check = drill.spec.check.clone().or(restore.check);
    Some(restore)
}

/// The spec of a drill's run that restores the backup of `source` by that command.
pub fn spec(
    drill: &BackupDrill,
    source: &str,
    restore: RestoreAction,
    (image, pull_policy): (&str, &str),
) -> BackupRunSpec {
    let given = &drill.spec;
    let template = match (mode(drill), &given.template) {
        (DrillMode::Restore, Some(template)) => template.clone(),
        _ => reading(given.reader.clone().unwrap_or_default(), image, pull_policy),
    };
    BackupRunSpec {
        retain_policy: Some(RetainPolicy::Retain),
        backup: None,
        restore: Some(restore),
        storage: RunStorage::default(),
        source: Some(Source {
            run: Some(source.into()),
            ..Source::default()
        }),
        copies: Vec::new(),
        compression: None,
        encryption: given.decryption_key.clone().map(|key| Encryption {
            recipients: Vec::new(),
            recipients_from: Vec::new(),
            decryption_key: Some(key),
        }),
        template,
        start_deadline_seconds: given.start_deadline_seconds,
        backoff_limit: None,
        agent: None,
    }
}

/// The Pod that reads: the operator's image, as Pod Security's level restricted wants it, with no token and nothing of the namespace.
fn reading(given: Reader, image: &str, pull_policy: &str) -> PodTemplate {
    let seccomp = || SeccompProfile {
        type_: "RuntimeDefault".into(),
        localhost_profile: None,
    };
    let container = Container {
        name: READER.into(),
        image: Some(image.into()),
        image_pull_policy: Some(pull_policy.into()),
        command: Some(vec!["/agent".into(), "wait".into()]),
        working_dir: Some("/".into()),
        resources: Some(given.resources.unwrap_or_else(amounts)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".into()]),
                add: None,
            }),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            seccomp_profile: Some(seccomp()),
            ..SecurityContext::default()
        }),
        ..Container::default()
    };
    PodTemplate {
        metadata: given.metadata,
        spec: PodSpec {
            automount_service_account_token: Some(false),
            containers: vec![container],
            enable_service_links: Some(false),
            image_pull_secrets: some(given.image_pull_secrets, Vec::is_empty),
            node_selector: some(given.node_selector, BTreeMap::is_empty),
            priority_class_name: given.priority_class_name,
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                seccomp_profile: Some(seccomp()),
                ..PodSecurityContext::default()
            }),
            // Its first process has no handler of SIGTERM.
            termination_grace_period_seconds: Some(1),
            tolerations: some(given.tolerations, Vec::is_empty),
            ..PodSpec::default()
        },
    }
}

/// What is empty is left out, as people write it.
fn some<T>(given: T, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    (!is_empty(&given)).then_some(given)
}

/// A window of zstd's default (128 MiB, `--long`) fits into the limit, and the agent needs little else.
fn amounts() -> ResourceRequirements {
    let of = |all: &[(&str, &str)]| {
        let all = all
            .iter()
            .map(|(name, amount)| ((*name).to_string(), Quantity((*amount).into())));
        Some(all.collect::<BTreeMap<_, _>>())
    };
    ResourceRequirements {
        requests: of(&[("cpu", "50m"), ("memory", "64Mi")]),
        limits: of(&[("memory", "256Mi")]),
        ..ResourceRequirements::default()
    }
}

/// The run itself.
pub fn run(drill: &BackupDrill, name: &str, spec: BackupRunSpec, annotations: BTreeMap<String, String>) -> BackupRun {
    let mut run = BackupRun::new(name, spec);
    run.metadata = ObjectMeta {
        name: Some(name.into()),
        namespace: drill.namespace(),
        labels: Some(BTreeMap::from([
            (labels::DRILL.to_string(), drill.name_any()),
            (labels::DRILL_MODE.to_string(), mode(drill).word().to_string()),
        ])),
        annotations: Some(annotations),
        owner_references: Some(vec![owner(drill)]),
        ..ObjectMeta::default()
    };
    run
}

/// The run whose backup a drill's run proves: what it has looked up and written down, or what it was made for. A run is kept without its spec,
/// which is asked last, of one that was made just now.
pub fn picked(run: &BackupRun) -> Option<String> {
    let found = run.status.as_ref().and_then(|s| Some(s.source.as_ref()?.run.clone()));
    let made_for = || run.annotations().get(labels::PICKED).cloned();
    found
        .or_else(made_for)
        .or_else(|| run.spec.source.as_ref()?.run.clone())
}

fn owner(drill: &BackupDrill) -> OwnerReference {
    OwnerReference {
        api_version: BackupDrill::api_version(&()).into(),
        kind: BackupDrill::kind(&()).into(),
        name: drill.name_any(),
        uid: drill.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
