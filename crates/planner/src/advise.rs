//! What is legal but unwise: warnings, for whoever writes an object. Nothing here keeps an object from working.
mod alive;
mod drill;
mod endpoint;
mod lock;
mod memory;
pub mod neighbours;
mod path;
mod pipes;
mod retention;
mod shell;
pub mod tools;

pub use self::drill::drill;
use api::run::RetainPolicy;
use api::schedule::WhenDeleted;
use api::storage::{NamespaceIsolation, NamespacesFrom};
use api::{BackupRun, BackupRunSpec, BackupRunStatus, BackupSchedule, BackupStorage, labels};

use jiff::Timestamp;

use crate::run::life::earlier;
use crate::schedule::cron::Calendar;
use crate::schedule::shifts;
use crate::validate::Fault;

/// Parameters that name keys of the Secret that `spec.credentials` names.
const KEYS: [&str; 5] = ["accessKey", "secretKey", "sessionToken", "accountKey", "keyFile"];

/// What is unwise in a storage. It need not be valid.
pub fn storage(storage: &BackupStorage) -> Vec<Fault> {
    let mut said = Vec::new();
    let spec = &storage.spec;
    if let Some(parameters) = &spec.parameters {
        endpoint::advise(parameters, &mut said);
        if let Some(class @ ("GLACIER" | "DEEP_ARCHIVE")) = parameters.get("storageClass").map(String::as_str) {
            say(
                &mut said,
                "spec.parameters.storageClass",
                format!(
                    "{class} cannot be read for hours after the store was asked to bring it back, so that each restore waits as long (state Thawing); GLACIER_IR costs little more and is read at once"
                ),
            );
        }
        for key in KEYS {
            if spec.credentials.is_none() && parameters.get(key).is_some_and(|v| !v.is_empty()) {
                say(
                    &mut said,
                    &format!("spec.parameters.{key}"),
                    "names a key of a Secret, and there is no Secret: it does nothing without spec.credentials; name the Secret there, or take it out",
                );
            }
        }
    }
    said
}

/// What whoever checks manifests should hear, and whoever applies one each time not: it may be all that he has.
pub fn keys(spec: &BackupRunSpec, field: &str) -> Vec<Fault> {
    let mut said = Vec::new();
    let alone = spec
        .encryption
        .as_ref()
        .is_some_and(|e| e.recipients_from.is_empty() && e.recipients.len() == 1);
    if spec.backup.is_some() && alone {
        say(
            &mut said,
            &format!("{field}.encryption.recipients"),
            "is one key alone: whoever loses it loses every backup; add a second one, whose identity lies elsewhere (in a safe, with another person)",
        );
    }
    said
}

/// What is unwise about a run besides its spec: one that was exported carries the mark of its first life.
pub fn marks(run: &BackupRun) -> Vec<Fault> {
    let mut said = Vec::new();
    if run.status.as_ref().is_none_or(BackupRunStatus::is_unseen) && earlier(run).is_some() {
        say(
            &mut said,
            &format!("metadata.annotations[{}]", labels::STARTED_AS),
            "was exported with the run: it is brought back, not executed (its backup is adopted from the store, its restore waits to be asked for); to have it executed, take this annotation out",
        );
    }
    said
}

