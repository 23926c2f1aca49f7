//! What the image of one platform is made of, as SPDX 2.3: its programs, the crates that each is built from, and what the linker put into all of them, with
//! their licences.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::crates::{Crate, UNKNOWN, crates_of};
use super::linked::{self, Linked};
use super::{Error, Given, attest::sha256_of};

/// The programs of the image, and in which manifest each is.
pub(super) const PROGRAMS: [(&str, &str); 4] = [
    ("operator", "Cargo.toml"),
    ("agent", "Cargo.toml"),
    ("depot", "Cargo.toml"),
    ("sftp", "crates/sftp/Cargo.toml"),
];
/// The document of one platform, as `linux-amd64`.
pub fn document(root: &Path, given: &Given<'_>, platform: &str) -> Result<Value, Error> {
    let programs = given.folder("programs")?.join(platform);
    let mut parts = Vec::new();
    for (program, manifest) in PROGRAMS {
        parts.push(Program {
            name: program,
            sha256: sha256_of(&programs.join(program))?,
            crates: crates_of(root, manifest, program, triple(platform))?,
        });
    }
    Ok(written(
        given.get("version")?,
        platform,
        given.get(&format!("image-{platform}"))?,
        given.get("created")?,
        &parts,
        &System {
            rust: given.get("rustc")?,
            linked: linked::of(given)?
                .into_iter()
                .filter(|one| one.platform == platform && one.is_part())
                .collect(),
        },
    ))
}

/// What is in every program.
struct System<'a> {
    /// The version of Rust's own library.
    rust: &'a str,
    linked: Vec<Linked<'a>>,
}

/// In the words of Rust.
pub(super) fn triple(platform: &str) -> &'static str {
    match platform {
        "windows-amd64" => "x86_64-pc-windows-gnu",
        "linux-arm64" => "aarch64-unknown-linux-gnu",
        _ => "x86_64-unknown-linux-gnu",
    }
}

struct Program {
    name: &'static str,
    sha256: String,
    crates: BTreeSet<Crate>,
}

