//! Hundreds of schedules with one tick, on one node.
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use api::condition;
use api::run::DEFAULT_START_DEADLINE_SECONDS;
use e2e::runs::{end_of, is, status, stream};
use e2e::{Case, long_case, operator};
use futures::future::join_all;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(1800);
const SCHEDULES: usize = 300;
/// Schedules that are written at once.
const BATCH: usize = 20;
/// What the operator allows at once by default.
const AT_ONCE: usize = 50;
/// From the creation of the schedules until all runs have ended.
const ENDED: Duration = Duration::from_secs(1200);
/// Until the tick: each schedule is admitted with a trial of its Pod.
const AHEAD: i64 = 300;

/// How the runs that there are stand, by their names, and how many wait for their turn.
async fn look(case: &Case) -> Option<(BTreeMap<String, String>, usize)> {
    let runs = case.runs().list(&ListParams::default()).await.ok()?.items;
    let waits = runs.iter().filter(|r| status(r).queued.is_some()).count();
    let over = |r: &&api::BackupRun| is(r, condition::SUCCESSFUL) || is(r, condition::FAILED);
    let ended = runs.iter().filter(over).map(|r| (r.name_any(), end_of(r)));
    Some((ended.collect(), waits))
}

#[test]
fn hundreds_of_schedules_on_one_tick_are_all_backed_up_and_none_misses_its_start() {
    let _quiet = super::LOAD.write().unwrap_or_else(PoisonError::into_inner);
    long_case("one-tick", LIMIT, |case| async move {
        operator::fresh(case.client()).await;
        let tick = Timestamp::from_second((Timestamp::now().as_second() + AHEAD) / 60 * 60).unwrap();
        let expression = tick.strftime("%M %H %d %m *").to_string();
        let names: Vec<_> = (0..SCHEDULES).map(|n| format!("s{n}")).collect();
        for batch in names.chunks(BATCH) {
            join_all(batch.iter().map(async |name| {
                let mut spec = stream(&format!("/{}/{{{{ .name }}}}", case.namespace()), "slow random 1000 2");
                // The default, not that of the tests: a node of 2 cores has room for some 15 of the 50 Pods at once, and the others wait for theirs.
                spec["startDeadlineSeconds"] = json!(DEFAULT_START_DEADLINE_SECONDS);
                case.schedule(name, json!({"schedule": expression}), spec).await;
            }))
            .await;
        }
        assert!(Timestamp::now() < tick, "the schedules were there before their tick");
        for name in &names {
            case.keeps(&format!("{name}-{}", tick.as_second()));
        }
        case.fault("s0", "schedule: 300 of them on one tick, 50 runs at once");
        let (begun, mut most, mut waited) = (Instant::now(), 0, 0);
        let ends = loop {
            let pods = case.our_pods().await.len();
            if let Some((ends, waits)) = look(&case).await {
                (most, waited) = (most.max(pods), waited.max(waits));
                if ends.len() == SCHEDULES {
                    break ends;
                }
                assert!(begun.elapsed() < ENDED, "{} of {SCHEDULES} have ended", ends.len());
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        };
        let bad: Vec<_> = ends.iter().filter(|(_, end)| *end != "succeeds").collect();
        let seen = if bad.is_empty() { "all succeed" } else { "some fail" };
        case.end("s0", "all succeed", seen);
        assert!(bad.is_empty(), "{bad:?}");
        assert!(
            most <= AT_ONCE && waited > 0,
            "{most} Pods at once, {waited} runs waited"
        );
    });
}
