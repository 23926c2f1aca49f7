//! What kstatus, Argo CD's Lua engine and `kubectl wait` say of real objects; docs/gitops/README.md promises it.
use std::process::Command;
use std::time::Duration;

use e2e::kubectl::{kubectl, said};
use e2e::runs::{spec, static_container, stream};
use e2e::schedules::NEVER;
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, case, early_case};
use serde_json::{Value, json};

/// What kstatus and Argo CD say of an object as the API server has it now.
fn judged(case: &Case, kind: &str, name: &str) -> (String, String) {
    let (found, object) = kubectl(&["-n", case.namespace(), "get", kind, name, "-o", "json"], "");
    assert!(found, "{object}");
    let program = std::env::var_os("HEALTH_BIN").expect("HEALTH_BIN is not set: run `make test`");
    let script = format!("{}/../docs/gitops/{kind}.lua", env!("CARGO_MANIFEST_DIR"));
    let by = |args: &[&str]| {
        let (well, line) = said(Command::new(&program).args(args), &object);
        assert!(well, "{line}");
        let verdict: Value = serde_json::from_str(&line).expect("a verdict");
        verdict["status"].as_str().expect("a status").to_string()
    };
    (by(&["kstatus"]), by(&["lua", &script]))
}

async fn becomes(case: &Case, kind: &str, name: &str, wanted: (&str, &str)) {
    let wanted = (wanted.0.to_string(), wanted.1.to_string());
    case.wait(&format!("{kind} {name} is {wanted:?}"), 200, || async {
        if judged(case, kind, name) == wanted {
            return Some(());
        }
        // Each look is three programs, and what is waited for may take minutes.
        tokio::time::sleep(Duration::from_secs(2)).await;
        None
    })
    .await;
}

const WELL: (&str, &str) = ("Current", "Healthy");
const COMING: (&str, &str) = ("InProgress", "Progressing");
const STUCK: (&str, &str) = ("Failed", "Degraded");

/// A recipe of docs/gitops/README.md for that kind and name, as a shell has it.
fn recipe(case: &Case, start: &str, name: &str) -> (bool, String) {
    let page = include_str!("../../../docs/gitops/README.md");
    let at = page.find(start).unwrap_or_else(|| panic!("no recipe {start:?}"));
    let text: Vec<_> = page[at..]
        .lines()
        .take_while(|l| !l.is_empty() && !l.starts_with("```"))
        .collect();
    let program = std::env::var("KUBECTL").expect("KUBECTL is not set: run `make test`");
    let text = text
        .join("\n")
        .replace("kubectl", &format!("'{program}' -n {}", case.namespace()));
    // Of the page's minute an operator that another case kills takes half.
    let text = text.replace("NAME", name).replace("--timeout=1m", "--timeout=3m");
    said(Command::new("sh").args(["-c", &text]), "")
}

#[test]
fn gitops_tools_and_kubectl_wait_see_the_end_of_a_run_good_or_bad() {
    case("gitops-runs", |case| async move {
        let good = stream(&case.path("good"), "random 1000");
        case.start("good", good).await;
        let (ended, words) = recipe(&case, "kubectl wait br/NAME", "good");
        assert!(ended, "{words}");
        assert_eq!(judged(&case, "backuprun", "good"), (WELL.0.into(), WELL.1.into()));
        case.keeps("good");

        case.start("bad", stream(&case.path("bad"), "fail 3 random 1000")).await;
        let (ended, words) = recipe(&case, "kubectl wait br/NAME", "bad");
        assert!(!ended && words.contains("bad"), "{words}");
        assert_eq!(judged(&case, "backuprun", "bad"), (STUCK.0.into(), STUCK.1.into()));

        case.begin_slow("slow", 20_000_000, 90).await;
        assert_eq!(judged(&case, "backuprun", "slow"), (COMING.0.into(), COMING.1.into()));
        case.ended_whole("slow", 20_000_000, 120).await;
        becomes(&case, "backuprun", "slow", WELL).await;

        let mut lost = stream(&case.path("lost"), "random 1000");
        lost["storage"]["name"] = "nowhere".into();
        case.start_unadmitted("lost", lost).await;
        becomes(&case, "backuprun", "lost", COMING).await;
    });
}

#[test]
fn gitops_tools_see_a_storage_whose_bucket_does_not_exist_as_failed_and_may_wait_for_it_before() {
    early_case("gitops-storages", |case| async move {
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let mut nowhere = parameters();
        nowhere["bucket"] = "e2e-nowhere".into();
        let bad = case
            .storage(
                "gitops-bad",
                json!({"type": "s3", "parameters": nowhere, "credentials": credentials}),
            )
            .await;
        let good = case
            .storage(
                "gitops-good",
                json!({"type": "s3", "parameters": parameters(), "credentials": credentials}),
            )
            .await;
        let (ready, words) = recipe(&case, "kubectl wait bt/NAME", &good);
        assert!(ready, "{words}");
        assert_eq!(judged(&case, "backupstorage", &good), (WELL.0.into(), WELL.1.into()));
        let (ready, words) = recipe(&case, "kubectl wait bt/NAME", &bad);
        assert!(!ready, "{words}");
        assert_eq!(judged(&case, "backupstorage", &bad), (COMING.0.into(), COMING.1.into()));
        becomes(&case, "backupstorage", &bad, STUCK).await;
    });
}

#[test]
fn gitops_tools_see_a_schedule_as_good_while_it_is_valid() {
    case("gitops-schedules", |case| async move {
        let run = stream(&case.path("x"), "random 1000");
        case.schedule("valid", json!({"schedule": NEVER}), run.clone()).await;
        case.schedule("idle", json!({"schedule": NEVER, "suspend": true}), run.clone())
            .await;
        case.schedule_unadmitted("wrong", json!({"schedule": "0 0 31 2 * *"}), run)
            .await;
        for (name, good, wanted) in [("valid", true, WELL), ("idle", true, WELL), ("wrong", false, STUCK)] {
            if name != "idle" {
                let (ready, words) = recipe(&case, "kubectl wait bs/NAME", name);
                assert_eq!(ready, good, "{words}");
            }
            becomes(&case, "backupschedule", name, wanted).await;
        }
    });
}

#[test]
fn a_restore_only_run_is_under_way_until_its_restore_has_ended() {
    case("gitops-restore", |case| async move {
        case.store().put(&case.key("there"), b"some bytes");
        case.keeps("there");
        let restore = spec(&case.path("there"), static_container(), &[], &["/stream", "sum"]);
        case.start("again", restore).await;
        let first = judged(&case, "backuprun", "again");
        assert!(
            [COMING, WELL].contains(&(first.0.as_str(), first.1.as_str())),
            "{first:?}"
        );
        let (ended, words) = recipe(&case, "kubectl wait br/NAME", "again");
        assert!(ended, "{words}");
        assert_eq!(judged(&case, "backuprun", "again"), (WELL.0.into(), WELL.1.into()));
    });
}
