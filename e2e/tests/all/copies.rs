//! Copies in further storages: proved, restored from, taken along.
use api::condition;
use e2e::runs::{is, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, case};
use serde_json::{Value, json};

/// A storage in a bucket of its own of the shared MinIO.
async fn storage(case: &Case, name: &str, bucket: &str) -> String {
    let mut with = parameters();
    with["bucket"] = json!(bucket);
    let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
    let storage = case
        .storage(name, json!({"parameters": with, "credentials": credentials}))
        .await;
    case.storage_ready(&storage).await;
    storage
}

fn copy_to(spec: &mut Value, storage: &str) {
    spec["copies"] = json!([{"storage": storage}]);
}

#[test]
fn a_good_backup_lies_in_two_stores_and_restores_from_the_other_when_the_first_one_has_lost_it() {
    case("copies", |case| async move {
        let offsite = case.store().of_bucket("e2e-offsite");
        offsite.create().unwrap();
        let far = storage(&case, "far", "e2e-offsite").await;
        let mut spec = stream(&case.path("db"), "random 20M");
        copy_to(&mut spec, &far);
        spec["retainPolicy"] = json!("Delete");
        case.start("db", spec).await;
        case.succeeded("db", 120).await;
        let run = case
            .until("db", "is copied", 120, |run| {
                is(run, condition::COPIED).then(|| run.clone())
            })
            .await;
        let copy = status(&run).copies.first().cloned().expect("a copy");
        assert!(copy.completion_time.is_some() && copy.message.is_none(), "{copy:?}");
        assert!(
            case.store().get(&case.key("db")) == offsite.get(&copy.key),
            "the same bytes"
        );
        assert_eq!(offsite.uploads(&copy.key), 0);
        let records = format!(".backup-operator/records/{}/", case.namespace());
        assert_eq!(offsite.list(&records).len(), 1, "a copy is found without this cluster");
        // Somebody has removed the original.
        case.store().delete(&case.key("db"));
        case.restore("db").await;
        let restored = case.runs().get("db").await.unwrap();
        assert!(is(&restored, condition::RESTORED));
        e2e::cluster::delete(&case.runs(), "db").await;
        case.wait("the run is gone", 60, || async {
            case.runs().get_opt("db").await.ok()?.is_none().then_some(())
        })
        .await;
        assert!(offsite.head(&copy.key).is_none(), "its copy went with it");
        assert_eq!(offsite.list(&records), Vec::<String>::new());
    });
}

#[test]
fn a_copy_that_cannot_be_made_yet_leaves_the_backup_good_and_is_made_when_it_can() {
    case("copies-later", |case| async move {
        let offsite = case.store().of_bucket("e2e-offsite-later");
        let far = case.makes_storage("far");
        let mut spec = stream(&case.path("db"), "random 1000");
        copy_to(&mut spec, &far);
        case.start("db", spec).await;
        case.succeeded("db", 120).await;
        case.keeps("db");
        case.until("db", "says why it is not copied", 60, |run| {
            let copied = condition::find(&status(run).conditions, condition::COPIED).cloned()?;
            let why = copied.message.contains("no such BackupStorage");
            (copied.status == "False" && why && is(run, condition::SUCCESSFUL)).then_some(())
        })
        .await;
        offsite.create().unwrap();
        let mut with = parameters();
        with["bucket"] = json!("e2e-offsite-later");
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let name = case
            .storage("far", json!({"parameters": with, "credentials": credentials}))
            .await;
        assert_eq!(name, far);
        let run = case
            .until("db", "is copied", 150, |run| {
                is(run, condition::COPIED).then(|| run.clone())
            })
            .await;
        let key = status(&run).copies.first().cloned().expect("a copy").key;
        assert!(offsite.get(&key) == case.store().get(&case.key("db")));
        offsite.delete(&key);
    });
}

#[test]
fn a_restore_passes_by_a_copy_that_is_gone_takes_the_next_and_is_refused_in_words_where_none_is_left() {
    case("copies-next", |case| async move {
        let (first, second) = (
            case.store().of_bucket("e2e-copies-first"),
            case.store().of_bucket("e2e-copies-second"),
        );
        first.create().unwrap();
        second.create().unwrap();
        let storages = [
            storage(&case, "first", "e2e-copies-first").await,
            storage(&case, "second", "e2e-copies-second").await,
        ];
        let mut spec = stream(&case.path("db"), "random 1M");
        spec["copies"] = json!([{"storage": storages[0]}, {"storage": storages[1]}]);
        spec["retainPolicy"] = json!("Delete");
        case.start("db", spec).await;
        case.succeeded("db", 120).await;
        let run = case
            .until("db", "is copied", 120, |run| {
                is(run, condition::COPIED).then(|| run.clone())
            })
            .await;
        let key = status(&run).copies[0].key.clone();
        // Somebody has removed the original, and the nearest copy.
        case.store().delete(&case.key("db"));
        first.delete(&key);
        case.restore("db").await;
        let restored = case.runs().get("db").await.unwrap();
        assert!(is(&restored, condition::RESTORED));
        let gone = case
            .until("db", "says that the copy is gone", 60, |run| {
                let copy = status(run).copies.first()?.clone();
                (copy.lost == 1 && copy.completion_time.is_none()).then_some(copy)
            })
            .await;
        assert!(!gone.given_up && gone.message.is_some(), "{gone:?}");
        // The last one goes, too.
        second.delete(&key);
        // With what was found in each storage.
        case.restore_refused("db", |said| {
            said.starts_with("RestoreRefused") && said.contains("nowhere to be had") && said.contains(&storages[1])
        })
        .await;
    });
}
