//! Storages: which are Ready, what is said of those that are not, and that they are not lost by a slip.
use std::time::Duration;

use api::run::State;
use api::{BackupStorage, condition, labels};
use e2e::runs::{START, is, message, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, case, killing_case, operator};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};

fn credentials() -> Value {
    json!({"name": SECRET, "namespace": NAMESPACE})
}

/// Waits until the Ready condition is there with that status, and gives its message.
async fn ready(case: &Case, name: &str, wanted: bool) -> String {
    case.wait(&format!("storage {name} is Ready={wanted}"), 60, || async {
        let status = case.storages().get(name).await.ok()?.status?;
        let ready = condition::find(&status.conditions, condition::READY)?;
        (condition::is_true(&status.conditions, condition::READY) == wanted).then(|| ready.message.clone())
    })
    .await
}

#[test]
fn a_storage_that_cannot_work_says_what_is_wrong_and_a_run_that_names_it_waits_with_these_words() {
    case("storage", |case| async move {
        let keys = json!({"metadata": {"name": "keys"}, "stringData": {"AWS_ACCESS_KEY_ID": "e2e-access", "AWS_SECRET_ACCESS_KEY": "not it"}});
        case.apply::<Secret>(keys).await;
        let half =
            json!({"metadata": {"name": "half"}, "stringData": {"AWS_ACCESS_KEY_ID": "e2e-access", "TOKEN": "x"}});
        case.apply::<Secret>(half).await;
        let own = |name: &str| json!({"name": name, "namespace": case.namespace()});
        let with = |name: &str, value: &str| {
            let mut all = parameters();
            all[name] = json!(value);
            all
        };
        let cases = [
            (
                "unknown",
                with("bukket", "x"),
                credentials(),
                vec!["bukket", "bucket", "endpoint", "s3ForcePathStyle", "partSize"],
            ),
            (
                "malformed",
                with("insecure", "yes"),
                credentials(),
                vec!["spec.parameters.insecure", "true"],
            ),
            (
                "wrong-bucket",
                with("bucket", "e2e-nowhere"),
                credentials(),
                vec!["e2e-nowhere"],
            ),
            ("wrong-key", parameters(), own("keys"), vec!["credentials"]),
            (
                "no-secret-key",
                parameters(),
                own("half"),
                vec!["AWS_SECRET_ACCESS_KEY", "half"],
            ),
            (
                "no-secret",
                parameters(),
                own("nowhere"),
                vec!["spec.credentials", "nowhere"],
            ),
            (
                "down",
                with("endpoint", "http://127.0.0.1:9"),
                credentials(),
                vec!["127.0.0.1:9"],
            ),
            (
                "no-host",
                with("endpoint", "http://nowhere.e2e-minio.svc:9000"),
                credentials(),
                vec!["nowhere.e2e-minio.svc"],
            ),
        ];
        for (name, parameters, credentials, _) in &cases {
            // Not by the webhook: some of these would never come in.
            case.storage_unadmitted(
                name,
                json!({"type": "s3", "parameters": parameters, "credentials": credentials}),
            )
            .await;
            let mut spec = stream(&case.path(name), "random 1000");
            spec["storage"]["name"] = json!(format!("{}-{name}", case.namespace()));
            case.start(name, spec).await;
        }
        for (name, _, _, words) in &cases {
            let said = ready(&case, &format!("{}-{name}", case.namespace()), false).await;
            let waits = case
                .until(name, "waits for its storage", 60, |run| {
                    message(run).contains(&said).then(|| run.clone())
                })
                .await;
            for word in words {
                assert!(said.contains(word), "{name}: {word:?} is not in {said:?}");
            }
            assert!(!said.contains("not it"), "a secret is told: {said}");
            let status = status(&waits);
            assert_eq!(
                (status.state, status.pod_name, status.key),
                (Some(State::StorageError), None, None),
                "{name}"
            );
            assert!(!e2e::runs::is(&waits, condition::FAILED), "{name}");
        }
        // A run that waits is let go at once.
        for (name, ..) in &cases {
            e2e::cluster::delete(&case.runs(), name).await;
        }
        case.wait("the runs are gone", 20, || async {
            case.runs()
                .list(&Default::default())
                .await
                .unwrap()
                .items
                .is_empty()
                .then_some(())
        })
        .await;
    });
}

