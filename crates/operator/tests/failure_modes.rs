//! docs/operations/failure-modes.md tells of every reason that a run, a storage or a schedule is told of with, and no code invents others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use planner::{run, schedule, storage};

/// How things go well; they need no explanation there.
const WELL: [&str; 29] = [
    "BackupSuccessful",
    "BackupStarted",
    "RestoreSuccessful",
    "RestoreStarted",
    "Backuping",
    "Restoring",
    // What is stored.
    "NothingStored",
    "NoBackupYet",
    "NotProved",
    "RestoreOnly",
    "NoRestoreCommand",
    "BackupFailed",
    "Compressed",
    "Encrypted",
    "NotAsked",
    // Storages.
    "NotProbed",
    "Probed",
    "Ready",
    "Allowed",
    // Schedules.
    "Valid",
    "Suspended",
    "NotSuspended",
    "Resumed",
    "RunCreated",
    "RunTriggered",
    "Idle",
    "RunUnderWay",
    "RestoreUnderWay",
    "RunEnded",
];

/// Every word of the three tables, and its meaning.
fn words() -> Vec<(&'static str, &'static str)> {
    let runs = run::Reason::ALL.iter().map(|r| (r.word(), r.meaning()));
    let storages = storage::Reason::ALL.iter().map(|r| (r.word(), r.meaning()));
    let schedules = schedule::Reason::ALL.iter().map(|r| (r.word(), r.meaning()));
    runs.chain(storages).chain(schedules).collect()
}

/// The literals of a folder's code, tests left out.
fn literals(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        let name = entry.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name == "tests" {
            continue;
        }
        if entry.is_dir() {
            literals(&entry, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&entry).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            found.extend(code.split('"').skip(1).step_by(2).map(ToString::to_string));
        }
    }
}

#[test]
fn every_reason_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let told = fs::read_to_string(root.join("docs/operations/failure-modes.md")).unwrap();
    let missing: Vec<_> = words()
        .into_iter()
        .filter(|(word, _)| !WELL.contains(word) && !told.contains(&format!("`{word}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "not in docs/operations/failure-modes.md: {missing:?}"
    );
}

#[test]
fn every_reason_means_something() {
    for (word, meaning) in words() {
        assert!(
            word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(|c| c.is_ascii_alphanumeric()),
            "{word}"
        );
        assert!(meaning.ends_with('.') && meaning.len() > 10, "{word}: {meaning}");
    }
}

/// What code of these folders writes out of the words that it should take from a table.
fn written(folders: &[&str], table: &[&'static str]) -> Vec<&'static str> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = BTreeSet::new();
    for folder in folders {
        literals(&root.join(folder), &mut found);
    }
    assert!(found.len() > 10, "{folders:?} are not read as they should be");
    table.iter().copied().filter(|word| found.contains(*word)).collect()
}

#[test]
fn a_reason_comes_from_the_one_table() {
    let runs: Vec<_> = run::Reason::ALL.iter().map(|r| r.word()).collect();
    let storages: Vec<_> = storage::Reason::ALL.iter().map(|r| r.word()).collect();
    let schedules: Vec<_> = schedule::Reason::ALL.iter().map(|r| r.word()).collect();
    let cases: [(&[&str], &[&str]); 3] = [
        (
            &[
                "crates/planner/src/run",
                "crates/operator/src/run",
                "crates/operator/src/transfer",
            ],
            &runs,
        ),
        (
            &["crates/planner/src/storage", "crates/operator/src/storage"],
            &storages,
        ),
        (&["crates/planner/src/schedule"], &schedules),
    ];
    for (folders, table) in cases {
        let none: Vec<&str> = vec![];
        assert_eq!(
            written(folders, table),
            none,
            "written out instead of Reason::... in {folders:?}"
        );
    }
}