fn written(
    version: &str,
    platform: &str,
    digest: &str,
    created: &str,
    programs: &[Program],
    system: &System<'_>,
) -> Value {
    let relation = |from: &str, kind: &str, to: &str| json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to });
    let locator = |kind: &str, locator: String| json!([{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": kind, "referenceLocator": locator }]);
    let image = "SPDXRef-image";
    let purl = format!("pkg:oci/backup-operator@{}", digest.replace(':', "%3A"));
    let mut packages = vec![json!({
        "SPDXID": image, "name": "backup-operator", "versionInfo": version, "downloadLocation": UNKNOWN, "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN, "licenseDeclared": "Apache-2.0", "copyrightText": UNKNOWN, "primaryPackagePurpose": "CONTAINER",
        "externalRefs": locator("purl", purl),
    })];
    let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", image)];
    let mut crates = BTreeMap::new();
    let parts = system.linked.iter().map(|part| {
        let id = format!("SPDXRef-{}", part.package).replace(['_', '+'], "-");
        (id, part.package, part.version, part.license(), part.purl())
    });
    let rust = system.rust;
    let purl = format!("pkg:generic/rust@{rust}");
    let own = ("SPDXRef-rust".to_owned(), "rust", rust, "MIT OR Apache-2.0", purl);
    let parts: Vec<_> = parts.chain([own]).collect();
    for program in programs {
        let id = format!("SPDXRef-{}", program.name);
        packages.push(json!({
            "SPDXID": id, "name": program.name, "versionInfo": version, "downloadLocation": UNKNOWN, "filesAnalyzed": false,
            "licenseConcluded": UNKNOWN, "licenseDeclared": "Apache-2.0", "copyrightText": UNKNOWN,
            "primaryPackagePurpose": "APPLICATION", "comment": format!("/{} of the image for {platform}", program.name),
            "checksums": [{ "algorithm": "SHA256", "checksumValue": program.sha256 }],
        }));
        relations.push(relation(image, "CONTAINS", &id));
        for (part, ..) in &parts {
            relations.push(relation(&id, "STATIC_LINK", part));
        }
        for from in program.crates.iter().filter(|from| from.published) {
            relations.push(relation(&id, "DEPENDS_ON", &from.id()));
            crates.insert(from.id(), from);
        }
    }
    for (
        id,
        Crate {
            name, version, license, ..
        },
    ) in crates
    {
        packages.push(json!({
            "SPDXID": id, "name": name, "versionInfo": version, "filesAnalyzed": false,
            "licenseConcluded": UNKNOWN, "licenseDeclared": license, "copyrightText": UNKNOWN,
            "downloadLocation": format!("https://crates.io/api/v1/crates/{name}/{version}/download"),
            "externalRefs": locator("purl", format!("pkg:cargo/{name}@{version}")),
        }));
    }
    for (id, name, version, license, purl) in parts {
        packages.push(json!({
            "SPDXID": id, "name": name, "versionInfo": version, "filesAnalyzed": false, "downloadLocation": UNKNOWN,
            "licenseConcluded": UNKNOWN, "licenseDeclared": license, "copyrightText": UNKNOWN,
            "externalRefs": locator("purl", purl),
        }));
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "dataLicense": "CC0-1.0",
        "name": format!("backup-operator-{version}-{platform}"),
        // A name of this very image, and no address.
        "documentNamespace": format!("tag:backup-operator.io,2026:spdx/{digest}"),
        "creationInfo": { "created": created, "creators": ["Tool: backup-operator-xtask"] },
        "packages": packages,
        "relationships": relations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    const LINKED: &str =
        "linux-amd64 libc libc6-dev 2.36-9+deb12u14 amd64 glibc\nlinux-amd64 libgcc libgcc-12-dev 12.2.0 amd64 gcc-12";

    fn made(platform: &str) -> Value {
        let programs = PROGRAMS.map(|(name, manifest)| Program {
            name,
            sha256: "00".repeat(32),
            crates: crates_of(&root(), manifest, name, triple(platform)).unwrap(),
        });
        let words = BTreeMap::from([("linked", LINKED)]);
        let system = System {
            rust: "1.95.0",
            linked: linked::of(&Given { step: "attest", words }).unwrap(),
        };
        written(
            "0.1.0",
            platform,
            "sha256:00ff",
            "2026-01-02T03:04:05Z",
            &programs,
            &system,
        )
    }

    fn each<'a>(document: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
        let list = document[list].as_array().unwrap();
        list.iter().map(|one| one[field].as_str().unwrap()).collect()
    }

    #[test]
    fn an_spdx_document_lists_what_programs_are_built_from_and_nothing_dangles() {
        let made = made("linux-arm64");
        let ids: BTreeSet<_> = each(&made, "packages", "SPDXID").into_iter().collect();
        assert_eq!(
            ids.len(),
            made["packages"].as_array().unwrap().len(),
            "an identifier is there twice"
        );
        for id in &ids {
            assert!(
                id.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)),
                "{id}"
            );
        }
        for to in each(&made, "relationships", "relatedSpdxElement") {
            assert!(ids.contains(to), "{to}");
        }
        let names = each(&made, "packages", "name");
        assert!(
            ["ring", "russh", "kube-client", "libc6-dev", "rust"]
                .iter()
                .all(|name| names.contains(name))
        );
        // Of tests, of the compiler, and of ours.
        assert!(
            ["proptest", "serde_derive", "planner"]
                .iter()
                .all(|name| !names.contains(name))
        );
    }

    #[test]
    fn every_package_has_a_licence_that_deny_toml_allows_or_an_expression_of_such() {
        let allowed = std::fs::read_to_string(root().join("deny.toml")).unwrap();
        let made = made("linux-amd64");
        for (name, license) in
            each(&made, "packages", "name")
                .into_iter()
                .zip(each(&made, "packages", "licenseDeclared"))
        {
            if LINKED.contains(name) {
                continue;
            }
            let words = license
                .split([' ', '(', ')'])
                .filter(|word| !["", "OR", "AND", "WITH"].contains(word));
            assert_ne!(license, UNKNOWN, "{name}");
            assert!(
                words.into_iter().any(|word| allowed.contains(&format!("\"{word}\""))),
                "{name}: {license}"
            );
            assert!(!license.contains('/'), "{name}: {license}");
        }
    }
}