#[test]
fn a_run_goes_on_when_the_storage_that_it_waits_for_is_created() {
    case("late", |case| async move {
        case.keeps("late");
        let mut spec = stream(&case.path("late"), "random 1000");
        let storage = format!("{}-late", case.namespace());
        spec["storage"]["name"] = json!(storage);
        case.start("late", spec).await;
        let waits = case
            .until("late", "waits", 20, |run| {
                (status(run).state == Some(State::StorageError)).then(|| run.clone())
            })
            .await;
        assert!(
            message(&waits).contains("spec.storage.name") && message(&waits).contains(&storage),
            "{}",
            message(&waits)
        );
        case.storage(
            "late",
            json!({"parameters": parameters(), "credentials": credentials()}),
        )
        .await;
        // Sooner than by its own next look, which is made after 30 s.
        let run = case.succeeded("late", 60).await;
        assert!(!message(&run).contains("waits"), "{}", message(&run));
    });
}

#[test]
fn a_storage_becomes_ready_when_its_secret_is_corrected() {
    case("secret", |case| async move {
        let of = |value: &str| json!({"metadata": {"name": "keys"}, "stringData": {"AWS_ACCESS_KEY_ID": "e2e-access", "AWS_SECRET_ACCESS_KEY": value}});
        case.apply::<Secret>(of("wrong")).await;
        let own = json!({"name": "keys", "namespace": case.namespace()});
        let name = case
            .storage("secret", json!({"parameters": parameters(), "credentials": own}))
            .await;
        ready(&case, &name, false).await;
        case.apply::<Secret>(of("e2e-secret-0123456789")).await;
        ready(&case, &name, true).await;
    });
}

#[test]
fn a_run_whose_storage_loses_its_secret_while_its_pod_starts_ends_in_time_and_names_it() {
    case("secret-gone", |case| async move {
        case.apply::<Secret>(e2e::shared::secret("keys")).await;
        let own = json!({"name": "keys", "namespace": case.namespace()});
        let storage = case
            .storage("secret-gone", json!({"parameters": parameters(), "credentials": own}))
            .await;
        ready(&case, &storage, true).await;
        let mut run = stream(&format!("/{}/{{{{ .name }}}}", case.namespace()), "random 1000");
        (run["storage"]["name"], run["startDeadlineSeconds"]) = (json!(storage), json!(90));
        // Until it has ended nothing needs the Secret.
        let held = "until test -e /tmp/go; do sleep 0.2; done";
        let held = json!({"name": "held", "image": "redis:7", "command": ["sh", "-c", held]});
        run["template"]["spec"]["initContainers"] = json!([held]);
        let settings = json!({"schedule": "@every 5s", "concurrencyPolicy": "Forbid"});
        // Its time begins anew with each operator.
        let steady = operator::steady().await;
        case.schedule("often", settings, run).await;
        let first = case.new_run("often", &[]).await;
        case.until(&first, "begins", 30, |run| status(run).transfer).await;
        let let_go = async |run: &str| {
            let pod = case.until(run, "has its Pod", 30, |run| status(run).pod_name).await;
            let (client, container) = (case.client(), (pod.as_str(), Some("held")));
            case.wait("its Pod is held", START.into(), || async {
                let touched = e2e::exec::exec_in(client, case.namespace(), container, &["touch", "/tmp/go"]);
                touched.await.ok()
            })
            .await;
        };
        e2e::cluster::delete(&case.api::<Secret>(), "keys").await;
        case.fault(&first, "storage: its Secret is deleted while the Pod starts");
        // A store that was opened with them is used for so long.
        tokio::time::sleep(Duration::from_secs(31)).await;
        let_go(&first).await;
        let secret = format!("Secret {}/keys ", case.namespace());
        let names = |run: &api::BackupRun| message(run).contains(&secret);
        case.until(&first, "says what it waits for", 60, |run| {
            (is(run, condition::IN_PROGRESS) && names(run)).then_some(())
        })
        .await;
        let run = case.failed(&first, "StartDeadlineExceeded", 120).await;
        drop(steady);
        assert!(names(&run), "{}", message(&run));
        let ended = status(&run);
        let took = ended.completion_time.unwrap().0.as_second() - ended.start_time.unwrap().0.as_second();
        assert!((90..=150).contains(&took), "{took} s");
        case.apply::<Secret>(e2e::shared::secret("keys")).await;
        let next = case.new_run("often", std::slice::from_ref(&first)).await;
        e2e::cluster::merge(&case.schedules(), "often", json!({"spec": {"suspend": true}})).await;
        let_go(&next).await;
        case.succeeded(&next, 90).await;
        case.keeps(&next);
    });
}

