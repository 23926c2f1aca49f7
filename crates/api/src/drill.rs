//! `BackupDrill`: on a calendar, one of a schedule's good backups is read or restored, to see that it can be.
use k8s_openapi::api::core::v1::{LocalObjectReference, ObjectReference, ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use crate::rules;
use crate::run::{Check, DecryptionKey, PodTemplate, RestoreAction, TemplateMetadata};

/// Proves backups of a schedule at each tick of a calendar, by reading or restoring one of them.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "backup-operator.io",
    version = "v1",
    kind = "BackupDrill",
    plural = "backupdrills",
    shortname = "bd",
    namespaced,
    status = "BackupDrillStatus",
    derive = "PartialEq",
    doc = "BackupDrill proves at each tick of a calendar that a good backup of a schedule can be restored: it makes a BackupRun that reads it, or restores it into a Pod of its own. The backup's run says what came of it (condition Verified).",
    printcolumn = r#"{"name":"Schedule","type":"string","jsonPath":".spec.schedule","description":"Cron expression"}"#,
    printcolumn = r#"{"name":"Source","type":"string","jsonPath":".spec.source.schedule","description":"The schedule whose backups are proved"}"#,
    printcolumn = r#"{"name":"Pick","type":"string","jsonPath":".spec.source.pick","description":"Which of them"}"#,
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.mode","description":"How"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether it makes runs"}"#,
    printcolumn = r#"{"name":"Last Result","type":"string","jsonPath":".status.conditions[?(@.type==\"Successful\")].reason","description":"How the last drill ended"}"#,
    printcolumn = r#"{"name":"Last Proved","type":"date","jsonPath":".status.lastSuccessfulTime","description":"How long ago a drill last ended well"}"#,
    printcolumn = r#"{"name":"Next","type":"string","jsonPath":".status.nextScheduleTime","description":"Next tick"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Last Picked","type":"string","jsonPath":".status.lastPicked","description":"The run whose backup was taken last","priority":1}"#,
    printcolumn = r#"{"name":"Took","type":"string","jsonPath":".status.lastDuration","description":"How long the last drill took","priority":1}"#,
    printcolumn = r#"{"name":"Suspend","type":"boolean","jsonPath":".spec.suspend","description":"No drill is started on ticks","priority":1}"#,
    printcolumn = r#"{"name":"In Progress","type":"integer","jsonPath":".status.inProgress","description":"Drills under way","priority":1}"#,
    printcolumn = r#"{"name":"Last Scheduled","type":"date","jsonPath":".status.lastScheduleTime","description":"Last tick that was taken up","priority":1}"#,
    validation = rules::DRILL_NAME.rule()
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::RESTORE_NEEDS_TEMPLATE.rule(),
    validation = rules::READ_NEEDS_NOTHING.rule(),
    validation = rules::READER_READS.rule(),
    validation = rules::ONE_CHECK.rule(),
    validation = rules::DRILL_CONTAINER.rule(),
    validation = rules::DRILL_CHECK_CONTAINER.rule(),
    validation = rules::DRILL_RESTORE_CHECK_CONTAINER.rule()
)]
pub struct BackupDrillSpec {
    /// When to prove a backup: five cron fields, or `@daily`, `@weekly`, `@every 12h` and so on, as in a BackupSchedule.
    #[schemars(length(min = 1))]
    pub schedule: String,

    /// IANA time zone of the schedule, such as Europe/Berlin, as in a BackupSchedule. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub time_zone: Option<String>,

    /// A tick that could not be started for this many seconds is skipped. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub starting_deadline_seconds: Option<u64>,

    /// Start each drill up to this many seconds after its tick, as in a BackupSchedule. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 86400))]
    pub jitter_seconds: Option<u32>,

    /// What to do when a tick comes while a drill is under way.
    #[serde(default = "forbid", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "forbid")]
    pub concurrency_policy: Option<Concurrency>,

    /// Start no drills on ticks. The trigger annotation still works. Default: false.
    #[serde(default = "no", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "no")]
    pub suspend: Option<bool>,

    /// Whose backups are proved, and which of them.
    pub source: DrillSource,

    /// How a backup is proved.
    #[serde(default = "read", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "read")]
    pub mode: Option<DrillMode>,

    /// With mode Restore: the command that gets the backup on its standard input. Default: `restore` of the run whose backup was picked, which then needs a container of that name in `template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreAction>,

    /// With mode Restore, needed then: the Pod that the drill runs in, normally with a scratch database as a further container. It is never taken from the schedule, whose Pod reaches the database that was backed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PodTemplate>,

