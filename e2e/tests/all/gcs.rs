//! A bucket of Google Cloud Storage, as a front of the tests' own before MinIO has it: it looks at signatures and tokens as Google documents
//! them, by TLS, from this process.
use e2e::cluster::own_address;
use e2e::runs::{sleeping, spec, status};
use e2e::s3::Store;
use e2e::{Case, case, example};
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;
use servers::{Google, Running, SECRET_KEY, server};

/// Two parts and the last.
const SIZE: usize = 12 << 20;
/// As the example names it.
const BUCKET: &str = "example-backups";

async fn storage(case: &Case, google: &Google, name: &str, path: &str) -> String {
    let parameters = json!({"endpoint": google.url(""), "caBundle": google.certificate, "prefix": name});
    let credentials = json!({"name": "google", "namespace": case.namespace()});
    let own = json!({"parameters": parameters, "credentials": credentials, "dataPath": path});
    let storage = case.storage(name, example::storage("storage-gcs.yaml", &own)).await;
    case.storage_ready(&storage).await;
    storage
}

#[test]
fn backups_go_into_googles_cloud_in_parts_come_back_and_leave_nothing() {
    case("gcs", |case| async move {
        // In this thread, which lives as long as the test.
        let behind = Running::start(server("minio"));
        behind.bucket(BUCKET);
        // Each object has a generation there.
        assert!(behind.keep_versions(BUCKET));
        let google = Google::start_secure(&behind, own_address(case.client()).await);
        let seen = Store::new(&behind.endpoint(), BUCKET, behind.server.access_key, SECRET_KEY);
        let key = json!({"key.json": google.key_file()});
        case.apply::<Secret>(json!({"metadata": {"name": "google"}, "stringData": key}))
            .await;
        for path in ["Direct", "Relay"] {
            let name = path.to_lowercase();
            let storage = storage(&case, &google, &name, path).await;
            let found = case.storages().get(&storage).await.unwrap().status.unwrap();
            assert_eq!(found.capabilities.map(|c| c.checksum), Some("md5".to_owned()));
            // In parts, and whole.
            for (size, run) in [(SIZE, format!("{name}-parts")), (1000, format!("{name}-whole"))] {
                case.there_and_back(&storage, &run, size).await;
                let told = status(&case.runs().get(&run).await.unwrap());
                assert!(told.version_id.is_some(), "{run} names its generation");
                let key = format!("{name}/{run}");
                assert_eq!(seen.list(&key), [key]);
            }
        }
        assert!(
            google.asked().iter().any(|path| path == "/token"),
            "the key is exchanged"
        );
        let cut = ["sh", "-c", "head -c 12000000 /dev/zero; exit 9"];
        let mut spec = spec("/cut", sleeping("redis:7"), &cut, &["cat"]);
        spec["storage"]["name"] = json!(storage(&case, &google, "cut", "Direct").await);
        case.start("cut", spec).await;
        case.failed("cut", "CommandFailed", 120).await;
        case.wait("the failed backup has left no upload", 60, || async {
            (seen.uploads("cut/cut") == 0).then_some(())
        })
        .await;
        let runs = ["direct-parts", "direct-whole", "relay-parts", "relay-whole"];
        for run in runs {
            e2e::cluster::delete(&case.runs(), run).await;
        }
        // Its record keeps a generation that hides it, as any removal in a bucket of versions.
        case.wait("no generation is left of what was deleted", 60, || async {
            let left = |run: &&str| {
                let folder = run.split('-').next().unwrap_or_default();
                seen.versions(&format!("{folder}/{run}")).is_empty()
            };
            runs.iter().all(left).then_some(())
        })
        .await;
    });
}
