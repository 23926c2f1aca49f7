//! Who looked at what is shipped: each direct dependency stands in `supply-chain` in the version that is locked, looked at or said not to be.
//! `make lint` asks cargo-vet the same of all dependencies; this needs no other program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that are shipped, with what is built into them.
const SHIPPED: [&str; 4] = ["operator", "agent", "cli", "depot"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What `cargo tree` says of a room, a package a line: its name, its version, and whether it is one of ours.
fn tree(room: &str, depth: &str) -> BTreeSet<(String, String, bool)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(["--package", room, "--depth", depth])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let package = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next()?.to_owned();
        let version = words.next()?.strip_prefix('v')?.to_owned();
        Some((name, version, line.contains(" (/")))
    };
    text.lines().filter_map(package).collect()
}

/// Direct dependencies of all of our crates that are shipped, with their versions.
fn direct() -> BTreeSet<(String, String)> {
    let programs = SHIPPED.iter().flat_map(|program| tree(program, "99"));
    let rooms: BTreeSet<String> = programs.filter(|(_, _, ours)| *ours).map(|(name, _, _)| name).collect();
    assert!(rooms.contains("pipeline"), "{rooms:?}");
    let all = rooms.iter().flat_map(|room| tree(room, "1"));
    all.filter(|(_, _, ours)| !ours)
        .map(|(name, version, _)| (name, version))
        .collect()
}

/// All packages of a lock file, with their versions.
fn locked(lock: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(lock)).unwrap();
    let packages = text.split("[[package]]\n").skip(1);
    let field = |package: &str, name: &str| {
        let value = package.split(&format!("{name} = \"")).nth(1)?.split('"').next()?;
        Some(value.to_owned())
    };
    packages
        .map(|package| (field(package, "name").unwrap(), field(package, "version").unwrap()))
        .collect()
}

/// The same of the program that is a workspace of its own, by its files: nothing says that its dependencies were downloaded yet.
fn direct_of_sftp() -> BTreeSet<(String, String)> {
    let folder = root().join("crates/sftp");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let section = manifest
        .split("\n[dependencies]\n")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let lines = section
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("path ="));
    let names: BTreeSet<&str> = lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .collect();
    let found: BTreeSet<(String, String)> = locked("crates/sftp/Cargo.lock")
        .into_iter()
        .filter(|(name, _)| names.contains(name.as_str()))
        .collect();
    assert!(found.len() >= names.len() && names.contains("russh"), "{names:?}");
    found
}

/// What stands in a store of cargo-vet: names and versions, with criteria and notes.
fn entries(file: &str, table: &str) -> BTreeMap<(String, String), (String, String)> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let field = |entry: &str, name: &str| {
        let line = entry
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        line.map_or(String::new(), |value| value.trim_end_matches('"').to_owned())
    };
    text.split(&format!("[[{table}."))
        .skip(1)
        .map(|entry| {
            let entry = entry.split("\n\n").next().unwrap();
            let name = entry.split("]]").next().unwrap().to_owned();
            (
                (name, field(entry, "version")),
                (field(entry, "criteria"), field(entry, "notes")),
            )
        })
        .collect()
}

#[test]
fn the_page_has_the_numbers_of_both_lists() {
    let page = fs::read_to_string(root().join("docs/operations/supply-chain.md")).unwrap();
    let looked = entries("supply-chain/audits.toml", "audits");
    for (lock, store) in [
        ("Cargo.lock", "supply-chain"),
        ("crates/sftp/Cargo.lock", "crates/sftp/supply-chain"),
    ] {
        let passed = entries(&format!("{store}/config.toml"), "exemptions");
        let of_tests = passed.values().filter(|(criteria, _)| criteria == "safe-to-run");
        let both = passed.keys().filter(|package| looked.contains_key(package));
        let row = format!(
            "| `{lock}` | {} | {} | {}",
            passed.len(),
            of_tests.count(),
            both.count()
        );
        assert!(page.contains(&row), "no row {row:?} in docs/operations/supply-chain.md");
    }
}

#[test]
fn the_page_has_each_crate_of_no_final_version() {
    let page = fs::read_to_string(root().join("docs/operations/supply-chain.md")).unwrap();
    let mut wanted = BTreeSet::new();
    for lock in ["Cargo.lock", "crates/sftp/Cargo.lock"] {
        for (name, version) in locked(lock) {
            // What comes after a plus says how it was built: https://semver.org.
            if version.split('+').next().unwrap().contains('-') {
                wanted.insert(format!("| {name} {version} | `{lock}` |"));
            }
        }
    }
    let rows = page
        .lines()
        .filter(|line| line.contains("Cargo.lock` |") && line.starts_with("| ") && !line.starts_with("| `"));
    let found: BTreeSet<_> = rows
        .map(|line| line.splitn(4, '|').take(3).collect::<Vec<_>>().join("|") + "|")
        .collect();
    assert_eq!(wanted, found, "in docs/operations/supply-chain.md");
}

#[test]
fn each_direct_dependency_of_what_is_shipped_was_looked_at_in_its_version_or_is_said_not_to_be() {
    let looked: BTreeMap<_, _> = entries("supply-chain/audits.toml", "audits")
        .into_iter()
        .filter(|(_, (criteria, _))| criteria == "looked-at")
        .collect();
    for ((name, _), (_, notes)) in &looked {
        assert!(!notes.is_empty(), "{name}: the notes say what was found");
    }
    for (store, direct) in [
        ("supply-chain", direct()),
        ("crates/sftp/supply-chain", direct_of_sftp()),
    ] {
        let passed = entries(&format!("{store}/config.toml"), "exemptions");
        for package in direct {
            let (name, version) = &package;
            let said = passed
                .get(&package)
                .is_some_and(|(_, notes)| notes.contains("not read"));
            assert!(
                looked.contains_key(&package) || said,
                "{name} {version} has not been looked at: read what docs/operations/supply-chain.md says, then add it to supply-chain/audits.toml, or to {store}/config.toml with the notes \"a direct dependency, not read\""
            );
        }
    }
}
