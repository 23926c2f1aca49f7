//! The rules of a run's source.
use api::BackupRunSpec;
use api::rules;
use api::source::LATEST;
use jiff::Timestamp;

use super::{Faults, names};

pub(super) fn check(spec: &BackupRunSpec, faults: &mut Faults) {
    let Some(source) = &spec.source else { return };
    if !spec.storage.name.is_empty() {
        faults.add("storage", rules::STORAGE_OR_SOURCE.words());
    }
    if spec.backup.is_some() {
        faults.add("source", rules::SOURCE_RESTORES.words());
    }
    let recipients = spec.encryption.as_ref().is_some_and(|e| !e.recipients.is_empty());
    if spec.compression.is_some() || recipients {
        faults.add("source", rules::SOURCE_SAYS_HOW.words());
    }
    if source.run.is_some() == source.schedule.is_some() {
        faults.add("source", rules::SOURCE_IS_ONE.words());
    }
    for (field, name, is_one, form) in [
        (
            "run",
            &source.run,
            names::is_subdomain as fn(&str) -> bool,
            names::SUBDOMAIN,
        ),
        ("schedule", &source.schedule, names::is_subdomain, names::SUBDOMAIN),
        ("namespace", &source.namespace, names::is_label, names::LABEL),
    ] {
        if let Some(name) = name.as_ref().filter(|name| !is_one(name)) {
            faults.add(&format!("source.{field}"), format!("{name:?} cannot be a name: {form}"));
        }
    }
    let Some(at) = &source.at else { return };
    let is_time = at == LATEST || at.parse::<Timestamp>().is_ok();
    if !is_time || source.schedule.is_none() {
        faults.add("source.at", format!("{at:?}: {}", rules::SOURCE_AT.words()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::validate;

    #[test]
    fn a_source_names_one_backup_and_says_by_itself_how_it_is_packed() {
        let faults = |change: serde_json::Value| -> Vec<String> {
            let mut spec = json!({
                "source": {"run": "db-1"}, "restore": {"command": ["load"]},
                "template": {"spec": {"containers": [{"name": "main", "image": "db:1"}]}},
            });
            spec.as_object_mut()
                .unwrap()
                .extend(change.as_object().unwrap().clone());
            let spec: api::BackupRunSpec = serde_json::from_value(spec).unwrap();
            let faults = validate::run::validate(&spec).err().unwrap_or_default();
            faults.into_iter().map(|fault| fault.field).collect()
        };
        for (change, fields) in [
            (json!({}), vec![]),
            (json!({"source": {"schedule": "db"}}), vec![]),
            (
                json!({"source": {"schedule": "db", "at": "latest", "namespace": "shop"}}),
                vec![],
            ),
            (
                json!({"source": {"schedule": "db", "at": "2026-11-28T03:00:00+01:00"}}),
                vec![],
            ),
            (
                json!({"encryption": {"decryptionKey": {"name": "k", "key": "k"}}}),
                vec![],
            ),
            (
                json!({"source": {"schedule": "db", "at": "yesterday"}}),
                vec!["spec.source.at"],
            ),
            (
                json!({"source": {"schedule": "db", "at": "2026-11-28T03:00:00"}}),
                vec!["spec.source.at"],
            ),
            (
                json!({"source": {"run": "db-1", "at": "latest"}}),
                vec!["spec.source.at"],
            ),
            (
                json!({"source": {"run": "db-1", "schedule": "db"}}),
                vec!["spec.source"],
            ),
            (json!({"source": {}}), vec!["spec.source"]),
            (json!({"source": {"run": "Db"}}), vec!["spec.source.run"]),
            (
                json!({"source": {"run": "db", "namespace": "a.b"}}),
                vec!["spec.source.namespace"],
            ),
            (json!({"storage": {"name": "far"}}), vec!["spec.storage"]),
            (json!({"backup": {"command": ["dump"]}}), vec!["spec.source"]),
            (json!({"compression": {}}), vec!["spec.source"]),
        ] {
            assert_eq!(faults(change.clone()), fields, "{change}");
        }
    }

    #[test]
    fn a_check_is_a_command() {
        let spec = json!({
            "source": {"run": "db-1"}, "restore": {"command": ["load"], "check": {"command": [], "deadlineSeconds": 0}},
            "template": {"spec": {"containers": [{"name": "main", "image": "db:1"}]}},
        });
        let spec: api::BackupRunSpec = serde_json::from_value(spec).unwrap();
        let faults = validate::run::validate(&spec).unwrap_err();
        assert!(
            faults.iter().all(|f| f.field.starts_with("spec.restore.check")) && faults.len() == 2,
            "{faults:?}"
        );
    }
}
