//! Schedules: how the cases write them and pull their trigger.
use api::{BackupRun, BackupSchedule, labels};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::admission::UNADMITTED;
use crate::case::Case;
use crate::cluster::annotate;

/// A tick that never comes while a test runs.
pub const NEVER: &str = "0 0 29 2 *";

impl Case {
    /// Applies a schedule; `settings` go into its spec beside the run's.
    pub async fn schedule(&self, name: &str, settings: Value, run: Value) -> BackupSchedule {
        self.labelled_schedule(json!({"name": name}), settings, run).await
    }

    /// The same, not seen by the webhook: it came in while that was away.
    pub async fn schedule_unadmitted(&self, name: &str, settings: Value, run: Value) -> BackupSchedule {
        let metadata = json!({"name": name, "labels": {UNADMITTED: "true"}});
        self.labelled_schedule(metadata, settings, run).await
    }

    async fn labelled_schedule(&self, metadata: Value, settings: Value, run: Value) -> BackupSchedule {
        let mut spec = settings;
        spec["template"] = json!({"spec": run});
        self.apply(json!({"metadata": metadata, "spec": spec})).await
    }

    /// Asks for a run now and waits until the annotation is taken away.
    pub async fn trigger(&self, name: &str) {
        self.ask_trigger(name).await;
        self.wait(&format!("the trigger of {name} is taken"), 90, || async {
            let schedule = self.schedules().get(name).await.ok()?;
            (!schedule.annotations().contains_key(labels::TRIGGER)).then_some(())
        })
        .await;
    }

    /// Asks for a run now.
    pub async fn ask_trigger(&self, name: &str) {
        annotate(&self.schedules(), name, labels::TRIGGER, Some("now")).await;
    }

    /// The runs of a schedule, oldest first.
    pub async fn runs_of(&self, schedule: &str) -> Vec<BackupRun> {
        let of = ListParams::default().labels(&format!("{}={schedule}", labels::SCHEDULE));
        let mut runs = self.runs().list(&of).await.expect("the runs").items;
        runs.sort_by_key(|r| (r.creation_timestamp().map(|t| t.0), r.name_any()));
        runs
    }

    /// Triggers and gives the name of the new run.
    pub async fn triggered(&self, schedule: &str) -> String {
        let before: Vec<_> = self.runs_of(schedule).await.iter().map(ResourceExt::name_any).collect();
        self.trigger(schedule).await;
        let triggered = |run: &BackupRun| run.annotations().contains_key(labels::TRIGGERED);
        self.another_run(schedule, &before, triggered).await
    }

    /// Waits for a run of a schedule that was not there before.
    pub async fn new_run(&self, schedule: &str, before: &[String]) -> String {
        self.another_run(schedule, before, |_| true).await
    }

    async fn another_run(&self, schedule: &str, before: &[String], wanted: impl Fn(&BackupRun) -> bool) -> String {
        self.wait(&format!("{schedule} makes a run"), 60, || async {
            let runs = self.runs_of(schedule).await;
            let new = runs.iter().filter(|run| wanted(run)).map(ResourceExt::name_any);
            new.into_iter().find(|n| !before.contains(n))
        })
        .await
    }
}
