//! The run that only restores, in another namespace: the object and the command of the source, and what was asked to be different.
use api::names::Action;
use api::run::{DecryptionKey, PodTemplate, RetainPolicy, RunStorage};
use api::{BackupRun, BackupRunSpec};
use k8s_openapi::api::core::v1::EnvVar;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use planner::run::attempt::container_of;
use planner::validate;

/// The longest beginning of its name, which the API server completes by five letters.
const NAME: usize = 50;

/// What is different there.
#[derive(Default)]
pub struct Changes {
    /// The Pod to restore in.
    pub template: Option<PodTemplate>,
    /// Names and values of variables of the container that the command runs in.
    pub variables: Vec<(String, String)>,
    /// Where the key is, seen from there.
    pub decryption_key: Option<DecryptionKey>,
}

/// `NAME=VALUE` each.
pub fn variables(all: &[String]) -> Result<Vec<(String, String)>, String> {
    all.iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
            _ => Err(format!("--set-env: {text:?} is no NAME=VALUE")),
        })
        .collect()
}

/// The run.
pub fn run(source: &BackupRun, namespace: &str, changes: Changes) -> Result<BackupRun, String> {
    let spec = &source.spec;
    let restore = spec
        .restore
        .clone()
        .ok_or("the source has no spec.restore, so nothing says which command takes the backup")?;
    let path = source.status.as_ref().and_then(|s| s.path.clone());
    let path = path.unwrap_or_else(|| spec.storage.path.clone());
    let mut encryption = spec.encryption.clone();
    if let Some(encryption) = &mut encryption {
        encryption.decryption_key = changes.decryption_key;
    }
    let spec = BackupRunSpec {
        copies: Vec::new(),
        source: None,
        retain_policy: Some(RetainPolicy::Retain),
        backup: None,
        restore: Some(restore),
        storage: RunStorage {
            name: spec.storage.name.clone(),
            path: literal(&path),
        },
        compression: spec.compression.clone(),
        encryption,
        template: changes.template.unwrap_or_else(|| spec.template.clone()),
        start_deadline_seconds: spec.start_deadline_seconds,
        backoff_limit: None,
        agent: spec.agent.clone(),
    };
    let mut run = BackupRun {
        metadata: ObjectMeta {
            generate_name: Some(beginning(&source.name_any())),
            namespace: Some(namespace.into()),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    };
    set(&mut run, changes.variables)?;
    validate::run::validate(&run.spec).map_err(|faults| validate::sentence(&faults))?;
    Ok(run)
}

/// A path that was rendered is not rendered once more.
fn literal(path: &str) -> String {
    path.replace("{{", "{{ \"{{\" }}")
}

fn beginning(name: &str) -> String {
    let cut: String = name.chars().take(NAME).collect();
    format!("{}-restored-", cut.trim_end_matches(['-', '.']))
}

fn set(run: &mut BackupRun, variables: Vec<(String, String)>) -> Result<(), String> {
    if variables.is_empty() {
        return Ok(());
    }
    let name = container_of(run, Action::Restore).unwrap_or_default();
    let containers = &mut run.spec.template.spec.containers;
    let container = containers.iter_mut().find(|c| c.name == name);
    let container =
        container.ok_or_else(|| format!("the template has no container {name:?}, in which the command is to run"))?;
    let env = container.env.get_or_insert_default();
    for (name, value) in variables {
        env.retain(|v| v.name != name);
        env.push(EnvVar {
            name,
            value: Some(value),
            value_from: None,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source() -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.name = Some("nightly-1767225600".into());
        run.spec.storage.path = "/{{ .name }}".into();
        run.status = serde_json::from_value(json!({"path": "/nightly-1767225600"})).unwrap();
        run
    }

    #[test]
    fn it_restores_the_object_of_the_source_and_makes_no_backup() {
        let source = source();
        let made = run(&source, "staging", Changes::default()).unwrap();
        assert_eq!(
            made.metadata.generate_name.as_deref(),
            Some("nightly-1767225600-restored-")
        );
        assert_eq!(made.metadata.namespace.as_deref(), Some("staging"));
        assert_eq!((made.spec.backup, made.spec.restore), (None, source.spec.restore));
        assert_eq!(made.spec.storage.path, "/nightly-1767225600");
        assert_eq!(made.spec.retain_policy, Some(RetainPolicy::Retain));
        assert!(made.metadata.annotations.is_none() && made.metadata.labels.is_none());
    }

    #[test]
    fn a_path_that_looks_like_a_template_stays_as_it_is() {
        let mut source = source();
        source.status.as_mut().unwrap().path = Some("/a{{b}}".into());
        let made = run(&source, "staging", Changes::default()).unwrap();
        let valid = validate::run::validate(&made.spec).unwrap();
        assert_eq!(valid.render_path(&planner::run::path::sample()).unwrap(), "/a{{b}}");
    }

    #[test]
    fn a_variable_is_set_in_the_container_of_the_command_in_the_place_of_one_that_is_there() {
        let mut source = source();
        source.spec.restore.as_mut().unwrap().container = Some("b".into());
        source.spec.template.spec.containers = serde_json::from_value(json!([
            {"name": "a", "image": "x"},
            {"name": "b", "image": "x", "env": [{"name": "HOST", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, {"name": "Z", "value": "z"}]},
        ]))
        .unwrap();
        let changes = || Changes {
            variables: variables(&["HOST=staging=1".into()]).unwrap(),
            ..Changes::default()
        };
        let made = run(&source, "staging", changes()).unwrap();
        let containers = serde_json::to_value(&made.spec.template.spec.containers).unwrap();
        assert_eq!(containers[0]["env"], json!(null));
        assert_eq!(
            containers[1]["env"],
            json!([{"name": "Z", "value": "z"}, {"name": "HOST", "value": "staging=1"}])
        );
        source.spec.restore.as_mut().unwrap().container = Some("c".into());
        assert!(
            run(&source, "staging", changes())
                .unwrap_err()
                .contains("no container \"c\"")
        );
        for wrong in ["HOST", "=x"] {
            assert!(variables(&[wrong.into()]).is_err());
        }
    }

    #[test]
    fn a_name_is_cut_where_it_would_grow_too_long() {
        let long = format!("{}-x", "a".repeat(49));
        assert_eq!(beginning(&long), format!("{}-restored-", "a".repeat(49)));
    }
}
