//! One build's turn on a cluster: from its start to a thousand runs at once, and the cluster as it was for the next.
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use super::{NODE, Place};
use crate::api_server::ApiServer;
use crate::asked::Asked;
use crate::births::Births;
use crate::build::Build;
use crate::fixture::requests::{Requests, Written};
use crate::fixture::{self, LIVE, TICKING};
use crate::operator::{Ended, Operator};
use crate::table::Figures;

/// Until an operator that began on fifty thousand runs is at rest.
const STARTS: Duration = Duration::from_secs(1200);
/// Until it has done what a few changes woke it for.
const SETTLES: Duration = Duration::from_secs(300);
/// How long one at rest is looked at.
const REST: Duration = Duration::from_secs(60);
/// API servers that it is led to, one after the other, until one finds its versions too old.
const SERVERS: usize = 8;
/// Until the operator has been told that what it knows is too old.
const REFUSED: Duration = Duration::from_secs(20);
/// Objects of a kind that are changed, at most.
const CHANGED: usize = 1000;
/// How often a storage is changed, and how long after each other: it counts a burst of changes once.
const COUNTS: (usize, Duration) = (20, Duration::from_millis(500));
/// Schedules on one tick, at most.
const BURST: usize = 1000;
/// Between the change of these schedules and their tick, at least.
const AHEAD: i64 = 120;
/// Until all their runs are made.
const MADE: Duration = Duration::from_secs(600);
/// Requests under way.
const AT_ONCE: usize = 32;
/// The path of the operator's kinds.
const GROUP: &str = "/apis/backup-operator.io/v1";

impl Place {
    /// One build's turn.
    pub(super) async fn round(&self, build: &Build) -> Figures {
        let mut figures = Figures::default();
        self.clear(&self.first).await;
        self.due(&self.first).await;
        let births = Births::watch(&self.first.client).await;
        let before = Asked::read(&self.first.client).await;
        let mut operator = Operator::start(build, self.gate.port, self.lease, &self.folder);
        if let Err(ended) = self.life(&mut figures, &mut operator, &births, &before).await {
            eprintln!("  the operator has ended by itself:\n{}", ended.0);
            figures.add("ended by itself", 1.0);
        }
        operator.end();
        self.gate.lead_to(self.first.port);
        self.clear(&self.first).await;
        self.calendar(&self.first, "@yearly").await;
        figures
    }

    /// From its start to a thousand runs at once.
    async fn life(
        &self,
        figures: &mut Figures,
        operator: &mut Operator,
        births: &Births,
        before: &Asked,
    ) -> Result<(), Ended> {
        let first = births.wait(operator, "minutely", TICKING, STARTS).await?;
        self.started(figures, operator, &first);
        self.suspend(&self.first, true).await;
        self.clear(&self.first).await;
        let rest = operator.rest(STARTS).await?;
        figures.add("CPU until at rest, s", rest.now.cpu.as_secs_f64());
        figures.add(
            "at rest after, s",
            seconds(rest.reached, (operator.age() - crate::operator::REST).as_secs_f64()),
        );
        figures.add("resident at rest, MiB", rest.now.resident);
        figures.add("resident at its peak, MiB", rest.now.peak);
        let asked = Asked::read(&self.first.client).await.since(before);
        eprintln!("  asked while it started: {}", asked.words());

        let idle = self.idle(figures, operator).await?;
        self.passes(figures, operator, idle).await?;
        let second = self.gone(figures, operator, idle).await?;
        self.burst(figures, operator, &second).await?;
        Ok(())
    }

    /// What its log and its first runs tell of its start.
    fn started(&self, figures: &mut Figures, operator: &Operator, first: &[crate::births::Birth]) {
        let led = operator.said("watching").unwrap_or_default();
        let since = |then: Option<Timestamp>| then.map_or(f64::NAN, |then| then.duration_since(led).as_secs_f64());
        figures.add(
            "leading to every kind seen, s",
            since(operator.said("every kind was seen")),
        );
        figures.add(
            "leading to the first tick served, s",
            since(first.iter().map(|b| b.seen).min()),
        );
        let all = (first.len() == TICKING)
            .then(|| first.iter().map(|b| b.seen).max())
            .flatten();
        figures.add("leading to every due tick served, s", since(all));
    }

