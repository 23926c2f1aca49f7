//! What of the chart makes the operator seen: the Service of its metrics, and what Prometheus Operator and Grafana take.
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::helm::{render, root};
use super::{keys_of, missing, one};

#[test]
fn the_metrics_have_a_service_and_what_finds_it() {
    let objects = render("{}");
    for kind in ["ServiceMonitor", "PrometheusRule", "ConfigMap"] {
        assert!(
            keys_of(&objects, kind).is_empty(),
            "{kind} needs kinds of others, or is of use to few"
        );
    }
    let objects = render(
        "{metrics: {serviceMonitor: {enabled: true, labels: {release: mine, app.kubernetes.io/name: other}, interval: 30s}}}",
    );
    let monitor = one(&objects, "ServiceMonitor");
    let labels = &monitor["metadata"]["labels"];
    assert_eq!(
        (&labels["release"], &labels["app.kubernetes.io/name"]),
        (&json!("mine"), &json!("backup-operator"))
    );
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!(endpoint["honorLabels"], true, "the namespace is the schedule's");
    assert_eq!(endpoint["interval"], "30s");
    // It selects one Service, whose port it names, and which leads to a port of the Pods.
    let wanted = &monitor["spec"]["selector"]["matchLabels"];
    let services: Vec<_> = objects.values().filter(|o| o["kind"] == "Service").collect();
    let found: Vec<_> = services
        .iter()
        .filter(|s| missing(wanted, &s["metadata"]["labels"], "").is_none())
        .collect();
    assert_eq!(found.len(), 1);
    let port = &found[0]["spec"]["ports"][0];
    assert_eq!(port["name"], endpoint["port"]);
    let ports = &one(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"];
    assert!(
        ports
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p["name"] == port["targetPort"] && p["containerPort"] == port["port"])
    );
    assert_eq!(
        render("{metrics: {serviceMonitor: {enabled: true}}}").len(),
        objects.len()
    );
}

/// Those that it reads them by itself, where nothing may be that they do not know.
#[test]
fn what_is_made_for_prometheus_operator_is_what_its_types_are() {
    let values = "{metrics: {serviceMonitor: {enabled: true, interval: 30s}, prometheusRule: {enabled: true, alertLabels: {team: data}}}}";
    let objects = render(values);
    let objects = ["ServiceMonitor", "PrometheusRule"].map(|kind| one(&objects, kind).to_string());
    let binary = std::env::var_os("MONITORING_BIN").expect("MONITORING_BIN is not set: run `make test`");
    let mut child = Command::new(binary)
        .arg("manifests")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("MONITORING_BIN: run `make test`");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(objects.concat().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let (read, words) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(
        (read.as_ref(), words.as_ref()),
        ("ServiceMonitor\nPrometheusRule\n", "")
    );
}

/// The rules of a PrometheusRule by name, alerts and recorded ones.
fn alerting(rule: &Value) -> BTreeMap<String, Value> {
    let groups = rule["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|g| g["rules"].as_array().unwrap());
    let name = |rule: &Value| {
        rule.get("alert")
            .or(rule.get("record"))
            .unwrap()
            .as_str()
            .unwrap()
            .to_string()
    };
    rules.map(|rule| (name(rule), rule.clone())).collect()
}

fn plain_rules() -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(root().join("deploy/alerts.yaml")).unwrap();
    alerting(&serde_yaml_ng::from_str(&text).unwrap())
}

#[test]
fn the_rules_of_the_chart_are_the_plain_ones() {
    let objects = render("{metrics: {prometheusRule: {enabled: true, labels: {release: mine}}}}");
    let rule = one(&objects, "PrometheusRule");
    assert_eq!(rule["metadata"]["labels"]["release"], "mine");
    let rules = alerting(&rule["spec"]);
    assert!(rules.len() > 15);
    assert_eq!(rules, plain_rules());
}

#[test]
fn an_alert_of_the_chart_is_left_out_labelled_and_leads_to_its_page_as_asked() {
    let objects = render(
        "{metrics: {prometheusRule: {enabled: true, disabled: [BackupGrown], alertLabels: {team: data, severity: none}, runbooks: 'https://wiki.example/runbooks'}}}",
    );
    let rules = alerting(&one(&objects, "PrometheusRule")["spec"]);
    assert!(!rules.contains_key("BackupGrown") && rules.contains_key("BackupShrunk"));
    for (name, rule) in rules.iter().filter(|(_, rule)| rule.get("alert").is_some()) {
        assert_eq!(rule["labels"]["team"], "data", "{name}");
        assert_eq!(
            rule["labels"]["severity"],
            plain_rules()[name]["labels"]["severity"],
            "{name}"
        );
        let url = format!("https://wiki.example/runbooks/{name}.md");
        assert_eq!(
            (&rule["annotations"]["runbook_url"], rule["annotations"].get("runbook")),
            (&json!(url), None)
        );
    }
    let recorded = rules.values().find(|rule| rule.get("record").is_some()).unwrap();
    assert_eq!(recorded.get("labels"), None);
}

#[test]
fn each_alert_and_no_other_can_be_left_out() {
    let schema = std::fs::read_to_string(root().join("charts/backup-operator/values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let names = schema.pointer("/properties/metrics/properties/prometheusRule/properties/disabled/items/enum");
    let names: BTreeSet<_> = names
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap().to_string())
        .collect();
    let alerts = plain_rules()
        .into_iter()
        .filter(|(_, rule)| rule.get("alert").is_some());
    assert_eq!(names, alerts.map(|(name, _)| name).collect());
}

#[test]
fn the_dashboards_of_the_chart_are_the_plain_ones() {
    let objects = render("{metrics: {dashboards: {enabled: true, annotations: {grafana_folder: Backups}}}}");
    let map = one(&objects, "ConfigMap");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(map["metadata"]["annotations"]["grafana_folder"], "Backups");
    let data = map["data"].as_object().unwrap();
    assert_eq!(data.len(), 4);
    for (name, text) in data {
        let plain = name.strip_prefix("backup-operator-").unwrap();
        let plain = std::fs::read_to_string(root().join("deploy/dashboards").join(plain)).unwrap();
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(text.as_str().unwrap()), read(&plain), "{name}");
    }
    // What a ConfigMap may have, and what an annotation of `kubectl apply` takes.
    assert!(map.to_string().len() < 256 * 1024);
}
