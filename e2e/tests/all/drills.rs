//! Drills: a backup is read or restored to see that it can be, and its run says what came of it.
use age::secrecy::ExposeSecret;
use api::{condition, labels};
use e2e::bytes::{random, sha256};
use e2e::runs::{START, is, message, status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

const SIZE: usize = 6 << 20;

/// A schedule `nightly` with one good backup, whose run it gives.
async fn nightly(case: &Case, spec: Value) -> String {
    case.schedule("nightly", json!({"schedule": NEVER}), spec).await;
    let name = case.triggered("nightly").await;
    case.succeeded(&name, 90).await;
    name
}

/// What a backup's run says of the last proof.
async fn verified(case: &Case, run: &str, wanted: bool) -> String {
    let word = if wanted { "True" } else { "False" };
    case.until(run, &format!("is Verified {word}"), 60, |run| {
        let said = condition::find(&status(run).conditions, condition::VERIFIED).cloned();
        said.filter(|c| c.status == word).map(|c| c.message)
    })
    .await
}

#[test]
fn a_drill_reads_a_backup_whole_in_a_pod_of_the_operators_own_and_the_backup_says_so() {
    case("drill-read", |case| async move {
        case.keeps("db");
        let identity = age::x25519::Identity::generate();
        let key = json!({"key": identity.to_string().expose_secret()});
        case.apply::<Secret>(json!({"metadata": {"name": "age"}, "stringData": key}))
            .await;
        let mut spec = stream(&case.path("db"), &format!("random {SIZE} 3"));
        spec["compression"] = json!({"algorithm": "zstd"});
        spec["encryption"] =
            json!({"recipients": [identity.to_public().to_string()], "decryptionKey": {"name": "age", "key": "key"}});
        let backup = nightly(&case, spec).await;
        case.drill("proof", "nightly", json!({"startDeadlineSeconds": START}))
            .await;
        let pods = case.api::<Pod>();
        let of = ListParams::default().labels(&format!("{}=proof", labels::DRILL));
        let labelled = case.wait("the drill's Pod can be told by its label", 120, || async {
            let mut all = pods.list(&of).await.ok()?.items.into_iter();
            all.next()
                .map(|pod| assert_eq!(pod.labels()[labels::DRILL_MODE], "Read"))
        });
        let (drill, ()) = futures::join!(case.drilled("proof"), labelled);
        let run = case.succeeded(&drill, 120).await;
        let plain = random(SIZE, 3);
        let log = status(&run).log.unwrap_or_default();
        assert_eq!(log.trim(), format!("read {SIZE} bytes, SHA-256 {}", sha256(&plain)));
        assert_eq!(status(&run).source.expect("what was picked").run, backup);
        verified(&case, &backup, true).await;
        let told = status(&case.runs().get(&backup).await.unwrap()).verified.unwrap();
        assert_eq!((told.run.as_str(), told.mode.as_str()), (drill.as_str(), "Read"));
        let seen = case
            .drill_until("proof", "says that it was good", 30, |drill| {
                let told = drill.status.clone()?;
                told.last_successful_time.is_some().then_some(told)
            })
            .await;
        assert_eq!((seen.last_picked, seen.successful), (Some(backup), Some(1)));
        case.wait("the schedule says when it was last verified", 30, || async {
            case.schedules().get("nightly").await.ok()?.status?.last_verified_time
        })
        .await;
    });
}

#[test]
fn a_certain_backup_is_proved_by_hand_whatever_the_drill_would_pick() {
    case("drill-by-hand", |case| async move {
        let path = r#"db/{{ now | date "150405.000" }}"#;
        let older = nightly(&case, stream(&case.path(path), "random 1000")).await;
        let newer = case.triggered("nightly").await;
        case.succeeded(&newer, 90).await;
        for run in [&older, &newer] {
            let key = status(&case.runs().get(run).await.unwrap()).key.unwrap();
            case.keeps(key.strip_prefix(&case.key("")).expect("below the case's folder"));
        }
        case.drill("proof", "nightly", json!({"startDeadlineSeconds": START}))
            .await;
        let namespace = case.namespace();
        let by_hand = ["restore", &format!("run/{older}"), "--drill", "-n", namespace];
        let asked = e2e::kubectl::answered(|| e2e::kubectl::plugin(&by_hand)).await;
        assert!(asked.0, "{}", asked.1);
        verified(&case, &older, true).await;
        let seen = case
            .drill_until("proof", "says what it has proved", 30, |drill| {
                drill.status.clone()?.last_picked
            })
            .await;
        assert_eq!(seen, older);
        assert_eq!(status(&case.runs().get(&newer).await.unwrap()).verified, None);
        let gone = ["restore", &format!("run/{older}"), "--drill", "other", "-n", namespace];
        let refused = e2e::kubectl::answered(|| e2e::kubectl::plugin(&gone)).await;
        assert!(
            !refused.0 && refused.1.contains("there is no drill other"),
            "{}",
            refused.1
        );
    });
}

#[test]
fn a_drill_finds_a_damaged_backup_before_anybody_needs_it() {
    case("drill-damaged", |case| async move {
        case.keeps("db");
        let backup = nightly(&case, stream(&case.path("db"), &format!("random {SIZE}"))).await;
        case.drill("proof", "nightly", json!({"startDeadlineSeconds": START}))
            .await;
        let drill = case.drilled("proof").await;
        case.succeeded(&drill, 120).await;
        verified(&case, &backup, true).await;
        let key = status(&case.runs().get(&backup).await.unwrap()).key.unwrap();
        let mut bytes = case.store().get(&key);
        bytes[SIZE / 2] ^= 1;
        case.store().put(&key, &bytes);
        let drill = case.drilled("proof").await;
        let run = case.failed(&drill, "ObjectChanged", 120).await;
        assert!(message(&run).contains(&case.key("db")), "{}", message(&run));
        let said = verified(&case, &backup, false).await;
        assert!(said.starts_with(&format!("run {drill} could not restore it")), "{said}");
        assert!(
            is(&case.runs().get(&backup).await.unwrap(), condition::SUCCESSFUL),
            "what is known of the backup stays"
        );
        case.drill_until("proof", "says that it failed", 30, |drill| {
            condition::is_true(&drill.status.as_ref()?.conditions, condition::FAILED).then_some(())
        })
        .await;
    });
}

/// The scratch server, and who restores into it: both containers of the drill's Pod.
fn scratch() -> Value {
    let password = json!({"name": "PGPASSWORD", "value": "scratch"});
    json!({"spec": {"terminationGracePeriodSeconds": 1, "containers": [
        {"name": "client", "image": "postgres:15", "command": ["sleep", "1d"], "env": [password]},
        {"name": "scratch", "image": "postgres:15",
            "env": [password, {"name": "POSTGRES_PASSWORD", "value": "scratch"}, {"name": "POSTGRES_DB", "value": "shop"}],
            "readinessProbe": {"exec": {"command": ["psql", "-h", "127.0.0.1", "-U", "postgres", "shop", "-c", "SELECT 1"]}, "periodSeconds": 1}},
    ]}})
}

/// A dump of so many orders, which says at its end how many there are.
fn dump(says: u32) -> String {
    format!(
        "echo \"CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 5000) n; CREATE TABLE counted AS SELECT {says} AS orders;\""
    )
}

fn postgresql(case: &Case, says: u32) -> Value {
    json!({
        "storage": {"name": e2e::shared::STORAGE, "path": case.path("db")},
        "startDeadlineSeconds": START,
        "backup": {"command": ["/bin/sh", "-c", dump(says)], "deadlineSeconds": 60},
        "template": {"spec": {"containers": [{"name": "client", "image": "postgres:15", "command": ["sleep", "1d"]}], "terminationGracePeriodSeconds": 1}},
    })
}

#[test]
fn a_drill_restores_into_a_scratch_database_and_counts_what_came() {
    case("drill-postgresql", |case| async move {
        case.keeps("db");
        let psql = "psql -h 127.0.0.1 -U postgres -v ON_ERROR_STOP=1";
        let compare = "SELECT (SELECT count(*) FROM orders), (SELECT orders FROM counted)";
        let check = format!(
            "set -- $({psql} -At -F ' ' shop -c '{compare}'); echo \"restored $1 of $2\"; test \"$1\" = \"$2\""
        );
        let more = json!({
            "mode": "Restore", "startDeadlineSeconds": START, "template": scratch(),
            "restore": {"command": ["/bin/sh", "-c", format!("{psql} -q --single-transaction shop")], "deadlineSeconds": 120},
            "check": {"command": ["/bin/sh", "-c", check], "deadlineSeconds": 60},
        });
        let backup = nightly(&case, postgresql(&case, 5000)).await;
        case.drill("proof", "nightly", more).await;
        let drill = case.drilled("proof").await;
        case.succeeded(&drill, 180).await;
        verified(&case, &backup, true).await;
        let told = status(&case.runs().get(&backup).await.unwrap()).verified.unwrap();
        assert_eq!(told.mode, "Restore");

        case.schedule("nightly", json!({"schedule": NEVER}), postgresql(&case, 5001))
            .await;
        let backup = case.triggered("nightly").await;
        case.succeeded(&backup, 90).await;
        let drill = case.drilled("proof").await;
        let run = case.failed(&drill, "CheckFailed", 180).await;
        let log = status(&run).log.unwrap_or_default();
        assert!(log.contains("restored 5000 of 5001"), "{log}");
        verified(&case, &backup, false).await;
    });
}

#[test]
fn a_check_runs_in_the_scratch_servers_container_where_the_drill_names_it() {
    case("drill-check-container", |case| async move {
        case.keeps("db");
        let psql = "psql -h 127.0.0.1 -U postgres -v ON_ERROR_STOP=1 -q --single-transaction shop";
        // The server's socket is a file of its container, which the other has not.
        let compare = "SELECT (SELECT count(*) FROM orders), (SELECT orders FROM counted)";
        let check = format!(
            "test -S /var/run/postgresql/.s.PGSQL.5432 || exit 9; set -- $(psql -U postgres -At -F ' ' shop -c '{compare}'); echo \"restored $1 of $2\"; test \"$1\" = \"$2\""
        );
        let more = json!({
            "mode": "Restore", "startDeadlineSeconds": START, "template": scratch(),
            "restore": {"container": "client", "command": ["/bin/sh", "-c", psql], "deadlineSeconds": 120},
            "check": {"container": "scratch", "command": ["/bin/sh", "-c", check], "deadlineSeconds": 60},
        });
        let backup = nightly(&case, postgresql(&case, 5000)).await;
        case.drill("proof", "nightly", more).await;
        let drill = case.drilled("proof").await;
        let run = case.succeeded(&drill, 180).await;
        let log = status(&run).log.unwrap_or_default();
        assert!(log.contains("restored 5000 of 5000"), "{log}");
        verified(&case, &backup, true).await;

        case.schedule("nightly", json!({"schedule": NEVER}), postgresql(&case, 5001))
            .await;
        let backup = case.triggered("nightly").await;
        case.succeeded(&backup, 90).await;
        let drill = case.drilled("proof").await;
        let run = case.failed(&drill, "CheckFailed", 180).await;
        let log = status(&run).log.unwrap_or_default();
        assert!(log.contains("restored 5000 of 5001"), "{log}");
        verified(&case, &backup, false).await;
    });
}

#[test]
fn a_drill_without_a_good_backup_says_so_and_takes_the_next_one() {
    case("drill-nothing", |case| async move {
        case.keeps("db");
        let spec = stream(&case.path("db"), "random 1000");
        case.schedule("nightly", json!({"schedule": NEVER}), spec).await;
        case.drill("proof", "nightly", json!({"startDeadlineSeconds": START}))
            .await;
        case.ask_drill("proof").await;
        let why = case
            .drill_until("proof", "has nothing to prove", 30, |drill| {
                let said = condition::find(&drill.status.as_ref()?.conditions, condition::READY)?;
                (said.reason == "NothingToProve").then(|| said.message.clone())
            })
            .await;
        assert!(why.contains("schedule nightly has no good backup yet"), "{why}");
        assert!(
            !case
                .drill_now("proof")
                .await
                .annotations()
                .contains_key(labels::TRIGGER)
        );
        assert!(case.runs_of_drill("proof").await.is_empty());
        let backup = case.triggered("nightly").await;
        case.succeeded(&backup, 90).await;
        case.drill_until("proof", "is ready once there is one", 30, |drill| {
            condition::is_true(&drill.status.as_ref()?.conditions, condition::READY).then_some(())
        })
        .await;
        let drill = case.drilled("proof").await;
        case.succeeded(&drill, 120).await;
    });
}

#[test]
fn a_drill_that_is_asked_for_during_another_waits_and_goes_with_its_object() {
    case("drill-forbid", |case| async move {
        case.keeps("db");
        nightly(&case, stream(&case.path("db"), "random 1000")).await;
        let slow = json!({
            "mode": "Restore", "startDeadlineSeconds": START,
            "restore": {"command": ["/bin/sh", "-c", "cat >/dev/null; sleep 25"], "deadlineSeconds": 60},
            "template": {"spec": {"terminationGracePeriodSeconds": 1,
                "containers": [{"name": "client", "image": "postgres:15", "command": ["sleep", "1d"]}]}},
        });
        case.drill("proof", "nightly", slow).await;
        let first = case.drilled("proof").await;
        case.ask_drill("proof").await;
        case.drill_until("proof", "has the second one wait", 30, |drill| {
            let said = condition::find(&drill.status.as_ref()?.conditions, condition::IN_PROGRESS)?;
            (said.reason == "NextWaits").then_some(())
        })
        .await;
        assert_eq!(case.runs_of_drill("proof").await.len(), 1);
        case.succeeded(&first, 90).await;
        let second = case
            .wait("the second one follows", 60, || async {
                let runs = case.runs_of_drill("proof").await;
                runs.iter().map(ResourceExt::name_any).find(|name| *name != first)
            })
            .await;
        case.succeeded(&second, 90).await;
        e2e::cluster::delete(&case.api::<api::BackupDrill>(), "proof").await;
        case.wait("its runs go with it", 60, || async {
            case.runs_of_drill("proof").await.is_empty().then_some(())
        })
        .await;
        assert_eq!(
            case.store().list(&case.key("db")),
            [case.key("db")],
            "and no backup does"
        );
    });
}
