//! More runs than may be under way at once: they wait for their turn, and nothing of theirs runs out meanwhile.
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use api::condition;
use api::run::State;
use e2e::runs::{message, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, case};
use serde_json::json;

/// A storage that lets so many run at once; its name.
async fn storage(case: &Case, most: u32) -> String {
    let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
    let spec = json!({"parameters": parameters(), "credentials": credentials, "maxConcurrentRuns": most});
    let name = case.storage("narrow", spec).await;
    case.storage_ready(&name).await;
    name
}

#[test]
fn no_more_runs_are_under_way_than_the_storage_allows_and_those_that_wait_say_so() {
    case("queue", |case| async move {
        let storage = storage(&case, 2).await;
        let names: Vec<_> = (0..6).map(|n| format!("db-{n}")).collect();
        for name in &names {
            case.keeps(name);
            let mut spec = stream(&case.path(name), "slow random 1M 6");
            spec["storage"]["name"] = json!(storage);
            // Shorter than the last of them waits: it counts from its turn.
            spec["startDeadlineSeconds"] = json!(20);
            case.start(name, spec).await;
        }
        let (most, queued) = (Cell::new(0), RefCell::new(BTreeSet::new()));
        case.wait("all have ended", 240, || async {
            most.set(most.get().max(case.our_pods().await.len()));
            let mut ended = 0;
            for name in &names {
                let run = case.runs().get(name).await.ok()?;
                let seen = status(&run);
                if seen.state == Some(State::Queued) {
                    assert!(message(&run).contains("spec.maxConcurrentRuns"), "{}", message(&run));
                    queued.borrow_mut().insert(name.clone());
                }
                let over = |type_: &str| condition::is_true(&seen.conditions, type_);
                ended += usize::from(over(condition::SUCCESSFUL) || over(condition::FAILED));
            }
            (ended == names.len()).then_some(())
        })
        .await;
        let (most, queued) = (most.get(), queued.into_inner());
        assert!(most <= 2, "{most} Pods at once");
        assert!(queued.len() >= 3, "{queued:?} said that they wait");
        for name in &names {
            let run = case.succeeded(name, 10).await;
            assert_eq!(status(&run).queued, None, "{name}");
        }
    });
}

#[test]
fn a_restore_goes_before_backups_that_wait() {
    case("queue-restore", |case| async move {
        let storage = storage(&case, 1).await;
        let start = async |name: &str, command: &str| {
            case.keeps(name);
            let mut spec = stream(&case.path(name), command);
            spec["storage"]["name"] = json!(storage);
            case.start(name, spec).await;
        };
        start("old", "random 1M").await;
        case.succeeded("old", 100).await;
        start("slow", "slow random 1M 15").await;
        case.until("slow", "is under way", 60, |run| {
            status(run).transfer?.command_started_at
        })
        .await;
        for name in ["late-1", "late-2"] {
            start(name, "random 1M").await;
            case.until(name, "waits", 60, |run| {
                (status(run).state == Some(State::Queued)).then_some(())
            })
            .await;
        }
        case.restore("old").await;
        for name in ["late-1", "late-2"] {
            let run = case.succeeded(name, 120).await;
            let restored = status(&case.runs().get("old").await.unwrap())
                .restores
                .last()
                .unwrap()
                .start_time
                .0;
            assert!(
                status(&run).start_time.is_some_and(|t| t.0 >= restored),
                "{name} went before the restore"
            );
        }
    });
}
