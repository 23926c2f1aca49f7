//! Whether the kinds in a cluster have the fields that this program knows.
use std::collections::BTreeSet;

use serde_json::Value;

/// So many fields are named.
const NAMED: usize = 3;

/// Fields of our CRD that the cluster's does not have. Of a Pod's own fields none is asked for: they are Kubernetes', and hundreds.
pub fn lacks(ours: &Value, theirs: &Value) -> Vec<String> {
    let (ours, theirs) = (fields(ours), fields(theirs));
    let missing: BTreeSet<_> = ours.difference(&theirs).cloned().collect();
    // A field below one that is missing says nothing new.
    let below = |path: &String| missing.iter().any(|other| path.starts_with(&format!("{other}.")));
    missing.iter().filter(|path| !below(path)).cloned().collect()
}

/// What is said of them.
pub fn words(name: &str, lacking: &[String]) -> Option<String> {
    let named = lacking.get(..NAMED.min(lacking.len()))?.join(", ");
    let more = match lacking.len() {
        0 => return None,
        n if n > NAMED => format!(" and {} more", n - NAMED),
        _ => String::new(),
    };
    Some(format!(
        "kinds: {name} in this cluster is older than this program: it lacks {named}{more}; upgrade the operator, whose chart and install.yaml bring its kinds (where the chart has crds.install: false, apply its crds.yaml); or use the kubectl-backup of its release"
    ))
}

/// Paths of all fields of the served version.
fn fields(crd: &Value) -> BTreeSet<String> {
    let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
    let version = versions.into_iter().flatten().find(|v| v["name"] == api::VERSION);
    let mut all = BTreeSet::new();
    if let Some(schema) = version.and_then(|v| v.pointer("/schema/openAPIV3Schema")) {
        walk(schema, "", &mut all);
    }
    all
}

fn walk(schema: &Value, path: &str, all: &mut BTreeSet<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let is_a_pods = field.pointer("/properties/containers").is_some();
        if !is_a_pods {
            walk(field, &path, all);
        }
        all.insert(path);
    }
    if let Some(items) = schema.get("items") {
        walk(items, path, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_cluster_lacks_is_named_once_and_a_newer_one_lacks_nothing() {
        let ours = api::schema::crds().unwrap();
        let schedule = ours
            .iter()
            .find(|crd| crd["metadata"]["name"] == "backupschedules.backup-operator.io")
            .unwrap();
        assert!(lacks(schedule, schedule).is_empty());
        let mut older = schedule.clone();
        let spec = older
            .pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties")
            .unwrap()
            .as_object_mut()
            .unwrap();
        spec.remove("notifications");
        spec.remove("jitterSeconds");
        let missing = lacks(schedule, &older);
        assert_eq!(missing, ["spec.jitterSeconds", "spec.notifications"]);
        assert!(lacks(&older, schedule).is_empty());
        let said = words("backupschedules.backup-operator.io", &missing).unwrap();
        assert!(
            said.contains("it lacks spec.jitterSeconds, spec.notifications; upgrade the operator"),
            "{said}"
        );
        assert_eq!(words("x", &[]), None);
    }

    #[test]
    fn fields_of_a_runs_template_are_asked_for_and_those_of_a_pod_are_not() {
        let all: BTreeSet<_> = api::schema::crds().unwrap().iter().flat_map(fields).collect();
        assert!(all.contains("spec.template.spec.storage.path") && all.contains("spec.storage.path"));
        assert!(!all.iter().any(|path| path.contains("containers.")), "{all:?}");
    }
}
