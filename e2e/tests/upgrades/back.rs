//! From this release back to the one before.
use api::{condition, labels};
use e2e::cluster::annotate;
use e2e::install::{Release, restored_within, revision};
use e2e::long_case;
use e2e::runs::{is, message, status, stream};
use e2e::schedules::NEVER;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{LIMIT, REUSED, SLOW, WHILE, WORK, alone, before, begin_reading, pod_is_of, read_slowly, upload};

#[test]
fn what_this_release_began_ends_well_under_the_one_before_and_what_it_made_restores_there() {
    let _alone = alone();
    long_case("back", LIMIT, |case| async move {
        restored_within(case.client(), WORK, async {
            let old = before(&case).await;
            let (theirs, head) = (revision(), Release::head());
            head.upgrade(case.client(), REUSED).await;
            case.keeps("done");
            case.backup("done", stream(&case.path("done"), "random 12M")).await;
            // A field that the release before does not know.
            case.keeps("read");
            let mut spec = read_slowly(&case.path("read"), WHILE, SLOW);
            spec["restore"]["check"] = json!({"command": ["/stream", "random", "0"], "container": "stream"});
            case.backup("read", spec).await;
            let path = format!("/{}/{{{{ .name }}}}", case.namespace());
            case.schedule("often", json!({"schedule": NEVER}), stream(&path, "random 1000"))
                .await;

            // A request that an applier keeps, after which somebody has asked by hand.
            let kept = json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupRun",
                "metadata": {"name": "done", "annotations": {labels::RESTORE: "from git"}},
            });
            let (applier, kept) = (PatchParams::apply("gitops").force(), Patch::Apply(kept));
            case.runs().patch("done", &applier, &kept).await.unwrap();
            case.restore_ended("done", 1, 120).await;
            annotate(&case.runs(), "done", labels::RESTORE, Some("by hand")).await;
            case.restore_ended("done", 2, 120).await;
            case.runs().patch("done", &applier, &kept).await.unwrap();
            case.until("done", "is known to the release before as well", 30, |run| {
                (run.annotations().get(labels::RESTORE_TAKEN)? == "from git").then_some(())
            })
            .await;

            begin_reading(&case, "read").await;
            case.begin_slow("db", WHILE, SLOW).await;
            for run in ["db", "read"] {
                pod_is_of(&case, run, &head).await;
            }
            let begun = upload(&case, "db").await;
            old.roll_back(case.client(), &theirs).await;

            assert_eq!(upload(&case, "db").await, begun);
            case.ended_whole("db", WHILE, 240).await;
            // Its agent has the check, and does it: the older operator hears the end in words that it knows. The last words are the check's.
            let (_, restore) = case.restore_ended("read", 1, 180).await;
            assert!(restore.successful && restore.bytes == WHILE as u64, "{restore:?}");
            // What the older release has no field for is gone from the object, as the page says.
            let read = case.runs().get("read").await.unwrap();
            let check = read.spec.restore.clone().unwrap().check.unwrap();
            assert_eq!(check.container, None);
            assert!(is(&read, condition::SUCCESSFUL), "{}", message(&read));
            let done = case.runs().get("done").await.unwrap();
            assert_eq!(done.annotations()[labels::RESTORE], "from git");
            assert_eq!(status(&done).restores.len(), 2, "nobody has asked since");
            case.restore("db").await;
            let of_old = case.triggered("often").await;
            case.keeps(&of_old);
            case.succeeded(&of_old, 120).await;

            // And forth again.
            head.upgrade(case.client(), REUSED).await;
            case.restore("done").await;
            case.restore(&of_old).await;
        })
        .await;
    });
}
