//! Two tenants of one storage that keeps them apart: everything that one of them, by a token of his own and with every right
//! in his own namespace, may try against the other.

use api::{BackupRun, BackupSchedule, BackupStorage, condition, labels};
use e2e::cluster::{delete, object};
use e2e::runs::{message, reason, spec, static_container, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, killing_cases, operator, two_cases};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

/// Bytes of the victim's object.
const SIZE: u64 = 1000;

/// Everything in one's own namespace, and nothing elsewhere.
fn own_rights() -> Value {
    json!([{"apiGroups": ["", "backup-operator.io"], "resources": ["*"], "verbs": ["*"]}])
}

fn code<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> u16 {
    match result {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// A storage that keeps namespaces apart; the victim's run `db`, its object, and a schedule.
async fn prepare(victim: &Case) -> (String, String) {
    let settings = json!({
        "parameters": parameters(), "credentials": {"name": SECRET, "namespace": NAMESPACE}, "namespaceIsolation": "Prefix",
    });
    let storage = victim.storage("apart", settings).await;
    victim.keeps("db");
    let mut run = stream("/db", "random 1000");
    run["storage"]["name"] = json!(storage);
    let run = victim.backup("db", run).await;
    let key = status(&run).key.unwrap();
    assert_eq!(key, victim.key("db"));
    (storage, key)
}

fn on(storage: &str, mut spec: Value) -> Value {
    spec["storage"]["name"] = json!(storage);
    spec
}

/// Only a restore, which fails the run if it got anything.
fn theft(storage: &str, path: &str) -> Value {
    on(storage, spec(path, static_container(), &[], &["/stream", "sum"]))
}

async fn untouched(victim: &Case, key: &str, etag: Option<&String>) {
    let stored = victim.store().head(key).expect("the victim's object");
    assert_eq!(stored.size, SIZE);
    let now = status(&victim.runs().get("db").await.unwrap()).etag;
    assert_eq!(now.as_ref(), etag);
}

#[test]
fn the_api_gives_a_tenant_nothing_of_another_one() {
    two_cases("tenants-api", |victim, eve| async move {
        let (storage, _) = prepare(&victim).await;
        let client = eve.account("eve", own_rights()).await;
        let theirs: Api<BackupRun> = Api::namespaced(client.clone(), victim.namespace());
        assert_eq!(code(theirs.get("db").await), 403);
        assert_eq!(code(theirs.list(&ListParams::default()).await), 403);
        let everywhere: Api<BackupRun> = Api::all(client.clone());
        assert_eq!(code(everywhere.list(&ListParams::default()).await), 403);
        let ask = json!({"metadata": {"annotations": {labels::RESTORE: "now"}}});
        let merge = PatchParams::default();
        assert_eq!(code(theirs.patch("db", &merge, &Patch::Merge(&ask)).await), 403);
        assert_eq!(
            code(
                theirs
                    .patch_status("db", &merge, &Patch::Merge(&json!({"status": {"key": "x"}})))
                    .await
            ),
            403
        );
        assert_eq!(code(theirs.delete("db", &DeleteParams::default()).await), 403);
        let run: BackupRun = object(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": "in"}, "spec": theft(&storage, "/db"),
        }));
        assert_eq!(code(theirs.create(&PostParams::default(), &run).await), 403);
        let storages: Api<BackupStorage> = Api::all(client.clone());
        assert_eq!(code(storages.get(&storage).await), 403);
        let wide = json!({"spec": {"namespaceIsolation": "None"}});
        assert_eq!(code(storages.patch(&storage, &merge, &Patch::Merge(&wide)).await), 403);
        let own: BackupStorage = object(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": eve.namespace()},
            "spec": {"parameters": parameters(), "credentials": {"name": SECRET, "namespace": NAMESPACE}},
        }));
        assert_eq!(code(storages.create(&PostParams::default(), &own).await), 403);
        let secrets: Api<Secret> = Api::namespaced(client, NAMESPACE);
        assert_eq!(code(secrets.get(SECRET).await), 403);
    });
}

/// Creates a run as Eve; its end, or the words of the refusal.
async fn tries(eve: &Case, client: &Client, name: &str, spec: &Value) -> Result<BackupRun, String> {
    let runs: Api<BackupRun> = Api::namespaced(client.clone(), eve.namespace());
    let run: BackupRun = object(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": name}, "spec": spec,
    }));
    let parameters = PostParams::default();
    match e2e::admission::answered(|| runs.create(&parameters, &run)).await {
        Ok(_) => Ok(eve.ended(name, 100).await),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => panic!("{name}: {error}"),
    }
}

