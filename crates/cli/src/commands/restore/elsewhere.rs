//! Whether there is the other namespace, and a run in it can reach the object at all, which its storage says.
use std::collections::BTreeMap;

use api::storage::NamespaceIsolation;
use api::{BackupRun, BackupStorage};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use planner::storage::access;

use crate::read::connect::Session;
use crate::read::fault::Fault;

/// What could not be looked at, for people.
///
/// # Errors
/// There is no such namespace, or the storage keeps it from the object.
pub async fn check(session: &Session, source: &BackupRun, namespace: &str, doing: &str) -> Result<Vec<String>, Fault> {
    let name = &source.spec.storage.name;
    let own = source.namespace().unwrap_or_default();
    let next = format!("kubectl get backupstorage {name} -o yaml");
    let api: Api<Namespace> = Api::all(session.client.clone());
    let asked = format!("get namespace {namespace}");
    let found = session
        .ask(&asked, async { seen(api.get_opt(namespace).await) })
        .await?;
    let labels = match found {
        Seen::Is(found) => Some(found.metadata.labels.unwrap_or_default()),
        Seen::Not => None,
        Seen::Missing => {
            return Err(Fault::new(
                doing,
                format!("there is no namespace {namespace}"),
                format!("kubectl create namespace {namespace}"),
            ));
        }
    };
    let api: Api<BackupStorage> = Api::all(session.client.clone());
    let storage = session
        .ask(&format!("get storage {name}"), async { seen(api.get_opt(name).await) })
        .await?;
    let storage = match storage {
        Seen::Is(storage) => storage,
        Seen::Missing => return Err(Fault::new(doing, format!("there is no storage {name}"), next)),
        Seen::Not => {
            let note = format!(
                "storage {name} may not be looked at: whether namespace {namespace} may read the object is seen when the restore begins"
            );
            return Ok(vec![note]);
        }
    };
    let mut notes = Vec::new();
    // Where no label counts, all is known without them.
    let labels = labels.or_else(|| (!access::needs_labels(&storage.spec)).then(BTreeMap::new));
    if labels.is_none() {
        notes.push(format!("namespace {namespace} may not be looked at: whether storage {name} allows it is seen when the restore begins"));
    }
    forbidden(&storage, &own, namespace, labels.as_ref()).map_err(|why| Fault::new(doing, why, next))?;
    Ok(notes)
}

/// An object that somebody may not be allowed to see.
enum Seen<K> {
    Is(Box<K>),
    Missing,
    Not,
}

fn seen<K>(answer: Result<Option<K>, kube::Error>) -> Result<Seen<K>, kube::Error> {
    match answer {
        Ok(Some(object)) => Ok(Seen::Is(Box::new(object))),
        Ok(None) => Ok(Seen::Missing),
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => Ok(Seen::Not),
        Err(error) => Err(error),
    }
}

/// Why the namespace may not read what another one has stored. Without labels nothing is said of who may use the storage.
fn forbidden(
    storage: &BackupStorage,
    own: &str,
    namespace: &str,
    labels: Option<&BTreeMap<String, String>>,
) -> Result<(), String> {
    let name = storage.name_any();
    if storage.spec.namespace_isolation == Some(NamespaceIsolation::Prefix) && own != namespace {
        return Err(format!(
            "storage {name} keeps namespaces apart (namespaceIsolation: Prefix): a run in {namespace} reads below {namespace}/ only, and the object is below {own}/. Have a second BackupStorage without namespaceIsolation, with the same bucket and the prefix of {own}/, for which {namespace} alone is allowed, and name it in a run as docs/examples/restore-only.yaml has it (docs/operations/restore.md has both); or restore in namespace {own}"
        ));
    }
    match labels {
        Some(labels) => access::allows(&storage.spec, &name, namespace, labels),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_storage_that_keeps_namespaces_apart_or_allows_few_is_asked_first() {
        let storage = |spec: Value| -> BackupStorage {
            serde_json::from_value(json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "minio"}, "spec": spec,
            }))
            .unwrap()
        };
        let team = json!({"type": "s3", "parameters": {"bucket": "backups"}, "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}});
        let of_a = BTreeMap::from([("team".to_string(), "a".to_string())]);
        let none = BTreeMap::new();
        for (spec, namespace, labels, words) in [
            (
                json!({"type": "s3", "parameters": {"bucket": "backups"}}),
                "staging",
                Some(&none),
                None,
            ),
            (
                json!({"type": "s3", "parameters": {"bucket": "backups"}, "namespaceIsolation": "Prefix"}),
                "staging",
                Some(&none),
                Some("below shop/"),
            ),
            (
                json!({"type": "s3", "parameters": {"bucket": "backups"}, "namespaceIsolation": "Prefix"}),
                "shop",
                Some(&none),
                None,
            ),
            (team.clone(), "staging", Some(&of_a), None),
            (team.clone(), "staging", Some(&none), Some("spec.allowedNamespaces")),
            (team, "staging", None, None),
        ] {
            let found = forbidden(&storage(spec.clone()), "shop", namespace, labels);
            assert_eq!(found.is_err(), words.is_some(), "{spec} {namespace}: {found:?}");
            assert!(found.is_ok() || found.unwrap_err().contains(words.unwrap()));
        }
    }
}
