//! Schedules: triggers, the three policies, rotation.
use std::time::Duration;

use api::run::RetainPolicy;
use api::{condition, labels};
use e2e::runs::{is, sleeping, static_container, status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case, early_case};
use futures::future::join_all;
use kube::ResourceExt;
use serde_json::{Value, json};

/// Each run of a schedule has a path of its own.
fn spec(case: &Case, command: &str) -> Value {
    stream(
        &format!("/{}/{{{{ now | date \"150405.000000\" }}}}", case.namespace()),
        command,
    )
}

async fn keys(case: &Case, schedule: &str) -> Vec<String> {
    let mut keys: Vec<_> = case
        .runs_of(schedule)
        .await
        .iter()
        .filter_map(|r| status(r).key)
        .collect();
    keys.sort();
    keys
}

/// The names below the case's folder of the objects that the runs of a schedule have, for `keeps`.
async fn keeps_all(case: &Case, schedule: &str) {
    for key in keys(case, schedule).await {
        case.keeps(key.split('/').next_back().unwrap());
    }
}

async fn counts(case: &Case, name: &str, wanted: (u32, u32, u32, u32)) {
    case.wait(
        &format!("schedule {name} counts (total, successful, failed, in progress) {wanted:?}"),
        30,
        || async {
            let s = case.schedules().get(name).await.ok()?.status?;
            ((s.total?, s.successful?, s.failed?, s.in_progress?) == wanted).then_some(())
        },
    )
    .await;
}

#[test]
fn a_trigger_makes_one_run_and_is_taken_away_also_while_suspended() {
    case("trigger", |case| async move {
        case.schedule(
            "daily",
            json!({"schedule": NEVER, "suspend": true}),
            spec(&case, "random 1000"),
        )
        .await;
        let name = case.triggered("daily").await;
        let run = case.succeeded(&name, 90).await;
        assert!(
            run.annotations().contains_key(labels::TRIGGERED),
            "{:?}",
            run.annotations()
        );
        assert_eq!(run.labels().get(labels::SCHEDULE).map(String::as_str), Some("daily"));
        counts(&case, "daily", (1, 1, 0, 0)).await;
        let status = case.schedules().get("daily").await.unwrap().status.unwrap();
        assert!(status.last_successful_time.is_some() && status.next_schedule_time.is_none());
        assert!(condition::is_true(&status.conditions, condition::SUSPENDED));
        keeps_all(&case, "daily").await;
    });
}

