//! Manifests as people have them: all of docs/examples, and the shape that the Go operator's users write.
use api::{BackupSchedule, BackupStorage, condition};
use e2e::shared::{SECRET, parameters};
use e2e::{case, example};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::pinned_kind;
use serde::Deserialize;
use serde_json::json;

fn documents(text: &str) -> Vec<serde_json::Value> {
    let all = serde_yaml_ng::Deserializer::from_str(text).map(|d| serde_json::Value::deserialize(d).unwrap());
    all.filter(|d| !d.is_null()).collect()
}

#[test]
fn the_api_server_takes_every_example() {
    case("examples", |case| async move {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples");
        let files = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder}: {e}"));
        let mut seen = 0;
        for file in files
            .map(|f| f.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
        {
            // Placeholders are refused as long as they are left there.
            let text = std::fs::read_to_string(&file).unwrap();
            let key = || age::x25519::Identity::generate().to_public().to_string();
            let text = text.replace("age1-your-public-key", &key());
            let text = text.replace("age1-the-one-in-your-safe", &key());
            for mut document in documents(&text) {
                let (version, kind) = (
                    document["apiVersion"].as_str().unwrap(),
                    document["kind"].as_str().unwrap(),
                );
                let (group, version) = version.split_once('/').unwrap_or(("", version));
                let gvk = GroupVersionKind::gvk(group, version, kind);
                let (resource, capabilities) = pinned_kind(case.client(), &gvk)
                    .await
                    .unwrap_or_else(|e| panic!("{gvk:?}: {e}"));
                let api: Api<DynamicObject> = match capabilities.scope {
                    kube::discovery::Scope::Namespaced => {
                        document["metadata"]["namespace"] = case.namespace().into();
                        Api::namespaced_with(case.client().clone(), case.namespace(), &resource)
                    }
                    kube::discovery::Scope::Cluster => Api::all_with(case.client().clone(), &resource),
                };
                let name = document["metadata"]["name"].as_str().unwrap().to_string();
                let parameters = PatchParams {
                    dry_run: true,
                    ..PatchParams::apply("e2e").force()
                };
                let parameters = PatchParams {
                    field_validation: Some(kube::api::ValidationDirective::Strict),
                    ..parameters
                };
                let patch = Patch::Apply(&document);
                e2e::admission::answered(|| api.patch(&name, &parameters, &patch))
                    .await
                    .unwrap_or_else(|e| panic!("{}: {name}: {e}", file.display()));
                seen += 1;
            }
        }
        assert!(seen > 0, "{folder} has no examples");
    });
}

#[test]
fn the_example_of_a_store_of_s3_works_with_a_place_and_keys_of_ones_own() {
    case("example", |case| async move {
        // Apart by namespace, as the example has it: below the case's own folder.
        let own =
            json!({"parameters": parameters(), "credentials": {"name": SECRET, "namespace": e2e::shared::NAMESPACE}});
        let storage = case.storage("example", example::storage("storage.yaml", &own)).await;
        case.storage_ready(&storage).await;
        case.there_and_back(&storage, "db", 6 << 20).await;
        assert_eq!(case.store().list(&case.key("db")), [case.key("db")]);
        e2e::cluster::delete(&case.runs(), "db").await;
        case.wait("nothing is left of what was deleted", 60, || async {
            case.store().list(&case.key("db")).is_empty().then_some(())
        })
        .await;
    });
}

const STORAGE: &str = r"
apiVersion: backup-operator.io/v1
kind: BackupStorage
metadata:
  name: shape
spec:
  type: s3
  parameters:
    bucket: e2e
    endpoint: http://minio.e2e-minio.svc:9000
    insecure: 'true'
    s3ForcePathStyle: 'true'
  credentials:
    name: minio-credentials
    namespace: e2e-minio
";

const SCHEDULE: &str = r#"
apiVersion: backup-operator.io/v1
kind: BackupSchedule
metadata:
  name: orders-nightly
spec:
  schedule: "0 0 29 2 *"
  concurrencyPolicy: Replace
  successfulRunsHistoryLimit: 14
  failedRunsHistoryLimit: 2
  template:
    spec:
      retainPolicy: Delete
      storage:
        name: e2e
        path: /NAMESPACE/orders-{{ now | date "2006.01.02-15:04:05" }}.sql
      backup:
        deadlineSeconds: 300
        container: main
        command: ["/bin/sh", "-c"]
        args:
        - echo "${GREETING}"
      restore:
        deadlineSeconds: 300
        container: main
        command: ["/bin/sh", "-c"]
        args:
        - cat >&2
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: main
            image: redis:7
            command: ["sleep", "1d"]
            env:
            - name: GREETING
              value: hello
"#;

#[test]
fn manifests_of_the_go_operators_shape_work_unchanged() {
    case("shape", |case| async move {
        let storage: BackupStorage = serde_yaml_ng::from_str(STORAGE).unwrap();
        let name = case
            .storage("shape", serde_json::to_value(&storage.spec).unwrap())
            .await;
        case.wait("the storage is Ready", 60, || async {
            condition::is_true(
                &case.storages().get(&name).await.ok()?.status?.conditions,
                condition::READY,
            )
            .then_some(())
        })
        .await;
        let schedule: BackupSchedule =
            serde_yaml_ng::from_str(&SCHEDULE.replace("NAMESPACE", case.namespace())).unwrap();
        let (schedules, parameters) = (case.schedules(), PostParams::default());
        let created = e2e::admission::answered(|| schedules.create(&parameters, &schedule)).await;
        created.unwrap();
        case.wait("the schedule is Ready", 20, || async {
            let status = case.schedules().get("orders-nightly").await.ok()?.status?;
            (condition::is_true(&status.conditions, condition::READY) && status.next_schedule_time.is_some())
                .then_some(())
        })
        .await;
        let run = case.triggered("orders-nightly").await;
        case.succeeded(&run, 90).await;
        let restored = case.restore(&run).await;
        assert_eq!(e2e::runs::status(&restored).log.unwrap().trim(), "hello");
        case.keeps(
            e2e::runs::status(&restored)
                .path
                .unwrap()
                .split('/')
                .next_back()
                .unwrap(),
        );
    });
}
