//! The rules of a `BackupStorage`'s spec.
use std::collections::BTreeMap;

use api::BackupStorageSpec;
use api::storage::{AllowedNamespaces, DataPath, NamespacesFrom, StorageType};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

use super::{Fault, Faults, meant, metadata, names};

/// What a selector's expressions can ask.
const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];

/// Checks a spec. `parameters` is the store's word on the parameters of a type, each fault by its name and in words
/// (`store::parameters::faults`): this crate knows no store.
///
/// # Errors
/// All faults.
pub fn validate(
    spec: &BackupStorageSpec,
    parameters: impl FnOnce(&str, &BTreeMap<String, String>) -> Vec<(String, String)>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Faults::below("spec");
    if let Some(credentials) = &spec.credentials {
        for (field, value, right, words) in [
            (
                "name",
                &credentials.name,
                names::is_subdomain as fn(&str) -> bool,
                names::SUBDOMAIN,
            ),
            ("namespace", &credentials.namespace, names::is_label, names::LABEL),
        ] {
            if value.is_empty() {
                faults.add(
                    &format!("credentials.{field}"),
                    "must not be empty: the name and the namespace of a Secret are needed, or no credentials",
                );
            } else if !right(value) {
                faults.add(
                    &format!("credentials.{field}"),
                    format!("{value:?} cannot be the {field} of a Secret: {words}"),
                );
            }
        }
    }
    if let Some(allowed) = &spec.allowed_namespaces {
        selector(allowed, &mut faults);
    }
    if spec.max_concurrent_runs == Some(0) {
        faults.add(
            "maxConcurrentRuns",
            "has to be at least 1; leave it out for no limit but the operator's own",
        );
    }
    if spec.type_ == StorageType::Sftp {
        if spec.data_path == Some(DataPath::Direct) {
            faults.add("dataPath", api::rules::RELAYED.words());
        }
        if spec.credentials.is_none() {
            faults.add("credentials", api::rules::LOGIN.words());
        }
    }
    for (name, message) in parameters(spec.type_.name(), spec.parameters.as_ref().unwrap_or(&BTreeMap::new())) {
        faults.add(&format!("parameters.{name}"), message);
    }
    if faults.all.is_empty() { Ok(()) } else { Err(faults.all) }
}

/// A selector that cannot be understood allows nothing; nobody shall find that out by their backups.
fn selector(allowed: &AllowedNamespaces, faults: &mut Faults) {
    const FIELD: &str = "allowedNamespaces.selector";
    if allowed.selector.is_some() != (allowed.from == NamespacesFrom::Selector) {
        faults.add(FIELD, api::rules::SELECTOR.words());
    }
    let Some(selector) = &allowed.selector else { return };
    metadata::labels(selector.match_labels.as_ref(), &format!("{FIELD}.matchLabels"), faults);
    for (index, one) in selector.match_expressions.iter().flatten().enumerate() {
        expression(one, &format!("{FIELD}.matchExpressions[{index}]"), faults);
    }
}

fn expression(one: &LabelSelectorRequirement, field: &str, faults: &mut Faults) {
    metadata::check_key(&one.key, &format!("{field}.key"), faults);
    let values = one.values.as_deref().unwrap_or_default();
    match one.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            faults.add(
                &format!("{field}.values"),
                format!("at least one is needed with {}", one.operator),
            );
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            faults.add(
                &format!("{field}.values"),
                format!("are of no use with {}", one.operator),
            );
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => {
            let hint = meant(other, OPERATORS)
                .map(|m| format!("; did you mean {m}?"))
                .unwrap_or_default();
            faults.add(
                &format!("{field}.operator"),
                format!("{other:?} is not known; there are {}{hint}", OPERATORS.join(", ")),
            );
        }
    }
    for (index, value) in values.iter().enumerate() {
        metadata::check_value(value, &format!("{field}.values[{index}]"), faults);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields(spec: Value) -> Vec<String> {
        let spec: BackupStorageSpec = serde_json::from_value(spec).unwrap();
        let faults = validate(&spec, |_, _| Vec::new()).err().unwrap_or_default();
        faults.into_iter().map(|f| f.field).collect()
    }

    #[test]
    fn a_secret_is_named_as_secrets_are() {
        let cases = [
            ("minio-credentials", "minio", vec![]),
            ("a.b", "minio", vec![]),
            ("", "", vec!["spec.credentials.name", "spec.credentials.namespace"]),
            ("Minio", "minio", vec!["spec.credentials.name"]),
            ("minio", "a.b", vec!["spec.credentials.namespace"]),
            ("-a", "a/b", vec!["spec.credentials.name", "spec.credentials.namespace"]),
        ];
        for (name, namespace, wanted) in cases {
            let spec = json!({ "credentials": { "name": name, "namespace": namespace } });
            assert_eq!(fields(spec), wanted, "{name:?} {namespace:?}");
        }
    }

    #[test]
    fn nothing_of_sftp_goes_direct_and_somebody_has_to_log_in() {
        let secret = json!({ "name": "files", "namespace": "backups" });
        for (spec, wanted) in [
            (json!({ "type": "sftp", "credentials": secret }), vec![]),
            (
                json!({ "type": "sftp", "credentials": secret, "dataPath": "Relay" }),
                vec![],
            ),
            (
                json!({ "type": "sftp", "dataPath": "Direct" }),
                vec!["spec.dataPath", "spec.credentials"],
            ),
            (json!({ "type": "s3", "dataPath": "Direct" }), vec![]),
        ] {
            assert_eq!(fields(spec.clone()), wanted, "{spec}");
        }
    }

    #[test]
    fn a_selector_can_be_understood_or_is_refused() {
        let one = |expression: Value| json!({ "from": "Selector", "selector": { "matchExpressions": [expression] } });
        for (allowed, wanted) in [
            (json!({}), None),
            (json!({ "from": "Selector", "selector": {} }), None),
            (json!({ "from": "Selector" }), Some("")),
            (json!({ "from": "All", "selector": {} }), Some("")),
            (
                json!({ "from": "Selector", "selector": { "matchLabels": { "team": "a b" } } }),
                Some(".matchLabels[\"team\"]"),
            ),
            (one(json!({ "key": "a", "operator": "Exists" })), None),
            (one(json!({ "key": "a", "operator": "In", "values": ["b"] })), None),
            (
                one(json!({ "key": "a/b/c", "operator": "Exists" })),
                Some(".matchExpressions[0].key"),
            ),
            (
                one(json!({ "key": "a", "operator": "In" })),
                Some(".matchExpressions[0].values"),
            ),
            (
                one(json!({ "key": "a", "operator": "Exists", "values": ["b"] })),
                Some(".matchExpressions[0].values"),
            ),
            (
                one(json!({ "key": "a", "operator": "in", "values": ["b"] })),
                Some(".matchExpressions[0].operator"),
            ),
            (
                one(json!({ "key": "a", "operator": "In", "values": ["b", "-"] })),
                Some(".matchExpressions[0].values[1]"),
            ),
        ] {
            let wanted: Vec<_> = wanted
                .map(|w| format!("spec.allowedNamespaces.selector{w}"))
                .into_iter()
                .collect();
            assert_eq!(fields(json!({ "allowedNamespaces": allowed })), wanted, "{allowed}");
        }
    }
}
