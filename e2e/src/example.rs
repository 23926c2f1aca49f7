//! What docs/examples hold, changed as by `kubectl patch --type=merge`: what people copy is what was tried.
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// The spec of an example's storage, with a place and keys of the tests' own.
pub fn storage(file: &str, change: &Value) -> Value {
    let mut found = documents(file);
    found.retain(|d| d["kind"] == "BackupStorage");
    assert_eq!(found.len(), 1, "storages of {file}");
    let mut spec = found.remove(0)["spec"].take();
    merge(&mut spec, change);
    spec
}

/// All that an example holds, in its order.
pub fn documents(file: &str) -> Vec<Value> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples")).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents.map(|d| Value::deserialize(d).expect("YAML")).collect()
}

/// Changes a value as `kubectl patch --type=merge` does.
pub fn merge(into: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *into = change.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(serde_json::Map::new());
    }
    for (name, change) in change {
        match change {
            Value::Null => drop(into.as_object_mut().and_then(|into| into.remove(name))),
            change => merge(&mut into[name], change),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_example_keeps_what_is_not_changed() {
        let change = json!({"dataPath": "Relay", "parameters": {"prefix": null, "endpoint": "https://x"}});
        let changed = storage("storage-gcs.yaml", &change);
        let parameters = json!({"bucket": "example-backups", "endpoint": "https://x"});
        assert_eq!((&changed["type"], &changed["parameters"]), (&json!("gcs"), &parameters));
        assert_eq!(
            (&changed["dataPath"], &changed["credentials"]["name"]),
            (&json!("Relay"), &json!("google-backups"))
        );
    }
}
