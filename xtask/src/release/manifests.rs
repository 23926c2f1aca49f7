//! The manifests of a release: those of `deploy/` with the image's digest in place of the name that the local cluster gives it.
use std::path::Path;

use super::{Error, Given, chart, olm, read, save};
use crate::install::IMAGE;

/// By the labels that Kubernetes recommends.
pub const VERSION: &str = "app.kubernetes.io/version";
/// Between the documents of a manifest.
const SEPARATOR: &str = "\n---\n";

/// Those that a release gives away; what the operator executes, the policy for that has to allow, so that each release has its own.
const FILES: [&str; 4] = [
    "deploy/crds.yaml",
    "deploy/install.yaml",
    "deploy/store.yaml",
    "docs/operations/exec-policy.yaml",
];
/// Those that run the image.
const RUNS: [&str; 2] = ["deploy/install.yaml", "deploy/store.yaml"];

/// What is released.
pub struct Release<'a> {
    /// `1.2.3`.
    pub version: &'a str,
    /// Where nodes pull the image from.
    pub repository: &'a str,
    /// Of the index over all platforms.
    pub digest: &'a str,
    /// When it was made, in RFC 3339: the time of the commit.
    pub created: &'a str,
    /// Those that the image has, as `linux-amd64`.
    pub platforms: Vec<&'a str>,
}

impl Release<'_> {
    /// By its digest: what was checked is what runs, whatever the tag comes to name.
    pub fn image(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

/// Writes them, the chart's folder and the bundle.
pub fn write(root: &Path, given: &Given<'_>) -> Result<(), Error> {
    let release = Release {
        version: given.get("version")?,
        repository: given.get("image")?,
        digest: given.get("digest")?,
        created: given.get("created")?,
        platforms: given.get("platforms")?.split(' ').collect(),
    };
    let out = given.folder("out")?;
    for file in FILES {
        let path = root.join(file);
        let name = path.file_name().unwrap_or_default();
        save(&out.join(name), released(file, &read(&path)?, &release)?)?;
    }
    chart::write(root, &release, &out)?;
    olm::write(root, &release, &out.join("bundle"))
}

fn released(file: &str, text: &str, release: &Release<'_>) -> Result<String, Error> {
    if RUNS.contains(&file) && !text.contains(IMAGE) {
        return Err(Error::Shape {
            path: file.into(),
            what: IMAGE.into(),
        });
    }
    // Nobody needs to replace what is replaced.
    let lines = text
        .lines()
        .filter(|line| !(line.starts_with('#') && line.contains(IMAGE)));
    let head = format!("# Release {} of {}.\n", release.version, release.created);
    let text = lines.fold(head, |all, line| all + &line.replace(IMAGE, &release.image()) + "\n");
    Ok(labelled(&text, release.version))
}

/// Each Deployment tells its version, as the image's digest does not: `kubectl backup version` reads it there.
fn labelled(text: &str, version: &str) -> String {
    let (labels, more) = ("metadata:\n  labels:\n", format!("    {VERSION}: {version}\n"));
    let documents = text.split(SEPARATOR).map(|document| {
        let is_deployment = document.lines().any(|line| line == "kind: Deployment");
        match document.split_once(labels).filter(|_| is_deployment) {
            Some((before, after)) => [before, labels, &more, after].concat(),
            None => document.to_string(),
        }
    });
    documents.collect::<Vec<_>>().join(SEPARATOR)
}

#[cfg(test)]
impl Release<'static> {
    /// One to be told of in tests.
    pub fn example() -> Self {
        Self {
            version: "0.1.0",
            repository: "registry.example/backup-operator",
            digest: "sha256:00ff",
            created: "2026-01-02T03:04:05Z",
            platforms: vec!["linux-amd64", "linux-arm64"],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::root;

    #[test]
    fn manifests_of_a_release_name_the_image_by_its_digest_and_nothing_else() {
        for file in FILES {
            let text = read(&root().join(file)).unwrap();
            let made = released(file, &text, &Release::example()).unwrap();
            assert!(!made.contains(IMAGE), "{file}");
            assert_eq!(
                made.contains("image: registry.example/backup-operator@sha256:00ff"),
                RUNS.contains(&file),
                "{file}"
            );
            let objects = |text: &str| text.matches("\nkind: ").count();
            assert_eq!(objects(&made), objects(&text), "{file}");
            for document in serde_yaml_ng::Deserializer::from_str(&made) {
                let object = serde_json::Value::deserialize(document).unwrap();
                let told = object["metadata"]["labels"][VERSION].as_str();
                assert_eq!(told, (object["kind"] == "Deployment").then_some("0.1.0"), "{file}");
            }
        }
    }

    #[test]
    fn a_manifest_without_the_image_is_not_released_as_if_it_had_it() {
        let error = released("deploy/install.yaml", "kind: Deployment\n", &Release::example())
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .contains("deploy/install.yaml has no localhost/backup-operator:dev")
        );
    }
}
