//! A transfer is found again by the next operator, and is not taken for whole when its Pod is gone.
use api::condition;
use api::run::State;
use e2e::runs::{is, message, sleeping, static_container, status, stream};
use e2e::schedules::NEVER;
use e2e::{case, killing_case, operator};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

/// One GiB.
const SIZE: u64 = 1 << 30;
/// The SHA-256 of that many bytes of `/stream random`, seed 1: code that is not optimised takes long to make them.
const KNOWN: &str = "4bbaad95feb98d609ed2f9e6a6a2962a494e4782200c13ce12f976e6a5e91aa9";
/// Bytes of a backup that takes a while.
const WHILE: usize = 24 << 20;

#[test]
fn a_backup_and_a_restore_of_one_gib_go_on_when_the_operator_is_killed() {
    killing_case("kill", |case| async move {
        operator::fresh(case.client()).await;
        case.keeps("big");
        case.fault("big", "operator: killed in mid-backup (1 GiB)");
        let mut spec = stream(&case.path("big"), &format!("slow random {SIZE} 40"));
        // Reads a third, stays until it may go on, and reads the rest.
        let third = "dd bs=1M count=340 iflag=fullblock status=none; until test -e /tmp/go; do sleep 0.2; done; cat";
        let mut reader = sleeping("redis:7");
        reader["name"] = json!("reader");
        spec["template"]["spec"]["containers"] = json!([static_container(), reader]);
        spec["restore"] =
            json!({"container": "reader", "command": ["sh", "-c", format!("{{ {third}; }} | sha256sum >&2")]});
        let away = operator::changing().await;
        case.start("big", spec).await;
        case.until("big", "is well under way", 100, |run| {
            status(run).progress.filter(|p| p.stored_bytes > 64 << 20)
        })
        .await;
        let killed = Timestamp::now();
        operator::kill_at_once(case.client(), &away).await;
        drop(away);
        let run = case.succeeded("big", 120).await;
        let said = status(&run);
        assert!(
            said.completion_time.is_some_and(|t| t.0 > killed),
            "the kill came too late to show anything"
        );
        assert_eq!(
            (said.bytes, said.size_in_bytes, said.attempts),
            (Some(SIZE), Some(SIZE), Some(1))
        );
        let stored = case.store().sha256(&case.key("big"));
        assert_eq!(said.sha256.as_ref(), Some(&stored));
        // The command printed known bytes and was run once.
        assert_eq!(stored, KNOWN);
        case.assert_no_upload().await;

        case.fault("big", "operator: killed in mid-restore (1 GiB)");
        let away = operator::changing().await;
        case.ask_restore("big").await;
        let pod = case
            .until("big", "is in mid-restore", 60, |run| {
                status(run).transfer?.command_started_at.and(status(run).pod_name)
            })
            .await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let killed = Timestamp::now();
        operator::kill_at_once(case.client(), &away).await;
        drop(away);
        case.exec_in(&pod, "reader", &["touch", "/tmp/go"]).await;
        let (run, restore) = case.restore_ended("big", 1, 120).await;
        assert!(
            restore.completion_time.0 > killed,
            "the kill came too late to show anything"
        );
        case.end("big", "restores", e2e::runs::restore_end_of(&run));
        assert!(restore.successful, "{:?}", restore.message);
        assert_eq!(
            (restore.bytes, status(&run).state),
            (SIZE, Some(State::RestoreSuccessful))
        );
        assert_eq!(
            status(&run).log.unwrap().split_whitespace().next(),
            Some(stored.as_str())
        );
    });
}

#[test]
fn a_pod_that_is_deleted_in_mid_backup_ends_the_run_as_interrupted_and_aborts_its_upload() {
    case("pod-gone", |case| async move {
        case.start("db", stream(&case.path("db"), "slow random 60M 60")).await;
        let pod = case
            .until("db", "has an upload", 100, |run| {
                status(run).transfer?.upload_id.and(status(run).pod_name)
            })
            .await;
        case.fault("db", "Pod: deleted by hand in mid-backup");
        e2e::cluster::delete(&case.api::<Pod>(), &pod).await;
        let run = case.failed("db", "Interrupted", 60).await;
        assert_eq!(status(&run).state, Some(State::InterruptedFailed));
        assert!(message(&run).contains("Pod"), "{}", message(&run));
        assert_eq!(status(&run).sha256, None);
    });
}