#[test]
fn a_suspended_schedule_makes_no_runs_on_ticks_and_goes_on_when_it_is_let() {
    case("suspend", |case| async move {
        case.schedule(
            "often",
            json!({"schedule": "@every 2s", "suspend": true}),
            spec(&case, "random 10"),
        )
        .await;
        case.wait("the schedule is seen", 20, || async {
            let status = case.schedules().get("often").await.ok()?.status?;
            condition::is_true(&status.conditions, condition::SUSPENDED).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(case.runs_of("often").await.len(), 0);
        e2e::cluster::merge(
            &case.schedules(),
            "often",
            json!({"spec": {"suspend": false, "concurrencyPolicy": "Forbid"}}),
        )
        .await;
        case.new_run("often", &[]).await;
        e2e::cluster::merge(&case.schedules(), "often", json!({"spec": {"suspend": true}})).await;
        case.wait("its runs have ended", 90, || async {
            let runs = case.runs_of("often").await;
            (!runs.is_empty() && runs.iter().all(|r| is(r, condition::SUCCESSFUL))).then_some(())
        })
        .await;
        let ticked = case.runs_of("often").await;
        assert!(
            ticked
                .iter()
                .all(|r| r.annotations().contains_key(labels::SCHEDULED_AT))
        );
        keeps_all(&case, "often").await;
    });
}

#[test]
fn a_wrong_schedule_says_what_is_wrong_and_makes_no_run() {
    case("wrong", |case| async move {
        let cases = [
            ("minute", json!({"schedule": "61 * * * *"}), "spec.schedule"),
            (
                "zone",
                json!({"schedule": NEVER, "timeZone": "Mars/Olympus"}),
                "spec.timeZone",
            ),
        ];
        for (name, settings, field) in cases {
            case.schedule_unadmitted(name, settings, spec(&case, "random 10")).await;
            let said = case
                .wait(&format!("schedule {name} is not Ready"), 20, || async {
                    let status = case.schedules().get(name).await.ok()?.status?;
                    let ready = condition::find(&status.conditions, condition::READY)?;
                    (ready.status == "False").then(|| ready.message.clone())
                })
                .await;
            assert!(said.contains(field), "{name}: {said}");
            assert_eq!(case.runs_of(name).await.len(), 0);
        }
    });
}

#[test]
fn forbid_waits_for_the_run_under_way_and_loses_no_trigger() {
    case("forbid", |case| async move {
        let settings = json!({"schedule": NEVER, "concurrencyPolicy": "Forbid"});
        case.schedule("daily", settings, spec(&case, "slow random 1000 40"))
            .await;
        let first = case.triggered("daily").await;
        case.until(&first, "is under way", 60, |run| {
            is(run, condition::IN_PROGRESS).then_some(())
        })
        .await;
        case.ask_trigger("daily").await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(
            case.runs_of("daily").await.len(),
            1,
            "a second run was made beside the first"
        );
        case.succeeded(&first, 90).await;
        let second = case.new_run("daily", std::slice::from_ref(&first)).await;
        case.succeeded(&second, 90).await;
        let schedule = case.schedules().get("daily").await.unwrap();
        assert!(!schedule.annotations().contains_key(labels::TRIGGER));
        counts(&case, "daily", (2, 2, 0, 0)).await;
        keeps_all(&case, "daily").await;
    });
}

#[test]
fn forbid_makes_up_for_the_last_tick_that_it_kept_waiting_unless_that_is_too_late() {
    case("late", |case| async move {
        for (name, deadline) in [("patient", 600), ("strict", 2)] {
            let mut settings = json!({"schedule": "@every 15s", "concurrencyPolicy": "Forbid"});
            settings["startingDeadlineSeconds"] = json!(deadline);
            case.schedule(name, settings, spec(&case, "slow random 1000 40")).await;
        }
        // Both are stopped at their second run, before anything else is waited for: there is no third.
        let second = join_all(["patient", "strict"].map(async |name| {
            let first = case.new_run(name, &[]).await;
            case.ended(&first, 120).await;
            let second = case.new_run(name, &[first]).await;
            e2e::cluster::merge(&case.schedules(), name, json!({"spec": {"suspend": true}})).await;
            second
        }));
        // Of two ticks that passed meanwhile the last is some 13 s old when the first run ends: a patient schedule runs that one, and not the
        // one before; a strict one waits for the next.
        for ((name, latest), second) in [("patient", 22), ("strict", 8)].into_iter().zip(second.await) {
            let run = case.succeeded(&second, 90).await;
            let tick: jiff::Timestamp = run.annotations()[labels::SCHEDULED_AT].parse().unwrap();
            let late = run.creation_timestamp().unwrap().0.as_second() - tick.as_second();
            assert!((0..=latest).contains(&late), "{name}: {late} s");
            assert_eq!(
                case.runs_of(name).await.len(),
                2,
                "{name}: one at a time, and of many missed ticks the last"
            );
            keeps_all(&case, name).await;
        }
    });
}

#[test]
fn allow_runs_both() {
    case("allow", |case| async move {
        let settings = json!({"schedule": NEVER, "concurrencyPolicy": "Allow"});
        case.schedule("daily", settings, spec(&case, "slow random 1000 40"))
            .await;
        // Both begin within the time that the first one takes.
        let steady = e2e::operator::steady().await;
        let first = case.triggered("daily").await;
        let second = case.triggered("daily").await;
        case.until(&second, "is under way", 60, |run| {
            is(run, condition::IN_PROGRESS).then_some(())
        })
        .await;
        let run = case.runs().get(&first).await.unwrap();
        assert!(
            is(&run, condition::IN_PROGRESS),
            "the first goes on: {:?}",
            status(&run).state
        );
        counts(&case, "daily", (2, 0, 0, 2)).await;
        drop(steady);
        case.succeeded(&first, 90).await;
        case.succeeded(&second, 90).await;
        keeps_all(&case, "daily").await;
    });
}

#[test]
fn replace_stops_the_run_under_way_and_removes_what_it_uploaded() {
    case("replace", |case| async move {
        let settings = json!({"schedule": NEVER, "concurrencyPolicy": "Replace"});
        case.schedule("daily", settings, spec(&case, "slow random 60M 100"))
            .await;
        let first = case.triggered("daily").await;
        let (key, pod) = case
            .until(&first, "has an upload", 90, |run| {
                let transfer = status(run).transfer?;
                transfer.upload_id.and(transfer.key).zip(status(run).pod_name)
            })
            .await;
        assert_eq!(case.store().uploads(&key), 1);
        case.fault(&first, "cancel: concurrencyPolicy Replace in mid-backup");
        let second = case.triggered("daily").await;
        case.wait("the first run's upload and Pod are gone", 45, || async {
            let pods = case.our_pods().await;
            (case.store().uploads(&key) == 0 && !pods.contains(&pod)).then_some(())
        })
        .await;
        case.end(&first, "gone", "gone");
        assert!(case.store().head(&key).is_none());
        if let Some(run) = case.runs().get_opt(&first).await.unwrap() {
            assert!(
                !is(&run, condition::SUCCESSFUL) && !is(&run, condition::IN_PROGRESS),
                "{:?}",
                status(&run).state
            );
        }
        case.until(&second, "is under way", 60, |run| status(run).transfer?.upload_id)
            .await;
        e2e::cluster::delete(&case.runs(), &second).await;
        case.wait("the second run is gone", 20, || async {
            case.runs().get_opt(&second).await.unwrap().is_none().then_some(())
        })
        .await;
    });
}

#[test]
fn rotation_keeps_the_newest_and_what_is_annotated_and_removes_the_objects_of_the_rest() {
    case("rotation", |case| async move {
        let mut run = spec(&case, "random 1000");
        run["retainPolicy"] = json!("Delete");
        let settings = json!({"schedule": NEVER, "successfulRunsHistoryLimit": 1, "failedRunsHistoryLimit": 1});
        case.schedule("daily", settings, run).await;
        let mut names = Vec::new();
        for n in 0..3 {
            let name = case.triggered("daily").await;
            case.succeeded(&name, 90).await;
            if n == 0 {
                e2e::cluster::annotate(&case.runs(), &name, labels::KEEP, Some("true")).await;
            }
            names.push(name);
        }
        // The first is kept by its annotation, the second is one too many, the third is the newest.
        case.wait("the second run is gone", 30, || async {
            case.runs().get_opt(&names[1]).await.unwrap().is_none().then_some(())
        })
        .await;
        let left: Vec<_> = case.runs_of("daily").await.iter().map(ResourceExt::name_any).collect();
        assert_eq!(left, [names[0].as_str(), names[2].as_str()]);
        assert_eq!(
            case.runs_of("daily").await[0].spec.retain_policy,
            Some(RetainPolicy::Delete)
        );
        let objects = case.store().list(&format!("{}/", case.namespace()));
        assert_eq!(objects, keys(&case, "daily").await);
        keeps_all(&case, "daily").await;
    });
}

#[test]
fn ticks_triggers_and_rotation_wait_for_a_restore_of_the_schedule() {
    case("restore-pauses", |case| async move {
        let mut run = spec(&case, "random 1000");
        let mut reader = sleeping("redis:7");
        reader["name"] = json!("reader");
        run["template"]["spec"]["containers"] = json!([static_container(), reader]);
        run["restore"] = json!({"container": "reader", "command": ["sh", "-c", "cat >/dev/null; until test -e /tmp/go; do sleep 0.2; done"]});
        let settings = json!({"schedule": NEVER, "concurrencyPolicy": "Replace", "successfulRunsHistoryLimit": 2});
        case.schedule("daily", settings, run).await;
        let mut names = Vec::new();
        for _ in 0..2 {
            let name = case.triggered("daily").await;
            case.succeeded(&name, 90).await;
            names.push(name);
        }
        case.fault(
            &names[0],
            "schedule: triggered in mid-restore, concurrencyPolicy Replace",
        );
        case.ask_restore(&names[0]).await;
        let pod = case
            .until(&names[0], "is being restored", 60, |run| {
                status(run).transfer?.command_started_at.and(status(run).pod_name)
            })
            .await;
        // Three are more than the limit: without the pause the first trigger's run would push one out.
        e2e::cluster::merge(
            &case.schedules(),
            "daily",
            json!({"spec": {"successfulRunsHistoryLimit": 1}}),
        )
        .await;
        case.ask_trigger("daily").await;
        case.wait("the schedule says what its run waits for", 15, || async {
            let status = case.schedules().get("daily").await.ok()?.status?;
            let told = condition::find(&status.conditions, condition::IN_PROGRESS)?;
            (told.reason == "NextWaitsForRestore" && told.message.contains(&names[0])).then_some(())
        })
        .await;
        let there: Vec<_> = case.runs_of("daily").await.iter().map(ResourceExt::name_any).collect();
        assert_eq!(there, names, "no run was made, none was rotated away");
        case.exec_in(&pod, "reader", &["touch", "/tmp/go"]).await;
        let (run, restore) = case.restore_ended(&names[0], 1, 90).await;
        case.end(&names[0], "restores", e2e::runs::restore_end_of(&run));
        assert!(restore.successful, "{:?}", restore.message);
        let third = case.new_run("daily", &names).await;
        case.succeeded(&third, 90).await;
        case.wait("rotation has gone on", 30, || async {
            (case.runs_of("daily").await.len() == 1).then_some(())
        })
        .await;
        for key in case.store().list(&format!("{}/", case.namespace())) {
            case.keeps(key.split('/').next_back().unwrap());
        }
    });
}

/// Deletes a schedule as `kubectl delete` does and waits until its runs are gone.
async fn gone(case: &Case, schedule: &str) {
    e2e::cluster::delete(&case.schedules(), schedule).await;
    case.wait(&format!("the runs of {schedule} are gone"), 60, || async {
        case.runs_of(schedule).await.is_empty().then_some(())
    })
    .await;
}

#[test]
fn objects_outlive_their_schedule_unless_it_says_otherwise() {
    case("when-deleted", |case| async move {
        for (name, when) in [("kept", None), ("removed", Some("Delete"))] {
            let mut run = spec(&case, "random 1000");
            run["retainPolicy"] = json!("Delete");
            let settings = json!({"schedule": NEVER, "whenDeleted": when, "successfulRunsHistoryLimit": 1});
            case.schedule(name, settings, run).await;
            let first = case.triggered(name).await;
            case.succeeded(&first, 90).await;
            let old = keys(&case, name).await;
            let second = case.triggered(name).await;
            let run = case.succeeded(&second, 90).await;
            case.wait("rotation removes the first object", 30, || async {
                case.store().head(&old[0]).is_none().then_some(())
            })
            .await;
            let key = status(&run).key.unwrap();
            case.fault(
                &second,
                &format!("schedule: deleted, whenDeleted {}", when.unwrap_or("Retain")),
            );
            gone(&case, name).await;
            let there = case.store().head(&key).is_some();
            let end = |there: bool| if there { "object kept" } else { "object removed" };
            case.end(&second, end(when.is_none()), end(there));
            assert_eq!(there, when.is_none(), "{name}");
            if there {
                case.keeps(key.split('/').next_back().unwrap());
            }
        }
    });
}

#[test]
fn a_schedule_that_is_replaced_by_force_keeps_its_objects_and_one_that_comes_back_adopts_its_orphans() {
    case("replaced", |case| async move {
        let mut run = spec(&case, "random 1000");
        run["retainPolicy"] = json!("Delete");
        let settings = json!({"schedule": NEVER, "successfulRunsHistoryLimit": 2});
        case.schedule("daily", settings.clone(), run.clone()).await;
        let first = case.triggered("daily").await;
        let key = status(&case.succeeded(&first, 90).await).key.unwrap();
        case.keeps(key.split('/').next_back().unwrap());
        // What `kubectl replace --force` does: a new schedule is there before the garbage collector has followed the old one.
        e2e::cluster::delete(&case.schedules(), "daily").await;
        case.schedule("daily", settings.clone(), run.clone()).await;
        case.wait("the run is taken up, or gone", 60, || async {
            let uid = case.schedules().get("daily").await.ok()?.uid()?;
            let run = case.runs().get_opt(&first).await.unwrap();
            run.is_none_or(|r| {
                r.metadata.deletion_timestamp.is_none() && r.owner_references().iter().any(|o| o.uid == uid)
            })
            .then_some(())
        })
        .await;
        assert!(case.store().head(&key).is_some(), "the object went with the schedule");

        let second = case.triggered("daily").await;
        case.succeeded(&second, 90).await;
        let orphaned = kube::api::DeleteParams {
            propagation_policy: Some(kube::api::PropagationPolicy::Orphan),
            ..kube::api::DeleteParams::default()
        };
        case.schedules().delete("daily", &orphaned).await.unwrap();
        case.wait("the schedule is gone", 30, || async {
            case.schedules().get_opt("daily").await.unwrap().is_none().then_some(())
        })
        .await;
        case.schedule("daily", settings, run).await;
        case.wait("the run is adopted", 30, || async {
            let uid = case.schedules().get("daily").await.ok()?.uid()?;
            let run = case.runs().get(&second).await.ok()?;
            run.owner_references().iter().any(|o| o.uid == uid).then_some(())
        })
        .await;
        let left = case.runs_of("daily").await.len();
        let left = u32::try_from(left).unwrap();
        counts(&case, "daily", (left, left, 0, 0)).await;
        keeps_all(&case, "daily").await;
    });
}

#[test]
fn a_schedule_whose_runs_are_replaced_before_they_end_starves_until_one_ends() {
    early_case("starving", |case| async move {
        let settings = json!({"schedule": "@every 5s", "concurrencyPolicy": "Replace"});
        case.schedule("often", settings, spec(&case, "slow random 1000 60"))
            .await;
        case.wait("the schedule starves", 90, || async {
            let status = case.schedules().get("often").await.ok()?.status?;
            let told = condition::find(&status.conditions, condition::STARVING)?;
            (told.status == "True" && told.reason == "RunsReplaced").then_some(())
        })
        .await;
        // The Event comes after the status.
        let warnings = async || {
            let told = case.events("often").await;
            told.iter().filter(|e| e.starts_with("Starving: ")).count()
        };
        case.wait("a warning tells of it", 20, || async {
            (warnings().await > 0).then_some(())
        })
        .await;
        assert_eq!(warnings().await, 1);
        // A run that nothing replaces ends by itself. Whether one is under way when the ticks stop, or just being replaced, is chance.
        e2e::cluster::merge(&case.schedules(), "often", json!({"spec": {"suspend": true}})).await;
        let last = case.triggered("often").await;
        case.ended(&last, 120).await;
        case.wait("the schedule starves no more", 30, || async {
            let status = case.schedules().get("often").await.ok()?.status?;
            let told = condition::find(&status.conditions, condition::STARVING)?;
            (told.status == "False" && told.reason == "RunEnded").then_some(())
        })
        .await;
        keeps_all(&case, "often").await;
    });
}