#[test]
fn a_storage_is_protected_from_deletion_until_its_annotation_is_removed_and_counts_what_names_it() {
    case("protect", |case| async move {
        let name = case
            .storage(
                "kept",
                json!({"parameters": parameters(), "credentials": credentials()}),
            )
            .await;
        ready(&case, &name, true).await;
        let storage: BackupStorage = case.storages().get(&name).await.unwrap();
        assert!(
            storage.annotations().contains_key(labels::DELETION_PROTECTION),
            "{:?}",
            storage.annotations()
        );
        let refused = case.storages().delete(&name, &DeleteParams::default()).await;
        let Err(kube::Error::Api(refusal)) = refused else {
            panic!("the deletion was taken: {refused:?}")
        };
        assert!(
            refusal.message.contains(labels::DELETION_PROTECTION),
            "{}",
            refusal.message
        );

        case.keeps("counted");
        let mut spec = stream(&case.path("counted"), "random 1000");
        spec["storage"]["name"] = json!(name);
        case.schedule(
            "daily",
            json!({"schedule": e2e::schedules::NEVER, "suspend": true}),
            spec.clone(),
        )
        .await;
        case.backup("counted", spec).await;
        case.wait("the storage counts one schedule, one run and its bytes", 30, || async {
            let status = case.storages().get(&name).await.ok()?.status?;
            ((status.schedules, status.runs, status.size_in_bytes) == (Some(1), Some(1), Some(1000))).then_some(())
        })
        .await;

        e2e::cluster::annotate(&case.storages(), &name, labels::DELETION_PROTECTION, None).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let storage: BackupStorage = case.storages().get(&name).await.unwrap();
        assert!(
            !storage.annotations().contains_key(labels::DELETION_PROTECTION),
            "a protection that was removed stays removed"
        );
        e2e::cluster::delete(&case.storages(), &name).await;
        case.wait("the storage is gone", 20, || async {
            case.storages().get_opt(&name).await.ok()?.is_none().then_some(())
        })
        .await;
    });
}

#[test]
fn a_prefix_is_put_before_every_path() {
    case("prefix", |case| async move {
        let mut with = parameters();
        with["prefix"] = json!(case.namespace());
        let name = case
            .storage("prefix", json!({"parameters": with, "credentials": credentials()}))
            .await;
        let mut spec = stream("/a/b", "random 1000");
        spec["storage"]["name"] = json!(name);
        let run = case.backup("db", spec).await;
        case.keeps("a/b");
        assert_eq!(
            (status(&run).path.as_deref(), status(&run).key),
            (Some("/a/b"), Some(case.key("a/b")))
        );
        case.restore("db").await;
    });
}

