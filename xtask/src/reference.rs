//! docs/reference: tables of the fields, from the same schema that the API server and kubectl explain use.
#![allow(
    clippy::indexing_slicing,
    reason = "a JSON value read by a key that it does not have is null"
)]
use std::fmt::Write;

use serde_json::Value;

use api::labels;

use crate::fields::{self, Examples};

/// One page.
pub struct Page {
    /// The kind that it describes.
    pub kind: &'static str,
    /// Its file below docs/reference.
    pub path: &'static str,
    /// Annotations that users and the operator exchange on this kind, and what they do.
    annotations: &'static [(&'static str, &'static str)],
    /// What the operator refuses of it, where the schema and the rules in it cannot say so.
    refused: &'static [&'static str],
}

/// All pages.
pub const PAGES: [Page; 4] = [
    Page {
        kind: "BackupStorage",
        path: "docs/reference/storage.md",
        annotations: &[(
            labels::DELETION_PROTECTION,
            "Set by the operator on a new storage. While it is there, deletion is refused; take it away first.",
        )],
        refused: &[
            "`spec.parameters`: what is unknown, malformed or contradicts another parameter",
            "`spec.credentials`: what cannot be the name or namespace of a Secret",
            "`spec.allowedNamespaces.selector`: keys, values and operators that no label can match",
        ],
    },
    Page {
        kind: "BackupSchedule",
        path: "docs/reference/schedule.md",
        annotations: &[
            (
                labels::TRIGGER,
                "Any value makes one run now, also while the schedule is suspended; removed when the run exists. `concurrencyPolicy: Forbid` postpones it.",
            ),
            (
                labels::TRIGGER_RUN,
                "Set by the operator beside `trigger`, and removed with it: the name of the run that it is about to make.",
            ),
        ],
        refused: &[
            "`spec.schedule`, `spec.timeZone`: what is no cron expression or no IANA zone",
            "`spec.template.metadata`: what can be no label or annotation, and names that begin with `backup-operator.io/` (but `keep`)",
            "`spec.template.spec`: what is refused of a [BackupRun](run.md#what-the-operator-refuses)",
        ],
    },
    Page {
        kind: "BackupRun",
        path: "docs/reference/run.md",
        annotations: &[
            (
                labels::RESTORE,
                "Any value asks for a restore; removed when the restore is taken up.",
            ),
            (
                labels::RESTORED_AT,
                "Set by the operator: the time of the last successful restore.",
            ),
            (
                labels::CANCEL,
                "Any value stops what is under way or waits: the command is killed with all that it has started, its upload is aborted, and the run ends as `Cancelled` and is kept; a restore ends as `Cancelled`, and the backup is as good as before. Removed when it is taken up; it stops nothing that begins later. `kubectl backup cancel` sets it. It belongs in no manifest.",
            ),
            (labels::KEEP, "Any value: rotation neither counts nor removes the run."),
            (
                labels::SCHEDULED_AT,
                "Set by the operator: the tick of the schedule, or drill, that this run stands for.",
            ),
            (
                labels::TRIGGERED,
                "Set by the operator: the value of the trigger annotation that made this run.",
            ),
            (
                labels::PICKED,
                "Set by the operator on a run that a drill has made: the run whose backup it proves.",
            ),
            (
                labels::RESTORE_TAKEN,
                "Set by the operator: the request to restore that was taken up last, or the one that an applier has put back since.",
            ),
            (
                labels::RESTORES_TAKEN,
                "Set by the operator: hashes of the last 16 requests to restore that were taken up, newest last. A tool that puts one of them back asks for nothing.",
            ),
            (
                labels::COPY,
                "Names of storages, separated by commas, five at most: the good backup is copied to them, beside those of `spec.copies`. It stays on the run as long as the copies are wanted. `kubectl backup copy` sets it; [copies](../storages/copies.md).",
            ),
            (
                labels::REWRAP,
                "JSON, `{\"add\": [\"age1...\"], \"remove\": [\"age1...\"]}`: encrypts the backup that is there for other recipients; removed when it is taken up. `kubectl backup rewrap` sets it, and `docs/operations/encryption.md` says what it does.",
            ),
            (
                labels::REWRAP_TAKEN,
                "Set by the operator: the request to rewrap that was taken up, or refused, last, or the one that an applier has put back since.",
            ),
            (
                labels::REWRAPS_TAKEN,
                "Set by the operator: hashes of the last 16 requests to rewrap that were taken up, or refused, newest last. A tool that puts one of them back asks for nothing.",
            ),
            (
                labels::STARTED_AS,
                "Set by the operator before the first attempt: the run's UID. A run that is brought back under another one is not executed again.",
            ),
            (
                labels::RENDERED_PATH,
                "Set by the operator with that: the path, rendered once.",
            ),
            (
                labels::WHEN_DELETED,
                "Set by the operator: `spec.whenDeleted` of the schedule that made this run.",
            ),
        ],
        refused: &[
            "`spec.backup`, `spec.restore`: a command whose first element is empty; an element with a NUL or of more than 128 KiB; a deadline of more than 4,294,967,295 seconds",
            "`spec.storage.name`: what cannot be the name of a BackupStorage",
            "`spec.storage.path`: a template that does not parse, looks for what there is not, or renders to what is no path",
            "`spec.encryption`: what is no recipient that age takes; what cannot be the name, namespace or key of a Secret",
            "`spec.template.metadata`: what can be no label or annotation, and names that begin with `backup-operator.io/` (but `keep`)",
            "`spec.template.spec`: names that the operator needs for its agent (volumes `backup-operator` and `backup-operator-run`, init container `backup-operator-agent`, mounts below `/.backup-operator`)",
            "`spec.template.spec`: what no API server would take of a Pod: names of containers and volumes that are none or stand twice, containers without image, mounts of volumes that are not there or of two things at one path, variables without a name or with two values, amounts that are none or above their limit, ephemeral containers, unknown policies; nodes that are not Linux; `runAsUser: 0` with `runAsNonRoot: true`",
        ],
    },
    Page {
        kind: "BackupDrill",
        path: "docs/reference/drill.md",
        annotations: &[
            (
                labels::TRIGGER,
                "Any value proves a backup now, also while the drill is suspended; removed when the run exists, or when there is nothing to prove. It waits for a drill that is under way.",
            ),
            (
                labels::TRIGGER_BACKUP,
                "Beside `trigger`: the run whose backup is to be proved, whatever `source.pick` says; removed with it.",
            ),
            (
                labels::TRIGGER_RUN,
                "Set by the operator beside `trigger`, and removed with it: the name of the run that it is about to make.",
            ),
        ],
        refused: &[
            "`spec.schedule`, `spec.timeZone`: what is no cron expression or no IANA zone",
            "`spec.source.schedule`: what cannot be the name of a BackupSchedule",
            "A name that a BackupSchedule of the namespace has: their runs would have the same names (when it is acted upon only)",
            "`spec.restore`, `spec.check`, `spec.template`, `spec.decryptionKey`: what is refused of a [BackupRun](run.md#what-the-operator-refuses)",
            "`spec.reader`: what no API server would take of a Pod",
        ],
    },
];

