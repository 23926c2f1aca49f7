//! Drills: how the cases write them and pull their trigger.
use api::{BackupDrill, BackupRun, labels};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::case::Case;
use crate::cluster::annotate;

impl Case {
    /// Applies a drill of a schedule that never ticks; `more` goes into its spec.
    pub async fn drill(&self, name: &str, schedule: &str, more: Value) -> BackupDrill {
        let mut spec = json!({"schedule": crate::schedules::NEVER, "source": {"schedule": schedule}});
        if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
            spec.extend(more.clone());
        }
        self.apply(json!({"metadata": {"name": name}, "spec": spec})).await
    }

    /// The drill as it is now.
    pub async fn drill_now(&self, name: &str) -> BackupDrill {
        self.api::<BackupDrill>().get(name).await.expect("the drill")
    }

    /// Waits for what is to be seen of a drill.
    pub async fn drill_until<T>(
        &self,
        name: &str,
        what: &str,
        seconds: u64,
        seen: impl Fn(&BackupDrill) -> Option<T>,
    ) -> T {
        let drills = self.api::<BackupDrill>();
        self.wait(&format!("drill {name} {what}"), seconds, || async {
            seen(&drills.get(name).await.ok()?)
        })
        .await
    }

    /// Asks for a drill now.
    pub async fn ask_drill(&self, name: &str) {
        annotate(&self.api::<BackupDrill>(), name, labels::TRIGGER, Some("now")).await;
    }

    /// The runs of a drill, oldest first.
    pub async fn runs_of_drill(&self, drill: &str) -> Vec<BackupRun> {
        let of = ListParams::default().labels(&format!("{}={drill}", labels::DRILL));
        let mut runs = self.runs().list(&of).await.expect("the runs").items;
        runs.sort_by_key(|r| (r.creation_timestamp().map(|t| t.0), r.name_any()));
        runs
    }

    /// Asks for a drill and gives the name of its run.
    pub async fn drilled(&self, drill: &str) -> String {
        let before: Vec<_> = self
            .runs_of_drill(drill)
            .await
            .iter()
            .map(ResourceExt::name_any)
            .collect();
        self.ask_drill(drill).await;
        // Another request that came before this one is taken off would be taken for the same.
        self.drill_until(drill, "has taken its trigger", 60, |drill| {
            (!drill.annotations().contains_key(labels::TRIGGER)).then_some(())
        })
        .await;
        self.wait(&format!("drill {drill} makes a run"), 60, || async {
            let runs = self.runs_of_drill(drill).await;
            runs.iter()
                .map(ResourceExt::name_any)
                .find(|name| !before.contains(name))
        })
        .await
    }
}
