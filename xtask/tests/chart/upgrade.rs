//! What an upgrade from the release before makes of the chart.
use serde_json::{Map, Value, json};

use super::helm::{install, render, root};

/// The values that are in `now` and not in `before`, each as null, which is how Helm is told that one is not there.
fn new(now: &Value, before: &Value) -> Value {
    let (Value::Object(now), Value::Object(before)) = (now, before) else {
        return json!({});
    };
    let mut all = Map::new();
    for (key, now) in now {
        let found = match before.get(key) {
            None => Value::Null,
            Some(before) => new(now, before),
        };
        if found != json!({}) {
            all.insert(key.clone(), found);
        }
    }
    Value::Object(all)
}

fn merged(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut all = one.clone();
            for (key, value) in other {
                let value = all.get(key).map_or_else(|| value.clone(), |known| merged(known, value));
                all.insert(key.clone(), value);
            }
            Value::Object(all)
        }
        _ => other.clone(),
    }
}

fn values(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    serde_yaml_ng::from_str(&text).unwrap()
}

#[test]
fn values_that_the_release_before_did_not_have_may_be_missing_as_where_its_values_are_reused() {
    let now = values("charts/backup-operator/values.yaml");
    let missing = new(&now, &values("xtask/tests/chart/values-before.yaml"));
    for on in [
        json!({}),
        json!({"store": {"enabled": true}}),
        json!({"watchNamespaces": ["a"], "networkPolicy": {"enabled": true}, "notifications": {"hosts": ["a.example"]}}),
        json!({"metrics": {"serviceMonitor": {"enabled": true}, "prometheusRule": {"enabled": true}, "dashboards": {"enabled": true}}}),
        json!({"webhook": {"certManager": {"enabled": true}}}),
    ] {
        let reused = render(&merged(&on, &missing).to_string());
        // The store's own keys are random.
        let same = |objects: std::collections::BTreeMap<_, Value>| -> Vec<_> {
            objects
                .into_iter()
                .filter(|(_, object)| object["kind"] != "Secret")
                .collect()
        };
        assert!(
            same(reused) == same(render(&on.to_string())),
            "{on}: a value that is missing is one that has its default"
        );
    }
}

/// Helm orders by kind; who applies the file gets its order: a new Pod does not come before its rights and the kinds that it watches.
#[test]
fn in_the_plain_manifests_kinds_and_rights_come_before_the_pods_that_need_them() {
    let text = std::fs::read_to_string(root().join("deploy/install.yaml")).unwrap();
    let kinds: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
    assert!(kinds.len() >= install().len());
    let at = |kind: &str| {
        kinds
            .iter()
            .rposition(|found| *found == kind)
            .unwrap_or_else(|| panic!("no {kind}"))
    };
    let pods = kinds.iter().position(|kind| *kind == "Deployment").unwrap();
    for needed in [
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
    ] {
        assert!(at(needed) < pods, "{needed} comes after the Deployment");
    }
}
