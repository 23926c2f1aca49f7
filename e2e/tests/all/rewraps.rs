//! Other recipients for a backup that is there: proved, restored with the new key only, nothing of before left.
use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use api::{condition, labels};
use e2e::runs::{is, status, stream};
use e2e::{Case, case};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

fn of(identity: &Identity) -> String {
    identity.to_public().to_string()
}

async fn keep(case: &Case, identity: &Identity) {
    let data = json!({"key": identity.to_string().expose_secret()});
    case.apply::<Secret>(json!({"metadata": {"name": "age"}, "stringData": data}))
        .await;
}

fn encrypted(case: &Case, command: &str, identity: &Identity) -> Value {
    let mut spec = stream(&case.path("db"), command);
    spec["encryption"] = json!({"recipients": [of(identity)], "decryptionKey": {"name": "age", "key": "key"}});
    spec
}

async fn ask(case: &Case, request: Value) {
    let runs = case.runs();
    e2e::cluster::annotate(&runs, "db", labels::REWRAP, Some(&request.to_string())).await;
}

/// Whether an age file is for that identity, by its header.
fn opens(bytes: &[u8], identity: &Identity) -> bool {
    let file = age::Decryptor::new(bytes).expect("an age file");
    file.decrypt([identity as &dyn age::Identity].into_iter()).is_ok()
}

#[test]
fn a_rewrapped_backup_is_restored_with_the_new_key_alone_and_nothing_of_before_is_left() {
    case("rewrap", |case| async move {
        let (old, new) = (Identity::generate(), Identity::generate());
        keep(&case, &old).await;
        let mut spec = encrypted(&case, "random 20M 3", &old);
        spec["retainPolicy"] = json!("Delete");
        case.start("db", spec).await;
        case.succeeded("db", 120).await;
        let before = case.key("db");
        ask(&case, json!({"add": [of(&new)], "remove": [of(&old)]})).await;
        let run = case
            .until("db", "is rewrapped", 120, |run| {
                is(run, condition::REWRAPPED).then(|| run.clone())
            })
            .await;
        let told = status(&run);
        assert_eq!(told.recipients, [of(&new)]);
        assert!(told.replaced.is_empty() && told.rewrap.is_none() && told.rewraps.len() == 1);
        let key = told.key.clone().expect("a key");
        assert!(case.store().head(&before).is_none(), "the old object is gone");
        assert_eq!(Some(case.store().sha256(&key)), told.sha256);
        let bytes = case.store().get(&key);
        assert!(opens(&bytes, &new) && !opens(&bytes, &old));
        // With the old key it is none of the run's any more.
        case.restore_fails("db", "NoDecryptionKey", 60).await;
        keep(&case, &new).await;
        case.restore("db").await;
        e2e::cluster::delete(&case.runs(), "db").await;
        case.wait("the run is gone, and its object", 60, || async {
            case.runs().get_opt("db").await.ok()?.is_none().then_some(())
        })
        .await;
        assert!(case.store().head(&key).is_none());
    });
}

#[test]
fn a_rewrap_that_cannot_be_is_refused_or_given_up_and_the_backup_stays_as_it_is() {
    case("rewrap-fails", |case| async move {
        case.keeps("db");
        let (right, wrong) = (Identity::generate(), Identity::generate());
        keep(&case, &wrong).await;
        case.backup("db", encrypted(&case, "random 1M", &right)).await;
        let said = async |reason: &str| {
            case.until("db", reason, 180, |run| {
                let said = condition::find(&status(run).conditions, condition::REWRAPPED).cloned()?;
                (said.reason == reason).then_some(said.message)
            })
            .await
        };
        for (request, words) in [
            (json!("yes"), "JSON is wanted"),
            (json!({"remove": [of(&right)]}), "nobody would be left"),
            (json!({"remove": [of(&wrong)]}), "is not encrypted for"),
        ] {
            ask(&case, request).await;
            case.wait("it is refused", 60, || async {
                said("RewrapRefused").await.contains(words).then_some(())
            })
            .await;
        }
        ask(&case, json!({"add": [of(&wrong)]})).await;
        let why = said("RewrapFailed").await;
        assert!(why.contains("none of those that the backup was encrypted for"), "{why}");
        let run = case.runs().get("db").await.unwrap();
        assert!(is(&run, condition::READY) && status(&run).recipients.is_empty());
        assert_eq!(status(&run).key, Some(case.key("db")));
        keep(&case, &right).await;
        case.restore("db").await;
    });
}

#[test]
fn a_request_to_rewrap_that_an_applier_puts_back_is_done_once() {
    case("rewrap-back", |case| async move {
        case.keeps("later");
        let (old, new) = (Identity::generate(), Identity::generate());
        keep(&case, &old).await;
        let mut spec = encrypted(&case, "random 1000", &old);
        spec["retainPolicy"] = json!("Delete");
        case.backup("db", spec).await;
        let request = json!({"add": [of(&new)]}).to_string();
        let ask = json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun",
            "metadata": {"name": "db", "annotations": {labels::REWRAP: request}},
        });
        let applied = PatchParams::apply("gitops").force();
        case.runs().patch("db", &applied, &Patch::Apply(&ask)).await.unwrap();
        let done = case
            .until("db", "is rewrapped", 120, |run| {
                is(run, condition::REWRAPPED).then(|| status(run))
            })
            .await;
        case.keeps(done.key.as_deref().unwrap().split('/').next_back().unwrap());
        case.runs().patch("db", &applied, &Patch::Apply(&ask)).await.unwrap();
        // Something that the operator does after it has seen the request: another run, made later, ends.
        case.backup("later", stream(&case.path("later"), "random 10")).await;
        let run = case.runs().get("db").await.unwrap();
        assert!(run.annotations().contains_key(labels::REWRAP));
        assert_eq!(run.annotations().get(labels::REWRAP_TAKEN), Some(&request));
        let told = status(&run);
        assert_eq!((told.key, told.rewraps.len()), (done.key, 1));
        assert!(is(&run, condition::REWRAPPED));
    });
}
