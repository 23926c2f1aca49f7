//! The chart of a release: the image in its values, and what Artifact Hub shows in `Chart.yaml`.
use std::path::Path;

use serde_json::{Value, json};

use super::manifests::Release;
use super::{Error, changes, listed, name, read, save};
use crate::yaml;

const FOLDER: &str = "charts/backup-operator";
/// The chart is in a Secret of each release that Helm installs, which has a megabyte: CHANGELOG.md has the rest.
const CHANGES: usize = 20;

/// Writes the folder `out/chart/backup-operator`, and `out/chart.json`, which registries keep beside the chart.
pub fn write(root: &Path, release: &Release<'_>, out: &Path) -> Result<(), Error> {
    let folder = root.join(FOLDER);
    copy(&folder, &out.join("chart/backup-operator"))?;
    let values = values(&read(&folder.join("values.yaml"))?, release)?;
    save(&out.join("chart/backup-operator/values.yaml"), values)?;
    let about = about(
        &read(&folder.join("Chart.yaml"))?,
        &read(&root.join("CHANGELOG.md"))?,
        release,
    )?;
    save(&out.join("chart/backup-operator/Chart.yaml"), &about)?;
    let about: Value = serde_yaml_ng::from_str(&about)?;
    save(&out.join("chart.json"), serde_json::to_vec(&about)?)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    for path in listed(from)? {
        let to = to.join(name(&path));
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            save(&to, read(&path)?)?;
        }
    }
    Ok(())
}

/// As text, so that the comments stay.
fn values(text: &str, release: &Release<'_>) -> Result<String, Error> {
    let lines = [
        ("  repository: localhost/backup-operator\n", release.repository),
        ("  tag: dev\n", release.version),
        ("  digest: \"\"\n", release.digest),
    ];
    let mut text = text.to_string();
    for (line, value) in lines {
        if text.matches(line).count() != 1 {
            return Err(Error::Shape {
                path: format!("{FOLDER}/values.yaml"),
                what: format!("one line {:?}", line.trim_end()),
            });
        }
        let (key, _) = line.split_once(": ").unwrap_or((line, ""));
        text = text.replace(line, &format!("{key}: {value}\n"));
    }
    Ok(text)
}

