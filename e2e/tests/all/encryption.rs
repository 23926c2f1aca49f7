//! Keys: what is encrypted is restored with the right one only.
use age::secrecy::ExposeSecret;
use api::labels;
use e2e::bytes::sum_line;
use e2e::runs::{end_of, message, status, stream};
use e2e::{Case, case};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::{Value, json};

async fn secret(case: &Case, name: &str, data: Value) {
    case.apply::<Secret>(json!({"metadata": {"name": name}, "stringData": data}))
        .await;
}

#[test]
fn a_decryption_key_that_is_not_there_or_does_not_fit_fails_the_restore_with_the_cure_and_nothing_else() {
    case("keys", |case| async move {
        case.keeps("db");
        let (right, wrong) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
        let text = |identity: &age::x25519::Identity| identity.to_string().expose_secret().to_string();
        let mut spec = stream(&case.path("db"), "random 12M 5");
        spec["encryption"] =
            json!({"recipients": [right.to_public().to_string()], "decryptionKey": {"name": "age", "key": "key"}});
        case.backup("db", spec).await;
        let said = message(&case.restore_fails("db", "NoDecryptionKey", 60).await);
        assert!(
            said.contains("spec.encryption.decryptionKey") && said.contains("age") && said.contains("does not exist"),
            "{said}"
        );
        secret(&case, "age", json!({"other": "x"})).await;
        let said = message(&case.restore_fails("db", "NoDecryptionKey", 60).await);
        assert!(said.contains("\"key\"") && said.contains("other"), "{said}");
        secret(&case, "age", json!({"key": text(&wrong)})).await;
        case.fault("db", "object: the decryption key is another one");
        let run = case.restore_fails("db", "NoDecryptionKey", 60).await;
        assert!(!message(&run).contains("AGE-SECRET-KEY"), "{}", message(&run));
        assert!(
            !status(&run).log.unwrap_or_default().contains(' '),
            "the command saw an end: {:?}",
            status(&run).log
        );
        secret(&case, "age", json!({"key": text(&right)})).await;
        case.restore("db").await;
    });
}

#[test]
fn a_key_of_another_namespace_is_read_only_where_its_secret_allows_it() {
    case("foreign", |case| async move {
        case.keeps("db");
        let identity = age::x25519::Identity::generate();
        let name = case.namespace().to_string();
        let data = json!({"key": identity.to_string().expose_secret()});
        let apply = async |allowed: &str| {
            let metadata = json!({"name": name, "annotations": {labels::ALLOWED_NAMESPACES: allowed}});
            let json = json!({"metadata": metadata, "stringData": data});
            e2e::cluster::apply::<Secret>(case.client(), e2e::shared::NAMESPACE, json).await;
        };
        apply("somebody-else").await;
        let mut spec = stream(&case.path("db"), "random 1000");
        let key = json!({"name": name, "namespace": e2e::shared::NAMESPACE, "key": "key"});
        spec["encryption"] = json!({"recipients": [identity.to_public().to_string()], "decryptionKey": key});
        case.backup("db", spec).await;
        let said = message(&case.restore_fails("db", "NoDecryptionKey", 60).await);
        assert!(said.contains(labels::ALLOWED_NAMESPACES), "{said}");
        apply(&format!("somebody-else, {name}")).await;
        case.restore("db").await;
        let secrets: kube::Api<Secret> = kube::Api::namespaced(case.client().clone(), e2e::shared::NAMESPACE);
        e2e::cluster::delete(&secrets, &name).await;
    });
}

#[test]
fn whom_backups_are_for_is_one_edit_in_a_configmap_and_nothing_is_encrypted_for_fewer() {
    case("recipients", |case| async move {
        let (one, two) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
        let mut spec = stream(&case.path("{{ .name }}"), "random 100000 5");
        spec["encryption"] = json!({
            "recipientsFrom": [{"configMapKeyRef": {"name": "team", "key": "all"}}], "decryptionKey": {"name": "age", "key": "key"},
        });
        case.keeps("db");
        case.start("db", spec.clone()).await;
        let said = case
            .until("db", "waits", 30, |run| {
                Some(message(run)).filter(|m| m.contains("recipientsFrom"))
            })
            .await;
        assert!(said.contains("there is no ConfigMap team"), "{said}");
        let list = async |lines: &str| {
            case.apply::<ConfigMap>(json!({"metadata": {"name": "team"}, "data": {"all": lines}}))
                .await;
        };
        list(&format!("# on duty\n{}\nnobody\n", one.to_public())).await;
        let said = case
            .until("db", "says which line", 60, |run| {
                Some(message(run)).filter(|m| m.contains("line 3"))
            })
            .await;
        assert!(said.contains("key \"all\" of ConfigMap team"), "{said}");
        list(&format!("# on duty\n{}\n{}\n", one.to_public(), two.to_public())).await;
        let run = case.succeeded("db", 120).await;
        assert_eq!(
            status(&run).recipients,
            [one.to_public().to_string(), two.to_public().to_string()]
        );
        // A later edit is for later backups: this one opens with either key, as it was made.
        list(&one.to_public().to_string()).await;
        secret(&case, "age", json!({"key": two.to_string().expose_secret()})).await;
        let restored = status(&case.restore("db").await);
        assert_eq!(restored.log.unwrap().trim(), sum_line(&e2e::bytes::random(100_000, 5)));
    });
}

/// Files that age itself has made, and their keys.
const ARMORED: &[u8] = include_bytes!("../../../crates/pipeline/tests/foreign/age-armored-crlf");
const TYPED: &[u8] = include_bytes!("../../../crates/pipeline/tests/foreign/age-passphrase");
const KEY: &str = include_str!("../../../crates/pipeline/tests/foreign/keys/age");
const PASSPHRASE: &str = include_str!("../../../crates/pipeline/tests/foreign/keys/passphrase");

#[test]
fn what_age_made_armored_or_with_a_passphrase_is_restored_without_recipients() {
    case("foreign-age", |case| async move {
        secret(&case, "age", json!({"key": KEY, "words": PASSPHRASE})).await;
        let start = async |name: &str, object: &[u8], key: Value| {
            case.keeps(name);
            case.store().put(&case.key(name), object);
            let mut spec = stream(&case.path(name), "random 1");
            spec.as_object_mut().unwrap().remove("backup");
            spec["compression"] = json!({"algorithm": "zstd"});
            spec["encryption"] = json!({ "decryptionKey": key });
            case.start(name, spec).await;
        };
        let key = json!({"name": "age", "key": "key"});
        let words = json!({"name": "age", "key": "words", "type": "Passphrase"});
        start("armored", ARMORED, key.clone()).await;
        start("typed", TYPED, words).await;
        case.fault(
            "no-key",
            "object without a record: encrypted with a passphrase, not for a key",
        );
        start("no-key", TYPED, key).await;
        let plain: Vec<u8> = b"one row of a table\n"
            .iter()
            .copied()
            .cycle()
            .take(3_000_000)
            .collect();
        for name in ["armored", "typed"] {
            let run = case.succeeded(name, 120).await;
            assert_eq!(status(&run).log.unwrap().trim(), sum_line(&plain), "{name}");
        }
        let run = case.ended("no-key", 120).await;
        case.end("no-key", "fails: NoDecryptionKey", end_of(&run));
        assert_eq!(end_of(&run), "fails: NoDecryptionKey", "{}", message(&run));
        assert!(
            message(&run).contains("set spec.encryption.decryptionKey.type: Passphrase"),
            "{}",
            message(&run)
        );
    });
}
