//! Pods that cannot reach the store: their bytes go through the operator, with the same proof.
use age::secrecy::ExposeSecret;
use api::{BackupRun, condition};
use e2e::runs::{message, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, bytes, case, killing_case, operator};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use serde_json::{Value, json};

/// A storage like `e2e`, with that way for the bytes; its name.
async fn storage(case: &Case, path: &str) -> String {
    let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
    let spec = json!({"parameters": parameters(), "credentials": credentials, "dataPath": path});
    let name = case.storage(&path.to_lowercase(), spec).await;
    case.wait(&format!("storage {name} is Ready"), 60, || async {
        let status = case.storages().get(&name).await.ok()?.status?;
        condition::is_true(&status.conditions, condition::READY).then_some(())
    })
    .await;
    name
}

/// A run of the static program in a Pod that knows the store's name at an address where nobody is (RFC 5737).
fn cut_off(storage: &str, path: &str, backup: &str) -> Value {
    let mut spec = stream(path, backup);
    spec["storage"]["name"] = json!(storage);
    spec["template"]["spec"]["hostAliases"] = json!([{"ip": "192.0.2.1", "hostnames": ["minio.e2e-minio.svc"]}]);
    spec
}

fn route(run: &BackupRun) -> Option<String> {
    let transfer = status(run).transfer?;
    transfer.command_started_at.map(|_| transfer.route)
}

/// What the Events of that reason say about a run.
async fn said(case: &Case, run: &str, reason: &str) -> Vec<String> {
    let events = case.api::<Event>().list(&ListParams::default()).await.unwrap().items;
    let about = |e: &Event| e.regarding.as_ref().and_then(|r| r.name.as_deref()) == Some(run);
    events
        .into_iter()
        .filter(|e| about(e) && e.reason.as_deref() == Some(reason))
        .filter_map(|e| e.note)
        .collect()
}

#[test]
fn a_relayed_backup_and_its_restore_have_the_same_stages_and_the_same_proof() {
    case("relay", |case| async move {
        case.keeps("db");
        let identity = age::x25519::Identity::generate();
        let data = json!({"key": identity.to_string().expose_secret()});
        case.apply::<Secret>(json!({"metadata": {"name": "age"}, "stringData": data}))
            .await;
        let mut spec = cut_off(&storage(&case, "Relay").await, &case.path("db"), "slow random 24M 4");
        spec["compression"] = json!({"algorithm": "zstd"});
        spec["encryption"] =
            json!({"recipients": [identity.to_public().to_string()], "decryptionKey": {"name": "age", "key": "key"}});
        case.start("db", spec).await;
        assert_eq!(case.until("db", "has started", 100, route).await, "Relay");
        let run = case.succeeded("db", 100).await;
        let plain = bytes::random(24 << 20, 1);
        let stored = case.store().get(&case.key("db"));
        assert!(bytes::unzstd(&bytes::decrypted(&stored, &identity)) == plain);
        assert_eq!(status(&run).sha256, Some(bytes::sha256(&stored)));
        assert_eq!(
            said(&case, "db", "Relayed").await,
            Vec::<String>::new(),
            "it was asked for"
        );
        let restored = case.restore("db").await;
        assert_eq!(status(&restored).log.unwrap().trim(), bytes::sum_line(&plain));
    });
}

#[test]
fn a_pod_without_a_way_to_the_store_is_relayed_by_itself_and_the_run_says_why() {
    case("auto", |case| async move {
        for name in ["cut-off", "free"] {
            case.keeps(name);
        }
        let storage = storage(&case, "Auto").await;
        case.start("cut-off", cut_off(&storage, &case.path("cut-off"), "slow random 12M 3"))
            .await;
        let mut free = stream(&case.path("free"), "slow random 12M 3");
        free["storage"]["name"] = json!(storage);
        case.start("free", free).await;
        // The one that is cut off starts later: its Pod has START seconds, and is then asked three times, for 25 s at most.
        let started = tokio::join!(
            case.until("free", "has started", 180, route),
            case.until("cut-off", "has started", 180, route)
        );
        assert_eq!(started, ("Direct".to_string(), "Relay".to_string()));
        let known = bytes::random(12 << 20, 1);
        for name in ["cut-off", "free"] {
            let run = case.succeeded(name, 100).await;
            assert_eq!(status(&run).sha256, Some(bytes::sha256(&known)), "{name}");
            assert_eq!(case.store().sha256(&case.key(name)), bytes::sha256(&known), "{name}");
        }
        let words = said(&case, "cut-off", "Relayed").await;
        assert!(
            words.len() == 1
                && words[0].contains("cannot reach the store")
                && words[0].contains("http://minio.e2e-minio.svc:9000"),
            "{words:?}"
        );
        assert_eq!(said(&case, "free", "Relayed").await, Vec::<String>::new());
        let restored = case.restore("cut-off").await;
        assert_eq!(status(&restored).log.unwrap().trim(), bytes::sum_line(&known));
    });
}

/// A NetworkPolicy or a mesh may lead a Pod elsewhere than the operator. Here its own second container answers in the store's place.
#[test]
fn a_pod_whose_parts_something_else_takes_says_so_and_names_the_other_way() {
    case("impostor", |case| async move {
        case.keeps("relayed");
        let misled = |storage: &str, path: &str| {
            let mut spec = cut_off(storage, path, "random 12M");
            let pod = &mut spec["template"]["spec"];
            pod["hostAliases"][0]["ip"] = json!("127.0.0.1");
            let container = json!({
                "name": "impostor", "image": "localhost/e2e/static:dev", "command": ["/stream", "serve", "9000"],
            });
            pod["containers"].as_array_mut().unwrap().push(container);
            spec
        };
        case.start("direct", misled(&storage(&case, "Direct").await, &case.path("direct")))
            .await;
        let run = case.failed("direct", "TransferFailed", 100).await;
        let words = message(&run);
        assert!(
            words.contains("this answer is not the store's") && words.contains("spec.dataPath: Relay"),
            "{words}"
        );
        // `Auto` goes another way by itself.
        case.start("relayed", misled(&storage(&case, "Auto").await, &case.path("relayed")))
            .await;
        case.succeeded("relayed", 100).await;
        assert!(said(&case, "relayed", "Relayed").await[0].contains("not as a store does"));
    });
}

