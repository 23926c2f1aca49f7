//! A schedule beside a CronJob with the same settings: the same ticks are run.
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use api::labels;
use e2e::runs::{sleeping, stream};
use e2e::{Case, long_case};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(480);
/// Four ticks, and what they keep waiting.
const WATCHED: Duration = Duration::from_secs(270);
/// How much later a tick may be run by the one than by the other.
const LATER: Duration = Duration::from_secs(15);
/// Longer than the minute between two ticks.
const SECONDS: u32 = 80;
/// On a `Job` that a CronJob made: its tick.
const TICK: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// Ticks that were run, whether or not what ran them is still there.
#[derive(Default)]
struct Seen {
    jobs: BTreeSet<Timestamp>,
    runs: BTreeSet<Timestamp>,
}

async fn look(case: &Case, name: &str, seen: &mut Seen) {
    let jobs = case.api::<Job>().list(&ListParams::default()).await.expect("the jobs");
    let of = |job: &Job| job.owner_references().iter().any(|o| o.name == name);
    let ticks = jobs.items.iter().filter(|job| of(job));
    seen.jobs
        .extend(ticks.map(|job| job.annotations()[TICK].parse::<Timestamp>().unwrap()));
    let runs = case.runs_of(name).await;
    let ticks = runs
        .iter()
        .map(|run| run.annotations()[labels::SCHEDULED_AT].parse::<Timestamp>().unwrap());
    seen.runs.extend(ticks);
}

#[test]
fn a_schedule_runs_the_ticks_that_a_cronjob_runs_under_each_policy() {
    long_case("cronjob", LIMIT, |case| async move {
        // Both are to be created within one minute.
        while !(5..40).contains(&(Timestamp::now().as_second() % 60)) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let policies = ["Allow", "Forbid", "Replace"];
        for policy in policies {
            let name = policy.to_lowercase();
            let settings = json!({"schedule": "* * * * *", "concurrencyPolicy": policy});
            let path = format!("/{}/{{{{ .name }}}}", case.namespace());
            let mut ours = settings.clone();
            ours["successfulRunsHistoryLimit"] = json!(20);
            case.schedule(&name, ours, stream(&path, &format!("slow random 1000 {SECONDS}")))
                .await;
            let mut container = sleeping("redis:7");
            container["command"] = json!(["sleep", SECONDS.to_string()]);
            let mut spec = settings;
            let pod = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]});
            spec["jobTemplate"] = json!({"spec": {"template": {"spec": pod}}});
            case.apply::<CronJob>(json!({"metadata": {"name": name}, "spec": spec}))
                .await;
        }
        let mut seen: Vec<Seen> = policies.iter().map(|_| Seen::default()).collect();
        let begun = Instant::now();
        // One of the two may be a moment later than the other, also at the end.
        let differs = |seen: &[Seen]| seen.iter().any(|s| s.runs != s.jobs);
        while begun.elapsed() < WATCHED || differs(&seen) && begun.elapsed() < WATCHED + LATER {
            for (policy, seen) in policies.iter().zip(&mut seen) {
                look(&case, &policy.to_lowercase(), seen).await;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        for (policy, seen) in policies.iter().zip(&seen) {
            assert_eq!(seen.runs, seen.jobs, "{policy}: runs (left) and jobs (right)");
            assert!(seen.runs.len() >= 3, "{policy}: {:?}", seen.runs);
        }
        // What goes on is cancelled, and no object is left but those of the runs that ended.
        for policy in policies {
            let name = policy.to_lowercase();
            e2e::cluster::merge(&case.schedules(), &name, json!({"spec": {"suspend": true}})).await;
            for run in case.runs_of(&name).await {
                if e2e::runs::is(&run, api::condition::SUCCESSFUL) {
                    case.keeps(&run.name_any());
                } else {
                    e2e::cluster::delete(&case.runs(), &run.name_any()).await;
                }
            }
        }
        case.wait("no command is left", 60, || async {
            case.our_pods().await.is_empty().then_some(())
        })
        .await;
    });
}
