//! The fault matrix: which faults the cases provoke, how each has to end, how it ended, and what was left.
//!
//! A case says with `fault` that a run meets a fault; the waits for the run's end (`failed`, `succeeded`, `restore`,
//! `restore_fails`) fill in what is expected and what was seen. After the case each fault becomes a line in the file that
//! `E2E_FAULTS` names, which `make faults` makes a table of.
use std::io::Write;

use crate::case::Case;

/// One fault.
#[derive(Clone, Debug)]
pub struct Row {
    subject: String,
    fault: String,
    expected: String,
    seen: String,
}

/// What a case left behind: all of it has to be nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// Objects that no good backup explains.
    pub objects: usize,
    /// Multipart uploads that were neither completed nor aborted.
    pub uploads: usize,
    /// Pods of runs that have ended.
    pub pods: usize,
    /// Objects that a finalizer held for longer than it may.
    pub finalizers: usize,
}

impl Case {
    /// The run of this name meets this fault: `store: 503 SlowDown for a while`.
    pub fn fault(&self, run: &str, fault: &str) {
        let (subject, fault) = (run.to_string(), fault.to_string());
        let (expected, seen) = Default::default();
        self.rows().push(Row {
            subject,
            fault,
            expected,
            seen,
        });
    }

    /// How the fault of that run had to end, and how it did: the first end after it was named.
    pub fn end(&self, run: &str, expected: impl Into<String>, seen: impl Into<String>) {
        let (expected, seen) = (expected.into(), seen.into());
        for row in self.rows().iter_mut().filter(|r| r.subject == run && r.seen.is_empty()) {
            (row.expected, row.seen) = (expected.clone(), seen.clone());
        }
    }

    /// Writes the case's faults where they are collected; `good`: the case found all as it has to be.
    pub(crate) fn write_rows(&self, left: Left, good: bool) {
        let Some(path) = std::env::var_os("E2E_FAULTS") else {
            return;
        };
        let mut text = String::new();
        for row in self.rows().iter() {
            let as_expected = good && !row.seen.is_empty() && row.seen == row.expected;
            let or = |text: &str, other: &str| {
                if text.is_empty() {
                    other.to_string()
                } else {
                    text.to_string()
                }
            };
            let fields = [
                if as_expected { "ok" } else { "FAILED" }.to_string(),
                row.fault.clone(),
                or(&row.expected, "?"),
                or(&row.seen, "the test stopped before"),
                left.objects.to_string(),
                left.uploads.to_string(),
                left.pods.to_string(),
                left.finalizers.to_string(),
            ];
            text.push_str(&fields.join("\t"));
            text.push('\n');
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        // One write, so that cases that end at the same time do not mix their lines.
        file.and_then(|mut f| f.write_all(text.as_bytes()))
            .unwrap_or_else(|e| panic!("E2E_FAULTS {path:?}: {e}"));
    }
}