#[test]
fn no_path_reads_or_writes_or_deletes_an_object_of_another_tenant() {
    two_cases("tenants-path", |victim, eve| async move {
        let (storage, key) = prepare(&victim).await;
        let etag = status(&victim.runs().get("db").await.unwrap()).etag;
        let client = eve.account("eve", own_rights()).await;
        let (mine, theirs) = (eve.namespace(), victim.namespace());
        // Refused by their form.
        for (name, path) in [
            ("up", format!("/../{key}")),
            ("up-inside", format!("/x/../../{key}")),
            ("double", format!("//{key}")),
            // A slash to some stores.
            ("backslash", format!("/..\\{key}")),
            ("backslash-own", "/.backup-operator\\records\\x.json".to_string()),
            ("made-up", format!("/{{{{ print \"..\" }}}}/{key}")),
            ("made-up-2", format!("{{{{ printf \"/%s/{key}\" \"..\" }}}}")),
            ("other-name", format!("/{{{{ b64dec \"Li4=\" }}}}/{key}")),
        ] {
            let said = tries(&eve, &client, name, &theft(&storage, &path))
                .await
                .expect_err(name);
            assert!(said.contains("path"), "{name}: {said}");
        }
        // Taken, and led to Eve's own part of the bucket, where nothing is.
        for (name, path) in [
            ("plain", format!("/{key}")),
            ("encoded", format!("/%2e%2e/{key}")),
            ("wide", format!("/\u{ff0e}\u{ff0e}/{key}")),
            ("template", format!("/{{{{ \"{theirs}\" }}}}/db")),
        ] {
            let run = tries(&eve, &client, name, &theft(&storage, &path))
                .await
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            let seen = reason(&run, condition::FAILED);
            assert_eq!(seen, "ObjectMissing", "{name}: {}", message(&run));
            assert!(status(&run).key.unwrap().starts_with(&format!("{mine}/")), "{name}");
        }
        // A backup onto that path, and its deletion with its object.
        let mut over = on(&storage, stream(&format!("/{key}"), "random 10"));
        over["retainPolicy"] = json!("Delete");
        let run = tries(&eve, &client, "over", &over).await.unwrap();
        assert_eq!(status(&run).key, Some(format!("{mine}/{key}")));
        delete(&eve.runs(), "over").await;
        eve.wait("the run is gone", 60, || async {
            eve.runs().get_opt("over").await.ok()?.is_none().then_some(())
        })
        .await;
        assert!(
            victim.store().head(&format!("{mine}/{key}")).is_none(),
            "its own object is deleted"
        );
        untouched(&victim, &key, etag.as_ref()).await;
        for name in ["plain", "encoded", "wide", "template"] {
            delete(&eve.runs(), name).await;
        }
        untouched(&victim, &key, etag.as_ref()).await;
    });
}

#[test]
fn a_forged_status_neither_restores_nor_deletes_an_object_of_another_tenant() {
    two_cases("tenants-forge", |victim, eve| async move {
        let (storage, key) = prepare(&victim).await;
        let known = status(&victim.runs().get("db").await.unwrap());
        let client = eve.account("eve", own_rights()).await;
        let runs: Api<BackupRun> = Api::namespaced(client.clone(), eve.namespace());
        let mut own = on(&storage, stream("/own", "random 10"));
        own["retainPolicy"] = json!("Delete");
        tries(&eve, &client, "own", &own).await.unwrap();
        // All that tells the operator which object is meant, said to be the victim's.
        let forged = json!({"status": {
            "key": key, "path": format!("/{key}"), "etag": known.etag, "sha256": known.sha256, "bytes": known.bytes, "sizeInBytes": SIZE,
        }});
        runs.patch_status("own", &PatchParams::default(), &Patch::Merge(&forged))
            .await
            .unwrap();
        eve.restore_refused("own", |e| {
            e.contains("RestoreRefused") || e.contains("ObjectNotAllowed")
        })
        .await;
        delete(&eve.runs(), "own").await;
        eve.wait("the run is gone", 60, || async {
            eve.runs().get_opt("own").await.ok()?.is_none().then_some(())
        })
        .await;
        untouched(&victim, &key, known.etag.as_ref()).await;
        // The object that the run had really written is left: its status names another. The case removes it.
        eve.keeps("own");
    });
}

