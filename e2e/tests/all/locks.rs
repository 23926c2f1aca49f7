//! Buckets that lock objects: rotation and deletion wait for the date.
use e2e::case;
use e2e::runs::{message, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use serde_json::json;

#[test]
fn a_locked_backup_outlives_a_deletion_until_its_hold_is_off_and_never_loses_its_bytes() {
    case("locks", |case| async move {
        let store = case.store().of_bucket("e2e-locked");
        store.create_with_lock();
        let mut with = parameters();
        with["bucket"] = json!("e2e-locked");
        with["legalHold"] = json!("true");
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let storage = case
            .storage("locked", json!({"parameters": with, "credentials": credentials}))
            .await;
        case.storage_ready(&storage).await;
        let path = format!("/{}/db", case.namespace());
        let mut spec = stream(&path, "random 6M");
        (spec["retainPolicy"], spec["storage"]["name"]) = (json!("Delete"), json!(storage));
        let run = case.backup("db", spec).await;
        assert!(
            status(&run).lock.is_some_and(|lock| lock.legal_hold),
            "{:?}",
            status(&run).lock
        );
        let version = status(&run).version_id.expect("a bucket that locks keeps versions");
        e2e::cluster::delete(&case.runs(), "db").await;
        let waits = case
            .until("db", "says that its object is held", 60, |run| {
                Some(message(run)).filter(|words| words.contains("legal hold"))
            })
            .await;
        assert!(waits.contains("spec.retainPolicy: Retain"), "{waits}");
        let versions = store.versions(&case.key("db"));
        assert_eq!(versions, [(version.clone(), false)], "no marker hides it");
        // Whoever may takes it off: of the object, and of the record beside it.
        store.release(&case.key("db"), &version);
        let records = format!(".backup-operator/records/{}/", case.namespace());
        for key in store.list(&records) {
            for (version, _) in store.versions(&key) {
                store.release(&key, &version);
            }
        }
        case.wait("the run is gone", 150, || async {
            case.runs().get_opt("db").await.ok()?.is_none().then_some(())
        })
        .await;
        assert_eq!(store.versions(&case.key("db")), []);
    });
}

#[test]
fn an_annotation_puts_a_hold_on_a_backup_and_takes_it_off() {
    case("hold", |case| async move {
        let store = case.store().of_bucket("e2e-locked-by-hand");
        store.create_with_lock();
        let mut with = parameters();
        with["bucket"] = json!("e2e-locked-by-hand");
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let storage = case
            .storage("locked", json!({"parameters": with, "credentials": credentials}))
            .await;
        case.storage_ready(&storage).await;
        let mut spec = stream(&format!("/{}/db", case.namespace()), "random 1000");
        spec["storage"]["name"] = json!(storage);
        case.backup("db", spec).await;
        for (word, on) in [("true", true), ("false", false)] {
            e2e::cluster::annotate(&case.runs(), "db", api::labels::LEGAL_HOLD, Some(word)).await;
            case.until("db", "tells of its hold", 60, |run| {
                let lock = status(run).lock;
                (lock.is_some_and(|lock| lock.legal_hold) == on).then_some(())
            })
            .await;
            let key = case.key("db");
            let (version, _) = store.versions(&key).first().cloned().expect("a version");
            assert_eq!(store.is_held(&key, &version), on);
        }
    });
}
