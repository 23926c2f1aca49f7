//! Objects that come back without, or with an older, status: nothing good is lost, nothing is done twice.
use api::{BackupRun, condition, labels};
use e2e::cluster::delete;
use e2e::runs::{end_of, is, message, reason, status, stream};
use e2e::{Case, case};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

/// As Velero, or `kubectl get -o yaml | kubectl apply`, brings an object back: no status, a new UID, annotations kept.
async fn comes_back(case: &Case, name: &str, worse: Option<&[&str]>) {
    let mut run = case.runs().get(name).await.expect("the run");
    delete(&case.runs(), name).await;
    case.wait(&format!("run {name} is gone"), 60, || async {
        case.runs().get_opt(name).await.ok()?.is_none().then_some(())
    })
    .await;
    run.status = None;
    let annotations = run.metadata.annotations.take();
    run.metadata = Default::default();
    run.metadata.name = Some(name.into());
    run.metadata.annotations = annotations;
    if let (Some(worse), Some(backup)) = (worse, run.spec.backup.as_mut()) {
        backup.command = worse.iter().map(ToString::to_string).collect();
    }
    let (runs, parameters) = (case.runs(), PostParams::default());
    let created = e2e::admission::answered(|| runs.create(&parameters, &run)).await;
    created.expect("the run comes back");
}

#[test]
fn a_backup_that_comes_back_is_adopted_and_a_restore_that_was_done_is_not_done_again() {
    case("returned", |case| async move {
        case.keeps("db");
        let made = case.backup("db", stream(&case.path("db"), "random 1000000 1")).await;
        let mut spec = stream(&case.path("db"), "random 1");
        spec.as_object_mut().unwrap().remove("backup");
        case.backup("back", spec).await;
        case.fault("db", "returns: applied again without its status, its source worse");
        let sum = case.store().sha256(&case.key("db"));
        comes_back(&case, "db", Some(&["/stream", "random", "10", "2"])).await;
        comes_back(&case, "back", None).await;
        for name in ["db", "back"] {
            let run = case.succeeded(name, 60).await;
            assert_eq!(
                reason(&run, condition::SUCCESSFUL),
                "Adopted",
                "{name}: {}",
                message(&run)
            );
            // Of the backup its record tells when it was made.
            let then = status(&made).start_time.filter(|_| name == "db");
            assert_eq!(status(&run).start_time, then, "{name} was executed");
        }
        assert!(case.our_pods().await.is_empty());
        assert_eq!(
            case.store().sha256(&case.key("db")),
            sum,
            "the good object was overwritten"
        );
        let seen = status(&case.runs().get("db").await.unwrap());
        let known = status(&made);
        assert_eq!((seen.size_in_bytes, seen.etag), (known.size_in_bytes, known.etag));
        assert_eq!((seen.bytes, seen.sha256), (known.bytes, known.sha256), "by its record");
        // What was adopted can be restored.
        case.restore("db").await;
    });
}

#[test]
fn a_status_of_mid_run_that_comes_back_takes_no_good_object_away() {
    case("rolled-back", |case| async move {
        case.keeps("db");
        case.start("db", stream(&case.path("db"), "slow random 12M 12")).await;
        let uploading = |run: &BackupRun| {
            let transfer = status(run).transfer?;
            (transfer.upload_id.is_some() && transfer.pod_uid.is_some()).then(|| status(run))
        };
        let old = case.until("db", "uploads", 60, uploading).await;
        let good = case.succeeded("db", 120).await;
        case.fault("db", "returns: a status of mid-run, as from a snapshot of etcd");
        let sum = case.store().sha256(&case.key("db"));
        // As a restored snapshot has it: everything that was written since is gone.
        let mut run = case.runs().get("db").await.unwrap();
        run.status = Some(old);
        case.runs()
            .replace_status("db", &PostParams::default(), &run)
            .await
            .expect("the old status");
        let adopted = |run: &BackupRun| (reason(run, condition::SUCCESSFUL) == "Adopted").then(|| run.clone());
        let run = case.until("db", "is adopted", 120, adopted).await;
        case.end("db", "succeeds", end_of(&run));
        assert!(
            is(&run, condition::SUCCESSFUL) && is(&run, condition::READY),
            "{}",
            message(&run)
        );
        assert_eq!(case.store().sha256(&case.key("db")), sum);
        assert_eq!(status(&run).etag, status(&good).etag);
    });
}

#[test]
fn a_request_that_an_applier_puts_back_restores_once() {
    case("put-back", |case| async move {
        case.keeps("db");
        case.keeps("later");
        case.backup("db", stream(&case.path("db"), "random 1000")).await;
        let ask = json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun",
            "metadata": {"name": "db", "annotations": {labels::RESTORE: "monday"}},
        });
        let applied = PatchParams::apply("gitops").force();
        case.runs().patch("db", &applied, &Patch::Apply(&ask)).await.unwrap();
        case.restore_ended("db", 1, 120).await;
        case.fault("db", "returns: GitOps puts the request for a restore back");
        case.runs().patch("db", &applied, &Patch::Apply(&ask)).await.unwrap();
        // Something that the operator does after it has seen the request: another run, made later, ends.
        case.backup("later", stream(&case.path("later"), "random 10")).await;
        let run = case.runs().get("db").await.unwrap();
        assert!(run.annotations().contains_key(labels::RESTORE));
        assert_eq!((status(&run).restores.len(), status(&run).transfer), (1, None));
        case.end("db", "succeeds", end_of(&run));
    });
}
