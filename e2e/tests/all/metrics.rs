//! Metrics: a schedule's story as a scraper sees it.
use e2e::runs::stream;
use e2e::schedules::NEVER;
use e2e::{case, cluster, metrics, operator};
use serde_json::json;

const OF: &str = "backup_operator_schedule_";

#[test]
fn a_schedules_story_is_measured_and_its_series_go_with_it() {
    case("metrics", |case| async move {
        let client = cluster::client().await;
        let namespace = case.namespace().to_string();
        let labels = [("namespace", namespace.as_str()), ("schedule", "story")];
        let number = async |what: &str| metrics::number(&client, &format!("{OF}{what}"), &labels).await;
        let is = async |what: &str, wanted: f64| {
            case.wait(&format!("{what} of the schedule is {wanted}"), 60, || async {
                (number(what).await == Some(wanted)).then_some(())
            })
            .await;
        };
        // It fails on its first run, and is good from the second on.
        let path = format!("/{namespace}/{{{{ now | date \"150405.000000\" }}}}");
        case.schedule("story", json!({"schedule": NEVER}), stream(&path, "fail 3 random 0"))
            .await;
        is("consecutive_failures", 0.0).await;
        assert_eq!(number("last_success_timestamp_seconds").await, None, "there was none");
        // What is counted is counted since the operator began: nobody takes it away meanwhile.
        let steady = operator::steady().await;
        let failed = case.triggered("story").await;
        is("consecutive_failures", 1.0).await;
        case.schedule("story", json!({"schedule": NEVER}), stream(&path, "random 100000"))
            .await;
        let good = case.triggered("story").await;
        case.succeeded(&good, 90).await;
        is("consecutive_failures", 0.0).await;
        is("last_bytes", 100_000.0).await;
        let status = case.schedules().get("story").await.unwrap().status.unwrap();
        let backup = status.last_backup.expect("the last backup");
        assert_eq!(
            (backup.run.as_str(), status.recent_bytes),
            (good.as_str(), vec![100_000])
        );
        is(
            "last_success_timestamp_seconds",
            backup.completion_time.0.as_second() as f64,
        )
        .await;
        for (reason, action) in [("BackupSuccessful", "Backup"), ("CommandFailed", "Backup")] {
            let labels = [
                ("namespace", namespace.as_str()),
                ("reason", reason),
                ("action", action),
            ];
            case.wait(&format!("an end by {reason} is counted"), 60, || async {
                let seen = metrics::number(&client, "backup_operator_runs_ended_total", &labels).await;
                seen.filter(|n| *n >= 1.0).map(drop)
            })
            .await;
        }
        drop(steady);
        let key = case.runs().get(&good).await.unwrap().status.unwrap().key.unwrap();
        case.keeps(key.split('/').next_back().unwrap());
        // No series is of one run.
        let all = metrics::scrape(&client).await;
        for run in [&failed, &good] {
            assert!(all.iter().all(|s| s.labels.values().all(|v| v != run)), "{run}");
        }
        case.schedules().delete("story", &Default::default()).await.unwrap();
        case.wait("its series are gone", 60, || async {
            let all = metrics::scrape(&client).await;
            let of = |s: &metrics::Series| s.name.starts_with(OF) && s.labels.get("namespace") == Some(&namespace);
            (!all.is_empty() && !all.iter().any(of)).then_some(())
        })
        .await;
    });
}

#[test]
fn of_all_replicas_one_says_that_it_leads() {
    case("leads", |case| async move {
        let client = cluster::client().await;
        case.wait("one leads", 60, || async {
            let all = metrics::scrape(&client).await;
            let leads: f64 = all
                .iter()
                .filter(|s| s.name == "backup_operator_leader")
                .map(|s| s.number)
                .sum();
            (leads == 1.0).then_some(())
        })
        .await;
    });
}
