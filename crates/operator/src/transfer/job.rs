//! The work that an agent is given, made from the run, the storage and the decryption key.
use std::time::Duration;

use api::names::Action;
use api::run::{Algorithm, DecryptionKey, KeyType};
use api::{BackupRun, labels};
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use kube::{Api, Client, ResourceExt};
use planner::run::shrunk::minimum;
use planner::run::{Reason, Route, TransferOrder, pod};
use planner::validate;
use protocol::{Checksum, Compression, Job, PartPlan, Secret};
use store::ObjectInfo;
use zeroize::Zeroize;

use crate::stores::{OpenStore, unreadable};

/// Between TERM and KILL.
pub const GRACE_SECONDS: u64 = 5;
/// How long an agent goes on without an operator before it gives up.
const ABSENCE_SECONDS: u64 = 15 * 60;
/// Until the API server has answered.
const API: Duration = Duration::from_secs(20);

/// A backup may become so many times as large as the last one before its parts grow: what was planned too tightly would need more
/// memory than what was not planned.
const ROOM: u64 = 2;

/// Why there is no job; the attempt fails with it.
#[derive(Debug)]
pub struct NoJob {
    /// One CamelCase word.
    pub reason: Reason,
    /// What is wrong and what would cure it.
    pub message: String,
}

fn no(reason: Reason, message: String) -> NoJob {
    NoJob { reason, message }
}

/// The good backups of the same schedule.
#[derive(Debug, Default)]
pub struct Before {
    /// Bytes on the command's side, newest first: what the size of the next one is measured by.
    pub bytes: Vec<u64>,
    /// What the newest takes in the store: the next one is planned by it.
    pub stored: Option<u64>,
}

/// Makes the job. `object` is what a restore reads, `route` how the bytes travel, `before` what is known of earlier backups.
pub async fn make(
    client: &Client,
    run: &BackupRun,
    order: &TransferOrder,
    store: &OpenStore,
    object: Option<&ObjectInfo>,
    route: Route,
    before: &Before,
) -> Result<Job, NoJob> {
    let valid = validate::run::validate(&run.spec).map_err(|faults| {
        no(
            Reason::InvalidSpec,
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        )
    })?;
    let compression = valid.compression.map(|c| match c.algorithm {
        Algorithm::Gzip => Compression::Gzip { level: c.level },
        Algorithm::Zstd => Compression::Zstd { level: c.level },
    });
    let (command, deadline_seconds, action) = match order.action {
        Action::Backup => {
            let spec = run
                .spec
                .backup
                .as_ref()
                .ok_or_else(|| no(Reason::InvalidSpec, "spec.backup is gone".into()))?;
            let smallest = store.parameters.part_size();
            let smallest =
                smallest.unwrap_or_else(|| store.store.terms().smallest_part.max(protocol::parts::SMALLEST_PART));
            let action = protocol::Action::Backup {
                recipients: run
                    .spec
                    .encryption
                    .as_ref()
                    .map(|e| e.recipients.clone())
                    .unwrap_or_default(),
                allow_empty: spec.allow_empty.unwrap_or(false),
                minimum: minimum(spec, &before.bytes).unwrap_or(0),
                plan: PartPlan {
                    largest: store.store.terms().largest_part,
                    ..match planner::run::shrunk::expected(spec).or(before.stored.map(|b| b.saturating_mul(ROOM))) {
                        Some(bytes) => PartPlan::expecting(bytes, smallest),
                        None => PartPlan {
                            smallest,
                            ..PartPlan::default()
                        },
                    }
                },
                checksum: match store.checksum {
                    store::Checksum::Sha256 => Checksum::Sha256,
                    store::Checksum::Md5 => Checksum::Md5,
                    store::Checksum::None => Checksum::None,
                },
            };
            (
                [spec.command.clone(), spec.args.clone()].concat(),
                spec.deadline_seconds,
                action,
            )
        }
        Action::Restore => {
            let spec = run
                .spec
                .restore
                .as_ref()
                .ok_or_else(|| no(Reason::InvalidSpec, "spec.restore is gone".into()))?;
            let object = object.ok_or_else(|| {
                no(
                    Reason::ObjectMissing,
                    format!("there is no {}", store.parameters.object(&order.key)),
                )
            })?;
            let encryption = run.spec.encryption.as_ref();
            let key = encryption.and_then(|encryption| encryption.decryption_key.as_ref());
            let identity = match (encryption, key) {
                (_, Some(key)) => Some(identity(client, &run.namespace().unwrap_or_default(), key).await?),
                (Some(_), None) => {
                    return Err(no(
                        Reason::NoDecryptionKey,
                        "spec.encryption.decryptionKey is not set and the backup is encrypted".into(),
                    ));
                }
                (None, None) => None,
            };
            let status = run.status.as_ref();
            let action = protocol::Action::Restore {
                identity,
                passphrase: key.is_some_and(|key| key.key_type == Some(KeyType::Passphrase)),
                window_log: valid.compression.and_then(|c| c.window_log),
                size: object.size,
                sha256: status.and_then(|s| s.sha256.clone()),
                etag: Some(object.etag.clone()).filter(|e| !e.is_empty()),
            };
            (
                [spec.command.clone(), spec.args.clone()].concat(),
                spec.deadline_seconds,
                action,
            )
        }
    };
    Ok(Job {
        command,
        deadline_seconds,
        grace_seconds: GRACE_SECONDS,
        retry_seconds: store.parameters.retry().as_secs(),
        absence_seconds: ABSENCE_SECONDS,
        compression,
        ca_bundle: store.parameters.ca_bundle().map(ToString::to_string),
        proxy: store.parameters.proxy().map(ToString::to_string),
        relay: route == Route::Relay,
        bandwidth: None,
        check: check(run, order),
        action,
    })
}

