//! What a field's row of docs/reference says beside its meaning: its default, since when it is there, and how an example has it.
#![allow(
    clippy::indexing_slicing,
    reason = "a JSON value read by a key that it does not have is null"
)]
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Fields of the Go operator's API, which this one took over; below `template.spec` of a schedule those of a run.
const OF_GO: [(&str, &[&str]); 3] = [
    (
        "BackupStorage",
        &[
            "spec.type",
            "spec.parameters",
            "spec.credentials",
            "spec.credentials.name",
            "spec.credentials.namespace",
        ],
    ),
    (
        "BackupSchedule",
        &[
            "spec.schedule",
            "spec.timeZone",
            "spec.startingDeadlineSeconds",
            "spec.concurrencyPolicy",
            "spec.suspend",
            "spec.successfulRunsHistoryLimit",
            "spec.failedRunsHistoryLimit",
            "spec.template",
            "spec.template.metadata",
            "spec.template.metadata.labels",
            "spec.template.metadata.annotations",
            "spec.template.spec",
        ],
    ),
    (
        "BackupRun",
        &[
            "spec.retainPolicy",
            "spec.backup",
            "spec.backup.container",
            "spec.backup.command",
            "spec.backup.args",
            "spec.backup.deadlineSeconds",
            "spec.restore",
            "spec.restore.container",
            "spec.restore.command",
            "spec.restore.args",
            "spec.restore.deadlineSeconds",
            "spec.storage",
            "spec.storage.name",
            "spec.storage.path",
            "spec.compression",
            "spec.compression.algorithm",
            "spec.compression.level",
            "spec.encryption",
            "spec.encryption.recipients",
            "spec.encryption.decryptionKey",
            "spec.encryption.decryptionKey.name",
            "spec.encryption.decryptionKey.namespace",
            "spec.encryption.decryptionKey.key",
            "spec.template",
            "spec.template.metadata",
            "spec.template.metadata.labels",
            "spec.template.metadata.annotations",
            "spec.template.spec",
        ],
    ),
];

/// Longer values are shown in the example itself.
const SHORT: usize = 48;

/// Since when a field is there.
pub fn since(kind: &str, path: &str) -> &'static str {
    let is_of_go = OF_GO.iter().any(|(of, paths)| *of == kind && paths.contains(&path));
    if is_of_go { "Go 1.3" } else { "0.1" }
}

/// The default, as the schema or the description has it, and the description without it. A default that takes more than a few words stays where it is.
pub fn default(schema: &Value, meaning: &str) -> (String, String) {
    const MARK: &str = "Default: ";
    let text = |value: &Value| match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    };
    let said = meaning.find(MARK).and_then(|start| {
        let rest = meaning.get(start + MARK.len()..)?;
        let end = rest
            .find(". ")
            .map_or_else(|| rest.strip_suffix('.').map(str::len), Some)?;
        let words = rest
            .get(..end)
            .filter(|words| words.len() <= SHORT && !words.contains(['|', ';']))?;
        let after = rest.get(end + 1..)?.trim_start();
        Some((
            words.to_string(),
            format!("{}{after}", meaning.get(..start)?).trim_end().to_string(),
        ))
    });
    match (said, schema.get("default")) {
        (Some((words, rest)), None) => (words, rest),
        (Some((words, rest)), Some(value)) if text(value).trim_matches('`') == words.trim_matches('`') => {
            (text(value), rest)
        }
        (_, Some(value)) if text(value).len() <= SHORT => (text(value), meaning.to_string()),
        (_, _) if meaning.contains(MARK) || meaning.contains("(default)") => {
            ("see there".to_string(), meaning.to_string())
        }
        _ => (String::new(), meaning.to_string()),
    }
}

/// How the examples have fields, by kind and path: the value of the first that has it, and its name.
pub struct Examples(BTreeMap<(String, String), (Value, &'static str)>);

impl Examples {
    /// Reads them.
    pub fn read() -> Self {
        let mut found = Self(BTreeMap::new());
        // What backs up and restores says more of a run than what proves it.
        let (drills, others): (Vec<_>, Vec<_>) = cli::recipes().iter().partition(|r| r.name.starts_with("drill"));
        for recipe in others.into_iter().chain(drills) {
            for document in serde_yaml_ng::Deserializer::from_str(recipe.text) {
                // The tests of the examples say what is wrong with one that cannot be read.
                let Ok(document) = Value::deserialize(document) else {
                    continue;
                };
                let kind = document["kind"].as_str().unwrap_or_default();
                found.take(kind, "spec", &document["spec"], recipe.name);
                if kind == "BackupSchedule" {
                    found.take("BackupRun", "spec", &document["spec"]["template"]["spec"], recipe.name);
                }
            }
        }
        found
    }

    fn take(&mut self, kind: &str, path: &str, value: &Value, name: &'static str) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let path = format!("{path}.{field}");
                    let at = (kind.to_string(), path.clone());
                    self.0.entry(at).or_insert_with(|| (value.clone(), name));
                    self.take(kind, &path, value, name);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.take(kind, path, item, name)),
            _ => {}
        }
    }

    /// What stands in the table: a short value, and a link to the example that has it.
    pub fn of(&self, kind: &str, path: &str) -> String {
        let Some((value, name)) = self.0.get(&(kind.to_string(), path.to_string())) else {
            return String::new();
        };
        let link = format!("[{name}](../examples/{name}.yaml)");
        let shown = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let is_short = shown.len() <= SHORT && !shown.contains(['|', '`', '\n']);
        match value {
            Value::Object(_) => link,
            _ if is_short => format!("`{shown}`, {link}"),
            _ => link,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_default_is_what_the_schema_or_the_words_say() {
        let words = |schema: Value, meaning: &str| default(&schema, meaning);
        let pair = |default: &str, rest: &str| (default.to_string(), rest.to_string());
        assert_eq!(words(json!({}), "How many. Default: 3."), pair("3", "How many."));
        assert_eq!(words(json!({}), "One. Default: none. Two."), pair("none", "One. Two."));
        assert_eq!(words(json!({"default": "gzip"}), "Which."), pair("`gzip`", "Which."));
        assert_eq!(
            words(json!({"default": 3}), "How many. Default: 3."),
            pair("`3`", "How many.")
        );
        let long = "Size. Default: twice the size of the newest good backup of the same schedule; without one, none.";
        assert_eq!(words(json!({}), long), pair("see there", long));
        assert_eq!(words(json!({}), "A name."), pair("", "A name."));
    }

    #[test]
    fn fields_of_the_go_operator_are_older_than_ours() {
        assert_eq!(since("BackupRun", "spec.storage.path"), "Go 1.3");
        assert_eq!(since("BackupRun", "spec.backoffLimit"), "0.1");
    }

    #[test]
    fn every_field_that_go_has_is_one_of_ours() {
        for crd in crate::generate::crds().unwrap() {
            let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
            let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            for (_, paths) in OF_GO.iter().filter(|(of, _)| *of == kind) {
                for path in *paths {
                    let found = path.split('.').fold(schema, |at, key| &at["properties"][key]);
                    assert!(found.is_object(), "{kind} has no {path}");
                }
            }
        }
    }

    #[test]
    fn a_field_is_shown_as_an_example_has_it() {
        let examples = Examples::read();
        assert_eq!(examples.of("BackupRun", "spec.noSuchField"), "");
        assert_eq!(
            examples.of("BackupRun", "spec.encryption.decryptionKey.key"),
            "`keys.txt`, [encryption](../examples/encryption.yaml)"
        );
    }
}
