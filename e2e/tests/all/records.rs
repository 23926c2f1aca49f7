//! Records: what a good backup says of itself in the bucket, and what is brought back by it.

use age::secrecy::ExposeSecret;
use api::{BackupRun, BackupStorage, condition, labels};
use e2e::kubectl::{answered, plugin};
use e2e::runs::{is, message, reason, status, stream};
use e2e::{Case, case, cluster, shared, two_cases};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde_json::{Value, json};

/// `kubectl backup ARGS`, with the store as it is reached from here.
async fn backup(case: &Case, args: &[&str]) -> (bool, String) {
    let endpoint = format!("http://{}", case.store().host());
    answered(|| {
        let mut command = plugin(args);
        command.args(["--endpoint", &endpoint]);
        command
    })
    .await
}

/// Changes an object, also while the webhook is away for a moment.
async fn change<K>(api: &kube::Api<K>, name: &str, change: Value)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let (parameters, merge) = (Default::default(), kube::api::Patch::Merge(&change));
    let done = e2e::admission::answered(|| api.patch(name, &parameters, &merge)).await;
    done.unwrap_or_else(|e| panic!("{name}: {e}"));
}

fn record(case: &Case, run: &BackupRun) -> (String, Value) {
    let key = status(run).record.expect("status.record");
    let bytes = case.store().get(&key);
    (key, serde_json::from_slice(&bytes).expect("a record"))
}

/// Deletes a run, and waits until its finalizer has let it go.
async fn gone(case: &Case, name: &str) {
    cluster::delete(&case.runs(), name).await;
    case.wait(&format!("run {name} is gone"), 60, || async {
        case.runs().get_opt(name).await.ok()?.is_none().then_some(())
    })
    .await;
}

#[test]
fn a_good_backup_has_a_record_that_says_how_it_is_restored_and_goes_with_it() {
    case("records", |case| async move {
        let mut spec = stream(&case.path("db"), "random 12M 5");
        spec["retainPolicy"] = json!("Delete");
        case.start("db", spec).await;
        let run = case.succeeded("db", 90).await;
        let (key, record) = record(&case, &run);
        assert_eq!(key, format!(".backup-operator/records/{}/-/db.json", case.namespace()));
        let told = status(&run);
        assert_eq!(record["sha256"], json!(told.sha256));
        assert_eq!(record["storedBytes"], json!(told.size_in_bytes));
        assert_eq!(record["key"], json!(told.key));
        assert_eq!(record["uid"], json!(run.uid()));
        assert_eq!(
            record["spec"]["restore"]["command"],
            json!(run.spec.restore.as_ref().map(|r| &r.command))
        );
        let (ok, text) = backup(&case, &["verify", "db", "-n", case.namespace()]).await;
        assert!(ok, "{text}");
        let file = std::env::temp_dir().join(format!("{}-db", case.namespace()));
        let path = file.to_str().expect("a path");
        let (ok, text) = backup(&case, &["download", "db", "-n", case.namespace(), "-o", path]).await;
        let bytes = std::fs::read(&file).unwrap_or_default();
        let _ = std::fs::remove_file(&file);
        assert!(ok && bytes.len() == 12 << 20, "{} bytes: {text}", bytes.len());

        cluster::delete(&case.runs(), "db").await;
        case.wait("object and record are gone", 60, || async {
            let store = case.store();
            (store.head(&key).is_none() && store.head(&case.key("db")).is_none()).then_some(())
        })
        .await;
    });
}

