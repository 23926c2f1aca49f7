//! Drills, as the planner decides of them and of their runs.
use api::{BackupDrill, BackupRun};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use planner::drill::{Observed, decide, told};
use planner::run::Event;
use planner::run::pod::AgentSettings;
use serde_json::{Value, json};

use crate::Row;

/// A drill, its runs, the backups of its schedule, and a clock. What is decided is carried out at once.
struct World {
    drill: BackupDrill,
    runs: Vec<BackupRun>,
    backups: Vec<BackupRun>,
    events: Vec<Event>,
    now: Timestamp,
}

impl World {
    /// As it was just created, for a schedule with one good backup.
    fn made(more: Value) -> Self {
        let mut spec = json!({"schedule": "@daily", "source": {"schedule": "nightly"}});
        spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let drill = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill",
            "metadata": {"name": "proof", "namespace": "team", "uid": "drill-1", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": spec,
            "status": {"observedGeneration": api::UNSEEN},
        }));
        let mut good = testing::backup_run();
        (good.metadata.name, good.metadata.uid) = (Some("nightly-1767225600".into()), Some("n".into()));
        good.status = serde_json::from_value(json!({"path": "/a", "completionTime": "2026-01-01T00:05:00Z", "conditions": [
            {"type": "Successful", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": "2026-01-01T00:05:00Z"}]}))
        .unwrap();
        Self {
            drill: drill.unwrap(),
            runs: vec![],
            backups: vec![good],
            events: vec![],
            now: "2026-01-01T00:10:00Z".parse().unwrap(),
        }
    }

    fn without_backups(mut self) -> Self {
        self.backups.clear();
        self
    }

    /// The operator passes over it.
    fn look(mut self) -> Self {
        let agent = AgentSettings {
            image: "operator:1".into(),
            image_pull_policy: "IfNotPresent".into(),
            cpu: "250m".into(),
            memory: "32Mi".into(),
            volume: Default::default(),
        };
        let decision = decide(&Observed {
            drill: &self.drill,
            runs: self.runs.iter().collect(),
            backups: self.backups.iter().collect(),
            namesake: false,
            agent: &agent,
            now: self.now,
        });
        self.drill.status = Some(decision.status);
        self.events.extend(decision.events);
        self.runs.extend(decision.create.map(|mut run| {
            run.metadata.uid = Some(run.name_any());
            run
        }));
        self
    }

    /// A day later; looked at until nothing comes of it any more.
    fn tick(mut self) -> Self {
        self.now = self.now.checked_add(SignedDuration::from_hours(24)).unwrap();
        self.look().look()
    }

    fn ends(mut self, well: bool) -> Self {
        let at = self.now.to_string();
        let (yes, no, reason) = if well {
            ("Successful", "Failed", "Restored")
        } else {
            ("Failed", "Successful", "BadObject")
        };
        let words = if well {
            "the backup was restored"
        } else {
            "the object is damaged"
        };
        let said = |type_: &str, status: &str| json!({"type": type_, "status": status, "reason": reason, "message": words, "lastTransitionTime": at});
        let status = json!({"startTime": at, "completionTime": at, "duration": "3s", "conditions": [said(yes, "True"), said(no, "False")],
            "source": {"run": "nightly-1767225600", "namespace": "team", "uid": "n", "storage": "near"}});
        for run in self.runs.iter_mut().filter(|run| run.status.is_none()) {
            run.status = serde_json::from_value(status.clone()).unwrap();
        }
        self.look()
    }

    fn refused(mut self) -> Self {
        let (status, event) = told::refused(&self.drill, "proof-1", "exceeded quota: runs", self.now);
        self.drill.status = Some(status);
        self.events.extend(event);
        self
    }
}

/// What people are to see of drills, in golden files.
pub const SHOWN: &[&str] = &[
    "a drill just created",
    "a valid drill",
    "a drill is under way",
    "the last drill was good",
    "the last drill failed",
    "a drill waits for another",
    "there was nothing to prove",
    "a suspended drill",
    "an invalid drill",
    "the run of a drill is refused",
];

pub fn rows() -> Vec<Row> {
    let row = |situation, world: World, kstatus, argo| Row {
        situation,
        object: serde_json::to_value(world.drill).unwrap(),
        events: world.events,
        kstatus,
        argo,
    };
    let well = |situation, world| row(situation, world, "Current", "Healthy");
    let stuck = |situation, world| row(situation, world, "Failed", "Degraded");
    let made = || World::made(json!({}));
    let suspended = || World::made(json!({"suspend": true}));
    let invalid = || World::made(json!({"schedule": "every day"}));
    vec![
        row("a drill just created", made(), "InProgress", "Progressing"),
        well("a valid drill", made().look()),
        well("a drill is under way", made().look().tick()),
        well("the last drill was good", made().look().tick().ends(true)),
        well("the last drill failed", made().look().tick().ends(false)),
        well("a drill waits for another", made().look().tick().tick()),
        row(
            "there was nothing to prove",
            made().without_backups().look().tick(),
            "InProgress",
            "Healthy",
        ),
        well("a suspended drill", suspended().look()),
        stuck("an invalid drill", invalid().look()),
        stuck("the run of a drill is refused", made().look().refused()),
        well(
            "the run of a drill was refused, and is not any more",
            made().look().refused().look(),
        ),
    ]
}
