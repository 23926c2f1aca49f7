//! Drills in a list: when a backup was last proved first.
use api::{BackupDrill, BackupDrillStatus, condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::rows::{Row, View, dim};
use crate::show::style::Tone;
use crate::show::table::Cell;
use crate::show::time::{ago, until};

impl Row for BackupDrill {
    fn cells(&self, view: View, now: Timestamp) -> Vec<(&'static str, Cell)> {
        let none = BackupDrillStatus::default();
        let told = self.status.as_ref().unwrap_or(&none);
        let since = |at: Option<&Time>| at.map(|at| ago(at.0, now)).unwrap_or_default();
        let spec = &self.spec;
        let good = told.last_successful_time.as_ref();
        let tone = if self.has_failed(now) { Tone::Bad } else { Tone::Good };
        let mut cells = vec![(
            "last proved",
            good.map_or_else(|| "never".into(), |at| Cell::new(ago(at.0, now), tone)),
        )];
        if view.namespaces {
            cells.push(("namespace", self.namespace().unwrap_or_default().into()));
        }
        cells.extend([
            ("name", self.name_any().into()),
            ("of", spec.source.schedule.as_str().into()),
            ("pick", format!("{:?}", spec.source.pick.unwrap_or_default()).into()),
            ("mode", spec.mode.unwrap_or_default().word().into()),
            ("last run", last_run(told)),
            ("next in", next(self, now)),
        ]);
        if view.wide {
            let number = |n: Option<u32>| Cell::from(n.map(|n| n.to_string()).unwrap_or_default());
            cells.extend([
                ("schedule", spec.schedule.as_str().into()),
                ("last picked", told.last_picked.as_deref().unwrap_or_default().into()),
                ("took", told.last_duration.as_deref().unwrap_or_default().into()),
                ("ended", since(told.last_completion_time.as_ref()).into()),
                ("runs", number(told.total)),
                ("under way", number(told.in_progress)),
                ("age", since(self.metadata.creation_timestamp.as_ref()).into()),
            ]);
        }
        cells
    }

    fn has_failed(&self, _: Timestamp) -> bool {
        let told = self.status.as_ref();
        told.is_some_and(|t| condition::is_true(&t.conditions, condition::FAILED))
    }

    fn place(&self) -> (String, Timestamp, String) {
        let namespace = self.namespace().unwrap_or_default();
        (namespace, Timestamp::UNIX_EPOCH, self.name_any())
    }
}

/// How the last one ended, or that one is under way; why none is made.
fn last_run(told: &BackupDrillStatus) -> Cell {
    let found = |type_: &str| condition::find(&told.conditions, type_);
    if let Some(said) = found(condition::READY).filter(|c| c.status == "False") {
        return Cell::new(&said.reason, Tone::Bad);
    }
    if let Some(said) = found(condition::IN_PROGRESS).filter(|c| c.status == "True") {
        return Cell::new(&said.reason, Tone::Plain);
    }
    match found(condition::SUCCESSFUL) {
        Some(said) if said.status == "True" => Cell::new(&said.reason, Tone::Good),
        Some(said) => Cell::new(&said.reason, Tone::Bad),
        None => Cell::from(""),
    }
}

fn next(drill: &BackupDrill, now: Timestamp) -> Cell {
    if drill.spec.suspend == Some(true) {
        return Cell::new("suspended", Tone::Warn);
    }
    let next = drill.status.as_ref().and_then(|s| s.next_schedule_time.as_ref());
    next.map_or_else(|| dim(""), |at| until(at.0, now).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_drill_says_when_it_last_proved_a_backup_and_how_the_last_one_ended() {
        let said = |type_: &str, status: &str, reason: &str| json!({"type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let drill: BackupDrill = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill", "metadata": {"name": "weekly", "namespace": "shop"},
            "spec": {"schedule": "@weekly", "source": {"schedule": "nightly", "pick": "Unverified"}},
            "status": {"lastSuccessfulTime": "2026-01-01T00:00:00Z", "nextScheduleTime": "2026-01-11T00:00:00Z",
                "conditions": [said("Ready", "True", "Valid"), said("Successful", "False", "BadObject"), said("Failed", "True", "BadObject")]},
        }))
        .unwrap();
        let now = "2026-01-08T00:00:00Z".parse().unwrap();
        let view = View {
            namespaces: false,
            wide: false,
        };
        let table = super::super::rows::table(std::slice::from_ref(&drill), view, now);
        let mut out = Vec::new();
        table.write(crate::show::style::Style::of_output(), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        for word in [
            "LAST PROVED",
            "weekly",
            "nightly",
            "Unverified",
            "Read",
            "BadObject",
            "7d",
        ] {
            assert!(out.contains(word), "{word}: {out}");
        }
        assert!(drill.has_failed(now));
    }
}
