//! The command line as people use it: `kubectl backup` through PATH, the real kubectl, the real operator.
use std::process::{Command, Stdio};

use api::{condition, labels};
use e2e::kubectl::{answered, answered_with, plugin};
use e2e::runs::{is, reason, restore_end_of, status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case, two_cases};
use kube::ResourceExt;
use serde_json::json;

/// `kubectl backup ARGS`, in the case's namespace.
fn backup(case: &Case, args: &[&str]) -> Command {
    let mut command = plugin(args);
    command.args(["-n", case.namespace()]);
    command
}

#[test]
fn a_schedule_is_run_and_its_backup_restored_from_the_command_line() {
    case("cli-run", |case| async move {
        case.schedule(
            "shop",
            json!({"schedule": NEVER}),
            stream(&case.path("{{ .name }}"), "slow random 6M 3"),
        )
        .await;
        let (ok, text) = answered(|| backup(&case, &["run", "shop"])).await;
        let run = case.runs_of("shop").await.remove(0);
        let name = run.name_any();
        case.keeps(&name);
        assert!(ok, "{text}");
        assert!(is(&run, condition::SUCCESSFUL), "it is followed to its end: {text}");
        for words in [
            "backupschedule/shop triggered",
            &format!("backuprun/{name} created"),
            "its command runs",
            "BackupSuccessful in",
        ] {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }

        let (ok, text) = answered(|| backup(&case, &["restore", "shop", "--latest", "--yes"])).await;
        assert!(ok, "{text}");
        for words in [
            &format!("backup       {name}"),
            "command      /stream sum",
            "RestoreSuccessful in",
        ] {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
        let (run, _) = case.restore_ended(&name, 1, 60).await;
        assert!(is(&run, condition::RESTORED));
        let (ok, text) = answered(|| backup(&case, &["logs", &name])).await;
        let log = status(&run).log.unwrap_or_default();
        assert!(ok && !log.is_empty() && text.contains(log.trim()), "{text}");
    });
}

#[test]
fn the_quick_start_of_the_readme_does_what_it_says() {
    case("cli-readme", |case| async move {
        case.schedule(
            "postgresql",
            json!({"schedule": NEVER}),
            stream(&case.path("{{ .name }}"), "random 100000"),
        )
        .await;
        let page = include_str!("../../../README.md");
        let quick_start = page.split("## Quick start").nth(1).expect("a quick start");
        // Installation and store are those of the page that it points to, which has a case of its own (`install`).
        let block = quick_start
            .split("```sh\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        let lines = block.expect("its commands").lines();
        let commands: Vec<_> = lines.filter(|line| line.starts_with("kubectl backup ")).collect();
        assert_eq!(commands.len(), 3, "{commands:?}");
        for command in commands {
            // Without what it is for, and without the pipe: the case has a schedule of that name already.
            let command = command.split(['#', '|']).next().unwrap().trim();
            let words: Vec<_> = command.split(' ').filter(|w| !["-n", "shop"].contains(w)).collect();
            // What a person is asked is answered.
            let yes: &[&str] = if words[2] == "restore" { &["--yes"] } else { &[] };
            let (ok, text) = answered(|| backup(&case, &[&words[2..], yes].concat())).await;
            assert!(ok, "{command}: {text}");
        }
        let run = case.runs_of("postgresql").await.remove(0);
        case.keeps(&run.name_any());
        assert!(is(&run, condition::SUCCESSFUL) && is(&run, condition::RESTORED));
    });
}

#[test]
fn a_failed_run_tells_its_reason_its_cure_and_its_last_words_and_is_no_success() {
    case("cli-fails", |case| async move {
        let run = json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun",
            "metadata": {"generateName": "once-", "namespace": case.namespace()},
            "spec": stream(&case.path("once"), "fail 3 random 10"),
        });
        let (ok, text) = answered_with(|| backup(&case, &["run", "-f", "-"]), &run.to_string()).await;
        assert!(!ok, "{text}");
        for words in [
            "backuprun/once-",
            "CommandFailed",
            "Read status.log",
            "try: kubectl backup describe once-",
        ] {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
    });
}

#[test]
fn a_backup_is_restored_into_another_namespace_which_its_command_reaches_from_there() {
    two_cases("cli-into", |one, other| async move {
        one.keeps("db");
        let run = one.backup("db", stream(&one.path("db"), "random 100000")).await;
        let into = other.namespace().to_string();
        let args = ["restore", "run/db", "--into", &into, "--set-env", "SAID=there", "--yes"];
        let (ok, text) = answered(|| backup(&one, &args)).await;
        assert!(ok && text.contains("RestoreSuccessful"), "{text}");
        let made = other
            .runs()
            .list(&Default::default())
            .await
            .expect("its runs")
            .items
            .remove(0);
        let container = &made.spec.template.spec.containers[0];
        assert_eq!(container.env.as_ref().unwrap()[0].value.as_deref(), Some("there"));
        assert!(is(&made, condition::SUCCESSFUL) && made.spec.backup.is_none());
        // The command there got what the command here had printed.
        let sum = status(&made).log.unwrap_or_default();
        assert_eq!(sum.split_whitespace().nth(1), status(&run).sha256.as_deref(), "{sum}");
        other
            .runs()
            .delete(&made.name_any(), &Default::default())
            .await
            .expect("deleted");
    });
}

#[test]
fn a_cancelled_backup_is_stopped_leaves_nothing_and_is_kept() {
    case("cli-cancel", |case| async move {
        let mut spec = stream(&case.path("long"), "slow random 200M 200");
        spec["backoffLimit"] = json!(3);
        case.fault("long", "run: cancelled in mid-backup");
        case.start("long", spec).await;
        case.until("long", "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        // Whoever follows it sees it end, too.
        let mut follower = backup(&case, &["logs", "long", "-f"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a second one");
        let (ok, text) = answered(|| backup(&case, &["cancel", "long"])).await;
        assert!(ok && text.contains("backuprun/long cancelled"), "{text}");
        let run = case.failed("long", "Cancelled", 60).await;
        assert!(!run.annotations().contains_key(labels::CANCEL));
        assert_eq!(status(&run).attempts, Some(1), "no attempt follows");
        case.assert_no_upload().await;
        case.wait("the follower ends", 30, || {
            let ended = follower.try_wait().ok().flatten();
            async move { ended }
        })
        .await;
        // The annotation of one that has ended is taken off, and changes nothing.
        e2e::cluster::annotate(&case.runs(), "long", labels::CANCEL, Some("again")).await;
        let again = case
            .until("long", "has no annotation", 30, |run| {
                (!run.annotations().contains_key(labels::CANCEL)).then(|| run.clone())
            })
            .await;
        assert_eq!(status(&again).state, status(&run).state);
        case.wait("the Event tells that nothing was cancelled", 30, || async {
            let events = case.events("long").await;
            events.iter().any(|e| e.starts_with("NothingToCancel")).then_some(())
        })
        .await;
        let (ok, text) = answered(|| backup(&case, &["cancel", "long"])).await;
        assert!(!ok && text.contains("nothing is under way"), "{text}");
    });
}

#[test]
fn a_cancelled_restore_leaves_the_backup_as_good_as_before() {
    case("cli-unrestore", |case| async move {
        case.keeps("db");
        let mut spec = stream(&case.path("db"), "random 100000");
        spec["restore"] = json!({"command": ["/stream", "wait"]});
        let before = case.backup("db", spec).await;
        case.fault("db", "run: its restore cancelled");
        let restore = backup(&case, &["restore", "run/db", "--yes"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the restore");
        case.until("db", "is in mid-restore", 100, |run| {
            status(run).transfer?.command_started_at
        })
        .await;
        // What it has applied stays applied: that is confirmed.
        let (ok, text) = answered(|| backup(&case, &["cancel", "db"])).await;
        assert!(!ok && text.contains("--yes"), "{text}");
        let (ok, text) = answered(|| backup(&case, &["cancel", "db", "--yes"])).await;
        assert!(ok && text.contains("backuprun/db cancelled"), "{text}");
        let output = restore.wait_with_output().expect("its end");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains("Cancelled"), "{text}");
        let (run, restored) = case.restore_ended("db", 1, 60).await;
        case.end("db", "restore fails: Cancelled", restore_end_of(&run));
        assert!(!restored.successful);
        assert_eq!(reason(&run, condition::RESTORED), "Cancelled");
        assert!(is(&run, condition::SUCCESSFUL) && is(&run, condition::READY));
        assert_eq!(status(&run).sha256, status(&before).sha256);
    });
}

#[test]
fn every_other_verb_does_on_a_cluster_what_it_says() {
    case("cli-rest", |case| async move {
        let spec = stream(&case.path("{{ .name }}"), "random 1000");
        case.schedule("shop", json!({"schedule": NEVER}), spec).await;
        let run = case.triggered("shop").await;
        case.keeps(&run);
        case.succeeded(&run, 90).await;
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/postgresql.yaml");
        // In the order in which they are given; each with what it says.
        for (args, words) in [
            (
                &["describe", &run][..],
                &["BackupSuccessful", "AFTER", "SHA-256", "Record"][..],
            ),
            (&["list", "runs"], &[run.as_str(), "BackupSuccessful"]),
            (&["list", "runs", "-o", "json"], &["\"kind\": \"List\"", "\"sha256\""]),
            (&["keep", &run], &["kept"]),
            (&["keep", &run, "--off"], &["not kept"]),
            (&["pause", "shop"], &["backupschedule/shop paused"]),
            (&["list"], &["suspended"]),
            (&["resume", "shop"], &["backupschedule/shop"]),
            (&["delete", &run, "--yes"], &["goes", "stays"]),
        ] {
            let (ok, text) = answered(|| backup(&case, args)).await;
            assert!(
                ok && words.iter().all(|w| text.contains(w)),
                "{args:?}: {words:?} in {text}"
            );
        }
        case.wait("the run is gone", 60, || async {
            case.runs().get_opt(&run).await.ok()?.is_none().then_some(())
        })
        .await;
        // Those that are of no namespace, or ask no cluster.
        for (args, words) in [
            (&["version"][..], &["client", "operator"][..]),
            (&["completion", "bash"], &["kubectl-backup"]),
            (&["lint", "-f", example], &["0 errors"]),
            (&["preview", "-f", example], &["/backups/postgresql-"]),
        ] {
            let (ok, text) = answered(|| plugin(args)).await;
            assert!(
                ok && words.iter().all(|w| text.contains(w)),
                "{args:?}: {words:?} in {text}"
            );
        }
    });
}
