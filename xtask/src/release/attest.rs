//! What is said of a release to whoever checks it: the provenance of every file. What the image is made of is in `spdx`.
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Error, Given, linked, listed, name, save, spdx};

/// What the provenance's parameters mean is said in docs/operations/release.md. A name by RFC 4151, and no address.
const BUILD_TYPE: &str = "tag:backup-operator.io,2026:make-release/v1";

/// Writes the SPDX document of each platform, `image.json`, and `provenance.json`.
pub fn write(root: &Path, given: &Given<'_>) -> Result<(), Error> {
    let dist = given.folder("dist")?;
    for platform in given.list("platforms")? {
        let document = spdx::document(root, given, platform)?;
        save(&dist.join(format!("image-{platform}.spdx.json")), pretty(&document)?)?;
    }
    save(&dist.join("image.json"), image(given)?.to_string() + "\n")?;
    let locks = ["Cargo.lock", "crates/sftp/Cargo.lock"];
    let locks = locks.iter().map(|lock| Ok((*lock, sha256_of(&root.join(lock))?)));
    let locks = locks.collect::<Result<Vec<_>, Error>>()?;
    let provenance = provenance(given, &subjects(&dist)?, &locks)?;
    save(&dist.join("provenance.json"), pretty(&provenance)?)
}

/// What a signature of the image signs, in the form that cosign and containers/image know as simple signing.
fn image(given: &Given<'_>) -> Result<Value, Error> {
    Ok(json!({
        "critical": {
            "identity": { "docker-reference": given.get("image")? },
            "image": { "docker-manifest-digest": given.get("digest")? },
            "type": "cosign container image signature",
        },
        "optional": null,
    }))
}

fn pretty(value: &Value) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// In hexadecimal.
pub fn sha256_of(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::File {
        path: path.into(),
        source,
    })?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Every file that is there by now: what is written after these, nothing can name.
fn subjects(dist: &Path) -> Result<Vec<(String, String)>, Error> {
    let files = listed(dist)?.into_iter();
    let files = files.filter(|path| path.is_file() && name(path) != "provenance.json");
    files.map(|path| Ok((name(&path), sha256_of(&path)?))).collect()
}

/// Without the time at which it was built: the same source has the same provenance. <https://slsa.dev/spec/v1.0/provenance>
fn provenance(given: &Given<'_>, subjects: &[(String, String)], locks: &[(&str, String)]) -> Result<Value, Error> {
    let image = json!({ "name": given.get("image")?, "digest": { "sha256": given.get("digest")?.trim_start_matches("sha256:") } });
    let files = subjects
        .iter()
        .map(|(name, sha256)| json!({ "name": name, "digest": { "sha256": sha256 } }));
    let source = json!({ "name": "source", "digest": { "gitCommit": given.get("commit")? } });
    let locks = locks
        .iter()
        .map(|(name, sha256)| json!({ "name": name, "digest": { "sha256": sha256 } }));
    let subject: Vec<_> = std::iter::once(image).chain(files).collect();
    let rustc = given.get("rustc")?;
    let rustc =
        json!({ "name": "rustc with its linker, and Rust's own library", "uri": format!("pkg:generic/rust@{rustc}") });
    let linked = linked::of(given)?;
    let linked = linked.iter().map(linked::Linked::resource);
    let dependencies: Vec<_> = [source].into_iter().chain(locks).chain([rustc]).chain(linked).collect();
    let external: serde_json::Map<_, _> = ["version", "image", "downloads", "platforms", "cli"]
        .map(|name| {
            (
                name.to_owned(),
                json!(given.words.get(name).copied().unwrap_or_default()),
            )
        })
        .into_iter()
        .collect();
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": external,
                "internalParameters": { "created": given.get("created")? },
                "resolvedDependencies": dependencies,
            },
            "runDetails": { "builder": { "id": given.get("builder")? } },
        },
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_signed_of_an_image_is_its_name_and_the_digest_of_its_index() {
        let words = BTreeMap::from([("image", "registry.example/backup-operator"), ("digest", "sha256:00ff")]);
        let made = image(&Given { step: "attest", words }).unwrap();
        assert_eq!(
            made.to_string(),
            concat!(
                r#"{"critical":{"identity":{"docker-reference":"registry.example/backup-operator"},"#,
                r#""image":{"docker-manifest-digest":"sha256:00ff"},"type":"cosign container image signature"},"optional":null}"#
            )
        );
    }

    #[test]
    fn provenance_names_the_image_every_file_the_commit_and_no_time_of_building() {
        let words = BTreeMap::from([
            ("image", "registry.example/backup-operator"),
            ("digest", "sha256:00ff"),
            ("commit", "abc"),
            ("version", "0.1.0"),
            ("downloads", "https://downloads.example/v0.1.0"),
            ("platforms", "linux-amd64"),
            ("cli", ""),
            ("rustc", "1.95.0"),
            ("builder", "tag:builder"),
            ("linked", "linux-amd64 libc libc6-dev 2.36 amd64 glibc"),
            ("created", "2026-01-02T03:04:05Z"),
        ]);
        let subjects = [("install.yaml".to_string(), "11".to_string())];
        let made = provenance(
            &Given { step: "attest", words },
            &subjects,
            &[("Cargo.lock", "22".into())],
        )
        .unwrap();
        assert_eq!(made["subject"][0]["digest"]["sha256"], "00ff");
        assert_eq!(made["subject"][1]["name"], "install.yaml");
        assert_eq!(
            made["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"],
            "abc"
        );
        let uris: Vec<_> = made["predicate"]["buildDefinition"]["resolvedDependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["uri"].as_str())
            .collect();
        assert_eq!(
            uris,
            [
                "pkg:generic/rust@1.95.0",
                "pkg:deb/debian/libc6-dev@2.36?arch=amd64&upstream=glibc"
            ]
        );
        // All that the command was told, what it was told to leave out included.
        let external = &made["predicate"]["buildDefinition"]["externalParameters"];
        assert_eq!(external["downloads"], "https://downloads.example/v0.1.0");
        assert_eq!(external["cli"], "");
        assert_eq!(made["predicate"]["runDetails"]["builder"]["id"], "tag:builder");
        assert!(made.pointer("/predicate/runDetails/metadata").is_none());
    }
}