    /// With mode Restore: the command that proves what was restored, in the container of the restore command where it names none; the drill is good only where it ends with exit status 0. Default: `restore.check`, of this drill or of the run whose backup was picked, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,

    /// With mode Read: what its Pod needs beside what the operator gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<Reader>,

    /// Where the identity that decrypts the backup is kept. During a drill it is in the memory of the drill's Pod. Default: the key that the picked run names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decryption_key: Option<DecryptionKey>,

    /// How many seconds the Pod may take to become ready before the drill fails. Default: 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub start_deadline_seconds: Option<u32>,

    /// How many runs of good drills are kept. Default: 3.
    #[serde(default = "three", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), default = "three")]
    pub successful_runs_history_limit: Option<u32>,

    /// How many runs of failed drills are kept. Default: 1.
    #[serde(default = "one", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), default = "one")]
    pub failed_runs_history_limit: Option<u32>,
}

fn forbid() -> Option<Concurrency> {
    Some(Concurrency::Forbid)
}
fn no() -> Option<bool> {
    Some(false)
}
fn read() -> Option<DrillMode> {
    Some(DrillMode::Read)
}
fn latest() -> Option<Pick> {
    Some(Pick::Latest)
}
fn three() -> Option<u32> {
    Some(3)
}
fn one() -> Option<u32> {
    Some(1)
}

/// What to do when a tick comes while a drill is under way. Forbid (default): it waits for that one to end. There is no other way.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// Wait for the one under way.
    #[default]
    Forbid,
}

/// Whose backups are proved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DrillSource {
    /// A BackupSchedule of this namespace.
    #[schemars(length(min = 1, max = 52))]
    pub schedule: String,
    /// Which of its good backups.
    #[serde(default = "latest", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "latest")]
    pub pick: Option<Pick>,
}

/// Which of its good backups. Latest (default): the newest. Oldest: the oldest that is kept. Random: any of them, another one at each tick. Unverified: the newest that nothing has restored or read yet, and where all were tried, the one for which that is longest ago.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// The newest.
    #[default]
    Latest,
    /// The oldest that is kept.
    Oldest,
    /// Any of them.
    Random,
    /// The newest that was not tried yet.
    Unverified,
}

/// How a backup is proved. Read (default): a Pod of the operator's own image reads all of it, decrypts and decompresses it, and its SHA-256 is held against what the backup recorded. It needs no image of yours and says that what was stored is there, is whole and can be opened; not that a database takes it.
/// Restore: `restore` is run in a Pod of `template` and gets the backup on its standard input, and `check` proves what came of it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DrillMode {
    /// All of it is read.
    #[default]
    Read,
    /// It is restored.
    Restore,
}

impl DrillMode {
    /// As labels and statuses have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Restore => "Restore",
        }
    }
}

/// What the Pod that reads a backup needs beside what the operator gives it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// Labels and annotations of the Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,
    /// What its container requests and is limited to. Default: requests of 50m CPU and 64Mi of memory, a limit of 256Mi of memory: what was compressed with a larger window (`compression.windowLog`) needs more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Secrets that the operator's image is pulled with, where its registry asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Labels of the nodes that it may run on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that it tolerates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tolerations: Vec<Toleration>,
    /// Its PriorityClass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
}

/// What the operator knows of a drill.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackupDrillStatus {
    /// The generation of the spec that this status was made from; -1 before an operator has looked at the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: the drill is valid, and its last tick found a backup. InProgress: a drill is under way. Successful, Failed: how the last one ended. Suspended. Stalled: there while no drill can be made; kstatus reads it (Flux, Helm 4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Runs of this drill that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Of these, runs of good drills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful: Option<u32>,
    /// Of these, runs of failed drills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<u32>,
    /// Of these, runs under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<u32>,
    /// The runs under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub active: Vec<ObjectReference>,
    /// The last tick that was taken up, also where there was nothing to prove.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// The next tick; absent while suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// The end of the last good drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// The beginning of the last drill that has ended, good or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_start_time: Option<Time>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_completion_time: Option<Time>,
    /// How long it took, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_duration: Option<String>,
    /// The run whose backup was taken last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_picked: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_gets_its_default() {
        let spec: BackupDrillSpec =
            serde_json::from_value(serde_json::json!({"schedule": "@daily", "source": {"schedule": "db"}})).unwrap();
        assert_eq!(
            (spec.mode, spec.source.pick, spec.concurrency_policy),
            (Some(DrillMode::Read), Some(Pick::Latest), Some(Concurrency::Forbid))
        );
        assert_eq!(
            (
                spec.successful_runs_history_limit,
                spec.failed_runs_history_limit,
                spec.suspend
            ),
            (Some(3), Some(1), Some(false))
        );
    }
}