#[test]
fn an_encrypted_backup_comes_back_in_another_namespace_by_its_record_and_a_key_and_nothing_is_executed() {
    two_cases("import", |one, other| async move {
        one.keeps("db");
        let identity = age::x25519::Identity::generate();
        let secret = identity.to_string().expose_secret().to_string();
        let mut spec = stream(&one.path("db"), "random 12M 5");
        spec["retainPolicy"] = json!("Delete");
        spec["encryption"] =
            json!({"recipients": [identity.to_public().to_string()], "decryptionKey": {"name": "age", "key": "key"}});
        spec["template"]["spec"]["containers"][0]["env"] = json!([{"name": "PASSWORD", "value": "hunter2"}]);
        one.start("db", spec).await;
        let run = one.succeeded("db", 90).await;
        let (key, _) = record(&one, &run);
        let bytes = String::from_utf8(one.store().get(&key)).expect("text");
        assert!(
            bytes.contains("BEGIN AGE ENCRYPTED FILE") && !bytes.contains("hunter2"),
            "{bytes}"
        );

        let moved = format!("{}={}", one.namespace(), other.namespace());
        let (ok, text) = backup(&one, &["import", shared::STORAGE, "-n", &moved]).await;
        assert!(
            ok && text.contains("0 runs made, 1 were in this cluster already"),
            "its run is here: {text}"
        );
        // The cluster loses the run, and not by its deletion: what would remove the object is not there to do so.
        change(&one.runs(), "db", json!({"spec": {"retainPolicy": "Retain"}})).await;
        gone(&one, "db").await;
        let (ok, text) = backup(&one, &["catalog", shared::STORAGE, "--orphans"]).await;
        assert!(ok && text.contains(one.namespace()) && text.contains("Good"), "{text}");
        let (ok, text) = backup(&one, &["import", shared::STORAGE, "-n", &moved]).await;
        assert!(!ok && text.contains("--identity"), "without the key: {text}");

        let file = std::env::temp_dir().join(format!("{}-key", one.namespace()));
        std::fs::write(&file, &secret).expect("the key's file");
        let path = file.to_str().expect("a path");
        let (dry, shown) = backup(
            &one,
            &["import", shared::STORAGE, "-n", &moved, "--identity", path, "--dry-run"],
        )
        .await;
        let none = other.runs().list(&Default::default()).await.expect("runs").items;
        let (ok, said) = backup(&one, &["import", shared::STORAGE, "-n", &moved, "--identity", path]).await;
        let _ = std::fs::remove_file(&file);
        assert!(
            dry && shown.contains("1 runs would be made") && none.is_empty(),
            "{shown}"
        );
        assert!(
            ok && said.contains("1 runs made") && said.contains("1 of 1 are Successful"),
            "{said}"
        );
        let back = other.runs().get("db").await.expect("the run");
        assert!(is(&back, condition::SUCCESSFUL) && reason(&back, condition::SUCCESSFUL) == "Adopted");
        let (was, now) = (status(&run), status(&back));
        assert_eq!((was.sha256, was.bytes, was.etag), (now.sha256, now.bytes, now.etag));
        assert!(other.our_pods().await.is_empty(), "nothing is executed");

        other
            .apply::<Secret>(json!({"metadata": {"name": "age"}, "stringData": {"key": secret}}))
            .await;
        other.ask_restore("db").await;
        let (restored, _) = other.restore_ended("db", 1, 90).await;
        assert!(is(&restored, condition::RESTORED), "{}", message(&restored));
        // It is another namespace's object: whatever its run is told, it stays.
        change(&other.runs(), "db", json!({"spec": {"retainPolicy": "Delete"}})).await;
        cluster::delete(&other.runs(), "db").await;
        assert!(one.store().head(&one.key("db")).is_some());
        assert!(one.store().head(&key).is_some());
    });
}

#[test]
fn a_storage_that_syncs_makes_runs_of_another_clusters_records_and_of_none_that_lies() {
    case("sync", |case| async move {
        let keys = json!({"name": shared::SECRET, "namespace": shared::NAMESPACE});
        let parameters = json!({
            "bucket": shared::BUCKET, "endpoint": shared::ENDPOINT, "insecure": "true", "s3ForcePathStyle": "true",
            "prefix": format!("{}-sync", case.namespace()),
        });
        let storage = case
            .storage(
                "sync",
                json!({"type": "s3", "parameters": parameters, "credentials": keys}),
            )
            .await;
        case.storage_ready(&storage).await;
        for name in ["theirs", "ours", "forged"] {
            let mut spec = stream(&format!("/{name}"), "random 1000");
            spec["storage"]["name"] = json!(storage);
            case.start(name, spec).await;
            let run = case.succeeded(name, 90).await;
            let (key, mut record) = record(&case, &run);
            if name != "ours" {
                record["cluster"] = json!("a-cluster-that-is-gone");
            }
            if name == "forged" {
                record["etag"] = json!("\"another\"");
                record["uid"] = json!("another");
            }
            case.store().put(&key, record.to_string().as_bytes());
            gone(&case, name).await;
        }
        let strange = format!("{}-sync/.backup-operator/records/a b/-/x.json", case.namespace());
        case.store().put(&strange, b"{}");
        change(&case.storages(), &storage, json!({"spec": {"catalog": {"sync": true}}})).await;
        let back = case
            .until("theirs", "is back", 90, |run| {
                is(run, condition::READY).then(|| run.clone())
            })
            .await;
        assert_eq!(reason(&back, condition::SUCCESSFUL), "Adopted");
        assert!(back.annotations().contains_key(labels::KEEP), "rotation passes it by");
        assert!(status(&back).sha256.is_some());
        // The look that made that run has come by the others, too: keys are listed in their order.
        for (name, why) in [
            ("forged", "no run is made of a record whose object is another one"),
            ("ours", "what went here was meant to go"),
        ] {
            let there = case.runs().get_opt(name).await.expect("an answer");
            assert!(there.is_none(), "{why}");
        }
        let _: BackupStorage = case.storages().get(&storage).await.expect("the storage");
        case.store().delete(&strange);
        cluster::delete(&case.runs(), "theirs").await;
    });
}