#[test]
fn a_storage_without_a_bucket_is_refused_with_the_field() {
    case("bucket", |case| async move {
        let mut without = parameters();
        without.as_object_mut().unwrap().remove("bucket");
        let json = json!({
            "apiVersion": "backup-operator.io/v1",
            "kind": "BackupStorage",
            "metadata": {"name": format!("{}-bucket", case.namespace())},
            "spec": {"parameters": without, "credentials": credentials()},
        });
        let storage: BackupStorage = e2e::cluster::object(json);
        let (storages, parameters) = (case.storages(), kube::api::PostParams::default());
        let taken = e2e::admission::answered(|| storages.create(&parameters, &storage)).await;
        let Err(kube::Error::Api(refusal)) = taken else {
            panic!("it was taken: {taken:?}")
        };
        assert!(
            refusal.message.contains("spec.parameters[bucket]"),
            "{}",
            refusal.message
        );
    });
}

#[test]
fn a_key_that_may_only_add_makes_backups_and_says_what_it_may_not() {
    case("add-only", |case| async move {
        case.keeps("db");
        let allow = |actions: &[&str]| json!({"Effect": "Allow", "Action": actions, "Resource": ["arn:aws:s3:::*"]});
        let policy = json!({"Version": "2012-10-17", "Statement": [allow(&["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"])]});
        let keys = e2e::sts::limited(case.store(), &policy);
        let data = json!({"AWS_ACCESS_KEY_ID": keys.id, "AWS_SECRET_ACCESS_KEY": keys.secret, "AWS_SESSION_TOKEN": keys.token});
        case.apply::<Secret>(json!({"metadata": {"name": "keys"}, "stringData": data}))
            .await;
        let credentials = json!({"name": "keys", "namespace": case.namespace()});
        // Below the case's own folder, where the canary that cannot be removed is seen and taken away.
        let mut with = parameters();
        with["prefix"] = json!(case.namespace());
        let storage = case
            .storage("add-only", json!({"parameters": with, "credentials": credentials}))
            .await;
        case.storage_ready(&storage).await;
        let found = case.storages().get(&storage).await.unwrap().status.unwrap();
        // MinIO tells also who may not list that an object is missing: nothing is said of that here.
        let said = condition::find(&found.conditions, condition::DELETABLE).expect("a word about deleting");
        assert_eq!(said.status, "False", "{}", said.message);
        let mut spec = stream("/db", "random 6M 1");
        spec["storage"]["name"] = json!(storage);
        case.fault("db", "store: the access key may add and read only");
        case.backup("db", spec).await;
        case.restore("db").await;
        for key in case.store().list(&format!("{}/.backup-operator/", case.namespace())) {
            case.store().delete(&key);
        }
    });
}

#[test]
fn an_operator_that_comes_after_another_makes_no_object_to_probe_a_storage_that_is_ready() {
    killing_case("probe-again", |case| async move {
        operator::fresh(case.client()).await;
        let proxy = case.proxied(json!({}), Value::Null).await;
        let uid = case.storages().get(&proxy.storage).await.unwrap().uid().unwrap();
        let seen = || proxy.requests(&format!(".backup-operator/probe-{uid}"));
        let objects = || seen().iter().filter(|r| r.method == "PUT" && r.part.is_empty()).count();
        let before = (seen().len(), objects());
        assert!(before.1 > 0, "the first probe makes an object");
        operator::kill(case.client()).await;
        case.wait("the next operator has probed the storage", 60, || async {
            (seen().iter().skip(before.0).any(|r| r.method == "HEAD")).then_some(())
        })
        .await;
        assert_eq!(objects(), before.1, "and this one none: {:?}", seen());
        let ready = case.storages().get(&proxy.storage).await.unwrap().status.unwrap();
        assert!(condition::is_true(&ready.conditions, condition::READY));
        // Nor does one that finds the store away for a moment.
        proxy.down();
        operator::kill(case.client()).await;
        case.wait("the storage says that its store is away", 90, || async {
            let status = case.storages().get(&proxy.storage).await.unwrap().status.unwrap();
            let ready = condition::find(&status.conditions, condition::READY)?;
            (ready.reason == "StoreUnreachable" && status.probed_configuration.is_some()).then_some(())
        })
        .await;
        proxy.up();
        case.storage_ready(&proxy.storage).await;
        assert_eq!(objects(), before.1, "it was proved before: {:?}", seen());
    });
}
