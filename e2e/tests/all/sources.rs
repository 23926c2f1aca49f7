//! Runs that restore another one's backup: by its name, by a schedule and a time, from another namespace; and what a check says of it.
use age::secrecy::ExposeSecret;
use api::{condition, labels};
use e2e::bytes::{random, sum_line};
use e2e::cluster::annotate;
use e2e::runs::{START, end_of, is, message, static_container, status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case, two_cases};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

/// A run that restores a source into the static program, which prints the sum of what it got.
fn restores(source: Value, check: Option<&[&str]>) -> Value {
    let mut restore = json!({"command": ["/stream", "sum"]});
    if let Some(check) = check {
        restore["check"] = json!({"command": check});
    }
    json!({
        "source": source, "restore": restore, "startDeadlineSeconds": START,
        "template": {"spec": {"containers": [static_container()], "terminationGracePeriodSeconds": 1}},
    })
}

async fn encrypted(case: &Case, name: &str, command: &str) -> Value {
    let identity = age::x25519::Identity::generate();
    let data = json!({"key": identity.to_string().expose_secret()});
    case.apply::<Secret>(json!({"metadata": {"name": "age"}, "stringData": data}))
        .await;
    let mut spec = stream(&case.path(name), command);
    spec["compression"] = json!({"algorithm": "zstd"});
    spec["encryption"] =
        json!({"recipients": [identity.to_public().to_string()], "decryptionKey": {"name": "age", "key": "key"}});
    spec
}

#[test]
fn another_runs_backup_is_restored_by_its_name_packed_and_proved_as_that_run_says() {
    case("source", |case| async move {
        case.keeps("db");
        let spec = encrypted(&case, "db", "random 6M 3").await;
        let made = status(&case.backup("db", spec).await);
        case.start("again", restores(json!({"run": "db"}), None)).await;
        let run = case.succeeded("again", 90).await;
        let plain = random(6 << 20, 3);
        assert_eq!(status(&run).log.unwrap().trim(), sum_line(&plain));
        assert_eq!(status(&run).sha256, made.sha256, "proved by what its own run recorded");
        let source = status(&run).source.expect("what was picked");
        assert_eq!(
            (source.run.as_str(), source.storage.as_str()),
            ("db", e2e::shared::STORAGE)
        );
        // The backup says that it was restored, and by whom.
        case.until("db", "is verified", 60, |run| {
            is(run, condition::VERIFIED).then_some(())
        })
        .await;
        let verified = status(&case.runs().get("db").await.unwrap()).verified.unwrap();
        assert_eq!((verified.run.as_str(), verified.successful), ("again", true));
        // It is restored again after the run that made it is gone.
        e2e::cluster::delete(&case.runs(), "db").await;
        case.restore("again").await;
    });
}

#[test]
fn of_a_schedule_the_backup_of_that_time_is_restored_and_none_that_came_later() {
    case("source-at", |case| async move {
        let spec = stream(&case.path("{{ .name }}"), "random 100000");
        case.schedule("nightly", json!({"schedule": NEVER}), spec).await;
        let mut made = Vec::new();
        for _ in 0..2 {
            let run = case.triggered("nightly").await;
            case.keeps(&run);
            case.succeeded(&run, 90).await;
            made.push(run);
        }
        let first = status(&case.runs().get(&made[0]).await.unwrap())
            .completion_time
            .unwrap()
            .0;
        case.start(
            "first",
            restores(json!({"schedule": "nightly", "at": first.to_string()}), None),
        )
        .await;
        case.start("latest", restores(json!({"schedule": "nightly"}), None))
            .await;
        for (run, wanted) in [("first", &made[0]), ("latest", &made[1])] {
            let run = case.succeeded(run, 90).await;
            assert_eq!(status(&run).source.unwrap().run, *wanted);
        }
        let before = "2026-01-01T00:00:00Z";
        case.start("never", restores(json!({"schedule": "nightly", "at": before}), None))
            .await;
        let run = case.failed("never", "SourceRefused", 30).await;
        assert!(
            message(&run).contains("has no good backup that had ended by"),
            "{}",
            message(&run)
        );
    });
}

#[test]
fn a_backup_of_another_namespace_is_restored_only_where_its_run_says_so() {
    two_cases("source-far", |one, other| async move {
        one.keeps("db");
        one.backup("db", stream(&one.path("db"), "random 100000")).await;
        let source = json!({"run": "db", "namespace": one.namespace()});
        let mut spec = restores(source, None);
        other.start("copy", spec.clone()).await;
        let said = other
            .until("copy", "waits", 30, |run| {
                Some(message(run)).filter(|m| m.contains("spec.source"))
            })
            .await;
        assert!(said.contains(labels::ALLOWED_NAMESPACES), "{said}");
        annotate(&one.runs(), "db", labels::ALLOWED_NAMESPACES, Some(other.namespace())).await;
        let run = other.succeeded("copy", 120).await;
        assert_eq!(status(&run).log.unwrap().trim(), sum_line(&random(100_000, 1)));
        // Of another namespace nobody is heard on what a backup is worth.
        assert!(status(&one.runs().get("db").await.unwrap()).verified.is_none());
        spec["source"]["run"] = json!("nobody");
        spec["startDeadlineSeconds"] = json!(5);
        other.start("nobody", spec).await;
        let run = other.failed("nobody", "StartDeadlineExceeded", 60).await;
        assert!(message(&run).contains("there is no run"), "{}", message(&run));
    });
}

#[test]
fn a_restore_whose_check_fails_is_not_good_and_says_nothing_of_the_backup() {
    case("check", |case| async move {
        case.keeps("db");
        case.backup("db", stream(&case.path("db"), "random 1000")).await;
        case.start(
            "good",
            restores(json!({"run": "db"}), Some(&["/stream", "random", "0"])),
        )
        .await;
        case.succeeded("good", 90).await;
        case.until("db", "is verified", 60, |run| {
            is(run, condition::VERIFIED).then_some(())
        })
        .await;
        case.start(
            "bad",
            restores(json!({"run": "db"}), Some(&["/stream", "fail", "3", "random", "0"])),
        )
        .await;
        let run = case.ended("bad", 90).await;
        assert_eq!(end_of(&run), "fails: CheckFailed");
        assert!(message(&run).contains("spec.restore.check"), "{}", message(&run));
        // Anybody mistypes a check: only a drill's says something of the backup.
        let told = status(&case.runs().get("db").await.unwrap()).verified.unwrap();
        assert_eq!((told.run.as_str(), told.successful), ("good", true));
        assert!(
            is(&case.runs().get("db").await.unwrap(), condition::SUCCESSFUL),
            "what is known of the backup stays"
        );
    });
}

#[test]
fn a_source_is_refused_in_words_where_it_says_too_much_or_too_little() {
    case("source-bad", |case| async move {
        let mut both = restores(json!({"run": "db"}), None);
        both["storage"] = json!({"name": e2e::shared::STORAGE, "path": "/x"});
        let two = restores(json!({"run": "db", "schedule": "nightly"}), None);
        let at = restores(json!({"schedule": "nightly", "at": "yesterday"}), None);
        for (name, spec, words) in [
            ("both", both, "exactly one of storage and source is needed"),
            ("two", two, "exactly one of run and schedule is needed"),
            ("at", at, "a time with its zone"),
        ] {
            let said = case.refused(name, &spec).await;
            assert!(said.contains(words), "{name}: {said}");
        }
    });
}
