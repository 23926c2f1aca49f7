//! The runs of a manifest: all of it is looked at before any is created.
use std::path::Path;

use api::BackupRun;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::follow::screen::Screen;
use crate::manifest;
use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::show::style::Tone;

/// Creates them, and returns namespace and name of each.
///
/// # Errors
/// The manifest is wrong or has something else in it, or the API server refused one.
pub async fn all(session: &Session, file: &Path, screen: &mut Screen<'_>) -> Result<Vec<(String, String)>, Fault> {
    let doing = format!("create the runs of {}", file.display());
    let lint = format!("kubectl backup lint -f {}", file.display());
    let fault = |why: String| Fault::new(&doing, why, &lint);
    let text = manifest::read(file).map_err(fault)?;
    let wanted = session.asked.as_deref();
    let runs = runs(&text, wanted, &session.namespace).map_err(fault)?;
    let mut created = Vec::new();
    for (namespace, run) in &runs {
        let run = session.create_run(namespace, run).await?;
        screen.line(&format!("backuprun/{} created", run.name_any()), Tone::Plain);
        created.push((namespace.clone(), run.name_any()));
    }
    Ok(created)
}

/// The runs, each with its namespace.
fn runs(text: &str, asked: Option<&str>, default: &str) -> Result<Vec<(String, Value)>, String> {
    let mut all = Vec::new();
    for document in manifest::documents(text) {
        let at = document.line;
        let value = document
            .value
            .map_err(|e| format!("line {}, column {}: {}", e.line, e.column, e.why))?;
        if value.is_null() {
            continue;
        }
        let items = match value.get("items").and_then(Value::as_array) {
            Some(items)
                if value
                    .get("kind")
                    .and_then(Value::as_str)
                    .is_some_and(|k| k.ends_with("List")) =>
            {
                items.clone()
            }
            _ => vec![value],
        };
        for item in items {
            let wrong = |why: &str| format!("line {at}: {why}");
            let kind = item.get("kind").and_then(Value::as_str).unwrap_or("nothing");
            let version = item.get("apiVersion").and_then(Value::as_str).unwrap_or("nothing");
            if (version, kind) != ("backup-operator.io/v1", "BackupRun") {
                return Err(wrong(&format!(
                    "only BackupRuns of backup-operator.io/v1 are run, and this is {kind} of {version}"
                )));
            }
            let named = |field: &str| item.pointer(&format!("/metadata/{field}")).and_then(Value::as_str);
            if named("name").or(named("generateName")).is_none_or(str::is_empty) {
                return Err(wrong("metadata.name or metadata.generateName is to be set"));
            }
            let namespace = match (named("namespace"), asked) {
                (Some(own), Some(asked)) if own != asked => {
                    return Err(wrong(&format!(
                        "metadata.namespace is {own}, and --namespace {asked} was asked for"
                    )));
                }
                (Some(own), _) => own.to_string(),
                (None, _) => default.to_string(),
            };
            all.push((namespace, item));
        }
    }
    if all.is_empty() {
        return Err("there is no BackupRun in it".into());
    }
    Ok(all)
}

impl Session {
    /// Creates a run as it is written. A field that there is none of is an error, not left out.
    ///
    /// # Errors
    /// The API server refused, or did not answer in time.
    pub async fn create_run(&self, namespace: &str, run: &Value) -> Result<DynamicObject, Fault> {
        use kube::Resource;
        let doing = format!("create the run in namespace {namespace}");
        let fault = |why: String| Fault::new(&doing, why, "kubectl explain backuprun.spec");
        let mut run = run.clone();
        if let Some(metadata) = run.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("namespace".into(), json!(namespace));
        }
        let body = serde_json::to_vec(&run).map_err(|e| fault(e.to_string()))?;
        let path = BackupRun::url_path(&(), Some(namespace));
        let parameters = kube::api::PostParams {
            field_manager: Some("kubectl-backup".into()),
            ..kube::api::PostParams::default()
        };
        let mut request = kube::core::Request::new(path)
            .create(&parameters, body)
            .map_err(|e| fault(e.to_string()))?;
        let strict = format!("{}&fieldValidation=Strict", request.uri());
        *request.uri_mut() = strict.parse().map_err(|_| fault("its URL cannot be written".into()))?;
        self.ask(&doing, self.client.request(request)).await.map_err(|fault| {
            // Of an object that is only made, the namespace alone can be missing.
            match fault.is_missing() && !fault.is_unknown() {
                true => fault.with_next(format!("kubectl create namespace {namespace}")),
                false => fault,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_runs_are_created_each_in_its_namespace() {
        let run = "apiVersion: backup-operator.io/v1\nkind: BackupRun\n";
        let named = format!("{run}metadata: {{name: a}}\n");
        for (text, asked, wanted) in [
            (named.clone(), None, Ok(vec!["here"])),
            (format!("{named}---\n{run}metadata: {{generateName: b-, namespace: there}}\n"), None, Ok(vec!["here", "there"])),
            (
                "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: backup-operator.io/v1, kind: BackupRun, metadata: {name: a}}\n".into(),
                None,
                Ok(vec!["here"]),
            ),
            (format!("{run}metadata: {{name: a, namespace: there}}\n"), Some("here"), Err("--namespace here")),
            (format!("{run}metadata: {{}}\n"), None, Err("generateName is to be set")),
            ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n".into(), None, Err("this is Secret of v1")),
            ("# nothing\n".into(), None, Err("no BackupRun")),
            ("a: [1\n".into(), None, Err("line ")),
        ] {
            let found = runs(&text, asked, "here");
            match (&found, wanted) {
                (Ok(all), Ok(wanted)) => assert_eq!(all.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), wanted),
                (Err(why), Err(wanted)) => assert!(why.contains(wanted), "{why}"),
                (found, wanted) => panic!("{text}: {found:?}, and not {wanted:?}"),
            }
        }
    }
}
