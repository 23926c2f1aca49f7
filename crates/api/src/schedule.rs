//! `BackupSchedule`: backups on a calendar, and how many are kept.
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::notification::{Notification, Notifications};
use crate::retention::{Kept, Retention};
use crate::rules;
use crate::run::{BackupRunSpec, TemplateMetadata};

/// Makes a BackupRun at each tick of a calendar and rotates old ones, with CronJob's words and behaviour.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "backup-operator.io",
    version = "v1",
    kind = "BackupSchedule",
    plural = "backupschedules",
    shortname = "bs",
    namespaced,
    status = "BackupScheduleStatus",
    derive = "PartialEq",
    doc = "BackupSchedule makes a BackupRun at each tick of a calendar and rotates old ones, with CronJob's words and behaviour.",
    printcolumn = r#"{"name":"Schedule","type":"string","jsonPath":".spec.schedule","description":"Cron expression"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether it makes runs"}"#,
    printcolumn = r#"{"name":"Last Run","type":"string","jsonPath":".status.conditions[?(@.type==\"Successful\")].reason","description":"How the last run ended"}"#,
    printcolumn = r#"{"name":"Last Good","type":"string","jsonPath":".status.lastSuccessfulTime","description":"When the last good backup ended"}"#,
    printcolumn = r#"{"name":"Good Age","type":"date","jsonPath":".status.lastSuccessfulTime","description":"How long ago that was"}"#,
    printcolumn = r#"{"name":"Next","type":"string","jsonPath":".status.nextScheduleTime","description":"Next tick"}"#,
    printcolumn = r#"{"name":"Failing Since","type":"string","jsonPath":".status.failingSince","description":"When the first backup failed of those since the last good one"}"#,
    printcolumn = r#"{"name":"In A Row","type":"integer","jsonPath":".status.consecutiveFailures","description":"Backups that have failed since the last good one","priority":1}"#,
    printcolumn = r#"{"name":"Starving","type":"string","jsonPath":".status.conditions[?(@.type==\"Starving\")].status","description":"Whether run after run comes to nothing","priority":1}"#,
    printcolumn = r#"{"name":"Last Verified","type":"date","jsonPath":".status.lastVerifiedTime","description":"How long ago a backup was last restored with success","priority":1}"#,
    printcolumn = r#"{"name":"Storage","type":"string","jsonPath":".spec.template.spec.storage.name","description":"Where backups go","priority":1}"#,
    printcolumn = r#"{"name":"Suspend","type":"boolean","jsonPath":".spec.suspend","description":"No run is started on ticks","priority":1}"#,
    printcolumn = r#"{"name":"Total","type":"integer","jsonPath":".status.total","description":"Runs that exist","priority":1}"#,
    printcolumn = r#"{"name":"In Progress","type":"integer","jsonPath":".status.inProgress","description":"Runs under way","priority":1}"#,
    printcolumn = r#"{"name":"Successful","type":"integer","jsonPath":".status.successful","description":"Runs with a good backup","priority":1}"#,
    printcolumn = r#"{"name":"Failed","type":"integer","jsonPath":".status.failed","description":"Runs whose backup failed","priority":1}"#,
    printcolumn = r#"{"name":"Last Scheduled","type":"date","jsonPath":".status.lastScheduleTime","description":"Last tick that was run","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = rules::SCHEDULE_NAME.rule()
)]
#[serde(rename_all = "camelCase")]
pub struct BackupScheduleSpec {
    /// When to run: five cron fields (minute, hour, day of month, month, day of week; names, ranges and steps allowed),
    /// or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, `@every 1h30m`. A `TZ=` prefix sets the zone, where `timeZone` does not.
    #[schemars(length(min = 1))]
    pub schedule: String,

    /// IANA time zone of the schedule, such as Europe/Berlin; the zones are those that are built into the operator, not those of its image. Where its clocks are changed, a time that they skip has no tick, and one
    /// that they repeat has two, as in the Go operator. Where they are changed by less than an hour, or not on the hour (Australia/Lord_Howe, Pacific/Chatham), the Go library's own steps are followed:
    /// a time near the change may be left out, run once, or run an hour later; lint and preview tell. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub time_zone: Option<String>,

    /// A tick that could not be started for this many seconds is skipped. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub starting_deadline_seconds: Option<u64>,

    /// Start each run up to this many seconds after its tick, so that many schedules with the same expression do not all
    /// start at once. How many exactly follows from the schedule's uid and stays the same; names and times of runs stay those of the tick. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 86400))]
    pub jitter_seconds: Option<u32>,

    /// What to do when a tick comes while a run is under way.
    #[serde(default = "replace", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "replace")]
    pub concurrency_policy: Option<ConcurrencyPolicy>,

    /// Start no runs on ticks. Rotation goes on, and the trigger annotation still works. Default: false.
    #[serde(default = "no", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "no")]
    pub suspend: Option<bool>,