fn about(text: &str, changelog: &str, release: &Release<'_>) -> Result<String, Error> {
    let changes: Vec<_> = changes::of(release.version, changelog)
        .into_iter()
        .take(CHANGES)
        .map(|change| json!({ "kind": change.kind, "description": change.text }))
        .collect();
    let crds: Vec<_> = crate::generate::crds()?
        .iter()
        .map(|crd| {
            let at = |path: &str| crd.pointer(path).and_then(Value::as_str).unwrap_or_default();
            let kind = at("/spec/names/kind");
            json!({
                "kind": kind, "version": "v1", "displayName": kind, "name": at("/metadata/name"),
                "description": at("/spec/versions/0/schema/openAPIV3Schema/description"),
            })
        })
        .collect();
    let images = json!([{
        "name": "backup-operator", "image": release.image(),
        "platforms": release.platforms.iter().map(|platform| platform.replacen('-', "/", 1)).collect::<Vec<_>>(),
    }]);
    let list = |value: &Value| yaml::documents(std::slice::from_ref(value)).map(|text| text.replacen("---\n", "", 1));
    let annotations = json!({ "annotations": {
        "artifacthub.io/license": "Apache-2.0",
        "artifacthub.io/category": "storage",
        "artifacthub.io/operator": "true",
        "artifacthub.io/prerelease": release.version.contains('-').to_string(),
        "artifacthub.io/changes": list(&json!(changes))?,
        "artifacthub.io/crds": list(&json!(crds))?,
        "artifacthub.io/images": list(&images)?,
    }});
    Ok([text, &list(&annotations)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn a_released_chart_pulls_the_released_image_and_keeps_every_other_value() {
        let text = read(&root().join(FOLDER).join("values.yaml")).unwrap();
        let mut before: Value = serde_yaml_ng::from_str(&text).unwrap();
        let after: Value = serde_yaml_ng::from_str(&values(&text, &Release::example()).unwrap()).unwrap();
        before["image"]["repository"] = "registry.example/backup-operator".into();
        before["image"]["tag"] = "0.1.0".into();
        before["image"]["digest"] = "sha256:00ff".into();
        assert_eq!(after, before);
        assert!(
            values("image: {}\n", &Release::example())
                .unwrap_err()
                .to_string()
                .contains("values.yaml has no one line")
        );
    }

    #[test]
    fn a_released_chart_has_in_its_head_what_ct_lint_asks_for() {
        let folder = tempfile::tempdir().unwrap();
        write(&root(), &Release::example(), folder.path()).unwrap();
        let text = read(&folder.path().join("chart/backup-operator/Chart.yaml")).unwrap();
        let about: Value = serde_yaml_ng::from_str(&text).unwrap();
        assert_eq!(faults(&about), Vec::<String>::new());
        // Registries show the same.
        let beside: Value = serde_json::from_str(&read(&folder.path().join("chart.json")).unwrap()).unwrap();
        assert_eq!(beside, about);
        // What it checks by yamllint: no space at the end of a line, no tab, one line end at the end.
        assert!(!text.lines().any(|line| line.ends_with(' ') || line.contains('\t')));
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
        for (key, value) in [
            ("apiVersion", json!("v1")),
            ("name", json!("Backup Operator")),
            ("version", json!("v0.1")),
            ("appVersion", json!("")),
            ("description", Value::Null),
            ("maintainers", json!([])),
            ("maintainers", json!([{ "email": "a@example.org" }])),
            ("maintainers", json!([{ "name": "a", "mail": "a@example.org" }])),
            ("keywords", json!("backup")),
            ("annotations", json!({ "artifacthub.io/operator": true })),
            ("homepage", json!("https://example.org")),
        ] {
            let mut wrong = about.clone();
            wrong[key] = value.clone();
            let told = faults(&wrong);
            assert!(told.len() == 1 && told[0].starts_with(key), "{key}: {value}: {told:?}");
        }
    }

    /// What `ct lint` would say of `Chart.yaml` by its schema, but for the accounts of maintainers; it asks the host of a repository for these.
    fn faults(about: &Value) -> Vec<String> {
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
        let texts = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(text));
        let version = |value: &Value| {
            let parts: Vec<_> = value
                .as_str()
                .unwrap_or_default()
                .split('-')
                .next()
                .unwrap()
                .split('.')
                .collect();
            let number = |part: &&str| part.parse::<u32>().is_ok_and(|number| number.to_string() == **part);
            parts.len() == 3 && parts.iter().all(number)
        };
        let name = |value: &Value| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            text(value) && value.as_str().unwrap().chars().all(plain)
        };
        let maintainer = |value: &Value| {
            let known =
                |(key, value): (&String, &Value)| ["name", "email", "url"].contains(&key.as_str()) && text(value);
            text(&value["name"]) && value.as_object().unwrap().iter().all(known)
        };
        let mut faults = Vec::new();
        for key in [
            "apiVersion",
            "name",
            "version",
            "appVersion",
            "description",
            "maintainers",
        ] {
            if about[key].is_null() {
                faults.push(format!("{key} is missing"));
            }
        }
        for (key, value) in about.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
            let right = match key.as_str() {
                "apiVersion" => value == "v2",
                "name" => name(value),
                "version" => version(value),
                "appVersion" | "description" | "kubeVersion" => text(value),
                "type" => value == "application",
                "keywords" | "sources" => texts(value),
                "maintainers" => value
                    .as_array()
                    .is_some_and(|all| !all.is_empty() && all.iter().all(maintainer)),
                "annotations" => value.as_object().is_some_and(|all| all.values().all(Value::is_string)),
                _ => false,
            };
            if !right {
                faults.push(format!("{key} is {value}"));
            }
        }
        faults
    }

    #[test]
    fn a_released_chart_says_of_itself_what_artifact_hub_shows() {
        let text = read(&root().join(FOLDER).join("Chart.yaml")).unwrap();
        let changelog = read(&root().join("CHANGELOG.md")).unwrap();
        let about: Value = serde_yaml_ng::from_str(&about(&text, &changelog, &Release::example()).unwrap()).unwrap();
        assert_eq!(about["version"], "0.1.0");
        let list = |name: &str| -> Vec<Value> {
            serde_yaml_ng::from_str(about["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap()).unwrap()
        };
        assert_eq!(
            list("images")[0]["image"],
            "registry.example/backup-operator@sha256:00ff"
        );
        assert_eq!(list("crds").len(), 4);
        assert!(
            list("crds")
                .iter()
                .all(|crd| !crd["description"].as_str().unwrap().is_empty())
        );
        assert_eq!(list("changes").len(), CHANGES);
        assert_eq!(about["annotations"]["artifacthub.io/prerelease"], "false");
    }
}
