//! The alerts as Prometheus itself reads and evaluates them. `make test` names promtool in PROMTOOL_BIN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The name that a series of a dashboard stands under while it is checked.
const ANY: &str = "any";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_yaml_ng::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Panics with the words of the program that a variable names unless it is content.
fn content(variable: &str, args: &[&str]) {
    let binary = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run `make test`"));
    let output = Command::new(binary).args(args).output().expect("run `make test`");
    let words = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{variable} {args:?}: {}",
        String::from_utf8_lossy(&words)
    );
}

fn promtool(args: &[&str]) {
    content("PROMTOOL_BIN", args);
}

fn rules() -> Vec<Value> {
    let groups = read(&root().join("deploy/alerts.yaml"));
    let groups = groups["groups"].as_array().unwrap().clone();
    groups
        .into_iter()
        .flat_map(|g| g["rules"].as_array().unwrap().clone())
        .collect()
}

fn names(key: &str) -> BTreeSet<String> {
    let rules = rules();
    rules
        .iter()
        .filter_map(|rule| rule[key].as_str())
        .map(String::from)
        .collect()
}

/// The tests of the rules: files that promtool reads.
fn tests() -> BTreeMap<PathBuf, Value> {
    let folder = root().join("xtask/tests/alerts");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), read(&path))).collect()
}

fn cases(key: &str) -> Vec<(PathBuf, Value)> {
    let of_file = |(path, file): (PathBuf, Value)| {
        let groups = file["tests"].as_array().unwrap().clone();
        let cases = groups
            .into_iter()
            .flat_map(|g| g[key].as_array().cloned().unwrap_or_default());
        cases.map(|case| (path.clone(), case)).collect::<Vec<_>>()
    };
    tests().into_iter().flat_map(of_file).collect()
}

#[test]
fn prometheus_takes_the_rules_without_a_warning() {
    let file = root().join("deploy/alerts.yaml");
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", file.to_str().unwrap()]);
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    let files = tests();
    let files = files.keys().map(|path| path.to_str().unwrap());
    let args: Vec<_> = ["test", "rules"].into_iter().chain(files).collect();
    promtool(&args);
}

/// What has no test that it fires, and one that it does not, may do either.
#[test]
fn every_alert_has_a_test_that_it_fires_and_one_that_it_does_not() {
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for (path, case) in cases("alert_rule_test") {
        let name = case["alertname"].as_str().unwrap().to_string();
        // promtool takes an alert that nobody has for one that does not fire.
        assert!(
            names("alert").contains(&name),
            "{}: there is no alert {name}",
            path.display()
        );
        let fired = case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
        if fired { &mut fires } else { &mut silent }.insert(name);
    }
    assert_eq!((&fires, &silent), (&names("alert"), &names("alert")));
}

#[test]
fn every_recorded_series_has_a_test() {
    let exprs: Vec<String> = cases("promql_expr_test")
        .into_iter()
        .map(|(_, case)| case["expr"].as_str().unwrap().to_string())
        .collect();
    for name in names("record") {
        assert!(exprs.iter().any(|expr| expr.contains(&name)), "{name}");
    }
}

/// A misspelt series would make a rule silent, and its test content.
#[test]
fn every_series_of_a_test_is_one_that_the_rules_ask_for() {
    let rules: String = rules()
        .iter()
        .map(|rule| rule["expr"].as_str().unwrap().to_string() + " ")
        .collect();
    let asked: BTreeSet<_> = words(&rules).collect();
    for (path, file) in tests() {
        for group in file["tests"].as_array().unwrap() {
            for series in group["input_series"].as_array().into_iter().flatten() {
                let name = words(series["series"].as_str().unwrap()).next().unwrap();
                assert!(asked.contains(name), "{}: no rule asks for {name}", path.display());
            }
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(|word| !word.is_empty())
}

fn dashboards() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join("deploy/dashboards")).unwrap();
    files.map(|entry| entry.unwrap().path()).collect()
}

/// Those of Grafana's own Foundation SDK, where nothing may be that they do not know.
#[test]
fn the_dashboards_are_what_grafanas_types_are() {
    let files = dashboards();
    let files = files.iter().map(|path| path.to_str().unwrap());
    let args: Vec<_> = ["dashboard"].into_iter().chain(files).collect();
    content("MONITORING_BIN", &args);
}

#[test]
fn the_configurations_of_the_documentation_are_prometheus_own() {
    for file in ["trial.yaml", "scrape.yaml"] {
        let file = root().join("docs/operations/prometheus").join(file);
        promtool(&["check", "config", file.to_str().unwrap()]);
    }
}

#[test]
fn every_query_of_the_dashboards_is_promql() {
    let mut rules = Vec::new();
    for file in dashboards() {
        let dashboard = read(&file);
        let panels = dashboard["panels"].as_array().unwrap();
        for target in panels
            .iter()
            .flat_map(|p| p["targets"].as_array().into_iter().flatten())
        {
            let expr = target["expr"].as_str().unwrap().replace("$__rate_interval", "1m");
            // Variables that are left stand in strings.
            rules.push(serde_json::json!({ "record": format!("{ANY}:{}", rules.len()), "expr": expr }));
        }
    }
    assert!(rules.len() > 50);
    let file = std::env::temp_dir().join(format!("backup-operator-dashboards-{}.yaml", std::process::id()));
    let groups = serde_json::json!({ "groups": [{ "name": ANY, "rules": rules }] });
    std::fs::write(&file, groups.to_string()).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
}
