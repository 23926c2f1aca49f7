//! Three hundred schedules on one tick: more runs than the node has room for Pods.
use std::time::Duration;

use api::condition;
use e2e::long_case;
use e2e::runs::{message, status, stream};
use futures::stream::{self as streams, StreamExt};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(1800);
const SCHEDULES: usize = 300;

#[test]
fn three_hundred_schedules_on_one_tick_are_all_successful_within_their_start_deadlines() {
    let _load = super::LOAD.read();
    long_case("crowd", LIMIT, |case| async move {
        // Late enough that all are there, and the next tick is a year away.
        let tick = (Timestamp::now() + SignedDuration::from_secs(180)).to_zoned(TimeZone::UTC);
        let cron = format!("{} {} {} {} *", tick.minute(), tick.hour(), tick.day(), tick.month());
        let case = &case;
        streams::iter(0..SCHEDULES)
            .for_each_concurrent(8, |n| {
                let cron = cron.clone();
                async move {
                    let name = format!("s-{n}");
                    let path = format!("/{}/{name}-{{{{ .name }}}}", case.namespace());
                    case.schedule(&name, json!({"schedule": cron}), stream(&path, "random 1000"))
                        .await;
                }
            })
            .await;
        let runs = case.runs();
        let all = case
            .wait("300 runs have ended", 1500, || async {
                let all = runs.list(&ListParams::default()).await.ok()?.items;
                let ended = |run: &&api::BackupRun| {
                    let conditions = status(run).conditions;
                    condition::is_true(&conditions, condition::SUCCESSFUL)
                        || condition::is_true(&conditions, condition::FAILED)
                };
                (all.iter().filter(ended).count() == SCHEDULES).then_some(all)
            })
            .await;
        let bad: Vec<_> = all
            .iter()
            .filter(|run| !condition::is_true(&status(run).conditions, condition::SUCCESSFUL))
            .map(|run| format!("{}: {}", run.name_any(), message(run)))
            .collect();
        assert!(bad.is_empty(), "{} of {SCHEDULES}: {bad:#?}", bad.len());
        let last = all
            .iter()
            .filter_map(|run| status(run).completion_time)
            .map(|t| t.0)
            .max();
        let took = last.map(|last| last.duration_since(tick.timestamp()).as_secs());
        println!("{SCHEDULES} runs of one tick had ended {took:?} s after it (its minute, not its second)");
        for run in &all {
            case.keeps(
                status(run)
                    .path
                    .unwrap_or_default()
                    .trim_start_matches(&format!("/{}/", case.namespace())),
            );
        }
    });
}
