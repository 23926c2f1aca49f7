//! A cluster that has worked for long: schedules with their finished runs, and runs that belong to none, written many at once.
mod objects;
pub mod requests;
mod stored;

use std::time::Instant;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::Client;

use objects::Shape;
use requests::{Requests, Written};

/// Label of what may run, and that the bench removes again: its runs carry it, too.
pub const LIVE: &str = "scale";
/// Schedules that tick each minute.
pub const TICKING: usize = 5;
/// Requests under way.
const AT_ONCE: usize = 64;
/// Finished runs of a schedule: as many as the default limits keep.
pub const RUNS: usize = 4;
/// Namespaces of the schedules.
const NAMESPACES: usize = 20;
/// Storages that they name.
const STORAGES: usize = 10;
/// Namespace and name of the Secret with the storages' access keys.
pub const CREDENTIALS: (&str, &str) = ("scale-0", "store");

/// How many objects there are.
pub struct Size {
    /// Schedules that do not tick.
    pub schedules: usize,
    /// Runs that belong to none of them.
    pub alone: usize,
}

impl Size {
    /// So many schedules, with as many runs as they usually have.
    pub fn of_schedules(schedules: usize) -> Self {
        Self {
            schedules,
            alone: schedules,
        }
    }

    /// So many runs.
    pub fn of_runs(runs: usize) -> Self {
        let schedules = runs / (RUNS + 1);
        Self {
            schedules,
            alone: runs - schedules * RUNS,
        }
    }

    /// All runs.
    pub fn runs(&self) -> usize {
        self.schedules * RUNS + self.alone
    }
}

/// Where a schedule stands.
pub fn namespace(number: usize) -> String {
    format!("scale-{}", number % NAMESPACES)
}

/// What a schedule is called.
pub fn schedule(number: usize) -> String {
    format!("nightly-{number}")
}

/// What a run is called that belongs to no schedule.
pub fn alone(number: usize) -> String {
    format!("by-hand-{number}")
}

/// What one that ticks each minute is called.
pub fn ticking(number: usize) -> String {
    format!("minutely-{number}")
}

/// The path of the operator's kinds.
const GROUP: &str = "/apis/backup-operator.io/v1";

/// Writes all through the API server, and says how long it took.
pub async fn write(client: &Client, size: &Size, endpoint: &str) {
    let began = Instant::now();
    let shape = &Shape::new(Timestamp::now(), endpoint);
    let requests = &Requests::new(client.clone());
    surroundings(requests, shape).await;
    let schedules = stream::iter(0..size.schedules).map(|number| one(requests, shape, number));
    schedules.buffer_unordered(AT_ONCE).count().await;
    let alone = stream::iter(0..size.alone).map(|number| one_alone(requests, shape, number));
    alone.buffer_unordered(AT_ONCE).count().await;
    told(size, began);
}

/// Objects of which one of each kind was written through an API server: all others are put into its etcd as it has left these, ten times as fast.
pub struct Fixture {
    shape: Shape,
    /// How many there will be.
    pub size: Size,
    began: Instant,
}

impl Fixture {
    /// Writes one of each.
    pub async fn sample(client: &Client, size: Size, endpoint: &str) -> Self {
        let began = Instant::now();
        let shape = Shape::new(Timestamp::now(), endpoint);
        let requests = Requests::new(client.clone());
        surroundings(&requests, &shape).await;
        one(&requests, &shape, 0).await;
        one_alone(&requests, &shape, 0).await;
        Self { shape, size, began }
    }

    /// Puts all others there, and says how long it took.
    pub async fn fill(&self, etcd: &Client) {
        stored::fill(etcd, &self.shape, &self.size).await;
        told(&self.size, self.began);
    }
}

fn told(size: &Size, began: Instant) {
    eprintln!(
        "{} schedules and {} finished runs written in {:.0} s",
        size.schedules + TICKING,
        size.runs(),
        began.elapsed().as_secs_f64()
    );
}

/// What schedules and runs need, and the few schedules that tick.
async fn surroundings(requests: &Requests, shape: &Shape) {
    for number in 0..NAMESPACES {
        requests.create("/api/v1/namespaces", &shape.namespace(number)).await;
    }
    let secrets = format!("/api/v1/namespaces/{}/secrets", CREDENTIALS.0);
    requests.create(&secrets, &shape.credentials()).await;
    for number in 0..STORAGES {
        requests
            .create(&format!("{GROUP}/backupstorages"), &shape.storage(number))
            .await;
    }
    for number in 0..TICKING {
        let all = format!("{GROUP}/namespaces/{}/backupschedules", namespace(number));
        requests.create(&all, &shape.ticking(number)).await;
    }
}

/// A schedule and its runs.
async fn one(requests: &Requests, shape: &Shape, number: usize) {
    let namespace = format!("{GROUP}/namespaces/{}", namespace(number));
    let (all, runs) = (
        format!("{namespace}/backupschedules"),
        format!("{namespace}/backupruns"),
    );
    let owner = requests.create(&all, &shape.schedule(number)).await;
    requests.status(&all, &owner, &shape.schedule_status(number)).await;
    for back in 0..RUNS {
        let run = requests.create(&runs, &shape.run(number, back, &owner)).await;
        finish(requests, shape, &runs, &run, number, back).await;
    }
}

/// A run that belongs to no schedule.
async fn one_alone(requests: &Requests, shape: &Shape, number: usize) {
    let runs = format!("{GROUP}/namespaces/{}/backupruns", namespace(number));
    let run = requests.create(&runs, &shape.alone(number)).await;
    finish(requests, shape, &runs, &run, number, 0).await;
}

/// As the operator leaves a run: the mark that it was begun, and its end.
async fn finish(requests: &Requests, shape: &Shape, runs: &str, run: &Written, number: usize, back: usize) {
    requests.merge(runs, run, &shape.mark(run)).await;
    requests.status(runs, run, &shape.run_status(number, back, run)).await;
}