/// The text of a page. An incomplete CRD gives an incomplete page, never a panic; tests look at the result.
pub fn page(page: &Page, crd: &Value) -> String {
    let names = &crd["spec"]["names"];
    let version = &crd["spec"]["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let mut text = format!(
        "<!-- Generated by `cargo xtask generate`; do not edit. -->\n# {}\n\n",
        page.kind
    );
    let _ = writeln!(
        text,
        "{}\n\n`{}/{}`, {}, short name `{}`. `kubectl explain {}.spec` shows the same.",
        string(&schema["description"]),
        string(&crd["spec"]["group"]),
        string(&version["name"]),
        if crd["spec"]["scope"] == "Cluster" {
            "cluster-scoped"
        } else {
            "in a namespace"
        },
        string(&names["shortNames"][0]),
        string(&names["singular"]),
    );
    let _ = writeln!(
        text,
        "\nA field of `spec` is there since a version: *Go 1.3* is the Go operator's, which this one took over unchanged. *As in* shows it as an example has it."
    );
    let own = Own {
        kind: page.kind,
        examples: &Examples::read(),
    };
    section(&mut text, "spec", &schema["properties"]["spec"], 2, Some(&own));
    section(&mut text, "status", &schema["properties"]["status"], 2, None);
    let mut rules = Vec::new();
    collect_rules(schema, "", &mut rules);
    if !rules.is_empty() {
        text.push_str("\n## What the API server refuses\n\nBeside wrong types and values out of range:\n\n");
        for rule in rules {
            let _ = writeln!(text, "- {rule}");
        }
    }
    text.push_str("\n## What the operator refuses\n\nWith its webhook when an object is written, otherwise when it is acted upon; `kubectl backup lint` says it before:\n\n");
    for rule in page.refused {
        let _ = writeln!(text, "- {rule}");
    }
    text.push_str("\n## Annotations\n\n| annotation | meaning |\n|---|---|\n");
    for (name, meaning) in page.annotations {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
    text
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Where another page, or Kubernetes' own, has the fields.
fn elsewhere(path: &str, schema: &Value) -> Option<&'static str> {
    if path == "status.conditions" {
        return Some("Conditions as of any Kubernetes object.");
    }
    let has = |name: &str| schema["properties"].get(name).is_some();
    if path.ends_with("template.spec") && has("containers") {
        return Some("Fields: `kubectl explain pod.spec`.");
    }
    if path == "spec.template.spec" && has("storage") {
        return Some("Fields: [BackupRun](run.md#spec).");
    }
    if [
        "spec.reader.resources",
        "spec.reader.tolerations",
        "spec.reader.imagePullSecrets",
    ]
    .contains(&path)
    {
        return Some("Fields: `kubectl explain pod.spec`.");
    }
    if path == "status.active" {
        return Some("`name`, `namespace` and `uid` of each.");
    }
    None
}

/// What the rows of a spec say beside type and meaning; a status has none of it.
struct Own<'a> {
    kind: &'a str,
    examples: &'a Examples,
}

