//! What those have to be told who get the programs: whose work is in them, and under which licences, each text once.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::linked::{self, Linked};
use super::spdx::{Crate, PROGRAMS, crates_of, triple};
use super::{Error, Given, listed, name, read, save};

/// Writes the file `out` for all programs of a release.
pub fn write(root: &Path, given: &Given<'_>) -> Result<(), Error> {
    let mut crates = BTreeSet::new();
    for platform in given.list("platforms")? {
        for (program, manifest) in PROGRAMS {
            crates.extend(crates_of(root, manifest, program, triple(platform))?);
        }
    }
    for platform in given.list("cli").unwrap_or_default() {
        crates.extend(crates_of(root, "Cargo.toml", "cli", triple(platform))?);
    }
    let crates: Vec<_> = crates.into_iter().filter(|one| one.published).collect();
    let mut folders = folders(root, "Cargo.toml")?;
    folders.extend(self::folders(root, "crates/sftp/Cargo.toml")?);
    let mut parts = Vec::new();
    for one in &crates {
        let whose = format!("{} {} ({})", one.name, one.version, one.license);
        parts.push((whose, texts(&folder_of(&folders, one)?)?));
    }
    for one in linked::of(given)?.iter().filter(|one| one.is_part()) {
        parts.push((one.words(), vec![copyright(one)?]));
    }
    save(&given.folder("out")?, written(parts))
}

/// Where cargo has unpacked each crate, by name and version.
fn folders(root: &Path, manifest: &str) -> Result<BTreeMap<(String, String), PathBuf>, Error> {
    let failed = |message: String| Error::Cargo {
        manifest: manifest.into(),
        message,
    };
    let output = Command::new("cargo")
        .args(["metadata", "--locked", "--format-version", "1", "--manifest-path"])
        .arg(root.join(manifest))
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    let text = |package: &Value, field: &str| package[field].as_str().unwrap_or_default().to_owned();
    Ok(packages
        .map(|package| {
            let manifest = PathBuf::from(text(package, "manifest_path"));
            let folder = manifest.parent().unwrap_or(&manifest).to_path_buf();
            ((text(package, "name"), text(package, "version")), folder)
        })
        .collect())
}

fn folder_of(folders: &BTreeMap<(String, String), PathBuf>, one: &Crate) -> Result<PathBuf, Error> {
    let found = folders.get(&(one.name.clone(), one.version.clone()));
    found.cloned().ok_or_else(|| Error::Cargo {
        manifest: "Cargo.toml".into(),
        message: format!("cargo metadata has no {} {}, and cargo tree has", one.name, one.version),
    })
}

/// The texts that a crate has beside its manifest.
fn texts(folder: &Path) -> Result<Vec<String>, Error> {
    let begins = ["license", "licence", "copying", "copyright", "notice", "unlicense"];
    let files = listed(folder)?.into_iter().filter(|path| path.is_file());
    let files = files.filter(|path| begins.iter().any(|begin| name(path).to_lowercase().starts_with(begin)));
    files.map(|path| text_of(&path)).collect()
}

fn copyright(one: &Linked<'_>) -> Result<String, Error> {
    let path = Path::new("/usr/share/doc").join(one.package).join("copyright");
    text_of(&path).map_err(|error| match error {
        Error::File { path, source } => Error::Copyright {
            package: one.package.into(),
            path,
            source,
        },
        other => other,
    })
}

/// Without what an editor leaves at the ends of lines, so that one text is one text.
fn text_of(path: &Path) -> Result<String, Error> {
    let text = read(path)?;
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim_matches('\n').to_owned())
}

/// `parts`: whose, and their texts.
fn written(parts: Vec<(String, Vec<String>)>) -> String {
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    for (whose, texts) in parts {
        if texts.is_empty() {
            without.push(whose.clone());
        }
        for text in BTreeSet::from_iter(texts) {
            by_text.entry(text).or_default().push(whose.clone());
        }
    }
    let mut groups: Vec<_> = by_text.into_iter().map(|(text, whose)| (whose, text)).collect();
    groups.sort();
    let rule = "=".repeat(80);
    let mut out = String::from(
        "The programs of Backup operator are under the licence in LICENSE (Apache-2.0), and contain work of others, under these licences.\n\
         The C library in them is under the LGPL: whoever wants to run them with another one can build them from the source, which is all there.\n",
    );
    if !without.is_empty() {
        out.push_str("\nThese name their licence, and have no text of it:\n");
        for whose in without {
            out.push_str(&format!("  {whose}\n"));
        }
    }
    for (whose, text) in groups {
        out.push_str(&format!("\n{rule}\n{}\n{rule}\n\n{text}\n", whose.join("\n")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn a_text_is_there_once_with_all_whose_work_is_under_it_and_who_has_none_is_named() {
        let part = |whose: &str, texts: &[&str]| {
            let texts = texts.iter().map(|text| (*text).to_owned());
            (whose.to_owned(), texts.collect())
        };
        let made = written(vec![
            part("a 1 (MIT)", &["mit", "apache"]),
            part("b 2 (Apache-2.0)", &["apache"]),
            part("c 3 (MIT)", &[]),
        ]);
        assert_eq!(made.matches("\napache\n").count(), 1);
        assert!(made.contains("a 1 (MIT)\nb 2 (Apache-2.0)\n"), "{made}");
        assert!(made.contains("have no text of it:\n  c 3 (MIT)\n"), "{made}");
    }

    #[test]
    fn a_package_whose_licence_is_not_on_this_machine_is_named_with_the_path() {
        let words = BTreeMap::from([("linked", "linux-arm64 libc no-such-package 2.36 all no-such-source")]);
        let linked = linked::of(&Given { step: "notices", words }).unwrap();
        let said = copyright(linked.first().unwrap()).unwrap_err().to_string();
        for text in [
            "/usr/share/doc/no-such-package/copyright, ",
            "Debian's package no-such-package, cannot",
        ] {
            assert!(said.contains(text), "{said}");
        }
    }

    #[test]
    fn every_crate_in_a_program_is_named_and_no_folder_of_this_machine() {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("notices");
        let words = BTreeMap::from([
            ("platforms", "linux-amd64"),
            ("cli", "linux-amd64"),
            ("linked", ""),
            ("out", file.to_str().unwrap()),
        ]);
        write(&root(), &Given { step: "notices", words }).unwrap();
        let made = std::fs::read_to_string(&file).unwrap();
        for name in ["ring", "russh", "kube-client", "age"] {
            let is_there = made.contains(&format!("\n{name} ")) || made.contains(&format!("\n  {name} "));
            assert!(is_there, "{name}");
        }
        assert!(!made.contains(root().to_str().unwrap()));
        assert!(made.contains("Apache License"));
    }
}
