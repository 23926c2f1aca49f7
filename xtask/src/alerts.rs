//! The alerts, in one table: the rules of Prometheus, the chart's copy of them, and a page for each are made from it.
mod drills;
mod operator;
mod pages;
mod recorded;
mod runs;
pub mod schedules;

use serde_json::{Value, json};

use crate::generate::{Error, Generated};
use crate::yaml;

pub use pages::INDEX;

/// The rules as plain Prometheus takes them (`rule_files`).
const RULES: &str = "deploy/alerts.yaml";
/// The same for the chart, which makes a PrometheusRule of them.
const CHART: &str = "charts/backup-operator/files/alerts.yaml";

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody is to get up: data are without a backup, or nobody knows whether they are.
    Critical,
    /// Somebody is to look at it by day.
    Warning,
    /// Nobody has to do anything: it is as it was asked for, and good to know.
    Info,
}

impl Severity {
    /// The label's value.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Who has the series that an alert looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The leader alone. When another one takes over there are none for some seconds: who fires goes on firing meanwhile.
    Leader,
    /// Every replica.
    Replicas,
}

/// How long an alert fires on without the series of the leader: longer than a new leader, or a new Pod, is waited for.
const KEEP: &str = "10m";

/// What a person does first, and what it shows.
pub struct Command {
    /// To be run as it stands, but for the words in capitals, which the alert's labels have.
    pub line: &'static str,
    /// What to look for in the answer.
    pub shows: &'static str,
}

/// One alert.
pub struct Alert {
    /// Its name, and that of its page.
    pub name: &'static str,
    /// Its page.
    pub page: &'static str,
    /// PromQL. No label of a replica is in its result, so that it stays one alert when another one leads.
    pub expr: &'static str,
    /// How long that must hold.
    pub hold: &'static str,
    /// Whose series it looks at.
    pub from: Source,
    /// How bad it is.
    pub severity: Severity,
    /// One line, with the labels.
    pub summary: &'static str,
    /// Some lines, with the labels and the value.
    pub description: &'static str,
    /// The page: when it fires, and what that means.
    pub meaning: &'static str,
    /// The page: what to do first.
    pub commands: [Command; 3],
    /// The page: what is behind it mostly, and what cures that.
    pub cures: &'static [&'static str],
}

/// All, by group.
pub fn groups() -> [(&'static str, &'static [Alert]); 4] {
    [
        ("backup-operator.schedules", schedules::ALERTS),
        ("backup-operator.runs", runs::ALERTS),
        ("backup-operator.drills", drills::ALERTS),
        ("backup-operator.operator", operator::ALERTS),
    ]
}

/// All.
pub fn all() -> impl Iterator<Item = &'static Alert> {
    groups().into_iter().flat_map(|(_, alerts)| alerts)
}

fn rule(alert: &Alert) -> Value {
    let mut rule = json!({
        "alert": alert.name,
        "expr": alert.expr.trim(),
        "labels": { "severity": alert.severity.word() },
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook": alert.page,
        },
    });
    if let Some(rule) = rule.as_object_mut() {
        if alert.hold != "0" {
            rule.insert("for".into(), alert.hold.into());
        }
        if alert.from == Source::Leader {
            rule.insert("keep_firing_for".into(), KEEP.into());
        }
    }
    rule
}

fn rules() -> Result<String, Error> {
    let recorded: Vec<Value> = recorded::RULES.iter().map(recorded::Rule::json).collect();
    let mut all = vec![json!({ "name": "backup-operator.recorded", "rules": recorded })];
    for (name, alerts) in groups() {
        let rules: Vec<Value> = alerts.iter().map(rule).collect();
        all.push(json!({ "name": name, "rules": rules }));
    }
    let text = yaml::documents(&[json!({ "groups": all })])?;
    Ok([yaml::HEADER, text.strip_prefix("---\n").unwrap_or(&text)].concat())
}

/// The generated files.
///
/// # Errors
/// When one cannot be made.
pub fn files() -> Result<Vec<Generated>, Error> {
    let rules = rules()?;
    let mut files = vec![
        Generated {
            path: RULES.into(),
            text: rules.clone(),
        },
        Generated {
            path: CHART.into(),
            text: rules,
        },
        Generated {
            path: INDEX.into(),
            text: pages::index(),
        },
    ];
    files.extend(all().map(|alert| Generated {
        path: alert.page.into(),
        text: pages::page(alert),
    }));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::queries;

    #[test]
    fn an_alert_has_a_name_a_page_of_that_name_and_words() {
        let mut names = BTreeSet::new();
        for alert in all() {
            let name = alert.name;
            assert!(names.insert(name), "{name} is there twice");
            assert_eq!(alert.page, format!("docs/operations/runbooks/{name}.md"));
            assert!(!alert.summary.contains('\n') && !alert.summary.ends_with('.'), "{name}");
            for words in [alert.description, alert.meaning] {
                assert!(words.ends_with(['.', '?']) && !words.contains("  "), "{name}: {words}");
            }
            assert!(!alert.cures.is_empty(), "{name}");
            assert!(alert.cures.iter().all(|cure| cure.ends_with('.')), "{name}");
            for command in &alert.commands {
                assert!(command.line.starts_with("kubectl "), "{name}: {}", command.line);
            }
        }
    }

    #[test]
    fn every_metric_that_a_rule_names_is_one_of_ours() {
        let recorded: BTreeSet<_> = recorded::RULES.iter().map(|rule| rule.name).collect();
        let exprs = all().map(|a| (a.name, a.expr));
        for (name, expr) in exprs.chain(recorded::RULES.iter().map(|r| (r.name, r.expr))) {
            let strange = queries::strangers(expr, &recorded);
            assert_eq!(strange, Vec::<String>::new(), "{name}");
        }
    }

    /// Two replicas are scraped, and another one leads tomorrow: what tells them apart must not be in an alert.
    #[test]
    fn what_an_alert_names_is_an_object_and_never_a_replica() {
        for alert in all() {
            for part in [alert.summary, alert.description] {
                for label in part.split("$labels.").skip(1) {
                    let label: String = label.chars().take_while(char::is_ascii_alphanumeric).collect();
                    let known = ["namespace", "schedule", "drill", "storage", "channel"];
                    assert!(known.contains(&label.as_str()), "{}: {label}", alert.name);
                    let grouped = alert.expr.contains(&label) && alert.expr.contains(" by (");
                    assert!(grouped, "{}: nothing keeps the label {label}", alert.name);
                }
            }
        }
    }
}
