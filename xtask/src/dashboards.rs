//! The dashboards for Grafana, as it imports them: one table of panels each.
mod fleet;
mod operator;
mod panel;
mod schedule;
mod storages;

use panel::{Panel, datasource};
use serde_json::{Value, json};

use crate::generate::{Error, Generated};

/// What tells them from others, and leads from one to the next.
const TAG: &str = "backup-operator";
/// The oldest Grafana that is meant, 11; later ones read it as well.
const SCHEMA: u32 = 39;

/// One dashboard.
pub struct Dashboard {
    /// Where it goes: by hand, and with the chart.
    pub paths: [&'static str; 2],
    /// Stays the same over all versions, so that links to it hold.
    pub uid: &'static str,
    /// In the list of dashboards.
    pub title: &'static str,
    /// What it answers.
    pub description: &'static str,
    /// What it shows at first.
    pub from: &'static str,
    /// What can be chosen.
    pub variables: Vec<Variable>,
    /// In rows from the left to the right.
    pub panels: Vec<Panel>,
}

/// What can be chosen at the top of a dashboard.
pub struct Variable {
    /// Its name in queries.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// `label_values(METRIC, LABEL)`.
    pub query: &'static str,
    /// Several at once, and all.
    pub several: bool,
}

impl Variable {
    fn json(&self) -> Value {
        let current = if self.several {
            json!({ "text": ["All"], "value": ["$__all"] })
        } else {
            // None of its options: the first one is taken.
            json!({ "text": "", "value": "" })
        };
        json!({
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": datasource(),
            "definition": self.query,
            "query": { "query": self.query, "refId": self.name },
            "refresh": 2,
            "sort": 1,
            "regex": "",
            "hide": 0,
            "multi": self.several,
            "includeAll": self.several,
            "allValue": if self.several { json!(".*") } else { Value::Null },
            "current": current,
            "options": [],
            "skipUrlSync": false,
        })
    }
}

impl Dashboard {
    fn json(&self) -> Value {
        let source = json!({
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "hide": 0,
            "multi": false,
            "includeAll": false,
            "current": { "text": "default", "value": "default" },
            "options": [],
            "skipUrlSync": false,
        });
        let mut variables = vec![source];
        variables.extend(self.variables.iter().map(Variable::json));
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "weekStart": "",
            "timezone": "browser",
            "time": { "from": self.from, "to": "now" },
            "timepicker": {},
            "refresh": "1m",
            "annotations": { "list": [] },
            "templating": { "list": variables },
            "links": [{
                "type": "dashboards",
                "title": "Backups",
                "tags": [TAG],
                "asDropdown": false,
                "includeVars": true,
                "keepTime": true,
                "targetBlank": false,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }],
            "panels": panel::laid_out(&self.panels),
        })
    }
}

/// All.
pub fn all() -> [Dashboard; 4] {
    [
        fleet::dashboard(),
        schedule::dashboard(),
        storages::dashboard(),
        operator::dashboard(),
    ]
}

/// The generated files.
///
/// # Errors
/// When one cannot be written as JSON.
pub fn files() -> Result<Vec<Generated>, Error> {
    let mut files = Vec::new();
    for dashboard in all() {
        let text = serde_json::to_string_pretty(&panel::sorted(&dashboard.json())).map_err(Error::Schema)? + "\n";
        files.extend(dashboard.paths.map(|path| Generated {
            path: path.into(),
            text: text.clone(),
        }));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::queries;

    fn json() -> Vec<Value> {
        all().iter().map(Dashboard::json).collect()
    }

    fn exprs(dashboard: &Value) -> Vec<&str> {
        let panels = dashboard["panels"].as_array().unwrap();
        let targets = panels
            .iter()
            .flat_map(|p| p["targets"].as_array().into_iter().flatten());
        targets.map(|t| t["expr"].as_str().unwrap()).collect()
    }

    #[test]
    fn every_metric_that_a_panel_or_a_variable_names_is_one_of_ours() {
        for dashboard in json() {
            for expr in exprs(&dashboard) {
                assert_eq!(
                    queries::strangers(expr, &BTreeSet::new()),
                    Vec::<String>::new(),
                    "{expr}"
                );
            }
        }
        for variable in all().iter().flat_map(|d| &d.variables) {
            assert_eq!(
                queries::strangers(variable.query, &BTreeSet::new()),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn a_panel_uses_no_variable_that_its_dashboard_has_not() {
        for (dashboard, json) in all().iter().zip(json()) {
            let known: BTreeSet<_> = dashboard.variables.iter().map(|v| v.name).collect();
            for expr in exprs(&json) {
                for rest in expr.split('$').skip(1) {
                    let name: String = rest
                        .chars()
                        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                        .collect();
                    let ok = name.starts_with("__") || known.contains(name.as_str());
                    assert!(ok, "{}: ${name}", dashboard.title);
                }
            }
        }
    }

    #[test]
    fn panels_have_a_number_a_title_a_meaning_and_a_place_of_their_own() {
        for dashboard in json() {
            let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
            for panel in dashboard["panels"].as_array().unwrap() {
                let title = panel["title"].as_str().unwrap();
                assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
                assert!(!title.is_empty());
                if panel["type"] == "row" {
                    continue;
                }
                assert!(panel["description"].as_str().unwrap().ends_with('.'), "{title}");
                let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
                assert!(at("x") + at("w") <= 24, "{title}");
                for x in at("x")..at("x") + at("w") {
                    for y in at("y")..at("y") + at("h") {
                        assert!(taken.insert((x, y)), "{title} lies over another");
                    }
                }
            }
        }
    }
}
