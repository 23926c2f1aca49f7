//! docs/operations/failure-modes.md tells of every reason that a run can end or wait with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Words of the same form that are no bad ends: Kubernetes' own, messages of the protocol, and how things go well.
const OTHERS: [&str; 23] = [
    "AlreadyExists",
    "BackupFailed",
    "BackupStarted",
    "BackupStorage",
    "BackupSuccessful",
    "ContainerCreating",
    "CrashLoopBackOff",
    "DisruptionTarget",
    "ETag",
    "ErrImageNeverPull",
    "IfNotPresent",
    "InvalidImageName",
    "NeedUrl",
    "NoBackupYet",
    "NoRestoreCommand",
    "NotAsked",
    "PodInitializing",
    "PodScheduled",
    "RestoreOnly",
    "RestoreRequested",
    "RestoreStarted",
    "RestoreSuccessful",
    "RuntimeDefault",
];

/// The literals of the code, tests left out, that are two or more words in CamelCase.
fn reasons(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        let name = entry.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name == "tests" {
            continue;
        }
        if entry.is_dir() {
            reasons(&entry, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&entry).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let words = code.split('"').skip(1).step_by(2).filter(|w| is_reason(w));
            found.extend(words.map(ToString::to_string));
        }
    }
}

fn is_reason(word: &str) -> bool {
    let humps = word.chars().filter(char::is_ascii_uppercase).count();
    let fits = word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(|c| c.is_ascii_alphabetic());
    fits && (humps >= 2 && humps < word.len() || matches!(word, "Interrupted" | "Cancelled"))
}

#[test]
fn every_reason_of_a_bad_end_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = BTreeSet::new();
    for folder in [
        "crates/planner/src/run",
        "crates/operator/src/run",
        "crates/operator/src/transfer",
    ] {
        reasons(&root.join(folder), &mut found);
    }
    for known in ["TransferFailed", "Interrupted", "StartDeadlineExceeded"] {
        assert!(found.contains(known), "the code is not read as it should be: {found:?}");
    }
    let told = fs::read_to_string(root.join("docs/operations/failure-modes.md")).unwrap();
    let missing: Vec<_> = found
        .iter()
        .filter(|reason| !OTHERS.contains(&reason.as_str()) && !told.contains(&format!("`{reason}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "not in docs/operations/failure-modes.md: {missing:?}"
    );
}
