//! PromQL as text: which metrics a query names, held against the table of those that there are.
use std::collections::BTreeSet;

use metrics::{Kind, METRICS};

/// What Prometheus itself has.
const PROMETHEUS: [&str; 3] = ["ALERTS", "ALERTS_FOR_STATE", "up"];
/// What begins so is meant to be a metric of the operator's.
const OURS: [&str; 2] = ["backup_operator", "process_"];

/// The metrics that a query names and that are neither the operator's, nor recorded, nor Prometheus' own.
pub fn strangers(expr: &str, recorded: &BTreeSet<&str>) -> Vec<String> {
    names(expr)
        .into_iter()
        .filter(|name| !recorded.contains(name.as_str()) && !PROMETHEUS.contains(&name.as_str()) && !exists(name))
        .collect()
}

/// What looks like the name of a metric.
pub fn names(expr: &str) -> Vec<String> {
    let mut names: Vec<String> = without_strings(expr)
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(|word| OURS.iter().any(|prefix| word.starts_with(prefix)) || word.contains(":backup_operator"))
        .map(String::from)
        .collect();
    names.sort();
    names.dedup();
    names
}

fn without_strings(expr: &str) -> String {
    expr.split('"').step_by(2).collect::<Vec<_>>().join(" ")
}

/// Whether the operator has a series of that name. A histogram has three.
fn exists(name: &str) -> bool {
    METRICS.iter().any(|metric| match metric.kind {
        Kind::Histogram => name
            .strip_prefix(metric.name)
            .is_some_and(|rest| ["_bucket", "_sum", "_count"].contains(&rest)),
        Kind::Gauge | Kind::Counter => metric.name == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_those_that_nobody_has_are_told() {
        let expr = "sum by (namespace) (rate(backup_operator_stored_bytes_total{namespace=~\"backup_operator_x\"}[5m])) / process_cpu_seconds_total + namespace:backup_operator_y:count + backup_operator_z";
        let wanted = [
            "backup_operator_stored_bytes_total",
            "backup_operator_z",
            "namespace:backup_operator_y:count",
            "process_cpu_seconds_total",
        ];
        assert_eq!(names(expr), wanted);
        let recorded = BTreeSet::from(["namespace:backup_operator_y:count"]);
        assert_eq!(strangers(expr, &recorded), ["backup_operator_z"]);
        let histogram = "backup_operator_reconcile_duration_seconds";
        assert_eq!(
            strangers(histogram, &recorded),
            [histogram],
            "it has no series of its own"
        );
        assert!(strangers(&format!("{histogram}_bucket"), &recorded).is_empty());
    }
}
