//! Every byte comes back, whatever is done to it on the way and however many there are.
use age::secrecy::ExposeSecret;
use api::BackupRun;
use e2e::bytes::{decrypted, gunzipped, random, sha256, sum_line, unzstd};
use e2e::runs::{end_of, message, status, stream};
use e2e::{Case, case};
use futures::future::join_all;
use serde_json::{Value, json};

const MIB: usize = 1 << 20;
/// Around nothing, and around S3's smallest part.
const SIZES: [usize; 6] = [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 40 * MIB];
/// Until a backup or a restore has ended while many of them share two cores.
const SECONDS: u64 = 180;

/// Backs up and restores all sizes at once, changed by `stages`; `plain` undoes these as another tool would.
async fn all_sizes(case: &Case, stages: Value, plain: impl Fn(&[u8]) -> Vec<u8>) -> Vec<BackupRun> {
    let runs = SIZES.iter().enumerate().map(|(n, size)| {
        let (name, stages) = (format!("size-{size}"), &stages);
        case.keeps(&name);
        async move {
            let mut spec = stream(&case.path(&name), &format!("random {size} {n}"));
            spec["backup"]["allowEmpty"] = json!(true);
            for (field, value) in stages.as_object().into_iter().flatten() {
                spec[field] = value.clone();
            }
            case.start(&name, spec).await;
            case.succeeded(&name, SECONDS).await;
            case.restore(&name).await
        }
    });
    let runs = join_all(runs).await;
    for (n, (run, size)) in runs.iter().zip(SIZES).enumerate() {
        let (said, sent) = (status(run), random(size, n as u64));
        let stored = case.store().get(&case.key(&format!("size-{size}")));
        assert_eq!(
            said.sha256,
            Some(sha256(&stored)),
            "status.sha256 is of what is stored, {size} bytes"
        );
        assert_eq!(
            (said.bytes, said.size_in_bytes),
            (Some(size as u64), Some(stored.len() as u64))
        );
        assert!(
            plain(&stored) == sent,
            "what is stored of {size} bytes is not what the command printed"
        );
        assert_eq!(
            said.log.unwrap_or_default().trim(),
            sum_line(&sent),
            "what the restore command read"
        );
        assert_eq!(said.restores.last().map(|r| r.bytes), Some(size as u64));
        assert_eq!(said.attempts, Some(1));
    }
    runs
}

#[test]
fn plain_bytes_come_back_equal_in_every_size() {
    case("plain", |case| async move {
        for run in all_sizes(&case, json!({}), <[u8]>::to_vec).await {
            let head = case.store().head(&status(&run).key.unwrap()).unwrap();
            assert_eq!(status(&run).etag, Some(head.etag.clone()));
            // The ETag of a multipart upload has a dash.
            match head.size as usize {
                size if size < 5 * MIB => assert!(!head.etag.contains('-'), "{size} bytes need one PUT"),
                size if size > 5 * MIB => assert!(head.etag.contains('-'), "{size} bytes need parts"),
                _ => {}
            }
        }
    });
}

#[test]
fn gzipped_bytes_come_back_equal_in_every_size() {
    case("gzip", |case| async move {
        all_sizes(&case, json!({"compression": {"algorithm": "gzip"}}), gunzipped).await;
    });
}

#[test]
fn zstd_bytes_come_back_equal_in_every_size() {
    case("zstd", |case| async move {
        all_sizes(&case, json!({"compression": {"algorithm": "zstd"}}), unzstd).await;
    });
}

#[test]
fn zstd_and_encrypted_bytes_come_back_equal_in_every_size() {
    case("zstd-age", |case| async move {
        let identity = age::x25519::Identity::generate();
        let secret = json!({"metadata": {"name": "age"}, "stringData": {"key": identity.to_string().expose_secret()}});
        case.apply::<k8s_openapi::api::core::v1::Secret>(secret).await;
        let stages = json!({
            "compression": {"algorithm": "zstd"},
            "encryption": {
                "recipients": [identity.to_public().to_string()],
                "decryptionKey": {"name": "age", "key": "key"},
            },
        });
        all_sizes(&case, stages, |stored| unzstd(&decrypted(stored, &identity))).await;
    });
}

#[test]
fn text_is_stored_compressed() {
    case("text", |case| async move {
        case.keeps("text");
        let mut spec = stream(&case.path("text"), "text 8M");
        spec["compression"] = json!({"algorithm": "zstd", "level": 3});
        let run = case.backup("text", spec).await;
        let stored = status(&run).size_in_bytes.unwrap();
        assert!(stored < 4 << 20, "8 MiB of text became {stored} bytes");
        let plain = unzstd(&case.store().get(&case.key("text")));
        let run = case.restore("text").await;
        assert_eq!(status(&run).log.unwrap().trim(), sum_line(&plain));
    });
}

/// What `zstd --long=31` made of a pipe: it asks for 2 GiB and uses 3 MB of them.
const LONG_WINDOW: &[u8] = include_bytes!("../../../crates/pipeline/tests/foreign/zstd-long-31");

#[test]
fn a_long_window_is_restored_where_run_and_container_allow_it_and_else_told_before_the_command_starts() {
    case("long-window", |case| async move {
        for name in ["db", "wide"] {
            case.keeps(name);
            case.store().put(&case.key(name), LONG_WINDOW);
        }
        case.fault("db", "object without a record: zstd with a window of 2 GiB");
        let mut spec = stream(&case.path("db"), "random 1");
        spec.as_object_mut().unwrap().remove("backup");
        spec["compression"] = json!({"algorithm": "zstd"});
        let mut wide = spec.clone();
        // It holds less than the window, whatever the run allows.
        spec["template"]["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "128Mi"}});
        case.start("db", spec).await;
        let run = case.ended("db", 120).await;
        case.end("db", "fails: BadObject", end_of(&run));
        let told = |run: &BackupRun, words: &str| {
            assert_eq!(end_of(run), "fails: BadObject", "{}", message(run));
            assert!(message(run).contains(words), "{}", message(run));
            assert_eq!(status(run).log.unwrap_or_default(), "", "the command was started");
        };
        told(&run, "a limit of 2080 MiB");
        told(&run, "and spec.compression.windowLog: 31");
        let wider = json!({"spec": {"compression": {"windowLog": 31}}});
        e2e::cluster::merge(&case.runs(), "db", wider).await;
        let run = case.restore_fails("db", "BadObject", 120).await;
        let why = status(&run).restores.last().and_then(|r| r.message.clone());
        let why = why.unwrap_or_default();
        assert!(why.contains("a limit of 2080 MiB"), "{why}");
        // Without a limit it is the run that allows it.
        wide["storage"]["path"] = json!(case.path("wide"));
        wide["compression"]["windowLog"] = json!(31);
        case.start("wide", wide).await;
        let run = case.ended("wide", 120).await;
        let plain: Vec<u8> = b"one row of a table\n"
            .iter()
            .copied()
            .cycle()
            .take(3_000_000)
            .collect();
        assert_eq!(
            status(&run).log.unwrap_or_default().trim(),
            sum_line(&plain),
            "{}",
            message(&run)
        );
    });
}
