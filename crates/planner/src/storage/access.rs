//! Which namespaces may use a storage.
use std::collections::BTreeMap;

use api::BackupStorageSpec;
use api::storage::NamespacesFrom;
use kube::core::{Selector, SelectorExt};

/// Whether the labels of a namespace have to be known to say.
pub fn needs_labels(spec: &BackupStorageSpec) -> bool {
    from(spec) == NamespacesFrom::Selector
}

fn from(spec: &BackupStorageSpec) -> NamespacesFrom {
    spec.allowed_namespaces.as_ref().map(|a| a.from).unwrap_or_default()
}

/// Whether runs of a namespace with these labels may use the storage.
///
/// # Errors
/// Why not, and what would be right.
pub fn allows(
    spec: &BackupStorageSpec,
    storage: &str,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Result<(), String> {
    let no = |why: &str| {
        Err(format!(
            "storage {storage:?} may not be used from namespace {namespace:?}: its spec.allowedNamespaces {why}"
        ))
    };
    match from(spec) {
        NamespacesFrom::All => Ok(()),
        NamespacesFrom::None => no("allows none"),
        NamespacesFrom::Selector => {
            let selector = spec.allowed_namespaces.as_ref().and_then(|a| a.selector.clone());
            // What cannot be understood allows nothing.
            match selector.map(Selector::try_from) {
                Some(Ok(selector)) if selector.matches(labels) => Ok(()),
                Some(Ok(selector)) => no(&format!("wants the labels {selector} on the namespace")),
                Some(Err(error)) => no(&format!("has a selector that cannot be understood: {error}")),
                None => no("has no selector"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use api::storage::{AllowedNamespaces, StorageType};
    use serde_json::json;

    use super::*;

    fn spec(allowed: serde_json::Value) -> BackupStorageSpec {
        BackupStorageSpec {
            catalog: None,
            type_: StorageType::S3,
            parameters: None,
            credentials: None,
            data_path: None,
            max_concurrent_runs: None,
            allowed_namespaces: serde_json::from_value::<Option<AllowedNamespaces>>(allowed).unwrap(),
            namespace_isolation: None,
        }
    }

    #[test]
    fn a_namespace_is_allowed_by_all_or_by_its_labels_and_by_nothing_else() {
        let labels = BTreeMap::from([("team".to_string(), "shop".to_string())]);
        for (allowed, wanted) in [
            (json!(null), true),
            (json!({}), true),
            (json!({"from": "All"}), true),
            (json!({"from": "None"}), false),
            (
                json!({"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}),
                true,
            ),
            (
                json!({"from": "Selector", "selector": {"matchLabels": {"team": "other"}}}),
                false,
            ),
            (
                json!({"from": "Selector", "selector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "shop"]}]}}),
                true,
            ),
            (
                json!({"from": "Selector", "selector": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}}),
                false,
            ),
            (
                json!({"from": "Selector", "selector": {"matchExpressions": [{"key": "team", "operator": "Near"}]}}),
                false,
            ),
            (json!({"from": "Selector", "selector": {}}), true),
            (json!({"from": "Selector"}), false),
        ] {
            let said = allows(&spec(allowed.clone()), "s", "shop", &labels);
            assert_eq!(said.is_ok(), wanted, "{allowed}: {said:?}");
            assert!(said.is_ok() || said.unwrap_err().contains("spec.allowedNamespaces"));
        }
    }
}
