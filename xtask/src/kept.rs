//! What no tool that prunes takes away by itself, because backups, or all objects of a kind, go with it. `kubectl delete` still does.
use serde_json::{Map, Value};

/// Each tool has its own word: Helm, whose word Argo CD follows from 2.7 on; Argo CD before that, and where a whole application is deleted; Flux.
const ANNOTATIONS: [(&str, &str); 3] = [
    ("helm.sh/resource-policy", "keep"),
    ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
];

/// The object, with them.
pub fn kept(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| Map::new().into());
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.extend(ANNOTATIONS.map(|(key, value)| (key.to_string(), value.into())));
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::generate;

    #[test]
    fn whatever_data_go_with_is_kept_from_tools_that_prune() {
        let mut seen = Vec::new();
        for file in generate::files().unwrap() {
            let manifest =
                file.path.starts_with("deploy/") || file.path.starts_with("charts/backup-operator/files/crds/");
            if !manifest {
                continue;
            }
            for document in serde_yaml_ng::Deserializer::from_str(&file.text) {
                let object = Value::deserialize(document).unwrap();
                let kind = object["kind"].as_str().unwrap_or_default();
                let data = ["CustomResourceDefinition", "Namespace", "PersistentVolumeClaim"].contains(&kind);
                for (key, value) in ANNOTATIONS {
                    let has = object["metadata"]["annotations"][key] == value;
                    assert_eq!(has, data, "{}: {kind}: {key}", file.path);
                }
                if data {
                    seen.push(kind.to_string());
                }
            }
        }
        // Four kinds in crds.yaml, install.yaml and the chart; the namespace; the store's claim.
        assert_eq!(seen.len(), 14, "{seen:?}");
    }
}
