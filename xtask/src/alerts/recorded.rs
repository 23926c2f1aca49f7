//! What is recorded: of how many schedules there is a backup that is young enough, for objectives over weeks and months.
use serde_json::{Value, json};

use super::schedules::good_since;

/// A recorded series.
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// PromQL.
    pub expr: &'static str,
    /// What it is.
    pub meaning: &'static str,
}

impl Rule {
    /// As Prometheus reads it.
    pub fn json(&self) -> Value {
        json!({ "record": self.name, "expr": self.expr.trim() })
    }
}

/// In the order in which they are evaluated.
pub const RULES: &[Rule] = &[
    Rule {
        name: "namespace:backup_operator_schedules_active:count",
        expr: "count by (namespace) (
  max by (namespace, schedule) (backup_operator_schedule_active_since_timestamp_seconds)
)",
        meaning: "schedules that are not suspended, by namespace",
    },
    Rule {
        name: "namespace:backup_operator_schedules_fresh:count",
        expr: concat!(
            "count by (namespace) (
  time() - ",
            good_since!(),
            "
  <=
  max by (namespace, schedule) (
    1.5 * backup_operator_schedule_expected_interval_seconds + backup_operator_schedule_jitter_seconds
  )
)
or
0 * namespace:backup_operator_schedules_active:count"
        ),
        meaning: "of these, the ones with a good backup that is younger than one and a half of the schedule's intervals and its jitter; a new one counts until its first backup is due by that measure",
    },
    Rule {
        name: "namespace:backup_operator_schedules_fresh:ratio",
        expr: "namespace:backup_operator_schedules_fresh:count
/
namespace:backup_operator_schedules_active:count",
        meaning: "the share of a namespace's schedules with a young enough good backup",
    },
    Rule {
        name: "backup_operator_schedules_fresh:ratio",
        expr: "sum(namespace:backup_operator_schedules_fresh:count)
/
sum(namespace:backup_operator_schedules_active:count)",
        meaning: "the same for the whole cluster",
    },
];