#[test]
fn a_backup_is_made_again_when_its_pod_is_gone_within_its_backoff_limit() {
    case("again", |case| async move {
        case.keeps("db");
        let mut spec = stream(&case.path("db"), &format!("slow random {WHILE} 30"));
        spec["backoffLimit"] = json!(1);
        // It is still at work when its Pod is deleted: one that has to wait for an operator ends soon after that.
        let steady = operator::steady().await;
        case.start("db", spec).await;
        // The case's end looks whether the first attempt's upload is gone.
        let pod = case
            .until("db", "has an upload", 100, |run| {
                status(run).transfer?.upload_id.and(status(run).pod_name)
            })
            .await;
        e2e::cluster::delete(&case.api::<Pod>(), &pod).await;
        drop(steady);
        let waiting = case
            .until("db", "waits for its next attempt", 60, |run| {
                status(run).transfer.filter(|t| t.failed_at.is_some())?;
                status(run).message
            })
            .await;
        assert!(waiting.contains("attempt 1 of 2 failed (Interrupted)"), "{waiting}");
        let said = status(&case.succeeded("db", 120).await);
        assert_eq!((said.bytes, said.attempts), (Some(WHILE as u64), Some(2)));
        assert_eq!(said.sha256.unwrap(), case.store().sha256(&case.key("db")));
    });
}

#[test]
fn a_pod_that_is_evicted_in_mid_backup_ends_the_run_with_the_words_of_the_eviction() {
    case("evicted", |case| async move {
        case.fault("db", "Pod: evicted in mid-backup");
        let mut spec = stream(&case.path("db"), "slow random 60M 60");
        // Its main process takes no notice of SIGTERM: the Pod, whose conditions tell of the eviction, is there for so long.
        spec["template"]["spec"]["terminationGracePeriodSeconds"] = json!(60);
        case.start("db", spec).await;
        let pod = case
            .until("db", "has an upload", 100, |run| {
                status(run).transfer?.upload_id.and(status(run).pod_name)
            })
            .await;
        let evict = case.api::<Pod>().evict(&pod, &Default::default()).await;
        evict.expect("an eviction");
        let run = case.failed("db", "Interrupted", 120).await;
        assert_eq!(status(&run).state, Some(State::InterruptedFailed));
        assert!(message(&run).contains("EvictionByEvictionAPI"), "{}", message(&run));
    });
}

#[test]
fn a_pod_that_is_deleted_in_mid_restore_fails_the_restore_and_nothing_else() {
    case("pod-gone-restore", |case| async move {
        case.keeps("db");
        let mut spec = stream(&case.path("db"), "random 12M");
        spec["template"]["spec"]["containers"] = json!([sleeping("redis:7"), static_container()]);
        spec["backup"]["container"] = json!("stream");
        spec["restore"] = json!({"command": ["sh", "-c", "head -c 1000 >/dev/null; sleep 600; cat >/dev/null"]});
        case.backup("db", spec).await;
        case.ask_restore("db").await;
        let pod = case
            .until("db", "restores", 60, |run| {
                status(run).transfer?.command_started_at.and(status(run).pod_name)
            })
            .await;
        case.fault("db", "Pod: deleted by hand in mid-restore");
        e2e::cluster::delete(&case.api::<Pod>(), &pod).await;
        let (run, restore) = case.restore_ended("db", 1, 60).await;
        case.end("db", "restore fails: Interrupted", e2e::runs::restore_end_of(&run));
        assert!(!restore.successful && is(&run, condition::SUCCESSFUL) && is(&run, condition::READY));
        assert_eq!(status(&run).state, Some(State::InterruptedFailed));
        // It is not repeated by itself.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let later = case.runs().get("db").await.unwrap();
        assert_eq!(status(&later).restores.len(), 1);
        assert!(!is(&later, condition::IN_PROGRESS));
    });
}