    /// What it takes while nothing changes: CPU seconds of a second.
    async fn idle(&self, figures: &mut Figures, operator: &mut Operator) -> Result<f64, Ended> {
        let (before, asked) = (operator.taken()?, Asked::read(&self.first.client).await);
        tokio::time::sleep(REST).await;
        let spent = (operator.taken()?.cpu - before.cpu).as_secs_f64();
        let asked = Asked::read(&self.first.client).await.since(&asked);
        eprintln!("  asked in a minute at rest: {}", asked.words());
        figures.add("CPU at rest, ms a minute", spent * 1000.0);
        figures.add("requests at rest, a minute", asked.total() as f64);
        Ok(spent / REST.as_secs_f64())
    }

    /// What changes of schedules, finished runs and storages cost it, one by one.
    async fn passes(&self, figures: &mut Figures, operator: &mut Operator, idle: f64) -> Result<(), Ended> {
        let requests = &Requests::new(self.first.client.clone());
        let count = self.size.schedules.min(CHANGED);
        let value = Timestamp::now().to_string();
        let change = &json!({ "metadata": { "annotations": { "scale": value } } });
        for kind in ["schedule", "finished run"] {
            let (began, before) = (Instant::now(), operator.taken()?);
            let asked = Asked::read(&self.first.client).await;
            let changes = stream::iter(0..count).map(async |number| {
                let (kind, name) = match kind {
                    "schedule" => ("backupschedules", fixture::schedule(number)),
                    _ => ("backupruns", fixture::alone(number)),
                };
                let path = format!("{GROUP}/namespaces/{}/{kind}", fixture::namespace(number));
                requests.merge(&path, &named(&name), change).await;
            });
            changes.buffer_unordered(AT_ONCE).count().await;
            let rest = operator.settled(SETTLES).await?;
            let spent = (rest.now.cpu - before.cpu).as_secs_f64() - idle * began.elapsed().as_secs_f64();
            let asked = Asked::read(&self.first.client).await.since(&asked);
            eprintln!("  asked after {count} changes of a {kind}: {}", asked.words());
            figures.add(&format!("CPU of a changed {kind}, ms"), spent * 1000.0 / count as f64);
        }
        let (began, before) = (Instant::now(), operator.taken()?);
        for number in 0..COUNTS.0 {
            let change = json!({ "metadata": { "annotations": { "scale": format!("{value}-{number}") } } });
            requests
                .merge(&format!("{GROUP}/backupstorages"), &named("scale-0"), &change)
                .await;
            tokio::time::sleep(COUNTS.1).await;
        }
        let rest = operator.settled(SETTLES).await?;
        let spent = (rest.now.cpu - before.cpu).as_secs_f64() - idle * began.elapsed().as_secs_f64();
        figures.add("CPU of a changed storage, ms", spent * 1000.0 / COUNTS.0 as f64);
        Ok(())
    }

    /// Leads the operator to an API server that has just come up: every version that it knows is too old for that one (410 Gone), but where a
    /// bookmark came while that one read all runs. Then there is another, until one says so of the runs.
    async fn gone(&self, figures: &mut Figures, operator: &mut Operator, idle: f64) -> Result<ApiServer, Ended> {
        let (mut server, mut last) = (self.serve("second").await, None::<ApiServer>);
        for left in (0..SERVERS).rev() {
            // That one's own start is no request of the operator's.
            let (asked, complaints) = (Asked::read(&server.client).await, operator.complaints().len());
            let (began, before) = (Instant::now(), operator.taken()?);
            operator.reset_peak();
            self.gate.lead_to(server.port);
            // It takes its time to end, in which it serves nobody.
            if let Some(last) = last.take() {
                last.end();
            }
            let refused = refused(operator, complaints).await;
            if !refused && left > 0 {
                let next = self.serve("next").await;
                last = Some(std::mem::replace(&mut server, next));
                continue;
            }
            let rest = operator.rest(STARTS).await?;
            let spent = (rest.now.cpu - before.cpu).as_secs_f64() - idle * began.elapsed().as_secs_f64();
            let asked = Asked::read(&server.client).await.since(&asked);
            eprintln!("  asked after 410: {}", asked.words());
            let figure = |value: f64| if refused { value } else { f64::NAN };
            figures.add("CPU after 410 Gone on every watch, s", figure(spent));
            let after = seconds(rest.reached, rest.after.as_secs_f64());
            figures.add("at rest after 410, s", figure(after));
            figures.add("resident at its peak after 410, MiB", figure(rest.now.peak));
            figures.add("requests after 410", figure(asked.total() as f64));
            break;
        }
        Ok(server)
    }

