//! Objects that were changed in the store after the backup: no restore takes them for whole.
use api::condition;
use e2e::bytes::{encrypted, random, zstd};
use e2e::cluster::merge;
use e2e::runs::{end_of, is, message, reason, status, stream};
use e2e::{Case, case, killing_case};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

const SIZE: usize = 12 << 20;

type Change = fn(&[u8]) -> Vec<u8>;

/// Every fault that an object can have: its name, and what becomes of the bytes.
fn faults() -> [(&'static str, Change); 4] {
    [
        ("truncated", |b| b[..b.len() / 2].to_vec()),
        ("one-byte-short", |b| b[..b.len() - 1].to_vec()),
        ("flipped", |b| {
            b.iter()
                .enumerate()
                .map(|(n, byte)| if n == b.len() / 2 { byte ^ 1 } else { *byte })
                .collect()
        }),
        ("replaced", |_| random(SIZE, 99)),
    ]
}

/// The command never saw the end of its input: `/stream sum` speaks only then.
fn saw_no_end(log: Option<String>, name: &str) {
    assert_eq!(
        log.unwrap_or_default().trim(),
        "",
        "{name}: the command took it for whole"
    );
}

#[test]
fn an_object_that_was_changed_is_not_restored() {
    case("changed", |case| async move {
        for (name, change) in faults() {
            case.keeps(name);
            let run = case
                .backup(name, stream(&case.path(name), &format!("random {SIZE}")))
                .await;
            case.fault(name, &format!("object: {name}"));
            let key = status(&run).key.unwrap();
            case.store().put(&key, &change(&case.store().get(&key)));
        }
        for (name, _) in faults() {
            let run = case.restore_fails(name, "ObjectChanged", 60).await;
            assert!(message(&run).contains(&case.key(name)), "{}", message(&run));
            saw_no_end(status(&run).log, name);
        }
    });
}

#[test]
fn an_object_that_is_gone_is_not_restored() {
    case("gone", |case| async move {
        let run = case.backup("db", stream(&case.path("db"), "random 1000")).await;
        case.fault("db", "object: missing");
        case.store().delete(&status(&run).key.unwrap());
        let run = case.restore_fails("db", "ObjectMissing", 60).await;
        assert!(message(&run).contains(&case.key("db")), "{}", message(&run));
    });
}

/// Makes the operator believe in the object that is there now, as a store would that gives no honest ETags.
async fn forge(case: &Case, name: &str) {
    let head = case.store().head(&case.key(name)).unwrap();
    let change = json!({"status": {"etag": head.etag, "sizeInBytes": head.size}});
    case.runs()
        .patch_status(name, &PatchParams::default(), &Patch::Merge(&change))
        .await
        .unwrap();
}

#[test]
fn an_object_that_was_changed_behind_its_etag_kills_the_command_before_its_input_ends() {
    case("forged", |case| async move {
        for (name, change) in faults() {
            case.keeps(name);
            let run = case
                .backup(name, stream(&case.path(name), &format!("random {SIZE}")))
                .await;
            case.fault(name, &format!("object: {name}, and the store's ETag tells nothing"));
            let key = status(&run).key.unwrap();
            case.store().put(&key, &change(&case.store().get(&key)));
            forge(&case, name).await;
        }
        for (name, _) in faults() {
            let run = case.restore_fails(name, "BadObject", 60).await;
            assert!(message(&run).contains("cannot be restored ("), "{}", message(&run));
            saw_no_end(status(&run).log, name);
        }
    });
}

#[test]
fn a_restore_only_run_knows_a_bad_object_by_its_own_checks() {
    case("restore-only", |case| async move {
        let plain = random(SIZE, 4);
        let (identity, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
        let key = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_string();
        let secret = json!({"metadata": {"name": "age"}, "stringData": {"key": key, "bad": "no key at all"}});
        case.apply::<k8s_openapi::api::core::v1::Secret>(secret).await;
        let recipients = [identity.to_public().to_string()];
        let age =
            |key: &str| json!({"encryption": {"recipients": recipients, "decryptionKey": {"name": "age", "key": key}}});
        let (with_zstd, with_gzip) = (
            json!({"compression": {"algorithm": "zstd"}}),
            json!({"compression": {"algorithm": "gzip"}}),
        );
        let (packed, sealed) = (zstd(&plain), encrypted(&plain, &identity.to_public()));
        let cut = |bytes: &[u8]| bytes[..bytes.len() - 10].to_vec();
        let flipped = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        };
        let cases: [(&str, &str, Value, Vec<u8>); 9] = [
            ("cut-zst", "zstd, cut", with_zstd.clone(), cut(&packed)),
            ("cut-age", "age, cut", age("key"), cut(&sealed)),
            (
                "flipped-zst",
                "zstd, a bit flipped in the middle",
                with_zstd.clone(),
                flipped(&packed),
            ),
            (
                "flipped-age",
                "age, a bit flipped in the middle",
                age("key"),
                flipped(&sealed),
            ),
            ("not-zst", "not zstd as said", with_zstd.clone(), plain.clone()),
            ("not-gz", "not gzip as said", with_gzip, packed.clone()),
            ("not-age", "not encrypted as said", age("key"), plain.clone()),
            (
                "other",
                "encrypted for another recipient",
                age("key"),
                encrypted(&plain, &other.to_public()),
            ),
            ("bad-key", "the decryption key is no key", age("bad"), sealed.clone()),
        ];
        let start = async |name: &str, stages: &Value, bytes: &[u8]| {
            case.keeps(name);
            let mut spec = stream(&case.path(name), "random 1");
            spec.as_object_mut().unwrap().remove("backup");
            merge_into(&mut spec, stages);
            case.store().put(&case.key(name), bytes);
            case.start(name, spec).await;
        };
        start("whole-zst", &with_zstd, &packed).await;
        start("whole-age", &age("key"), &sealed).await;
        for (name, fault, stages, bytes) in &cases {
            case.fault(name, &format!("object without a record: {fault}"));
            start(name, stages, bytes).await;
        }
        for name in ["whole-zst", "whole-age"] {
            let run = case.succeeded(name, 120).await;
            assert_eq!(status(&run).log.unwrap().trim(), e2e::bytes::sum_line(&plain));
            assert!(is(&run, condition::RESTORED));
        }
        for (name, ..) in &cases {
            let run = case.ended(name, 120).await;
            // A key that does not fit is no fault of the object.
            let wanted = match *name {
                "other" | "bad-key" => "fails: NoDecryptionKey",
                _ => "fails: BadObject",
            };
            case.end(name, wanted, end_of(&run));
            assert_eq!(end_of(&run), wanted, "{name}: {}", message(&run));
            saw_no_end(status(&run).log, name);
        }
    });
}

#[test]
fn an_object_that_is_replaced_in_mid_restore_kills_the_command_before_its_input_ends() {
    // An operator that takes over would look at the object again, and find it changed before the agent does.
    killing_case("mid-restore", |case| async move {
        case.keeps("db");
        let proxy = case.proxied(json!({}), Value::Null).await;
        let mut spec = stream(&case.path("db"), &format!("random {SIZE}"));
        spec["storage"]["name"] = json!(proxy.storage);
        case.backup("db", spec).await;
        case.fault("db", "object: replaced in the middle of its restore");
        let key = format!("{}?", case.key("db"));
        // The first answer breaks; what follows, of two ranges beside each other, is held until the object is another one.
        proxy.rule("GET", &key, json!({"do": "cut", "times": 1, "bytes": SIZE / 4}));
        proxy.rule(
            "GET",
            &key,
            json!({"do": "answer", "status": 503, "code": "SlowDown", "message": "later"}),
        );
        let other = random(SIZE, 9);
        let replace = async {
            proxy.until_met(2, 100).await;
            case.store().put(&case.key("db"), &other);
            proxy.forget();
        };
        let (run, ()) = futures::join!(case.restore_fails("db", "BadObject", 60), replace);
        assert!(message(&run).contains("replaced"), "{}", message(&run));
        saw_no_end(status(&run).log, "db");
    });
}

#[test]
fn a_download_that_breaks_is_taken_up_where_it_broke() {
    case("broken-download", |case| async move {
        case.keeps("db");
        let proxy = case.proxied(json!({}), Value::Null).await;
        let mut spec = stream(&case.path("db"), &format!("random {SIZE}"));
        spec["storage"]["name"] = json!(proxy.storage);
        case.backup("db", spec).await;
        case.fault("db", "store: breaks every download after 3 MiB, and then some fail");
        let key = format!("{}?", case.key("db"));
        proxy.rule("GET", &key, json!({"do": "cut", "times": 2, "bytes": 3 << 20}));
        proxy.rule(
            "GET",
            &key,
            json!({"do": "answer", "times": 2, "status": 503, "code": "SlowDown", "message": "later"}),
        );
        proxy.rule("GET", &key, json!({"do": "answer", "times": 1, "status": 403, "code": "AccessDenied", "message": "Request has expired"}));
        let run = case.restore("db").await;
        assert_eq!(proxy.met(), 5);
        assert_eq!(status(&run).log.unwrap().trim(), e2e::bytes::sum_line(&random(SIZE, 1)));
    });
}

fn merge_into(spec: &mut Value, stages: &Value) {
    for (field, value) in stages.as_object().unwrap() {
        spec[field] = value.clone();
    }
}

#[test]
fn a_restore_only_run_restores_again_on_each_annotation() {
    case("again", |case| async move {
        case.keeps("db");
        case.store().put(&case.key("db"), b"hello");
        let mut spec = stream(&case.path("db"), "random 1");
        spec.as_object_mut().unwrap().remove("backup");
        case.start("db", spec).await;
        let run = case.succeeded("db", 90).await;
        assert_eq!(status(&run).log.unwrap().trim(), e2e::bytes::sum_line(b"hello"));
        case.store().put(&case.key("db"), b"hello again");
        let run = case.restore("db").await;
        assert_eq!(status(&run).log.unwrap().trim(), e2e::bytes::sum_line(b"hello again"));
        // It has no backup to speak of: all that it says is of its last restore.
        case.store().delete(&case.key("db"));
        case.ask_restore("db").await;
        let (run, _) = case.restore_ended("db", 3, 120).await;
        assert_eq!(reason(&run, condition::FAILED), "ObjectMissing");
        assert!(!is(&run, condition::READY) && !is(&run, condition::SUCCESSFUL) && is(&run, condition::FAILED));
        case.store().put(&case.key("db"), b"hello");
        let run = case.restore("db").await;
        assert!(is(&run, condition::READY) && is(&run, condition::SUCCESSFUL) && !is(&run, condition::FAILED));
        // A command that fails over a packed object is told what it was given.
        case.store().put(&case.key("db"), &zstd(b"hello"));
        let fails = json!({"spec": {"restore": {"command": ["/stream", "fail", "4", "random", "0"]}}});
        merge(&case.runs(), "db", fails).await;
        let run = case.restore_fails("db", "CommandFailed", 120).await;
        assert!(message(&run).contains("algorithm: zstd"), "{}", message(&run));
        // What it did not write it does not remove.
        merge(&case.runs(), "db", json!({"metadata": {"labels": {"seen": "twice"}}})).await;
        e2e::cluster::delete(&case.runs(), "db").await;
        case.wait("the run is gone", 20, || async {
            case.runs().get_opt("db").await.ok()?.is_none().then_some(())
        })
        .await;
    });
}