#[test]
fn no_run_is_lost_doubled_or_taken_for_whole_by_an_operator_that_dies_again_and_again() {
    killing_case("dies-often", |case| async move {
        operator::fresh(case.client()).await;
        // Some start, some upload and some are committed when it dies.
        let names: Vec<_> = (1..=6).map(|n| (format!("run-{n}"), n)).collect();
        let settings = json!({"schedule": NEVER, "concurrencyPolicy": "Allow", "successfulRunsHistoryLimit": 9});
        let template = format!("/{}/{{{{ now | date \"150405.000000\" }}}}", case.namespace());
        case.schedule("daily", settings, stream(&template, "random 1000")).await;
        for (name, n) in &names {
            case.keeps(name);
            let mut spec = stream(&case.path(name), &format!("slow random {} {}", WHILE + n, n * 3));
            spec["backoffLimit"] = json!(1);
            case.start(name, spec).await;
        }
        for _ in 0..3 {
            case.ask_trigger("daily").await;
            operator::kill(case.client()).await;
            operator::fresh(case.client()).await;
            case.wait("the trigger is taken", 30, || async {
                let schedule = case.schedules().get("daily").await.ok()?;
                (!schedule.annotations().contains_key(api::labels::TRIGGER)).then_some(())
            })
            .await;
        }
        for (name, n) in &names {
            let said = status(&case.succeeded(name, 120).await);
            assert_eq!(said.bytes, Some((WHILE + n) as u64), "{name}");
            // MinIO, whose client goes away in the midst of a completion, may lose the parts: that attempt alone is made again.
            let told = case.events(name).await;
            assert!(
                said.attempts == Some(1) || told.iter().any(|e| e.contains("CompleteFailed")),
                "{name}: {:?} attempts, {told:?}",
                said.attempts
            );
            let known = e2e::bytes::sha256(&e2e::bytes::random(WHILE + n, 1));
            assert_eq!(
                (said.sha256, case.store().sha256(&case.key(name))),
                (Some(known.clone()), known),
                "{name}"
            );
        }
        let runs = case.runs_of("daily").await;
        assert_eq!(runs.len(), 3, "each trigger makes one run");
        for run in runs {
            let key = status(&case.succeeded(&run.name_any(), 60).await).key.unwrap();
            case.keeps(key.split('/').next_back().unwrap());
        }
        for (name, _) in &names {
            case.ask_restore(name).await;
        }
        operator::kill(case.client()).await;
        for (name, n) in &names {
            let (run, restore) = case.restore_ended(name, 1, 120).await;
            assert!(is(&run, condition::SUCCESSFUL), "{name}");
            let line = e2e::bytes::sum_line(&e2e::bytes::random(WHILE + n, 1));
            // One that was cut off is said to be, and is not repeated by itself.
            match restore.successful {
                true => assert_eq!(status(&run).log.unwrap().trim(), line, "{name}"),
                false => assert_eq!(
                    status(&run).state,
                    Some(State::InterruptedFailed),
                    "{name}: {:?}",
                    restore.message
                ),
            }
            assert_eq!(status(&run).restores.len(), 1, "{name}");
        }
    });
}

#[test]
fn an_upload_that_a_dead_operator_created_but_did_not_record_is_aborted() {
    killing_case("stray", |case| async move {
        operator::fresh(case.client()).await;
        case.keeps("goes-on");
        // The first part is due after 16 s, or never.
        let (ends, goes_on) = ("hang random 1000", "slow random 12M 40");
        let away = operator::changing().await;
        for (name, command) in [("ends", ends), ("goes-on", goes_on)] {
            case.start(name, stream(&case.path(name), command)).await;
            case.until(name, "has its command started", 60, |run| {
                status(run).transfer?.command_started_at
            })
            .await;
            // What the operator would have done a moment before it dies.
            case.store().begin_upload(&case.key(name));
            assert_eq!(case.store().uploads(&case.key(name)), 1);
        }
        case.fault(
            "ends",
            "operator: dies between the creation of an upload and its record, the Pod goes too",
        );
        case.fault(
            "goes-on",
            "operator: dies between the creation of an upload and its record",
        );
        operator::kill_at_once(case.client(), &away).await;
        drop(away);
        let run = case.runs().get("ends").await.unwrap();
        e2e::cluster::delete(&case.api::<Pod>(), &status(&run).pod_name.unwrap()).await;
        case.failed("ends", "Interrupted", 60).await;
        case.succeeded("goes-on", 120).await;
        case.wait("no upload is left", 10, || async {
            let left = case.store().uploads(&case.key("ends")) + case.store().uploads(&case.key("goes-on"));
            (left == 0).then_some(())
        })
        .await;
    });
}
