//! Monitoring as the documentation says: the page leads to an alert that fires, and every query of the dashboards has data.
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use e2e::kubectl::{put_into, said};
use e2e::prometheus::{Prometheus, free_port, program};
use e2e::runs::{static_container, stream};
use e2e::schedules::NEVER;
use e2e::shared::STORAGE;
use e2e::{Case, case, operator};
use serde_json::{Value, json};

/// The checkout.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The page, and the heading whose commands are run.
const PAGE: &str = include_str!("../../../docs/operations/monitoring.md");
const HEADING: &str = "## Ten minutes";

/// The commands of a section, one after the other.
fn commands(page: &str, heading: &str) -> String {
    let (_, section) = page.split_once(heading).expect("the heading");
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let blocks: Vec<_> = blocks.map(|block| block.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty(), "{heading} has no commands");
    blocks.concat()
}

/// A schedule of the case with runs that have paths of their own.
async fn scheduled(case: &Case, name: &str, command: &str) {
    let path = format!("/{}/{name}-{{{{ now | date \"150405.000000\" }}}}", case.namespace());
    let settings = json!({"schedule": NEVER, "successfulRunsHistoryLimit": 10});
    case.schedule(name, settings, stream(&path, command)).await;
}

async fn keeps_all(case: &Case, schedule: &str) {
    for run in case.runs_of(schedule).await {
        if let Some(key) = e2e::runs::status(&run).key {
            case.keeps(key.split('/').next_back().unwrap());
        }
    }
}

#[test]
fn the_page_leads_from_an_installed_operator_to_an_alert_that_fires() {
    case("monitoring", |case| async move {
        let (proxy, port) = (free_port().to_string(), free_port().to_string());
        let folder = std::env::temp_dir().join(format!("backup-operator-monitoring-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        put_into(&folder);
        for (name, variable) in [("prometheus", "PROMETHEUS_BIN"), ("promtool", "PROMTOOL_BIN")] {
            symlink(program(variable).canonicalize().unwrap(), folder.join(name)).unwrap();
        }
        // The page's own files, but for two ports that somebody else may have.
        let config = std::fs::read_to_string(format!("{ROOT}/docs/operations/prometheus/trial.yaml")).unwrap();
        let config = config.replace("8001", &proxy).replace("../../..", ROOT);
        let file = folder.join("trial.yaml");
        std::fs::write(&file, config).unwrap();
        let script = commands(PAGE, HEADING)
            .replace("8001", &proxy)
            .replace("9090", &port)
            .replace("docs/operations/prometheus/trial.yaml", file.to_str().unwrap())
            .replace("YOUR-STORAGE", STORAGE)
            .replace("monitoring-trial", case.namespace());
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script])
            .current_dir(ROOT)
            .env("PATH", path)
            // The page has Prometheus write to a folder of mktemp's.
            .env("TMPDIR", &folder)
            .stdin(Stdio::null())
            // What it leaves running ends with it.
            .process_group(0);
        let mut child = bash.spawn().unwrap();
        let ended = case.poll(200, || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        });
        let ended = ended.await;
        let group = format!("-{}", child.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(ended.is_some_and(|status| status.success()), "{ended:?} of\n{script}");
    });
}

/// What pages call a drill.
const DRILL: &str = "proof";

/// What each alert's page says to do first is answered.
async fn first_commands(case: &Case, schedule: &str) {
    let folder = std::env::temp_dir().join(format!("backup-operator-runbooks-{}", case.namespace()));
    std::fs::create_dir_all(&folder).unwrap();
    put_into(&folder);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut lines = BTreeSet::new();
    for page in std::fs::read_dir(format!("{ROOT}/docs/operations/runbooks")).unwrap() {
        let text = std::fs::read_to_string(page.unwrap().path()).unwrap();
        let of_page = commands(&text, "## First");
        lines.extend(of_page.lines().filter(|line| !line.starts_with('#')).map(String::from));
    }
    for line in lines {
        let line = line
            .replace("NAMESPACE", case.namespace())
            .replace("SCHEDULE", schedule)
            .replace("DRILL", DRILL)
            .replace("STORAGE", STORAGE);
        let mut last = String::new();
        // A replica that another case has just killed has no log, nor a container, for a moment.
        let answered = case.poll(30, || {
            let mut bash = Command::new("bash");
            let (ok, said) = said(bash.args(["-euo", "pipefail", "-c", &line]).env("PATH", &path), "");
            last = said;
            async move { ok.then_some(()) }
        });
        let answered = answered.await;
        assert!(answered.is_some(), "{line}: {last}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// All queries of the dashboards, with what is chosen in them, by dashboard and panel.
fn queries(case: &Case) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let files = std::fs::read_dir(format!("{ROOT}/deploy/dashboards")).unwrap();
    for file in files {
        let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expr = target["expr"].as_str().unwrap();
                all.push((
                    format!("{}: {}", dashboard["title"], panel["title"]),
                    chosen(expr, case),
                ));
            }
        }
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            // label_values(METRIC, LABEL)
            if let Some(query) = variable["definition"].as_str() {
                let inside = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
                let (metric, label) = inside.rsplit_once(", ").unwrap();
                let expr = format!("count by ({label}) ({})", chosen(metric, case));
                all.push((format!("{}: {}", dashboard["title"], variable["name"]), expr));
            }
        }
    }
    all
}