/// What proves a restore.
fn check(run: &BackupRun, order: &TransferOrder) -> Option<protocol::Check> {
    let restore = run.spec.restore.as_ref().filter(|_| order.action == Action::Restore);
    restore?.check.as_ref().map(|check| protocol::Check {
        command: [check.command.clone(), check.args.clone()].concat(),
        deadline_seconds: check.deadline_seconds,
        container: pod::check_container(run, &order.container).map(Into::into),
    })
}

/// As an agent of that version understands it.
pub fn for_version(mut job: Job, version: u32) -> Job {
    if let protocol::Action::Backup { plan, .. } = &mut job.action
        && version < protocol::PLAN
        && plan.first != 0
    {
        // It does not know where the growth begins, and would double far too early.
        *plan = PartPlan {
            smallest: plan.smallest,
            ..PartPlan::default()
        };
    }
    job
}

/// Reads the decryption key. A Secret of another namespace has to name the run's in its annotation: without that, any
/// namespace could read any Secret through a run.
pub async fn identity(client: &Client, own: &str, key: &DecryptionKey) -> Result<Secret, NoJob> {
    const FIELD: &str = "spec.encryption.decryptionKey";
    let namespace = key.namespace.clone().unwrap_or_else(|| own.into());
    let name = format!("{namespace}/{}", key.name);
    let secrets: Api<KubeSecret> = Api::namespaced(client.clone(), &namespace);
    let found = tokio::time::timeout(API, secrets.get_opt(&key.name)).await;
    let found = found
        .map_err(|_| {
            no(
                Reason::NoDecryptionKey,
                format!("{FIELD}: the API server did not answer for Secret {name}"),
            )
        })?
        .map_err(|e| {
            no(
                Reason::NoDecryptionKey,
                format!("{FIELD}: {}", unreadable(&namespace, &key.name, &e)),
            )
        })?;
    let granted = |secret: &KubeSecret| {
        let list = secret
            .annotations()
            .get(labels::ALLOWED_NAMESPACES)
            .cloned()
            .unwrap_or_default();
        list.split(',').map(str::trim).any(|n| n == own || n == "*")
    };
    // Whether a Secret exists in a foreign namespace is not told apart from whether it may be used.
    let secret = found.filter(|s| namespace == own || granted(s)).ok_or_else(|| {
        let cure = if namespace == own {
            format!("Secret {name} does not exist")
        } else {
            format!(
                "Secret {name} does not exist, or is not annotated {}: {own}",
                labels::ALLOWED_NAMESPACES
            )
        };
        no(Reason::NoDecryptionKey, format!("{FIELD}: {cure}"))
    })?;
    let mut data = secret.data.unwrap_or_default();
    let found = data.remove(&key.key).map(|bytes| bytes.0);
    data.values_mut().for_each(|other| other.0.zeroize());
    let bytes = found.ok_or_else(|| {
        let there: Vec<_> = data.keys().map(String::as_str).collect();
        no(
            Reason::NoDecryptionKey,
            format!(
                "{FIELD}.key: Secret {name} has no key {:?}; it has: {}",
                key.key,
                there.join(", ")
            ),
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|no_text| {
        no_text.into_bytes().zeroize();
        no(
            Reason::NoDecryptionKey,
            format!("{FIELD}: key {:?} of Secret {name} is not text", key.key),
        )
    })?;
    Ok(Secret::new(text))
}
