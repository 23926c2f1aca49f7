//! When runs were made that the operator makes itself: seen by a watch, to the millisecond.
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::BackupRun;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt};
use tokio::task::JoinHandle;

use crate::fixture::LIVE;
use crate::operator::{Ended, Operator};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// A run that was made.
#[derive(Clone, Debug)]
pub struct Birth {
    /// Of which kind: the value of the label.
    pub label: String,
    /// Of which schedule.
    pub schedule: String,
    /// The tick that it stands for.
    pub tick: Timestamp,
    /// When the API server told of it.
    pub seen: Timestamp,
}

impl Birth {
    /// Seconds after its tick.
    pub fn late(&self) -> f64 {
        self.seen.duration_since(self.tick).as_secs_f64()
    }
}

/// A watch of runs that carry the label of the bench.
pub struct Births {
    all: Arc<Mutex<Vec<Birth>>>,
    watch: JoinHandle<()>,
}

impl Drop for Births {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Births {
    /// Watches from now on.
    pub async fn watch(client: &Client) -> Self {
        let runs: Api<BackupRun> = Api::all(client.clone());
        let listed = runs.list_metadata(&ListParams::default().labels(LIVE).limit(1)).await;
        let mut version = listed.expect("the runs").metadata.resource_version.unwrap_or_default();
        let all = Arc::new(Mutex::new(Vec::new()));
        let seen = all.clone();
        let watch = tokio::spawn(async move {
            let parameters = WatchParams::default().labels(LIVE);
            // The API server ends a watch after a while; the next goes on where it ended.
            while let Ok(events) = runs.watch_metadata(&parameters, &version).await {
                let mut events = events.boxed();
                while let Ok(Some(event)) = events.try_next().await {
                    let run = match event {
                        WatchEvent::Added(run) => {
                            note(&seen, &run);
                            run
                        }
                        WatchEvent::Modified(run) | WatchEvent::Deleted(run) => run,
                        WatchEvent::Bookmark(_) | WatchEvent::Error(_) => continue,
                    };
                    version = run.resource_version().unwrap_or_default();
                }
            }
        });
        Self { all, watch }
    }

    /// Those of a label so far.
    pub fn of(&self, label: &str) -> Vec<Birth> {
        let all = self.all.lock().expect("no panic beside us");
        all.iter().filter(|b| b.label == label).cloned().collect()
    }

    /// Waits until so many schedules have one of a label, or the time is over: the first of each.
    pub async fn wait(
        &self,
        operator: &mut Operator,
        label: &str,
        schedules: usize,
        most: Duration,
    ) -> Result<Vec<Birth>, Ended> {
        let until = Instant::now() + most;
        loop {
            let mut first = self.of(label);
            let mut known = HashSet::new();
            first.retain(|birth| known.insert(birth.schedule.clone()));
            if first.len() >= schedules || Instant::now() > until {
                return Ok(first);
            }
            operator.taken()?;
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn note(all: &Mutex<Vec<Birth>>, run: &impl ResourceExt) {
    let seen = Timestamp::now();
    let name = run.name_any();
    let (schedule, unix) = name.rsplit_once('-').unwrap_or_default();
    let tick = unix.parse().ok().and_then(|unix| Timestamp::from_second(unix).ok());
    let label = run.labels().get(LIVE).cloned();
    if let (Some(tick), Some(label)) = (tick, label) {
        all.lock().expect("no panic beside us").push(Birth {
            label,
            schedule: schedule.into(),
            tick,
            seen,
        });
    }
}
