//! Two backups, one path: nothing that another run or another cluster wrote is replaced or deleted, nothing is done twice.
use api::{BackupRun, condition, labels};
use e2e::cluster::delete;
use e2e::runs::{end_of, is, message, reason, status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

/// A backup of so many random bytes of a seed, to the one path.
fn random(case: &Case, bytes: &str, seed: u32) -> Value {
    stream(&case.path("db"), &format!("random {bytes} {seed}"))
}

#[test]
fn of_two_runs_with_one_path_one_is_good_and_the_other_says_whose_it_is() {
    case("one-path", |case| async move {
        case.keeps("db");
        // What is put whole, and what is uploaded in parts.
        case.fault("second", "path: two runs with one constant path, applied together");
        case.start("first", random(&case, "1000", 1)).await;
        case.start("second", random(&case, "6M", 2)).await;
        let ended = [case.ended("first", 120).await, case.ended("second", 120).await];
        let (good, bad): (Vec<_>, Vec<_>) = ended.iter().partition(|run| is(run, condition::SUCCESSFUL));
        assert_eq!((good.len(), bad.len()), (1, 1), "{:?}", ended.each_ref().map(message));
        assert_eq!(reason(bad[0], condition::FAILED), "PathTaken");
        let named = format!("{}/{}", case.namespace(), good[0].name_any());
        assert!(message(bad[0]).contains(&named), "{}", message(bad[0]));
        case.end("second", "one good, one PathTaken", "one good, one PathTaken");
        let stored = case.store().sha256(&case.key("db"));
        assert_eq!(status(good[0]).sha256, Some(stored.clone()));
        // A third one, later, and with its own name at the second try.
        case.fault("third", "path: an object of another run lies there");
        case.start("third", random(&case, "1000", 3)).await;
        case.failed("third", "PathTaken", 60).await;
        assert_eq!(case.store().sha256(&case.key("db")), stored);
        case.restore(&good[0].name_any()).await;
    });
}

#[test]
fn a_path_that_a_schedule_writes_again_makes_the_older_run_overwritten() {
    case("again", |case| async move {
        case.keeps("db");
        case.schedule("daily", json!({"schedule": NEVER}), random(&case, "1000", 1))
            .await;
        let first = case.triggered("daily").await;
        case.succeeded(&first, 60).await;
        let mut spec = random(&case, "1000", 2);
        spec["retainPolicy"] = json!("Delete");
        case.schedule("daily", json!({"schedule": NEVER}), spec).await;
        case.fault(&first, "path: the same schedule writes over the object");
        let second = case.triggered("daily").await;
        case.succeeded(&second, 60).await;
        let overwritten = |run: &BackupRun| (reason(run, condition::READY) == "Overwritten").then(|| run.clone());
        let run = case.until(&first, "is overwritten", 30, overwritten).await;
        case.end(&first, "succeeds", end_of(&run));
        assert!(is(&run, condition::SUCCESSFUL) && !is(&run, condition::READY) && !is(&run, condition::RESTORABLE));
        assert!(message(&run).contains(&second), "{}", message(&run));
        case.restore_refused(&first, |e| e.starts_with("RestoreRefused")).await;
        case.restore(&second).await;
    });
}

#[test]
fn a_run_that_is_made_anew_under_its_name_writes_its_path_again() {
    case("anew", |case| async move {
        case.keeps("db");
        case.backup("db", random(&case, "1000", 1)).await;
        delete(&case.runs(), "db").await;
        case.wait("the run is gone", 60, || async {
            case.runs().get_opt("db").await.ok()?.is_none().then_some(())
        })
        .await;
        let run = case.backup("db", random(&case, "1000", 2)).await;
        assert_eq!(status(&run).sha256, Some(case.store().sha256(&case.key("db"))));
        let said = case.events("db").await;
        assert!(said.iter().any(|e| e.starts_with("Replaces")), "{said:?}");
    });
}

#[test]
fn a_status_from_before_the_run_began_makes_no_backup_over_the_good_one() {
    case("before", |case| async move {
        case.keeps("db");
        let good = case.backup("db", random(&case, "1000", 1)).await;
        let stored = case.store().sha256(&case.key("db"));
        case.fault("db", "returns: no status and no mark, as from a snapshot of etcd");
        // As a snapshot from before its first pass has it: its UID, and nothing else.
        let none = json!({"metadata": {"annotations": {labels::STARTED_AS: null, labels::RENDERED_PATH: null}}});
        let merge = Patch::Merge(&none);
        case.runs().patch("db", &PatchParams::default(), &merge).await.unwrap();
        let none = Patch::Merge(json!({"status": null}));
        case.runs()
            .patch_status("db", &PatchParams::default(), &none)
            .await
            .unwrap();
        let adopted = |run: &BackupRun| (reason(run, condition::SUCCESSFUL) == "Adopted").then(|| run.clone());
        let run = case.until("db", "is adopted", 90, adopted).await;
        case.end("db", "succeeds", end_of(&run));
        assert_eq!(case.store().sha256(&case.key("db")), stored);
        assert_eq!(status(&run).etag, status(&good).etag);
        case.restore("db").await;
    });
}

#[test]
fn what_another_cluster_wrote_is_neither_replaced_nor_deleted() {
    case("elsewhere", |case| async move {
        case.keeps("db");
        let mut spec = random(&case, "1000", 1);
        spec["retainPolicy"] = json!("Delete");
        case.backup("db", spec.clone()).await;
        // The same bytes, so that size and ETag are what the run knows: as in a drill with a copy of another cluster's runs.
        let bytes = case.store().get(&case.key("db"));
        let name = format!("{}/db", case.namespace());
        let theirs = [
            ("backup-operator-cluster", "another-cluster"),
            ("backup-operator-name", name.as_str()),
        ];
        case.store().put_with(&case.key("db"), &bytes, &theirs);
        case.fault("db", "another cluster: a copy of its run is deleted");
        delete(&case.runs(), "db").await;
        case.wait("the run is gone", 60, || async {
            case.runs().get_opt("db").await.ok()?.is_none().then_some(())
        })
        .await;
        let there = case.store().head(&case.key("db")).is_some();
        case.end(
            "db",
            "the object stays",
            if there { "the object stays" } else { "deleted" },
        );
        assert!(there, "it was another cluster's");
        let said = case.events("db").await;
        assert!(
            said.iter()
                .any(|e| e.starts_with("ObjectKept") && e.contains("another-cluster")),
            "{said:?}"
        );
        case.fault("db", "another cluster: a run of that name makes a backup");
        case.start("db", spec).await;
        case.failed("db", "PathTaken", 60).await;
        assert_eq!(case.store().get(&case.key("db")), bytes);
    });
}