    /// An API server that has read all runs: it calls itself ready before that, and answers who watches them with 429 until it has.
    async fn serve(&self, name: &str) -> ApiServer {
        let server = self.etcd.serve(name).await;
        for kind in ["backupruns", "backupschedules"] {
            let until = Instant::now() + STARTS;
            while let Err(error) = watch(&server, &format!("{GROUP}/{kind}")).await {
                assert!(
                    Instant::now() < until,
                    "the API server lets nobody watch {kind}: {error}"
                );
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        server
    }

    /// Many schedules on one tick, beside those that tick each minute.
    async fn burst(&self, figures: &mut Figures, operator: &mut Operator, server: &ApiServer) -> Result<(), Ended> {
        let count = self.size.schedules.min(BURST);
        let births = Births::watch(&server.client).await;
        let tick = (Timestamp::now().as_second() + AHEAD).div_euclid(60) * 60 + 60;
        let tick = Timestamp::from_second(tick).expect("a time");
        let at = tick.strftime("%-M %-H %-d %-m *").to_string();
        self.calendar(server, &at).await;
        self.suspend(server, false).await;
        let quiet = operator.settled(remaining(tick)).await?;
        if !quiet.reached {
            eprintln!("  it is still at work on the changes of {count} schedules when their tick comes");
        }
        tokio::time::sleep(remaining(tick)).await;
        let (asked, complaints) = (Asked::read(&server.client).await, operator.complaints().len());
        let before = operator.taken()?;
        let made = births.wait(operator, "burst", count, MADE).await?;
        let asked = Asked::read(&server.client)
            .await
            .since(&asked)
            .without(&["PATCH backupschedules"]);
        let last = made.iter().map(crate::births::Birth::late).fold(f64::NAN, f64::max);
        let name = format!("{count} schedules on one tick: the last run after, s");
        figures.add(&name, seconds(made.len() == count, last));
        // The next minute's, too.
        tokio::time::sleep(remaining(tick + SignedDuration::from_secs(75))).await;
        let others = births.of("minutely");
        let others = others.iter().filter(|b| b.tick >= tick);
        let late = others.map(crate::births::Birth::late).fold(f64::NAN, f64::max);
        figures.add("other schedules' ticks late by at most, s", late);
        let complaints: Vec<_> = operator.complaints().split_off(complaints);
        figures.add("warnings and errors logged", complaints.len() as f64);
        let spent = (operator.taken()?.cpu - before.cpu).as_secs_f64();
        figures.add("CPU from the tick until 15 s of the next minute, s", spent);
        eprintln!("  asked until all runs were made: {}", asked.words());
        for complaint in complaints.iter().take(3) {
            eprintln!("  {complaint}");
        }
        Ok(())
    }

    /// The calendar of the schedules that tick together, and where their Pods go.
    async fn calendar(&self, server: &ApiServer, calendar: &str) {
        let requests = &Requests::new(server.client.clone());
        let labels = if calendar == "@yearly" {
            Value::Null
        } else {
            json!("burst")
        };
        let node = if calendar == "@yearly" {
            Value::Null
        } else {
            json!(NODE)
        };
        let change = &json!({ "spec": { "schedule": calendar, "template": {
            "metadata": { "labels": { LIVE: labels } },
            "spec": { "template": { "spec": { "nodeName": node } } },
        }}});
        let changes = stream::iter(0..self.size.schedules.min(BURST)).map(async |number| {
            let path = format!("{GROUP}/namespaces/{}/backupschedules", fixture::namespace(number));
            requests.merge(&path, &named(&fixture::schedule(number)), change).await;
        });
        changes.buffer_unordered(AT_ONCE).count().await;
    }

    async fn suspend(&self, server: &ApiServer, suspend: bool) {
        let requests = Requests::new(server.client.clone());
        for number in 0..TICKING {
            let path = format!("{GROUP}/namespaces/{}/backupschedules", fixture::namespace(number));
            let change = json!({ "spec": {
                "suspend": suspend,
                "template": { "spec": { "template": { "spec": { "nodeName": NODE } } } },
            }});
            requests.merge(&path, &named(&fixture::ticking(number)), &change).await;
        }
    }

    /// The schedules that tick each minute have a tick to make up for: as after a while without an operator.
    async fn due(&self, server: &ApiServer) {
        self.suspend(server, false).await;
        let requests = Requests::new(server.client.clone());
        let schedules: Api<api::BackupSchedule> = Api::namespaced(server.client.clone(), &fixture::namespace(0));
        let one = schedules.get_metadata(&fixture::ticking(0)).await.expect("a schedule");
        let made = one.metadata.creation_timestamp.expect("its age").0;
        // Nothing from before a schedule's creation is made up for.
        tokio::time::sleep(remaining(made + SignedDuration::from_secs(125))).await;
        let last = Timestamp::now() - SignedDuration::from_secs(120);
        let last = Timestamp::from_second(last.as_second()).expect("a time");
        for number in 0..TICKING {
            let path = format!("{GROUP}/namespaces/{}/backupschedules", fixture::namespace(number));
            let change = json!({ "status": { "lastScheduleTime": last } });
            let written = named(&fixture::ticking(number));
            requests.merge_status(&path, &written, &change).await;
        }
    }

    /// Removes what was made to run.
    async fn clear(&self, server: &ApiServer) {
        clear(&server.client).await;
    }
}

async fn clear(client: &Client) {
    let requests = &Requests::new(client.clone());
    let runs: Api<api::BackupRun> = Api::all(client.clone());
    let listed = runs
        .list_metadata(&ListParams::default().labels(LIVE))
        .await
        .expect("the runs");
    let removals = stream::iter(listed.items).map(async |run| {
        let path = format!(
            "{GROUP}/namespaces/{}/backupruns",
            run.metadata.namespace.clone().unwrap_or_default()
        );
        let run = named(run.metadata.name.as_deref().unwrap_or_default());
        requests.remove(&path, &run).await;
    });
    removals.buffer_unordered(AT_ONCE).count().await;
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::all(client.clone());
    let all = ListParams::default().labels(api::labels::RUN);
    let listed = pods.list_metadata(&all).await.expect("the Pods");
    let removals = stream::iter(listed.items).map(async |pod| {
        let path = format!(
            "/api/v1/namespaces/{}/pods",
            pod.metadata.namespace.clone().unwrap_or_default()
        );
        requests
            .remove(&path, &named(pod.metadata.name.as_deref().unwrap_or_default()))
            .await;
    });
    removals.buffer_unordered(AT_ONCE).count().await;
}

/// Whether the operator is told that the version of runs that it knows is too old.
async fn refused(operator: &Operator, complaints: usize) -> bool {
    let until = Instant::now() + REFUSED;
    let too_old = |line: &String| line.contains("kind=BackupRun ") && line.contains("too old resource version");
    while Instant::now() < until {
        if operator.complaints().iter().skip(complaints).any(too_old) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    false
}

/// Whether a watch of what is there from now on is taken: a list says which version that is, before the cache has read all of them.
async fn watch(server: &ApiServer, path: &str) -> Result<(), kube::Error> {
    let get = |path: String| http::Request::get(path).body(Vec::new()).expect("a request");
    let list = server.client.request_text(get(format!("{path}?limit=1"))).await?;
    let list: Value = serde_json::from_str(&list).map_err(kube::Error::SerdeError)?;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let watch = format!("{path}?watch=1&timeoutSeconds=1&resourceVersion={version}");
    server.client.request_text(get(watch)).await.map(drop)
}

fn named(name: &str) -> Written {
    Written {
        name: name.into(),
        uid: String::new(),
    }
}

/// Until then.
fn remaining(then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(Timestamp::now())).unwrap_or_default()
}

/// What was not reached has no time.
fn seconds(reached: bool, seconds: f64) -> f64 {
    if reached { seconds } else { f64::NAN }
}
