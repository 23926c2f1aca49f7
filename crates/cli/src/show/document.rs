//! Objects for scripts: JSON, YAML and names, as kubectl gives them.
use crate::plain::acts;
use std::io::Write;

use kube::api::DynamicObject;
use serde_json::{Value, json};

/// How a script wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A List in JSON.
    Json,
    /// A List in YAML.
    Yaml,
    /// `backuprun.backup-operator.io/NAME`, one a line.
    Name,
}

/// Writes them.
///
/// # Errors
/// Whoever reads has gone, or an object has no such form.
pub fn write(form: Form, objects: &[DynamicObject], out: &mut dyn Write) -> Result<(), String> {
    if form == Form::Name {
        let mut lines = objects.iter().map(name);
        return lines.try_for_each(|line| writeln!(out, "{line}").map_err(|e| e.to_string()));
    }
    let items: Vec<_> = objects.iter().map(plain).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items});
    value(form, &list, out)
}

/// Writes any value.
///
/// # Errors
/// Whoever reads has gone, or the value has no such form.
pub fn value(form: Form, value: &impl serde::Serialize, out: &mut dyn Write) -> Result<(), String> {
    let text = match form {
        Form::Yaml => serde_yaml_ng::to_string(value).map_err(|e| e.to_string())?,
        Form::Json | Form::Name => escaped(&serde_json::to_string_pretty(value).map_err(|e| e.to_string())?) + "\n",
    };
    out.write_all(text.as_bytes()).map_err(|e| e.to_string())
}

/// JSON that says the same without a character that a terminal acts on: such ones stand in strings only, where they have an escape.
fn escaped(json: &str) -> String {
    let acts = |c: char| c != '\n' && acts(c);
    if !json.contains(acts) {
        return json.into();
    }
    let escape = |c: char| {
        if acts(c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.into()
        }
    };
    json.chars().map(escape).collect()
}

fn name(object: &DynamicObject) -> String {
    let kind = object.types.as_ref().map(|t| t.kind.to_lowercase()).unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    format!("{kind}.{}/{name}", api::GROUP)
}

/// As the API server gave it, without what only it and its appliers read; so does kubectl.
fn plain(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_the_objects_as_they_are_and_names_are_those_of_kubectl() {
        let object = json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun",
            "metadata": {"name": "db-1", "namespace": "shop", "managedFields": []},
            "spec": {"unknown": "to this version"},
        });
        let objects = [serde_json::from_value(object).unwrap()];
        let text = |form| {
            let mut out = Vec::new();
            write(form, &objects, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(Form::Name), "backuprun.backup-operator.io/db-1\n");
        let list: Value = serde_json::from_str(&text(Form::Json)).unwrap();
        assert_eq!(
            (&list["kind"], &list["items"][0]["spec"]["unknown"]),
            (&json!("List"), &json!("to this version"))
        );
        assert_eq!(list["items"][0]["kind"], "BackupRun");
        assert!(list["items"][0]["metadata"].get("managedFields").is_none());
        let yaml: Value = serde_yaml_ng::from_str(&text(Form::Yaml)).unwrap();
        assert_eq!(yaml, list);
    }
}