/// What is unwise in a run, or in the template of one, at `field`. With the storage that it names, where that is known,
/// also how the two go together. It need not be valid.
pub fn run(spec: &BackupRunSpec, field: &str, storage: Option<&BackupStorage>) -> Vec<Fault> {
    let mut said = Vec::new();
    if let Some(backup) = &spec.backup {
        let field = format!("{field}.backup");
        deadline(backup.deadline_seconds, spec, &field, &mut said);
        said.extend(pipes::advise(&backup.command, &backup.args, &field));
        let compressed = spec.compression.is_some();
        said.extend(tools::backup(&backup.command, &backup.args, &field, compressed));
    }
    if let Some(restore) = &spec.restore {
        let field = format!("{field}.restore");
        deadline(restore.deadline_seconds, spec, &field, &mut said);
        said.extend(pipes::advise(&restore.command, &restore.args, &field));
        said.extend(tools::restore(&restore.command, &restore.args, &field));
    }
    alive::advise(spec, field, &mut said);
    memory::advise(spec, field, &mut said);
    encryption(spec, field, storage, &mut said);
    let can = storage.and_then(|s| s.status.as_ref()?.capabilities.as_ref());
    if spec.retain_policy == Some(RetainPolicy::Delete) && can.is_some_and(|can| !can.deletable) {
        say(
            &mut said,
            &format!("{field}.retainPolicy"),
            "Delete cannot be carried out: the access key of the storage may not delete (its condition Deletable); write Retain and let the bucket's own rules remove what is old",
        );
    }
    if let Some(policy @ ("Always" | "OnFailure")) = spec.template.spec.restart_policy.as_deref() {
        say(
            &mut said,
            &format!("{field}.template.spec.restartPolicy"),
            format!(
                "{policy} starts a container that has ended once more, which saves no command (it ended with the container) and hides why it did; leave it out for Never"
            ),
        );
    }
    said
}

/// What is unwise in a copy that a run at `field` wants in a storage.
pub fn copy(spec: &BackupRunSpec, field: &str, n: usize, storage: &BackupStorage) -> Vec<Fault> {
    let mut said = Vec::new();
    let Some(can) = storage.status.as_ref().and_then(|s| s.capabilities.as_ref()) else {
        return said;
    };
    let at = format!("{field}.copies[{n}].storage");
    if !can.metadata {
        let words = "the storage does not give back what objects are labelled with (status.capabilities.metadata), so that no copy is made in it: nobody would know whose it is; name another storage";
        say(&mut said, &at, words);
    }
    if spec.retain_policy == Some(RetainPolicy::Delete) && !can.deletable {
        let words = "the copy cannot be removed with the run (retainPolicy: Delete): the access key of the storage may not delete (its condition Deletable); let the bucket's own rules remove what is old";
        say(&mut said, &at, words);
    }
    said
}

/// What is unwise in a schedule, and what the clocks of its zone will do to it from now on. It need not be valid.
pub fn schedule(schedule: &BackupSchedule, storage: Option<&BackupStorage>, now: Timestamp) -> Vec<Fault> {
    let mut said = Vec::new();
    let spec = &schedule.spec;
    let calendar = Calendar::parse(&spec.schedule, spec.time_zone.as_deref()).ok();
    if calendar.as_ref().is_some_and(|c| c.next(path::SINCE).is_none()) {
        say(
            &mut said,
            "spec.schedule",
            "names a date that does not come within five years, so that nothing is ever backed up by itself; correct it, or say suspend: true if only the trigger shall start runs",
        );
    }
    if let Some(words) = calendar.as_ref().and_then(|c| shifts::told(c, now)) {
        say(&mut said, "spec.schedule", words);
    }
    if spec.successful_runs_history_limit == Some(0) {
        say(
            &mut said,
            "spec.successfulRunsHistoryLimit",
            "0 asks for no good backup to be kept, and the newest one is kept all the same; write 1 or more",
        );
    }
    retention::advise(schedule, calendar.as_ref(), now, &mut said);
    if spec.when_deleted == Some(WhenDeleted::Delete) {
        let deletes = spec.template.spec.retain_policy == Some(RetainPolicy::Delete);
        say(
            &mut said,
            "spec.whenDeleted",
            if deletes {
                "Delete, with retainPolicy: Delete, takes every backup out of the storage when this schedule or its namespace is deleted, renamed in Git or replaced by force; leave it out to have rotation remove objects and nothing else"
            } else {
                "Delete does nothing while spec.template.spec.retainPolicy is Retain; leave it out"
            },
        );
    }
    for (n, one) in spec.notifications.iter().enumerate() {
        if let Some(webhook) = &one.webhook {
            endpoint::of_webhook(&webhook.url, &format!("spec.notifications[{n}].webhook.url"), &mut said);
        }
    }
    let mut below = run(&spec.template.spec, "spec.template.spec", storage);
    // Of a schedule the namespace is known: its own needs nobody's leave.
    let key = spec
        .template
        .spec
        .encryption
        .as_ref()
        .and_then(|e| e.decryption_key.as_ref());
    if key.is_some_and(|k| k.namespace == schedule.metadata.namespace) {
        below.retain(|f| !f.field.ends_with(".decryptionKey.namespace"));
    }
    said.extend(below);
    said.extend(path::advise(schedule, calendar.as_ref(), now));
    said.extend(lock::advise(schedule, storage, calendar.as_ref(), now));
    said
}