#[test]
fn keys_pods_and_owners_of_another_tenant_are_of_no_use() {
    two_cases("tenants-keys", |victim, eve| async move {
        let (storage, key) = prepare(&victim).await;
        let known = status(&victim.runs().get("db").await.unwrap());
        let client = eve.account("eve", own_rights()).await;
        // The victim's identity, without his grant on the Secret.
        let identity = age::x25519::Identity::generate();
        let text = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_string();
        victim
            .apply::<Secret>(json!({"metadata": {"name": "identity"}, "stringData": {"key": text}}))
            .await;
        let mut encrypted = on(&storage, stream("/encrypted", "random 10"));
        encrypted["encryption"] = json!({
            "recipients": [identity.to_public().to_string()],
            "decryptionKey": {"name": "identity", "namespace": victim.namespace(), "key": "key"},
        });
        eve.keeps("encrypted");
        let run = tries(&eve, &client, "encrypted", &encrypted).await.unwrap();
        assert!(e2e::runs::is(&run, condition::SUCCESSFUL), "{}", message(&run));
        eve.ask_restore("encrypted").await;
        let (run, restore) = eve.restore_ended("encrypted", 1, 60).await;
        assert!(!restore.successful, "{}", message(&run));
        let said = restore.message.unwrap_or_default();
        assert!(
            said.contains("allowed-namespaces") && !said.contains("AGE-SECRET"),
            "{said}"
        );
        // A Pod that says it belongs to the victim's run, and is soon on its way out: for the API server its owner is not there.
        let uid = victim.runs().get("db").await.unwrap().uid().unwrap();
        let owner = json!([{"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "name": "db", "uid": uid, "controller": true}]);
        let pods: Api<Pod> = Api::namespaced(client.clone(), eve.namespace());
        let pod: Pod = object(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "db-restore-1", "labels": {labels::RUN: "db", labels::ATTEMPT: "restore-1"}, "ownerReferences": owner},
            "spec": {"containers": [static_container()], "terminationGracePeriodSeconds": 5},
        }));
        pods.create(&PostParams::default(), &pod).await.unwrap();
        eve.wait("the Pod without an owner is deleted", 30, || async {
            let pod = pods.get_opt("db-restore-1").await.ok()?;
            pod.is_none_or(|p| p.metadata.deletion_timestamp.is_some())
                .then_some(())
        })
        .await;
        victim.restore("db").await;
        // A schedule of Eve's, of the same name as one of the victim's, rotates nothing of his.
        let schedules: Api<BackupSchedule> = Api::namespaced(client, eve.namespace());
        let adopt = json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": "db"},
            "spec": {"schedule": "@yearly", "suspend": true, "successfulRunsHistoryLimit": 1, "template": {"spec": on(&storage, stream("/db", "random 10"))}},
        });
        let parameters = PostParams::default();
        let schedule: BackupSchedule = object(adopt);
        e2e::admission::answered(|| schedules.create(&parameters, &schedule))
            .await
            .unwrap();
        let _ = pods.delete("db-restore-1", &DeleteParams::default()).await;
        untouched(&victim, &key, known.etag.as_ref()).await;
    });
}

#[test]
fn what_a_tenant_writes_into_a_status_of_his_own_stops_nobody_else() {
    // Nobody kills an operator meanwhile but this.
    killing_cases("tenants-stop", |victim, eve| async move {
        operator::fresh(victim.client()).await;
        let (storage, _) = prepare(&victim).await;
        let client = eve.account("eve", own_rights()).await;
        // Not typed: the answer is as unreadable as what is written.
        let kind = ApiResource::erase::<BackupRun>(&());
        let runs: Api<DynamicObject> = Api::namespaced_with(client.clone(), eve.namespace(), &kind);
        for (name, forged) in [
            ("late", json!({"startTime": "9999-12-31T23:59:59Z"})),
            ("huge", json!({"sizeInBytes": i64::MAX})),
            ("huger", json!({"sizeInBytes": i64::MAX})),
        ] {
            eve.keeps(name);
            let path = format!("/{name}");
            tries(&eve, &client, name, &on(&storage, stream(&path, "random 10")))
                .await
                .unwrap();
            let change = json!({"status": forged});
            runs.patch_status(name, &PatchParams::default(), &Patch::Merge(&change))
                .await
                .unwrap();
        }
        eve.wait("it is said that one cannot be read", 30, || async {
            eve.events("late").await.into_iter().find(|e| e.contains("Unreadable"))
        })
        .await;
        // The next operator lists all of it, and works.
        operator::kill(victim.client()).await;
        operator::fresh(victim.client()).await;
        victim.keeps("after");
        let run = victim
            .backup("after", on(&storage, stream("/after", "random 1000")))
            .await;
        assert_eq!(status(&run).size_in_bytes, Some(SIZE));
        victim
            .wait("the storage's size is written", 30, || async {
                let status = victim.storages().get(&storage).await.ok()?.status?;
                (status.size_in_bytes == Some(i64::MAX as u64)).then_some(())
            })
            .await;
        // And what it cannot read it does not hold.
        runs.delete("late", &DeleteParams::default()).await.unwrap();
        eve.wait("the run that cannot be read is gone", 30, || async {
            runs.get_opt("late").await.ok()?.is_none().then_some(())
        })
        .await;
    });
}