    /// What happens to the stored objects of runs with `retainPolicy: Delete` when not the run is deleted but this schedule or
    /// its namespace, and the runs go along. Retain (default): the objects stay in the storage, and Events name them. Delete: they are removed.
    /// Retain also covers a schedule that is renamed or pruned in Git or replaced by `kubectl replace --force`. Rotation, and a run that is deleted by itself, always follow `retainPolicy`.
    #[serde(default = "keep", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "keep")]
    pub when_deleted: Option<WhenDeleted>,

    /// The run that each tick makes.
    pub template: RunTemplate,

    /// How many runs with a good backup are kept, where `retention` is not given. Runs annotated `backup-operator.io/keep` are neither counted nor removed. Default: 3.
    #[serde(default = "three", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), default = "three")]
    pub successful_runs_history_limit: Option<u32>,

    /// Keep good backups by generations and not by their number (`successfulRunsHistoryLimit` says nothing then; taking this out makes it count again, at once). Each rule by itself says which it keeps, as `restic forget --keep-...`
    /// does, and a backup goes when none keeps it; a rule that is not filled yet keeps the oldest one, too. Always stay: the newest good backup, the newest that was restored or verified with success, those that are annotated
    /// `backup-operator.io/keep` (they take no place), locked, restored, downloaded or copied, and those of the future. It takes effect at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Box<Retention>>,

    /// How many runs with a failed backup are kept. Default: 1.
    #[serde(default = "one", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), default = "one")]
    pub failed_runs_history_limit: Option<u32>,

    /// Who is told when a backup fails, is missed, or is good again: at most eight receivers. The hosts that they may name are those of the operator's `--notification-hosts`
    /// (`notifications.hosts` of the chart). Default: the operator's own receivers, where it has some. A receiver that cannot be reached holds no run up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]), length(max = 8))]
    pub notifications: Vec<Notification>,
}

fn replace() -> Option<ConcurrencyPolicy> {
    Some(ConcurrencyPolicy::Replace)
}
fn keep() -> Option<WhenDeleted> {
    Some(WhenDeleted::Retain)
}
fn no() -> Option<bool> {
    Some(false)
}
fn three() -> Option<u32> {
    Some(3)
}
fn one() -> Option<u32> {
    Some(1)
}

/// What to do when a tick comes while a run is under way. Allow: run both. Forbid: wait for it to end.
/// Replace (default): stop the one under way, remove what it uploaded, and start the new one.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConcurrencyPolicy {
    /// Run both.
    Allow,
    /// Wait for the one under way.
    Forbid,
    /// Stop the one under way.
    #[default]
    Replace,
}

/// What happens to stored objects when a schedule or its namespace is deleted. Retain (default): they stay.
/// Delete: they are removed, where the run's `retainPolicy` is Delete.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenDeleted {
    /// They stay.
    #[default]
    Retain,
    /// They are removed, where the run's retainPolicy is Delete.
    Delete,
}

/// The run that each tick makes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
pub struct RunTemplate {
    /// Labels and annotations of the runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,
    /// Specification of the runs.
    pub spec: BackupRunSpec,
}

/// What the operator knows of a schedule.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackupScheduleStatus {
    /// The generation of the spec that this status was made from; -1 before an operator has looked at the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: the schedule is valid. InProgress: a run is under way. Successful, Failed: how the last run ended. Suspended.
    /// Starving: three runs in a row were replaced, or three ticks passed over, before one ended, or three wait at once; its message has what they wait for. Stalled: there while no run can be made; kstatus reads it (Flux, Helm 4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Runs of this schedule that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Of these, runs with a good backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful: Option<u32>,
    /// Of these, runs whose backup failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<u32>,
    /// Of these, runs under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<u32>,
    /// The runs under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub active: Vec<ObjectReference>,
    /// The last tick that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// The end of the last good backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// The next tick; absent while suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// Runs in a row that were replaced before one ended; absent once one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// Backups that have failed since the last good one, those of runs that are gone included; absent while there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_failures: Option<u32>,
    /// When the first of them ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Time>,
    /// The last good backup, also when its run is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_backup: Option<LastBackup>,
    /// What the commands of the last good backups wrote, bytes, at most eight, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub recent_bytes: Vec<u64>,
    /// When a backup of this schedule was last restored with success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_verified_time: Option<Time>,
    /// Which ended runs all of this has counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
    /// How many good backups `spec.retention` keeps, by generation; absent without it, and while it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Box<Kept>>,
    /// What was told to receivers of notifications, and what is still to be told; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Box<Notifications>>,
}

/// A good backup.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastBackup {
    /// Its run, which may be gone.
    pub run: String,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    pub completion_time: Time,
    /// Bytes that the command wrote; absent where nobody has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes that are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
}

/// Which ended runs were counted: those that ended up to a time, and the last ones by name.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// All that ended up to then; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Those that ended after it, at most eight: their names without the schedule's and its hyphen.
    pub runs: Vec<String>,
}

/// Runs in a row that were replaced before one ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// How many.
    pub runs: u32,
    /// The last of them, so that none is counted twice.
    pub last: String,
    /// When the first one was replaced.
    pub since: Time,
}