fn section(text: &mut String, path: &str, schema: &Value, level: usize, own: Option<&Own<'_>>) {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .map(string)
        .collect();
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let mut properties: Vec<_> = properties.iter().collect();
    properties.sort_by_key(|(name, _)| (!required.contains(&name.as_str()), *name));
    let head = match own {
        Some(_) => "| field | type | default | since | meaning | as in |\n|---|---|---|---|---|---|",
        None => "| field | type | meaning |\n|---|---|---|",
    };
    let _ = writeln!(text, "\n{} {path}\n\n{head}", "#".repeat(level));
    let mut below = Vec::new();
    for (name, property) in properties {
        let path = format!("{path}.{name}");
        let mut meaning = string(&property["description"]).replace('|', "\\|");
        let mut default = String::new();
        let (mut since, mut example) = ("", String::new());
        if let Some(own) = own {
            (default, meaning) = fields::default(property, &meaning);
            (since, example) = (fields::since(own.kind, &path), own.examples.of(own.kind, &path));
        }
        let inner = if property["type"] == "array" {
            &property["items"]
        } else {
            property
        };
        if let Some(hint) = elsewhere(&path, inner) {
            meaning = format!("{meaning} {hint}");
        } else if inner["properties"].is_object() {
            below.push((path, inner));
        }
        let must = if required.contains(&name.as_str()) {
            ", required"
        } else {
            ""
        };
        let kind = kind_of(property);
        let _ = match own {
            Some(_) => writeln!(
                text,
                "| `{name}` | {kind}{must} | {default} | {since} | {meaning} | {example} |"
            ),
            None => writeln!(text, "| `{name}` | {kind}{must} | {meaning} |"),
        };
    }
    for (path, schema) in below {
        section(text, &path, schema, level + 1, own);
    }
}

fn kind_of(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|w| format!("`{}`", string(w)))
            .collect::<Vec<_>>()
            .join(", ");
    }
    match string(&schema["type"]) {
        "array" => format!("list of {}", kind_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => "map of strings".into(),
        "string" if schema["format"] == "date-time" => "time".into(),
        other => other.to_string(),
    }
}

fn collect_rules(schema: &Value, path: &str, rules: &mut Vec<String>) {
    if elsewhere(path.trim_start_matches('.'), schema).is_some_and(|hint| hint.contains("run.md")) {
        rules.push(format!(
            "`{}`: what is refused of a [BackupRun](run.md#what-the-api-server-refuses) when it is created",
            path.trim_start_matches('.')
        ));
        return;
    }
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let field = format!("{path}{}", string(&rule["fieldPath"]));
        let field = field.trim_start_matches('.');
        // Only the rules on containers make their message from the object.
        let message = rule["message"]
            .as_str()
            .unwrap_or("must be the name of a container of the template");
        rules.push(if field.is_empty() {
            message.into()
        } else {
            format!("`{field}`: {message}")
        });
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        collect_rules(property, &format!("{path}.{name}"), rules);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;

    fn text(kind: &str) -> String {
        let crd = generate::crds()
            .unwrap()
            .into_iter()
            .find(|crd| crd["spec"]["names"]["kind"] == kind)
            .unwrap();
        page(PAGES.iter().find(|page| page.kind == kind).unwrap(), &crd)
    }

    #[test]
    fn a_page_has_every_field_of_ours_and_none_of_the_pod() {
        let run = text("BackupRun");
        for words in [
            "### spec.backup\n",
            "#### spec.encryption.decryptionKey\n",
            "| `command` | list of string, required |  | Go 1.3 |",
            "| `backoffLimit` | integer | 0 | 0.1 |",
            "### status.restores\n",
            "`Retain`, `Delete`",
        ] {
            assert!(run.contains(words), "{words}\n{run}");
        }
        assert!(!run.contains("hostNetwork"));
        let schedule = text("BackupSchedule");
        assert!(schedule.contains("[BackupRun](run.md#spec)") && !schedule.contains("decryptionKey"));
    }

    #[test]
    fn a_page_says_what_is_refused() {
        assert!(text("BackupRun").contains("- `spec.backup`: cannot change after creation"));
        assert!(text("BackupSchedule").contains("- metadata.name: at most 52"));
    }
}
