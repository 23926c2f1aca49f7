//! Retention by generations: what a cluster removes is what `preview` said.
use std::collections::BTreeSet;

use api::BackupRun;
use api::labels;
use e2e::kubectl::{plugin, said};
use e2e::runs::{status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case};
use jiff::{Timestamp, ToSpan};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

/// Every second month: six ticks a year.
const TICKS: &str = "0 3 1 */2 *";

/// The backups that are kept of a year's ticks, and how many there were, as `kubectl backup preview` says.
fn previewed(retention: &Value, from: Timestamp) -> Value {
    let schedule = json!({
        "apiVersion": "backup-operator.io/v1",
        "kind": "BackupSchedule",
        "metadata": {"name": "db"},
        "spec": {
            "schedule": TICKS,
            "timeZone": "Europe/Berlin",
            "retention": retention,
            "template": {"spec": stream("/{{ .name }}", "random 10")},
        },
    });
    let from = from.to_string();
    let mut command = plugin(&["preview", "--retention", "-f", "-", "-o", "json", "--at", &from]);
    let (good, text) = said(&mut command, &schedule.to_string());
    assert!(good, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()[0].clone()
}

fn times(preview: &Value) -> BTreeSet<Timestamp> {
    let backups = preview["backups"].as_array().unwrap().iter();
    backups.map(|b| b["time"].as_str().unwrap().parse().unwrap()).collect()
}

/// When a backup began is the operator's to say; no clock of the cluster can be put back.
async fn began(case: &Case, name: &str, at: Timestamp) {
    let change = json!({"status": {"startTime": at.to_string()}});
    let (parameters, merge) = (PatchParams::default(), Patch::Merge(&change));
    case.runs().patch_status(name, &parameters, &merge).await.unwrap();
}

fn start(run: &BackupRun) -> Timestamp {
    status(run).start_time.unwrap().0
}

#[test]
fn a_schedule_keeps_the_generations_that_preview_said_and_removes_the_objects_of_the_rest() {
    case("retention", |case| async move {
        // A year from there ends before now: no tick is of the future.
        let from = Timestamp::now().checked_sub((366 * 24).hours()).unwrap();
        let retention = json!({"last": 2, "yearly": 2, "minSuccessful": 2});
        let preview = previewed(&retention, from);
        let kept = times(&preview);
        // All of them.
        let every = previewed(&json!({"last": 100}), from);
        let ticks = times(&every);
        assert!(kept.len() < ticks.len() && kept.is_subset(&ticks), "{preview}");

        let path = format!("/{}/{{{{ now | date \"150405.000000\" }}}}", case.namespace());
        let mut run = stream(&path, "random 1000");
        run["retainPolicy"] = json!("Delete");
        let settings = json!({"schedule": NEVER, "concurrencyPolicy": "Allow", "timeZone": "Europe/Berlin", "successfulRunsHistoryLimit": 50});
        case.schedule("db", settings, run).await;
        let mut names = Vec::new();
        // One more than there are ticks: it is annotated to be kept, and takes no place.
        for _ in 0..=ticks.len() {
            names.push(case.triggered("db").await);
        }
        for name in &names {
            case.succeeded(name, 120).await;
        }
        // The one that ended last is the newest by either time.
        let mut runs = case.runs_of("db").await;
        runs.sort_by_key(|r| (status(r).completion_time.unwrap().0, r.name_any()));
        e2e::cluster::annotate(&case.runs(), &runs[0].name_any(), labels::KEEP, Some("true")).await;
        let first = from.checked_sub(24.hours()).unwrap();
        for (run, at) in runs.iter().zip(std::iter::once(first).chain(ticks.iter().copied())) {
            began(&case, &run.name_any(), at).await;
        }
        e2e::cluster::merge(&case.schedules(), "db", json!({"spec": {"retention": retention}})).await;

        let wanted: BTreeSet<Timestamp> = kept.iter().copied().chain([first]).collect();
        case.wait("what preview said is left", 60, || async {
            let left: BTreeSet<_> = case.runs_of("db").await.iter().map(start).collect();
            (left == wanted).then_some(())
        })
        .await;
        let left = case.runs_of("db").await;
        let mut keys: Vec<_> = left.iter().map(|r| status(r).key.unwrap()).collect();
        keys.sort();
        assert_eq!(
            case.store().list(&format!("{}/", case.namespace())),
            keys,
            "objects went with their runs"
        );
        for key in &keys {
            case.keeps(key.split('/').next_back().unwrap());
        }
        let told = case
            .wait("the schedule counts by generation", 20, || async {
                let told = case.schedules().get("db").await.ok()?.status?.retention?;
                (told.total as usize == wanted.len()).then_some(told)
            })
            .await;
        let number = |field: &str| preview["kept"][field].as_u64().and_then(|n| u32::try_from(n).ok());
        assert_eq!((told.last, told.yearly), (number("last"), number("yearly")));
        assert_eq!((told.otherwise, told.hourly), (Some(1), None));
    });
}

#[test]
fn a_retention_whose_zone_nobody_knows_is_refused_and_what_was_there_stays() {
    case("retention-zone", |case| async move {
        let mut run = stream(
            &format!("/{}/{{{{ now | date \"150405.000000\" }}}}", case.namespace()),
            "random 10",
        );
        run["retainPolicy"] = json!("Delete");
        let settings = json!({"schedule": NEVER, "concurrencyPolicy": "Allow", "retention": {"last": 3}});
        case.schedule("db", settings, run).await;
        let change = json!({"spec": {"retention": {"last": 1, "timeZone": "Mars/Base"}}});
        let (parameters, merge) = (PatchParams::default(), Patch::Merge(&change));
        let schedules = case.schedules();
        let refused = e2e::admission::answered(|| schedules.patch("db", &parameters, &merge)).await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("spec.retention.timeZone: unknown time zone"),
            "{refused}"
        );
        for _ in 0..2 {
            let name = case.triggered("db").await;
            case.succeeded(&name, 90).await;
        }
        let runs = case.runs_of("db").await;
        assert_eq!(runs.len(), 2);
        for run in &runs {
            case.keeps(status(run).key.unwrap().split('/').next_back().unwrap());
        }
    });
}
