//! Manifests that are refused, each for one thing, and what is said of them: `crates/testing/manifests/*.yaml`. The same table
//! is put to the API server, to reconcile's rules and to `kubectl backup lint`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a table that cannot be read has to fail the test that asked for it"
)]
use serde::Deserialize;
use serde_json::Value;

const FILES: [(&str, &str); 5] = [
    ("storages.yaml", include_str!("../manifests/storages.yaml")),
    ("schedules.yaml", include_str!("../manifests/schedules.yaml")),
    ("runs.yaml", include_str!("../manifests/runs.yaml")),
    ("drills.yaml", include_str!("../manifests/drills.yaml")),
    ("pods.yaml", include_str!("../manifests/pods.yaml")),
];

/// One manifest that is refused.
#[derive(Clone, Debug)]
pub struct Bad {
    /// `file:line` of its document.
    pub place: String,
    /// The rule that it breaks.
    pub rule: String,
    /// What every answer contains.
    pub says: String,
    /// What the API server's schema says instead. Then reconcile never sees the object.
    pub api: Option<String>,
    /// The whole object.
    pub object: Value,
}

/// All of them.
///
/// # Panics
/// A document has no rule, or is no YAML.
pub fn bad() -> Vec<Bad> {
    FILES.iter().flat_map(|(file, text)| table(file, text)).collect()
}

fn table(file: &str, text: &str) -> Vec<Bad> {
    let mut line = 1;
    let mut documents = text.split("\n---\n").map(|document| {
        let place = format!("{file}:{line}");
        line += document.lines().count() + 1;
        let mut yaml = serde_yaml_ng::Deserializer::from_str(document);
        let first = yaml.next().unwrap_or_else(|| panic!("{place}: is empty"));
        let value = Value::deserialize(first).unwrap_or_else(|e| panic!("{place}: {e}"));
        (place, document, value)
    });
    let (_, _, base) = documents.next().expect("a first document");
    documents
        .map(|(place, document, patch)| {
            let said = |key: &str| {
                let mut lines = document.lines();
                lines.find_map(|l| l.strip_prefix(&format!("# {key}: ")).map(str::to_string))
            };
            let needed = |key: &str| said(key).unwrap_or_else(|| panic!("{place}: no `# {key}:`"));
            let mut object = base.clone();
            merge(&mut object, patch);
            Bad {
                rule: needed("rule"),
                says: needed("says"),
                api: said("api"),
                object,
                place,
            }
        })
        .collect()
}

/// RFC 7386.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_rule_stands_once_and_each_manifest_differs() {
        let all = bad();
        assert!(all.len() >= 130, "{}", all.len());
        let rules: BTreeSet<_> = all.iter().map(|b| &b.rule).collect();
        let objects: BTreeSet<_> = all.iter().map(|b| b.object.to_string()).collect();
        assert_eq!((rules.len(), objects.len()), (all.len(), all.len()));
        let of = |rule: &str| all.iter().find(|b| b.rule == rule).cloned().expect("that rule");
        let none = of("a run does something");
        assert!(none.object["spec"].get("backup").is_none() && none.object["spec"]["storage"]["name"] == "e2e");
        assert!(none.place.starts_with("runs.yaml:"));
    }
}