fn deadline(given: Option<u64>, spec: &BackupRunSpec, field: &str, said: &mut Vec<Fault>) {
    let pod = spec
        .template
        .spec
        .active_deadline_seconds
        .and_then(|s| u64::try_from(s).ok());
    let Some(seconds) = given else {
        if let Some(pod) = pod {
            say(
                said,
                &format!("{field}.deadlineSeconds"),
                format!(
                    "is not given, so that the kubelet ends a command that hangs, and the whole Pod, after {pod} s (template.spec.activeDeadlineSeconds), and what the command said is lost; give a deadline below that"
                ),
            );
            return;
        }
        say(
            said,
            &format!("{field}.deadlineSeconds"),
            "is not given, so that a command that hangs goes on for ever and nobody is told; give it a few times what the command takes, as in 3600",
        );
        return;
    };
    if let Some(pod) = pod.filter(|pod| *pod < seconds) {
        say(
            said,
            &format!("{field}.deadlineSeconds"),
            format!(
                "{seconds} is never reached, because the kubelet ends the whole Pod after {pod} (template.spec.activeDeadlineSeconds) and what the command said is lost; raise that, or leave it out"
            ),
        );
    }
}

fn encryption(spec: &BackupRunSpec, field: &str, storage: Option<&BackupStorage>, said: &mut Vec<Fault>) {
    let Some(encryption) = &spec.encryption else {
        if spec.backup.is_some()
            && let Some(shared) = storage.filter(|s| is_shared(s))
        {
            let name = shared.metadata.name.as_deref().unwrap_or_default();
            say(
                said,
                &format!("{field}.encryption"),
                format!(
                    "is not given, and the storage {name:?} is shared by namespaces: whoever may make runs in one of them can restore this backup; name recipients, or set namespaceIsolation: Prefix (or allowedNamespaces) on the storage"
                ),
            );
        }
        return;
    };
    for (index, one) in encryption.recipients.iter().enumerate() {
        // An SSH key's comment does not make it another one.
        let key = |text: &str| text.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
        let before = encryption
            .recipients
            .iter()
            .take(index)
            .position(|other| key(other) == key(one));
        if let Some(first) = before {
            say(
                said,
                &format!("{field}.encryption.recipients[{index}]"),
                format!(
                    "is recipients[{first}] once more, so that fewer keys can decrypt than it seems; take it out, or put the second key here"
                ),
            );
        }
    }
    let namespace = encryption.decryption_key.as_ref().and_then(|k| k.namespace.as_deref());
    if let Some(namespace) = namespace {
        let name = encryption
            .decryption_key
            .as_ref()
            .map(|k| k.name.as_str())
            .unwrap_or_default();
        say(
            said,
            &format!("{field}.encryption.decryptionKey.namespace"),
            format!(
                "{namespace:?}: unless that is the run's own namespace, restores fail until the Secret {name:?} there names the run's in its annotation {}; set that, or keep the key beside the run",
                api::labels::ALLOWED_NAMESPACES
            ),
        );
    }
}

/// Whether runs of one namespace can read what those of another have stored.
fn is_shared(storage: &BackupStorage) -> bool {
    let from = storage
        .spec
        .allowed_namespaces
        .as_ref()
        .map(|a| a.from)
        .unwrap_or_default();
    from != NamespacesFrom::None && storage.spec.namespace_isolation.unwrap_or_default() == NamespaceIsolation::None
}

fn say(said: &mut Vec<Fault>, field: &str, message: impl Into<String>) {
    said.push(Fault::new(field, message));
}

#[cfg(test)]
mod tests;
