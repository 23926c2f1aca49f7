//! Retention by generations: which good backups of a schedule are kept, in restic's words and meaning.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// Which good backups are kept, by generations.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = rules::RETENTION_SOMETHING.rule(), validation = rules::RETENTION_WITHIN.rule())]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// The newest so many, whenever they were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub last: Option<u32>,
    /// The newest of each of the last so many hours that have a backup. Hours without one are not counted, here and in the rules below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub hourly: Option<u32>,
    /// The newest of each of the last so many days that have a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub daily: Option<u32>,
    /// The newest of each of the last so many weeks that have a backup; a week is ISO 8601's and begins on Monday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub weekly: Option<u32>,
    /// The newest of each of the last so many months that have a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub monthly: Option<u32>,
    /// The newest of each of the last so many years that have a backup. 1000 keeps one of each year for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub yearly: Option<u32>,
    /// All that are younger than the newest one by less than this: years, months, days and hours, as in 1y5m7d2h (m is months). It is counted from the newest backup, not from now, so that a schedule that pauses loses nothing by time alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub within: Option<String>,
    /// IANA time zone in which hours, days, weeks, months and years begin. Default: that of the schedule (`spec.timeZone`, or `TZ=` in `spec.schedule`), else UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub time_zone: Option<String>,
    /// Never fewer good backups than this, whatever the rules say: the newest stay that they would remove. Those that are annotated `keep` are not counted. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_successful: Option<u32>,
}

/// How many good backups are kept, and by what. One backup may be kept by several rules.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Good backups that stay.
    pub total: u32,
    /// Of these, by `last`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    /// Of these, by `hourly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly: Option<u32>,
    /// Of these, by `daily`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
    /// Of these, by `weekly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<u32>,
    /// Of these, by `monthly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u32>,
    /// Of these, by `yearly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yearly: Option<u32>,
    /// Of these, by `within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u32>,
    /// Of these, by none of the rules, but for another reason: annotated `keep`, locked, in use, the newest verified one, `minSuccessful`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<u32>,
    /// When the oldest of them began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Time>,
}