fn chosen(expr: &str, case: &Case) -> String {
    expr.replace("$__rate_interval", "30s")
        .replace("$namespace", case.namespace())
        .replace("$schedule", "db")
        .replace("$storage", STORAGE)
}

/// Each query has had data since Prometheus was started.
async fn have_data(case: &Case, prometheus: &Prometheus, mut open: Vec<(String, String)>) {
    let all_have = case.poll(60, || {
        open.retain(|(_, expr)| match prometheus.since_start(expr) {
            Ok(series) => series.is_empty(),
            Err(words) => panic!("{expr}: {words}"),
        });
        let done = open.is_empty();
        async move { done.then_some(()) }
    });
    if all_have.await.is_none() {
        panic!("{} queries have no data: {open:#?}", open.len());
    }
}

#[test]
fn every_query_of_the_dashboards_has_data_and_a_failed_backup_is_alerted() {
    case("dashboards", |case| async move {
        let prometheus = Prometheus::start().await;
        scheduled(&case, "db", "random 1000").await;
        let failing = e2e::runs::spec(
            &format!("/{}/failing", case.namespace()),
            static_container(),
            &["/stream", "fail", "1", "random", "10"],
            &[],
        );
        case.schedule("failing", json!({"schedule": NEVER}), failing).await;
        case.ask_trigger("failing").await;
        // So many that there is a usual size, beside the last one.
        for _ in 0..3 {
            let run = case.triggered("db").await;
            case.succeeded(&run, 90).await;
        }
        // What is counted is counted since the operator began: nobody takes it away between an end and its being read twice.
        let steady = operator::steady().await;
        let last = case.triggered("db").await;
        case.succeeded(&last, 90).await;
        case.restore(&last).await;
        let (rates, open): (Vec<_>, Vec<_>) = queries(&case)
            .into_iter()
            .partition(|(_, expr)| ["rate(", "increase("].iter().any(|of| expr.contains(of)));
        assert!(rates.len() > 5 && rates.len() + open.len() > 60);
        have_data(&case, &prometheus, rates).await;
        drop(steady);
        keeps_all(&case, "db").await;

        let alert = case
            .wait("BackupFailed fires", 60, || async {
                prometheus.alerts().into_iter().find(|alert| {
                    let labels = &alert["labels"];
                    labels["alertname"] == "BackupFailed"
                        && labels["namespace"] == case.namespace()
                        && alert["state"] == "firing"
                })
            })
            .await;
        let labels = json!({"alertname": "BackupFailed", "namespace": case.namespace(), "schedule": "failing", "severity": "warning"});
        assert_eq!(alert["labels"], labels, "nothing tells which replica leads");
        let summary = format!("The last backup of {}/failing failed", case.namespace());
        assert_eq!(alert["annotations"]["summary"], summary);

        have_data(&case, &prometheus, open).await;
        case.drill(DRILL, "db", json!({})).await;
        first_commands(&case, "db").await;
        // What the rules record as well.
        let recorded = format!(
            "namespace:backup_operator_schedules_fresh:ratio{{namespace=\"{}\"}}",
            case.namespace()
        );
        case.wait("the share of good backups is recorded", 30, || async {
            let series = prometheus.instant(&recorded).ok()?;
            (series.first()?["value"][1] == "1").then_some(())
        })
        .await;
        // Nothing is told twice because two replicas are read.
        let twice = "max(count by (namespace, schedule) (backup_operator_schedule_created_timestamp_seconds)) > 1";
        case.wait("each schedule has its series once", 30, || async {
            prometheus.instant(twice).ok()?.is_empty().then_some(())
        })
        .await;
    });
}
