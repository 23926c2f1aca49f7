//! The manifest by which krew installs `kubectl backup`: one platform for each archive that was built.
use std::path::Path;

use serde_json::{Value, json};

use super::{Error, Given, attest::sha256_of, listed, name, save};
use crate::yaml;

const DESCRIPTION: &str =
    "Shows backups and what is wrong with them, asks for backups and restores, proves that a backup
can be read, downloads one, checks manifests and tries schedules out before they are applied.
It speaks with the custom resources of the backup operator (backup-operator.io/v1).
";

/// Writes `backup.yaml`: krew wants the plugin's name there.
pub fn write(given: &Given<'_>) -> Result<(), Error> {
    let folder = given.folder("archives")?;
    let (version, downloads) = (given.get("version")?, given.get("downloads")?);
    let mut archives = Vec::new();
    for path in listed(&folder)? {
        if let Some((system, processor)) = platform(version, &path) {
            archives.push((system, processor, name(&path), sha256_of(&path)?));
        }
    }
    if archives.is_empty() {
        return Err(Error::NoArchive(folder));
    }
    let platforms = archives.iter().map(|(system, processor, file, sha256)| {
        let bin = program(system);
        let files = [bin, "LICENSE", "THIRD-PARTY-NOTICES"].map(|file| json!({ "from": file, "to": "." }));
        json!({
            "selector": { "matchLabels": { "os": system, "arch": processor } },
            "uri": format!("{}/{file}", downloads.trim_end_matches('/')),
            "sha256": sha256,
            "bin": bin,
            "files": files,
        })
    });
    let manifest = manifest(version, platforms.collect());
    save(
        &given.folder("out")?.join("backup.yaml"),
        yaml::documents(&[manifest])?.replacen("---\n", "", 1),
    )
}

fn manifest(version: &str, platforms: Vec<Value>) -> Value {
    json!({
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": { "name": "backup" },
        "spec": {
            "version": format!("v{version}"),
            "shortDescription": "Look at backups, make and restore them",
            "description": DESCRIPTION,
            "platforms": platforms,
        },
    })
}

fn program(system: &str) -> &'static str {
    match system {
        "windows" => "kubectl-backup.exe",
        _ => "kubectl-backup",
    }
}

/// `kubectl-backup-1.2.3-linux-amd64.tar.gz` is for those two.
fn platform(version: &str, path: &Path) -> Option<(String, String)> {
    let name = name(path);
    let of = name
        .strip_prefix(&format!("kubectl-backup-{version}-"))?
        .strip_suffix(".tar.gz")?;
    let (system, processor) = of.split_once('-')?;
    Some((system.into(), processor.into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn krew_is_told_of_each_archive_of_this_version_with_its_hash_and_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for file in ["linux-amd64.tar.gz", "windows-amd64.tar.gz"] {
            std::fs::write(at(&format!("kubectl-backup-1.2.3-{file}")), b"abc").unwrap();
        }
        for file in [
            "kubectl-backup-1.2.2-linux-arm64.tar.gz",
            "kubectl-backup-1.2.3-linux-arm64.sig",
            "SHA256SUMS",
        ] {
            std::fs::write(at(file), b"abc").unwrap();
        }
        let path = folder.path().to_str().unwrap();
        let words = [
            ("version", "1.2.3"),
            ("downloads", "https://downloads.example/v1.2.3/"),
            ("archives", path),
            ("out", path),
        ];
        write(&Given {
            step: "krew",
            words: BTreeMap::from(words),
        })
        .unwrap();
        let made: Value = serde_yaml_ng::from_str(&super::super::read(&at("backup.yaml")).unwrap()).unwrap();
        let platforms = made["spec"]["platforms"].as_array().unwrap();
        assert_eq!(platforms.len(), 2);
        assert_eq!(
            platforms[0]["uri"],
            "https://downloads.example/v1.2.3/kubectl-backup-1.2.3-linux-amd64.tar.gz"
        );
        assert_eq!(
            platforms[0]["sha256"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(platforms[1]["bin"], "kubectl-backup.exe");
        let files: Vec<_> = platforms[1]["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| &file["from"])
            .collect();
        assert_eq!(files, ["kubectl-backup.exe", "LICENSE", "THIRD-PARTY-NOTICES"]);
        assert_eq!(made["spec"]["version"], "v1.2.3");
    }

    #[test]
    fn without_an_archive_there_is_no_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let words = [
            ("version", "1.2.3"),
            ("downloads", "https://downloads.example"),
            ("archives", path),
            ("out", path),
        ];
        let error = write(&Given {
            step: "krew",
            words: BTreeMap::from(words),
        })
        .unwrap_err();
        assert!(matches!(error, Error::NoArchive(_)), "{error}");
    }
}
