//! Schedules in a list: the age of the last good backup first.
use api::{BackupSchedule, condition};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::schedule::expected;
use planner::size::{humanize, span};

use super::rows::{Row, View, dim};
use crate::read::fleet::{Age, age, is_suspended};
use crate::show::style::Tone;
use crate::show::table::Cell;
use crate::show::time::{ago, until};

impl Row for BackupSchedule {
    fn cells(&self, view: View, now: Timestamp) -> Vec<(&'static str, Cell)> {
        let none = api::BackupScheduleStatus::default();
        let told = self.status.as_ref().unwrap_or(&none);
        let since = |at: Option<Timestamp>| at.map(|at| ago(at, now)).unwrap_or_default();
        let last = told.last_backup.as_ref();
        let mut cells = vec![("last good", last_good(self, now))];
        if view.namespaces {
            cells.push(("namespace", self.namespace().unwrap_or_default().into()));
        }
        cells.extend([
            ("name", self.name_any().into()),
            ("schedule", self.spec.schedule.as_str().into()),
            ("last run", last_run(self)),
            ("next in", next(self, now)),
            (
                "failing for",
                Cell::new(since(told.failing_since.as_ref().map(|t| t.0)), Tone::Bad),
            ),
            (
                "in a row",
                told.consecutive_failures
                    .map(|n| n.to_string())
                    .unwrap_or_default()
                    .into(),
            ),
        ]);
        if view.wide {
            let interval = expected::interval(self, now).map(span);
            let number = |n: Option<u32>| Cell::from(n.map(|n| n.to_string()).unwrap_or_default());
            cells.extend([
                ("last good run", last.map(|l| l.run.as_str()).unwrap_or_default().into()),
                ("every", interval.unwrap_or_default().into()),
                (
                    "size",
                    last.and_then(|l| l.stored_bytes)
                        .map(humanize)
                        .unwrap_or_default()
                        .into(),
                ),
                ("storage", self.spec.template.spec.storage.name.as_str().into()),
                (
                    "last restored",
                    since(told.last_verified_time.as_ref().map(|t| t.0)).into(),
                ),
                ("runs", number(told.total)),
                ("under way", number(told.in_progress)),
                ("age", since(self.creation_timestamp().map(|t| t.0)).into()),
            ]);
        }
        cells
    }

    fn has_failed(&self, _: Timestamp) -> bool {
        let told = self.status.as_ref();
        told.is_some_and(|t| {
            t.consecutive_failures.is_some_and(|n| n > 0) || condition::is_true(&t.conditions, condition::FAILED)
        })
    }

    fn place(&self) -> (String, Timestamp, String) {
        (
            self.namespace().unwrap_or_default(),
            Timestamp::UNIX_EPOCH,
            self.name_any(),
        )
    }
}

fn last_good(schedule: &BackupSchedule, now: Timestamp) -> Cell {
    let good = schedule.status.as_ref().and_then(|s| s.last_successful_time.as_ref());
    let tone = match (age(schedule, now), good) {
        (Age::Old, _) => Tone::Bad,
        (Age::Young, Some(_)) => Tone::Good,
        _ => Tone::Plain,
    };
    Cell::new(good.map_or_else(|| "never".into(), |at| ago(at.0, now)), tone)
}

/// How the last run ended, or that one is under way; a schedule that is not taken makes none.
fn last_run(schedule: &BackupSchedule) -> Cell {
    let conditions = schedule
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    let found = |type_: &str| condition::find(conditions, type_);
    if let Some(said) = found(condition::READY).filter(|c| c.status == "False") {
        return Cell::new(&said.reason, Tone::Bad);
    }
    if let Some(said) = found(condition::STARVING).filter(|c| c.status == "True") {
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

fn next(schedule: &BackupSchedule, now: Timestamp) -> Cell {
    if is_suspended(schedule) {
        return Cell::new("suspended", Tone::Warn);
    }
    let next = schedule.status.as_ref().and_then(|s| s.next_schedule_time.as_ref());
    next.map_or_else(|| dim(""), |at| until(at.0, now).into())
}
