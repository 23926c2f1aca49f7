//! docs/operations/failure-modes.md tells of every reason that a run can end, wait or be told of with, and no code invents others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use planner::run::Reason;

/// How things go well; they need no explanation there.
const WELL: [Reason; 4] = [
    Reason::BackupSuccessful,
    Reason::BackupStarted,
    Reason::RestoreSuccessful,
    Reason::RestoreStarted,
];

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
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !WELL.contains(reason) && !told.contains(&format!("`{reason}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "not in docs/operations/failure-modes.md: {missing:?}"
    );
}

#[test]
fn a_reason_of_a_run_comes_from_the_one_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = BTreeSet::new();
    for folder in [
        "crates/planner/src/run",
        "crates/operator/src/run",
        "crates/operator/src/transfer",
    ] {
        literals(&root.join(folder), &mut found);
    }
    assert!(found.len() > 200, "the code is not read as it should be");
    let written: Vec<_> = Reason::ALL.iter().filter(|r| found.contains(r.word())).collect();
    assert!(written.is_empty(), "written out instead of Reason::...: {written:?}");
}
