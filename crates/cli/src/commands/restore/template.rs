//! The Pod of a file: a Pod, a PodTemplate, or the template of a BackupRun.
use std::path::Path;

use api::run::PodTemplate;
use serde_json::{Value, json};

use crate::manifest;

/// Reads it.
///
/// # Errors
/// It is none of these, or more than one.
pub fn read(file: &Path) -> Result<PodTemplate, String> {
    let text = manifest::read(file)?;
    of(&text).map_err(|why| format!("--template {}: {why}", file.display()))
}

fn of(text: &str) -> Result<PodTemplate, String> {
    let mut all = manifest::documents(text).into_iter();
    let (Some(document), None) = (all.next(), all.next()) else {
        return Err("it is to have one document".into());
    };
    let value = document
        .value
        .map_err(|e| format!("line {}, column {}: {}", e.line, e.column, e.why))?;
    let template = match value.get("kind").and_then(Value::as_str) {
        Some("Pod") => pod(&value),
        Some("PodTemplate") => pod(at(&value, "/template")),
        Some("BackupRun") => at(&value, "/spec/template").clone(),
        _ => return Err("it is no Pod, PodTemplate or BackupRun".into()),
    };
    let template: PodTemplate = serde_json::from_value(template).map_err(|e| e.to_string())?;
    if template.spec.containers.is_empty() {
        return Err("its spec has no containers: name one with an image".into());
    }
    Ok(template)
}

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

/// Labels and annotations are all that a template keeps of a Pod's metadata.
fn pod(value: &Value) -> Value {
    json!({
        "metadata": {"labels": at(value, "/metadata/labels"), "annotations": at(value, "/metadata/annotations")},
        "spec": at(value, "/spec"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_taken_out_of_what_people_have() {
        let pod = "metadata: {name: p, labels: {a: b}}\nspec: {containers: [{name: c, image: i}]}\n";
        let indented = pod.replace('\n', "\n  ");
        for text in [
            format!("apiVersion: v1\nkind: Pod\n{pod}"),
            format!(
                "apiVersion: v1\nkind: PodTemplate\ntemplate:\n  {}\n",
                indented.trim_end()
            ),
            "apiVersion: backup-operator.io/v1\nkind: BackupRun\nspec:\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: c, image: i}]}\n".to_string(),
        ] {
            let template = of(&text).unwrap();
            assert_eq!(template.spec.containers[0].name, "c");
            assert_eq!(template.metadata.unwrap().labels.unwrap()["a"], "b");
        }
        for (text, words) in [
            ("kind: Deployment\n", "no Pod"),
            ("kind: Pod\n---\nkind: Pod\n", "one document"),
            ("kind: Pod\nspec: {}\n", "containers"),
            ("", "one document"),
        ] {
            assert!(of(text).unwrap_err().contains(words), "{text}");
        }
    }
}