#[test]
fn a_relayed_backup_and_restore_go_on_when_the_operator_is_killed() {
    killing_case("relay-kill", |case| async move {
        const SIZE: usize = 48 << 20;
        operator::fresh(case.client()).await;
        case.keeps("db");
        let storage = storage(&case, "Relay").await;
        let mut spec = cut_off(&storage, &case.path("db"), &format!("slow random {SIZE} 40"));
        let script = "dd bs=1M count=16 iflag=fullblock status=none; until test -e /tmp/go; do sleep 0.2; done; cat";
        let mut reader = e2e::runs::sleeping("redis:7");
        reader["name"] = json!("reader");
        spec["template"]["spec"]["containers"] = json!([e2e::runs::static_container(), reader]);
        spec["restore"] =
            json!({"container": "reader", "command": ["sh", "-c", format!("{{ {script}; }} | sha256sum >&2")]});
        let away = operator::changing().await;
        case.start("db", spec).await;
        case.until("db", "has started", 100, route).await;
        // A part or two are stored then.
        tokio::time::sleep(std::time::Duration::from_secs(8)).await;
        let killed = Timestamp::now();
        operator::kill_at_once(case.client(), &away).await;
        drop(away);
        let run = case.succeeded("db", 120).await;
        let known = bytes::sha256(&bytes::random(SIZE, 1));
        assert!(
            status(&run).completion_time.is_some_and(|t| t.0 > killed),
            "the kill came too late"
        );
        assert_eq!(
            (status(&run).bytes, status(&run).attempts),
            (Some(SIZE as u64), Some(1))
        );
        assert_eq!(status(&run).sha256.as_ref(), Some(&known));
        assert_eq!(case.store().sha256(&case.key("db")), known);
        case.assert_no_upload().await;

        let away = operator::changing().await;
        case.ask_restore("db").await;
        let pod = case
            .until("db", "is in mid-restore", 60, |run| {
                route(run).and(status(run).pod_name)
            })
            .await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let killed = Timestamp::now();
        operator::kill_at_once(case.client(), &away).await;
        drop(away);
        case.exec_in(&pod, "reader", &["touch", "/tmp/go"]).await;
        let (run, restore) = case.restore_ended("db", 1, 120).await;
        assert!(restore.completion_time.0 > killed, "the kill came too late");
        assert!(restore.successful, "{:?}", restore.message);
        assert_eq!(
            status(&run).log.unwrap().split_whitespace().next(),
            Some(known.as_str())
        );
    });
}

/// The time to start is the Pod's, and no operator's: each that takes over asks the Pod anew.
#[test]
fn a_pod_that_is_asked_for_its_way_while_operators_die_is_asked_by_the_next_one() {
    killing_case("way-kill", |case| async move {
        const TO_START: i64 = 30;
        operator::fresh(case.client()).await;
        case.keeps("db");
        // Slow: it is still at work when the operator that began it is known to be up.
        let mut spec = cut_off(&storage(&case, "Auto").await, &case.path("db"), "slow random 12M 30");
        spec["startDeadlineSeconds"] = json!(TO_START);
        // It tells its way for 18 s.
        let away = operator::changing().await;
        case.start("db", spec).await;
        for after in [8, 5] {
            case.until("db", "is asked for its way", 60, |run| {
                let transfer = status(run).transfer?;
                assert!(transfer.command_started_at.is_none(), "the kill came too late");
                transfer.pod_uid
            })
            .await;
            tokio::time::sleep(std::time::Duration::from_secs(after)).await;
            operator::kill_at_once(case.client(), &away).await;
        }
        drop(away);
        let transfer = case
            .until("db", "has started", 180, |run| {
                status(run).transfer.filter(|t| t.command_started_at.is_some())
            })
            .await;
        assert_eq!(transfer.route, "Relay");
        let took = transfer.command_started_at.unwrap().0.as_second() - transfer.started_at.0.as_second();
        assert!(
            took > TO_START,
            "the command began after {took} s, within its time to start"
        );
        let run = case.succeeded("db", 100).await;
        assert_eq!(status(&run).attempts, Some(1));
        assert_eq!(
            case.store().sha256(&case.key("db")),
            bytes::sha256(&bytes::random(12 << 20, 1))
        );
    });
}

#[test]
fn a_pod_that_may_only_go_straight_and_cannot_fails_with_the_cure() {
    case("direct", |case| async move {
        let storage = storage(&case, "Direct").await;
        let mut spec = cut_off(&storage, &case.path("db"), "random 60M");
        spec["backup"]["deadlineSeconds"] = json!(10);
        case.start("db", spec).await;
        assert_eq!(case.until("db", "has started", 100, route).await, "Direct");
        let run = case.failed("db", "DeadlineExceeded", 100).await;
        let cure = format!("set spec.dataPath of BackupStorage {storage} to Relay or Auto");
        assert!(message(&run).contains(&cure), "{}", message(&run));
        assert!(said(&case, "db", "Relayed").await.is_empty());
    });
}
