//! Objects that were changed in the store after the backup: no restore takes them for whole.
use api::condition;
use e2e::bytes::{encrypted, random, zstd};
use e2e::cluster::merge;
use e2e::runs::{is, message, reason, status, stream};
use e2e::{Case, case};
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
            let key = status(&run).key.unwrap();
            case.store().put(&key, &change(&case.store().get(&key)));
            forge(&case, name).await;
        }
        for (name, _) in faults() {
            let run = case.restore_fails(name, "BadObject", 60).await;
            assert!(message(&run).contains("not whole"), "{}", message(&run));
            saw_no_end(status(&run).log, name);
        }
    });
}

#[test]
fn a_restore_only_run_knows_a_cut_object_by_its_own_checks() {
    case("restore-only", |case| async move {
        let plain = random(SIZE, 4);
        let identity = age::x25519::Identity::generate();
        let key = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_string();
        let secret = json!({"metadata": {"name": "age"}, "stringData": {"key": key}});
        case.apply::<k8s_openapi::api::core::v1::Secret>(secret).await;
        let encryption =
            json!({"recipients": [identity.to_public().to_string()], "decryptionKey": {"name": "age", "key": "key"}});
        let cases: [(&str, Value, Vec<u8>); 2] = [
            ("zst", json!({"compression": {"algorithm": "zstd"}}), zstd(&plain)),
            (
                "age",
                json!({"encryption": encryption}),
                encrypted(&plain, &identity.to_public()),
            ),
        ];
        for (kind, stages, whole) in cases {
            for (state, bytes) in [("whole", &whole[..]), ("cut", &whole[..whole.len() - 10])] {
                let name = format!("{state}-{kind}");
                case.keeps(&name);
                let mut spec = stream(&case.path(&name), "random 1");
                spec.as_object_mut().unwrap().remove("backup");
                merge_into(&mut spec, &stages);
                case.store().put(&case.key(&name), bytes);
                case.start(&name, spec).await;
            }
            let run = case.succeeded(&format!("whole-{kind}"), 90).await;
            assert_eq!(status(&run).log.unwrap().trim(), e2e::bytes::sum_line(&plain));
            assert!(is(&run, condition::RESTORED));
            let run = case.ended(&format!("cut-{kind}"), 90).await;
            assert_eq!(reason(&run, condition::FAILED), "BadObject", "{}", message(&run));
            saw_no_end(status(&run).log, kind);
        }
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
        // What it did not write it does not remove.
        merge(&case.runs(), "db", json!({"metadata": {"labels": {"seen": "twice"}}})).await;
        e2e::cluster::delete(&case.runs(), "db").await;
        case.wait("the run is gone", 20, || async {
            case.runs().get_opt("db").await.unwrap().is_none().then_some(())
        })
        .await;
    });
}
