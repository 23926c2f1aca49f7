//! How many runs at once: who waits says so, holds nothing, and gets its turn.
use api::condition;
use api::run::State;
use e2e::runs::{is, message, reason, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, case};
use serde_json::json;

/// A storage in the shared bucket with so many runs at once.
async fn storage(case: &Case, at_once: u32) -> String {
    let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
    let spec =
        json!({"type": "s3", "parameters": parameters(), "credentials": credentials, "maxConcurrentRuns": at_once});
    let storage = case.storage("narrow", spec).await;
    case.storage_ready(&storage).await;
    storage
}

async fn begin(case: &Case, storage: &str, name: &str, command: &str) {
    let mut spec = stream(&case.path(name), command);
    spec["storage"]["name"] = json!(storage);
    case.start(name, spec).await;
}

#[test]
fn no_more_runs_than_a_storage_allows_have_a_pod_and_all_of_them_end_well() {
    case("turns", |case| async move {
        let storage = storage(&case, 2).await;
        let names: Vec<_> = (0..6).map(|n| format!("run-{n}")).collect();
        for name in &names {
            case.keeps(name);
            begin(&case, &storage, name, "slow random 1000 8").await;
        }
        // Of those that came in one second the one of the last name goes last: an operator that comes up now gives it no turn either.
        case.fault("taken-away", "turns: deleted while it waits");
        begin(&case, &storage, "taken-away", "random 1000").await;
        let waits = case
            .until("taken-away", "waits for its turn", 60, |run| {
                (status(run).state == Some(State::Queued)).then(|| run.clone())
            })
            .await;
        assert_eq!(reason(&waits, condition::NEVER_RUN), "Queued");
        assert!(
            message(&waits).contains("has 2 at once (spec.maxConcurrentRuns)"),
            "{}",
            message(&waits)
        );
        let told = status(&waits).queued.expect("its place");
        assert!((1..=5).contains(&told.place) && told.place <= told.of, "{told:?}");
        assert!(status(&waits).transfer.is_none() && status(&waits).pod_name.is_none());
        e2e::cluster::delete(&case.runs(), "taken-away").await;
        case.wait("the run that waited is gone", 20, || async {
            case.runs().get_opt("taken-away").await.ok()?.is_none().then_some(())
        })
        .await;
        case.end("taken-away", "goes at once", "goes at once");
        case.wait("all runs have ended", 300, || async {
            let pods = case.our_pods().await;
            assert!(pods.len() <= 2, "{pods:?}");
            let mut ended = 0;
            for name in &names {
                ended += usize::from(is(&case.runs().get(name).await.ok()?, condition::SUCCESSFUL));
            }
            (ended == names.len()).then_some(())
        })
        .await;
        for name in &names {
            let run = case.succeeded(name, 10).await;
            assert_eq!(status(&run).queued, None, "{name}");
        }
    });
}

#[test]
fn a_restore_goes_before_the_backups_that_wait() {
    case("turns-restore", |case| async move {
        let storage = storage(&case, 1).await;
        for name in ["first", "long", "waits"] {
            case.keeps(name);
        }
        begin(&case, &storage, "first", "random 1000").await;
        case.succeeded("first", 90).await;
        begin(&case, &storage, "long", "slow random 1000 45").await;
        case.until("long", "is under way", 90, |run| status(run).transfer).await;
        begin(&case, &storage, "waits", "random 1000").await;
        case.until("waits", "waits for its turn", 30, |run| status(run).queued)
            .await;
        case.ask_restore("first").await;
        let first = case
            .until("first", "waits for its turn", 30, |run| {
                status(run).queued.map(|_| run.clone())
            })
            .await;
        assert!(is(&first, condition::SUCCESSFUL), "what is known of its backup stays");
        let (_, restore) = case.restore_ended("first", 1, 120).await;
        assert!(restore.successful, "{:?}", restore.message);
        let run = case.succeeded("waits", 120).await;
        assert!(status(&run).start_time.unwrap().0 >= restore.start_time.0);
        case.succeeded("long", 60).await;
    });
}
