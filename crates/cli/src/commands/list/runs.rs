//! Runs in a list, the newest last: that is where a terminal's eye is.
use api::run::State;
use api::{BackupRun, BackupRunStatus, condition, labels};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::lately;
use planner::size::humanize;

use super::rows::{Row, View, dim};
use crate::show::style::Tone;
use crate::show::table::Cell;
use crate::show::time::ago;

impl Row for BackupRun {
    fn cells(&self, view: View, now: Timestamp) -> Vec<(&'static str, Cell)> {
        let none = BackupRunStatus::default();
        let told = self.status.as_ref().unwrap_or(&none);
        let text = |text: &Option<String>| Cell::from(text.as_deref().unwrap_or_default());
        let since = |at: Option<Timestamp>| Cell::from(at.map(|at| ago(at, now)).unwrap_or_default());
        let (state, reason) = state(self, told);
        let mut cells = Vec::new();
        if view.namespaces {
            cells.push(("namespace", self.namespace().unwrap_or_default().into()));
        }
        cells.extend([
            ("name", self.name_any().into()),
            ("state", state),
            ("reason", reason),
            ("started", since(told.start_time.as_ref().map(|t| t.0))),
            ("took", took(told, now)),
            ("size", size(told)),
            ("ratio", text(&told.ratio)),
        ]);
        if view.wide {
            cells.extend([
                (
                    "schedule",
                    self.labels().get(labels::SCHEDULE).cloned().unwrap_or_default().into(),
                ),
                ("storage", self.spec.storage.name.as_str().into()),
                ("path", text(&told.path)),
                (
                    "kept",
                    if self.annotations().contains_key(labels::KEEP) {
                        "yes".into()
                    } else {
                        Cell::from("")
                    },
                ),
                ("age", since(self.creation_timestamp().map(|t| t.0))),
            ]);
        }
        cells
    }

    fn has_failed(&self, _: Timestamp) -> bool {
        self.status.as_ref().is_some_and(|told| {
            condition::is_true(&told.conditions, condition::FAILED) || lately::restored(told).is_some_and(|r| r.failed)
        })
    }

    fn place(&self) -> (String, Timestamp, String) {
        let created = self.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |t| t.0);
        (self.namespace().unwrap_or_default(), created, self.name_any())
    }
}

/// What happened last, and why, where that is another word.
fn state(run: &BackupRun, told: &BackupRunStatus) -> (Cell, Cell) {
    if run.metadata.deletion_timestamp.is_some() {
        return (Cell::new("Deleting", Tone::Warn), Cell::from(""));
    }
    let Some(state) = told.state else {
        return (dim("New"), Cell::from(""));
    };
    let tone = match state {
        State::BackupSuccessful | State::RestoreSuccessful => Tone::Good,
        State::BackupFailed | State::RestoreFailed | State::InterruptedFailed => Tone::Bad,
        State::StorageError | State::Queued | State::Thawing => Tone::Warn,
        State::Backuping | State::Restoring => Tone::Plain,
    };
    let word = format!("{state:?}");
    let speaks = match state {
        State::RestoreSuccessful | State::RestoreFailed => condition::RESTORED,
        _ => condition::READY,
    };
    if let Some(cause) = kept_from_starting(told) {
        return (Cell::new(word, tone), Cell::new(cause, Tone::Warn));
    }
    let reason = condition::find(&told.conditions, speaks).map(|c| c.reason.clone());
    let reason = reason.filter(|reason| *reason != word).unwrap_or_default();
    (Cell::new(word, tone), Cell::new(reason, tone))
}

/// What keeps the Pod from starting now, in Kubernetes' word for it: of all that did, the one that the message names, or the last one. Words that
/// take turns have one name there (ErrImagePull is ImagePullBackOff), so that the message need not have it.
fn kept_from_starting(told: &BackupRunStatus) -> Option<&str> {
    let (transfer, message) = (told.transfer.as_ref()?, told.message.as_deref()?);
    let waits = transfer.command_started_at.is_none() && transfer.failed_at.is_none();
    let causes = || {
        transfer
            .waited_for
            .iter()
            .rev()
            .filter(|_| waits && !message.is_empty())
    };
    let named = causes().find(|cause| message.contains(*cause));
    named.or_else(|| causes().next()).map(String::as_str)
}

/// How long the backup took, or has been under way.
fn took(told: &BackupRunStatus, now: Timestamp) -> Cell {
    let under_way = lately::under_way(told).and(told.transfer.as_ref());
    match under_way {
        Some(transfer) => dim(ago(transfer.started_at.0, now)),
        None => told.duration.as_deref().unwrap_or_default().into(),
    }
}

/// What is stored, or has been until now.
fn size(told: &BackupRunStatus) -> Cell {
    match &told.progress {
        Some(progress) if lately::under_way(told).is_some() => dim(humanize(progress.stored_bytes)),
        _ => told.size.as_deref().unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_keeps_a_pod_from_starting_is_the_reason_until_its_command_runs() {
        let now = "2026-11-28T10:00:00Z";
        let shown = |waited: &[&str], started: Option<&str>, message: &str| {
            let mut run = testing::backup_run();
            run.status = serde_json::from_value(json!({
                "state": "Backuping", "message": message,
                "conditions": [{"type": "Ready", "status": "False", "reason": "Backuping", "message": "", "lastTransitionTime": now}],
                "transfer": {"attempt": "backup-1", "startedAt": now, "route": "Direct", "waitedFor": waited, "commandStartedAt": started},
            }))
            .unwrap();
            state(&run, run.status.as_ref().unwrap())
        };
        let pull = "waiting for the Pod: container \"main\": ImagePullBackOff: not found";
        for (waited, started, message, reason) in [
            (
                &["Unschedulable", "ImagePullBackOff"][..],
                None,
                pull,
                "ImagePullBackOff",
            ),
            (&["ImagePullBackOff", "FailedMount"], None, pull, "ImagePullBackOff"),
            (
                &["ImagePullBackOff"],
                None,
                "waiting for the Pod: ErrImagePull",
                "ImagePullBackOff",
            ),
            (&["ImagePullBackOff"], Some(now), pull, ""),
            (&["Unschedulable"], None, "", ""),
            (&[], None, pull, ""),
        ] {
            let tone = if reason.is_empty() { Tone::Plain } else { Tone::Warn };
            let wanted = (Cell::new("Backuping", Tone::Plain), Cell::new(reason, tone));
            assert_eq!(shown(waited, started, message), wanted, "{waited:?} {message}");
        }
    }
}
