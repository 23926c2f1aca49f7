//! Schedules, as the planner decides of them.
use api::{BackupRun, BackupSchedule};
use jiff::Timestamp;
use planner::schedule::{Observed, decide, refused};
use serde_json::{Value, json};

use crate::Row;

fn schedule(expression: &str, suspend: bool) -> BackupSchedule {
    serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
        "metadata": {"name": "nightly", "namespace": "team", "uid": "schedule-1", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": expression, "suspend": suspend, "template": {"spec": testing::backup_run().spec}},
        "status": {"observedGeneration": api::UNSEEN},
    }))
    .unwrap()
}

fn run(type_: &str, reason: &str) -> BackupRun {
    let mut run = testing::backup_run();
    run.status = serde_json::from_value(json!({
        "conditions": [{"type": type_, "status": "True", "reason": reason, "message": "its words", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "completionTime": "2026-01-01T00:00:00Z",
    }))
    .unwrap();
    run
}

fn decided(mut schedule: BackupSchedule, runs: &[BackupRun]) -> BackupSchedule {
    let status = decide(&Observed {
        schedule: &schedule,
        runs: runs.iter().collect(),
        others: vec![],
        notify: Default::default(),
        now: now(),
    })
    .status;
    schedule.status = Some(status);
    schedule
}

fn now() -> Timestamp {
    "2026-01-01T00:10:00Z".parse().unwrap()
}

fn object(schedule: BackupSchedule) -> Value {
    serde_json::to_value(schedule).unwrap()
}

pub fn rows() -> Vec<Row> {
    let valid = |runs: &[BackupRun]| decided(schedule("@daily", false), runs);
    let mut edited = valid(&[]);
    edited.metadata.generation = Some(2);
    let again = decided(edited.clone(), &[]);
    let mut wrong = edited.clone();
    wrong.spec.schedule = "every day".into();
    let mut right = decided(schedule("every day", false), &[]);
    right.spec.schedule = "@daily".into();
    right.metadata.generation = Some(2);
    let mut no_run = valid(&[]);
    no_run.status = Some(refused(&no_run, "nightly-1", "exceeded quota: runs", now()).0);
    let row = |situation, schedule, kstatus, argo| Row::new(situation, object(schedule), kstatus, argo);
    vec![
        row("just created", schedule("@daily", false), "InProgress", "Progressing"),
        row("valid", valid(&[]), "Current", "Healthy"),
        row(
            "a run is under way",
            valid(&[run("InProgress", "Backuping")]),
            "Current",
            "Healthy",
        ),
        row(
            "the last run was good",
            valid(&[run("Successful", "BackupSuccessful")]),
            "Current",
            "Healthy",
        ),
        row(
            "the last run failed",
            valid(&[run("Failed", "CommandFailed")]),
            "Current",
            "Healthy",
        ),
        row(
            "suspended",
            decided(schedule("@daily", true), &[]),
            "Current",
            "Healthy",
        ),
        row(
            "invalid",
            decided(schedule("every day", false), &[]),
            "Failed",
            "Degraded",
        ),
        row(
            "invalid and suspended",
            decided(schedule("every day", true), &[]),
            "Failed",
            "Degraded",
        ),
        row("edited, and not looked at yet", edited, "InProgress", "Progressing"),
        row("edited, and valid", again, "Current", "Healthy"),
        row(
            "edited into something invalid",
            decided(wrong, &[]),
            "Failed",
            "Degraded",
        ),
        row("corrected", decided(right, &[]), "Current", "Healthy"),
        row("its run is refused", no_run.clone(), "Failed", "Degraded"),
        row(
            "its run was refused, and is not any more",
            decided(no_run, &[]),
            "Current",
            "Healthy",
        ),
    ]
}
