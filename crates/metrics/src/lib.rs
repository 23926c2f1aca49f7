//! What the operator measures: one table, from which metrics are served, documented, and taken by alerts and dashboards; and how a scrape of it is
//! written.
#![forbid(unsafe_code)]

mod labels;
pub mod scrape;
mod table;
pub mod text;

pub use labels::Labels;
pub use table::METRICS;

/// Of which kind a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, and begins at nothing with each process.
    Counter,
    /// How often something took how long.
    Histogram,
}

/// What a metric's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A length of time.
    Seconds,
    /// A point in time: seconds since 1970.
    Timestamp,
    /// Bytes.
    Bytes,
    /// Things; the name says which.
    Count,
    /// 1 for yes, 0 for no.
    Flag,
}

impl Unit {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Timestamp => "Unix time in seconds",
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Flag => "0 or 1",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name that queries use; a counter's ends in `_total`, a histogram has `_bucket`, `_sum` and `_count` of it.
    pub name: &'static str,
    /// Of which kind it is.
    pub kind: Kind,
    /// What its number counts.
    pub unit: Unit,
    /// By what its series differ.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
    /// The Go operator served it under the same name.
    pub kept_from_go: bool,
}

impl Metric {
    /// The name of its family: OpenMetrics has a counter's `_total` in the names of its series only.
    pub fn family(&self) -> &'static str {
        self.name.strip_suffix("_total").unwrap_or(self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_has_a_help_that_is_a_sentence_and_a_name_that_tells_its_unit() {
        for metric in METRICS {
            let Metric { name, help, unit, .. } = metric;
            assert!(help.len() > 10 && help.ends_with('.'), "{name}: {help:?}");
            assert!(!help.contains(['\n', '"', '\\', '|']), "{name}: {help:?}");
            let base = metric.family();
            match unit {
                // The Go operator's names say no unit.
                _ if metric.kept_from_go => {}
                Unit::Seconds => assert!(base.ends_with("_seconds"), "{name}"),
                Unit::Timestamp => assert!(
                    base.ends_with("_time_seconds") || base.ends_with("_timestamp_seconds"),
                    "{name}"
                ),
                Unit::Bytes => assert!(base.ends_with("_bytes"), "{name}"),
                Unit::Count | Unit::Flag => {
                    assert!(!base.ends_with("_seconds") && !base.ends_with("_bytes"), "{name}");
                }
            }
        }
    }

    #[test]
    fn names_are_there_once_and_are_what_prometheus_takes() {
        let names: BTreeSet<_> = METRICS.iter().map(Metric::family).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            let Metric { name, kind, labels, .. } = metric;
            assert!(
                name.starts_with("backup_operator_") || name.starts_with("process_"),
                "{name}"
            );
            let plain = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain(name) && labels.iter().all(|l| plain(l)), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        }
    }

    #[test]
    fn no_series_is_of_one_run() {
        for metric in METRICS {
            for label in metric.labels {
                assert!(
                    !["run", "path", "key", "pod", "uid", "message"].contains(label),
                    "{}",
                    metric.name
                );
            }
        }
    }
}
