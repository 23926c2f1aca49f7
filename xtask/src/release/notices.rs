//! What those have to be told who get the programs: whose work is in them, and under which licences, each text once.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::crates::{Crate, crates_of};
use super::linked::{self, Linked};
use super::spdx::{PROGRAMS, triple};
use super::{Error, Given, listed, name, read, save};

/// Where Debian has the texts of licences that many packages have.
const COMMON: &str = "/usr/share/common-licenses/";

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
    parts.push(library()?);
    for one in linked::of(given)?.iter().filter(|one| one.is_part()) {
        parts.push((one.words(), copyright(one)?));
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

/// The texts that a crate has beside its manifest and, of what it brings of others, below; not of what only its tests take.
fn texts(folder: &Path) -> Result<Vec<String>, Error> {
    let begins = ["license", "licence", "copying", "copyright", "notice", "unlicense"];
    let code = ["rs", "c", "h", "py", "go", "html"];
    let mut texts = Vec::new();
    for path in listed(folder)? {
        let called = name(&path).to_lowercase();
        if path.is_dir() {
            if !["test", "tests", "benches", "examples", "fuzz"].contains(&called.as_str()) {
                texts.extend(self::texts(&path)?);
            }
        } else if begins.iter().any(|begin| called.starts_with(begin)) {
            let is_code = path.extension().is_some_and(|end| code.iter().any(|code| end == *code));
            texts.extend((!is_code).then(|| text_of(&path)).transpose()?);
        }
    }
    Ok(texts)
}

/// Rust's own library is in every program, with crates of its own: rustc's component has one page about all of them.
fn library() -> Result<(String, Vec<String>), Error> {
    let said = Command::new("rustc").args(["--print", "sysroot"]).output();
    let root = said
        .ok()
        .and_then(|said| String::from_utf8(said.stdout).ok())
        .unwrap_or_default();
    let page = Path::new(root.trim()).join("share/doc/rust/COPYRIGHT-library.html");
    let text = without_markup(&read(&page)?);
    Ok((
        "Rust's own library, and the crates in it (MIT OR Apache-2.0, and others)".into(),
        vec![text],
    ))
}

/// A page of HTML as text: no tags, the few entities that it has, and no more than one empty line on end.
fn without_markup(page: &str) -> String {
    let mut text = String::new();
    for (at, part) in page.split('<').enumerate() {
        text.push_str(if at == 0 {
            part
        } else {
            part.split_once('>').map_or("", |(_, rest)| rest)
        });
    }
    let entities = [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    for (entity, is) in entities {
        text = text.replace(entity, is);
    }
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_matches('\n').to_owned()
}

/// What a package of Debian's says of its licences, and the whole texts of those that it has by their names alone: an image has no Debian to look
/// them up in.
fn copyright(one: &Linked<'_>) -> Result<Vec<String>, Error> {
    let of = |path: &Path| text_of(path).map_err(|error| unreadable(one, error));
    let page = of(&Path::new("/usr/share/doc").join(one.package).join("copyright"))?;
    let named: BTreeSet<_> = common_licences(&page).collect();
    let mut texts = Vec::new();
    for path in named {
        texts.push(of(Path::new(path))?);
    }
    texts.push(page);
    Ok(texts)
}

/// The paths below `COMMON` that a page names, without what ends a sentence.
fn common_licences(page: &str) -> impl Iterator<Item = &str> {
    page.match_indices(COMMON).filter_map(|(at, _)| {
        let path = page.get(at..)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "./+-".contains(c);
        let end = path.find(|c| !is_name(c)).unwrap_or(path.len());
        let path = path.get(..end)?.trim_end_matches('.');
        (path.len() > COMMON.len()).then_some(path)
    })
}

fn unreadable(one: &Linked<'_>, error: Error) -> Error {
    match error {
        Error::File { path, source } => Error::Copyright {
            package: one.package.into(),
            path,
            source,
        },
        other => other,
    }
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
         The C library in them is under the LGPL: whoever wants to run them with another one can build them\n\
         from their source, which is the commit that provenance.json names, and all there.\n",
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
    fn a_page_is_told_as_text() {
        let page = "<p>a &#60;b@c.example&#62;\n\n  <i>\n\n</i>&#34;AS IS&#34; &#38;lt;</p>\n";
        assert_eq!(without_markup(page), "a <b@c.example>\n\n\"AS IS\" &lt;");
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
    fn a_licence_that_a_page_of_debians_has_by_its_name_is_found_at_the_ends_of_sentences_too() {
        let page = "can be found in `/usr/share/common-licenses/LGPL-2.1'.\nSee /usr/share/common-licenses/GPL.\n/usr/share/common-licenses/ has all";
        let found: Vec<_> = common_licences(page).collect();
        assert_eq!(
            found,
            ["/usr/share/common-licenses/LGPL-2.1", "/usr/share/common-licenses/GPL"]
        );
    }

    #[test]
    fn licences_of_what_is_linked_in_are_there_as_whole_texts() {
        let words = BTreeMap::from([(
            "linked",
            "linux-amd64 libc libc6-dev 2.36 amd64 glibc\nlinux-amd64 libgcc libgcc-12-dev 12.2 amd64 gcc-12",
        )]);
        let linked = linked::of(&Given { step: "notices", words }).unwrap();
        let texts: Vec<_> = linked.iter().flat_map(|one| copyright(one).unwrap()).collect();
        for begins in ["Version 2.1, February 1999", "Version 3, 29 June 2007"] {
            assert!(texts.iter().any(|text| text.contains(begins)), "{begins}");
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
        // Of C in a crate, of what a crate took from elsewhere, and of what every program has.
        for whose in ["Eric Biggers", "fiat-crypto authors", "Fuchsia Authors", "hashbrown"] {
            assert!(made.contains(whose), "{whose}");
        }
    }
}
