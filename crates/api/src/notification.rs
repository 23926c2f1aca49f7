//! Who is told of a schedule's backups, and by what: a part of `BackupSchedule`, and the operator's default for those that have none.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// One receiver of what happens to a schedule's backups: exactly one of `webhook`, `slack`, `smtp` and `ping`.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::ONE_CHANNEL.rule(), validation = rules::PING_HAS_NO_EVENTS.rule())]
pub struct Notification {
    /// What it is called in status, Events and metrics: letters, digits and dashes, unique in the list.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// What is told. Failed: a backup failed, and once a day as long as none is good. Recovered: the first good backup after that, or after one that was
    /// missed. Missed: no good backup came when one was due, and none has failed. Shrunk: a good backup has less than half of the bytes of those before it.
    /// RestoreEnded: a restore ended, well or badly. Always: every backup that ends, and all of the others. Default: Failed, Recovered and Missed. Not with `ping`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"), length(max = 6))]
    pub events: Vec<Asked>,

    /// A CloudEvent 1.0 as JSON, posted to a URL and signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,

    /// A message to a Slack incoming webhook, or to what takes the same (Mattermost, Rocket.Chat, Google Chat, Discord with `/slack` after its URL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,

    /// A mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp: Option<Smtp>,

    /// Requests to a dead man's switch as healthchecks.io is one, which tells you when none came: at the start and the end of every backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ping: Option<Ping>,

    /// PEM certificates to trust beside the public authorities, for a receiver whose certificate is of your own authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub ca_bundle: Option<String>,
}

/// What is told: Failed, Recovered, Missed, Shrunk, RestoreEnded, Always.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// A backup failed, and once a day as long as none is good.
    Failed,
    /// The first good backup after that, or after one that was missed.
    Recovered,
    /// No good backup came when one was due, and none has failed.
    Missed,
    /// A good backup has less than half of the bytes of those before it.
    Shrunk,
    /// A restore ended, well or badly.
    RestoreEnded,
    /// Every backup that ends, and all of the others.
    Always,
}

/// A key of a Secret in the schedule's own namespace. What it holds is used without blanks and line ends around it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A CloudEvent 1.0 in structured mode (`application/cloudevents+json`), posted and signed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Where it is posted to: https or http, a host that `--notification-hosts` of the operator lists. What is secret in a URL does not belong here: everybody who may read schedules sees it.
    #[schemars(length(min = 1, max = 2000))]
    pub url: String,
    /// The key of the signature, at least 16 bytes: header `Backup-Operator-Signature: t=<seconds>,v1=<hex of HMAC-SHA256 over "<seconds>.<body>">`.
    pub signing_key: SecretKey,
}

/// A Slack incoming webhook, or what takes the same.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct Slack {
    /// Its URL, which is a secret.
    pub url: SecretKey,
}

/// A mail.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Smtp {
    /// The mail server, a host that `--notification-hosts` of the operator lists.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Its port. Default: 465 with `tls: Implicit`, else 587.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// How the connection is encrypted. StartTLS (default): after a greeting in the clear, and a server that offers none gets no mail. Implicit: from the first byte.
    #[serde(default = "start_tls", skip_serializing_if = "Option::is_none")]
    #[schemars(default = "start_tls")]
    pub tls: Option<Tls>,
    /// Whom the mail is from: `backups@example.com` or `Backups <backups@example.com>`.
    #[schemars(length(min = 1, max = 320))]
    pub from: String,
    /// Whom it goes to.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"), length(min = 1, max = 20), inner(length(min = 1, max = 320)))]
    pub to: Vec<String>,
    /// Who logs in. Needs `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 320))]
    pub username: Option<String>,
    /// The password of `username`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretKey>,
}

fn start_tls() -> Option<Tls> {
    Some(Tls::StartTLS)
}

/// How the connection to a mail server is encrypted. StartTLS (default): after a greeting in the clear, and a server that offers none gets no mail.
/// Implicit: from the first byte.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// After a greeting in the clear.
    #[default]
    StartTLS,
    /// From the first byte.
    Implicit,
}

/// A dead man's switch: at least one of the three URLs, each of which is a secret.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[x_kube(validation = rules::PING_SOMETHING.rule())]
pub struct Ping {
    /// Asked for when a backup starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<SecretKey>,
    /// Asked for when a backup ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<SecretKey>,
    /// Asked for when a backup failed; the reason is the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail: Option<SecretKey>,
}

/// What was told to whom, and what is still to be told. What is told is at least once delivered under one id, or given up after an hour of tries.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Notifications {
    /// What ended up to this time was noticed.
    pub noticed_until: Time,
    /// What ended within the five minutes before that, so that none of it is noticed twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub noticed: Vec<String>,
    /// The calendar that backups are expected by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// Since when there is no good backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How many transitions there were since notifications were asked for.
    #[serde(default)]
    pub transitions: u64,
    /// Those that somebody is still to be told of, oldest first; at most twenty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub pending: Vec<Transition>,
    /// The last transition that each receiver was told of; those of the operator's default are called `default/...`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub told: Vec<Told>,
}

/// The calendar that backups are expected by.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Zone and expression.
    pub calendar: String,
    /// Since when it holds without a break.
    pub since: Time,
}

/// Why there is no good backup.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// Since when.
    pub since: Time,
    /// Backups that failed in a row; 0 where one is missed.
    #[serde(default)]
    pub failures: u32,
    /// When it was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Time>,
}

/// What happened.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Happened {
    /// A backup has begun.
    Started,
    /// A backup ended well, as the one before it.
    Succeeded,
    /// A backup ended well after one that failed or was missed.
    Recovered,
    /// A backup failed.
    Failed,
    /// A backup failed as the one before it, of which people were told within a day.
    FailedAgain,
    /// No good backup came when one was due.
    Missed,
    /// A good backup is far smaller than those before it.
    Shrunk,
    /// A restore ended well.
    Restored,
    /// A restore failed.
    RestoreFailed,
}

/// One thing that happened.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Its number, from 1.
    pub number: u64,
    /// What happened.
    pub what: Happened,
    /// When.
    pub at: Time,
    /// The run that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The restore of that run, by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<u32>,
    /// Since when there is, or was, no good backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Backups that failed in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// One CamelCase word.
    pub reason: String,
    /// What is wrong and what would cure it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What one receiver was told last.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The receiver.
    pub name: String,
    /// The number of the transition.
    pub number: u64,
    /// When that was settled; absent until something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Why it could not be delivered, where it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}
