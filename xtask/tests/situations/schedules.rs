//! Schedules, as the planner decides of them and of their runs.
use api::{BackupRun, BackupSchedule};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use planner::run::{Event, is_finished};
use planner::schedule::{Observed, decide, refused};
use serde_json::{Value, json};

use crate::{Row, runs};

/// A schedule, its runs, and a clock. What is decided is written to it, and carried out, at once.
struct World {
    schedule: BackupSchedule,
    runs: Vec<BackupRun>,
    events: Vec<Event>,
    now: Timestamp,
}

impl World {
    /// As it was just created.
    fn made(expression: &str, more: Value) -> Self {
        let mut spec = json!({"schedule": expression, "template": {"spec": testing::backup_run().spec}});
        spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let schedule = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
            "metadata": {"name": "nightly", "namespace": "team", "uid": "schedule-1", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": spec,
            "status": {"observedGeneration": api::UNSEEN},
        }));
        Self {
            schedule: schedule.unwrap(),
            runs: vec![],
            events: vec![],
            now: "2026-01-01T00:10:00Z".parse().unwrap(),
        }
    }

    fn daily() -> Self {
        Self::made("@daily", json!({})).look()
    }

    /// The operator passes over it.
    fn look(mut self) -> Self {
        let decision = decide(&Observed {
            schedule: &self.schedule,
            runs: self.runs.iter().collect(),
            others: vec![],
            read: Default::default(),
            restored_by: Default::default(),
            notify: Default::default(),
            now: self.now,
        });
        self.schedule.status = Some(decision.status);
        self.events.extend(decision.events);
        self.runs.extend(decision.create.into_iter().map(|mut run| {
            run.metadata.uid = Some(run.name_any());
            run
        }));
        self.runs
            .retain(|run| decision.delete.iter().all(|doomed| doomed.name != run.name_any()));
        self
    }

    /// A day later; looked at until nothing comes of it any more.
    fn tick(mut self) -> Self {
        self.now = self.now.checked_add(SignedDuration::from_hours(24)).unwrap();
        self.look().look()
    }

    /// What is done to the run under way.
    fn of_run(mut self, act: impl Fn(BackupRun, Timestamp) -> BackupRun) -> Self {
        let now = self.now;
        let goes_on = |run: &&mut BackupRun| run.status.as_ref().is_none_or(|s| !is_finished(s));
        let active = self.runs.iter_mut().find(goes_on).unwrap();
        *active = act(active.clone(), now);
        self.look()
    }

    fn works(self) -> Self {
        self.of_run(runs::working)
    }

    fn ends(self, well: bool) -> Self {
        self.of_run(|run, now| runs::ended(run, well, now))
    }

    fn edited(mut self, expression: &str) -> Self {
        self.schedule.spec.schedule = expression.into();
        self.schedule.metadata.generation = self.schedule.metadata.generation.map(|g| g + 1);
        self
    }

    fn refused(mut self) -> Self {
        let (status, events) = refused(&self.schedule, "nightly-1", "exceeded quota: runs", self.now);
        self.schedule.status = Some(status);
        self.events.extend(events);
        self
    }
}

/// What people are to see of schedules, in golden files.
pub const SHOWN: &[&str] = &[
    "just created",
    "valid",
    "a run is under way",
    "the last run was good",
    "the last run failed",
    "three runs in a row failed",
    "a run waits for another",
    "tick after tick is passed over",
    "run after run is replaced",
    "suspended",
    "invalid",
    "edited, and not looked at yet",
    "its run is refused",
];

pub fn rows() -> Vec<Row> {
    let row = |situation, world: World, kstatus, argo| Row {
        situation,
        object: serde_json::to_value(world.schedule).unwrap(),
        events: world.events,
        kstatus,
        argo,
    };
    let coming = |situation, world| row(situation, world, "InProgress", "Progressing");
    let well = |situation, world| row(situation, world, "Current", "Healthy");
    let stuck = |situation, world| row(situation, world, "Failed", "Degraded");
    let made = |expression, suspend| World::made(expression, json!({ "suspend": suspend }));
    let forbid = || World::made("@daily", json!({"concurrencyPolicy": "Forbid"})).look();
    vec![
        coming("just created", made("@daily", false)),
        well("valid", World::daily()),
        well("a run is under way", World::daily().tick().works()),
        well("the last run was good", World::daily().tick().works().ends(true)),
        well("the last run failed", World::daily().tick().works().ends(false)),
        well("three runs in a row failed", {
            let good = World::daily().tick().ends(true);
            good.tick().ends(false).tick().ends(false).tick().ends(false)
        }),
        well("a run waits for another", forbid().tick().works().tick()),
        well(
            "tick after tick is passed over",
            forbid().tick().works().tick().tick().tick().tick(),
        ),
        well(
            "run after run is replaced",
            World::daily().tick().works().tick().works().tick().works().tick(),
        ),
        well("suspended", made("@daily", true).look()),
        stuck("invalid", made("every day", false).look()),
        stuck("invalid and suspended", made("every day", true).look()),
        coming("edited, and not looked at yet", World::daily().edited("@hourly")),
        well("edited, and valid", World::daily().edited("@hourly").look()),
        stuck(
            "edited into something invalid",
            World::daily().edited("every day").look(),
        ),
        well("corrected", made("every day", false).look().edited("@daily").look()),
        stuck("its run is refused", World::daily().refused()),
        well(
            "its run was refused, and is not any more",
            World::daily().refused().look(),
        ),
    ]
}
