//! The end of an attempt: its report, what follows it, and what is cleaned up then.
use std::time::Duration;

use api::names::Action;
use api::run::{Location, Restore, Transfer};
use api::{BackupRun, BackupRunStatus, labels};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::run::attempt::pod_of_attempt;
use crate::run::life::{Attempt, is_followed};
use crate::run::limits::{RESTORES, pause};
use crate::run::moved::{Moved, moved};
use crate::run::observed::{End, Observed, PodView, Recorded, StorageView, StoredObject};
use crate::run::reason::Reason;
use crate::run::shrunk::{self, Judged};
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::tell;
use crate::size::humanize;

/// A failed end without a command's output.
pub fn failed(reason: Reason, message: String) -> End {
    End::Failed {
        reason,
        message,
        bytes: 0,
        log: String::new(),
    }
}

/// What is said of an end that was not good.
pub fn words(end: &End) -> &str {
    match end {
        End::Failed { message, .. } | End::Interrupted { message } => message,
        End::Stored { .. } | End::Adopted(_) | End::Restored { .. } => "",
    }
}

/// The run is wrong as it stands and ends before it began.
pub fn refuse(o: &Observed<'_>, mut status: BackupRunStatus, reason: Reason, text: &str) -> Decision {
    let action = if o.run.spec.backup.is_some() || o.run.spec.restore.is_none() {
        Action::Backup
    } else {
        Action::Restore
    };
    status.completion_time = Some(Time(o.now));
    tell::failed(o, &mut status, action, reason, text);
    let event = Event {
        warning: true,
        reason: reason.word(),
        action: "Validate",
        note: text.into(),
    };
    Decision {
        guarded: vec![Guarded::Report(Box::new(status))],
        unguarded: vec![Unguarded::Event(event)],
        ..Decision::default()
    }
}

/// The end of an attempt: report it, then undo what it needed. The report comes first and keeps the transfer as long
/// as an upload may be left, so that a crash after it finds what to clean up.
pub fn report(o: &Observed<'_>, mut status: BackupRunStatus, at: &Attempt, end: &End) -> Decision {
    if let Some((reason, text, log)) = followed(o, at, end) {
        status.log = kept(log);
        return announce(o, status, at, reason, text);
    }
    let Attempt {
        action,
        number,
        transfer,
    } = at;
    let (action, number) = (*action, *number);
    status.progress = None;
    if action == Action::Backup || o.run.spec.backup.is_none() {
        status.completion_time = Some(Time(o.now));
    }
    let mut restored = None;
    let (warning, reason, text): (bool, Reason, String) = match end {
        End::Stored {
            bytes,
            stored_bytes,
            sha256,
            etag,
            version_id,
            lock,
            record,
            log,
        } => {
            status.bytes = Some(*bytes);
            status.size_in_bytes = Some(*stored_bytes);
            status.size = Some(humanize(*stored_bytes));
            status.sha256 = Some(sha256.clone());
            status.etag = Some(etag.clone());
            status.version_id = version_id.as_deref().map(Into::into);
            status.lock = lock.as_deref().cloned();
            status.record = record.key().cloned();
            status.location.clone_from(&transfer.location);
            status.log = kept(log);
            (
                false,
                Reason::BackupSuccessful,
                format!(
                    "{} from the command, {} stored",
                    humanize(*bytes),
                    humanize(*stored_bytes)
                ),
            )
        }
        End::Adopted(object) => {
            adopt(&mut status, object, transfer.location.clone());
            (
                false,
                Reason::Adopted,
                format!(
                    "{} stored; no report of it is left, and the store's own record proves it",
                    humanize(object.size)
                ),
            )
        }
        End::Restored { bytes, log } => {
            status.log = kept(log);
            restored = Some(*bytes);
            (
                false,
                Reason::RestoreSuccessful,
                format!("the command took {}, {}", humanize(*bytes), proof(o.run, &status)),
            )
        }
        End::Failed {
            reason,
            message,
            bytes,
            log,
        } => {
            status.log = kept(log);
            restored = Some(*bytes);
            (true, *reason, message.clone())
        }
        End::Interrupted { message } => (true, Reason::Interrupted, message.clone()),
    };
    if warning {
        tell::failed(o, &mut status, action, reason, &text);
    } else {
        tell::successful(o, &mut status, action, reason.word(), &text);
    }
    if action == Action::Restore {
        status.restores.push(Restore {
            number,
            start_time: transfer.started_at.clone(),
            completion_time: Time(o.now),
            successful: !warning,
            bytes: restored.unwrap_or(0),
            message: warning.then(|| text.clone()),
        });
        let over = status.restores.len().saturating_sub(RESTORES);
        status.restores.drain(..over);
    }
    let left = warning && (!abort(o, at).is_empty() || take_back(o, at).is_some());
    if !left {
        status.transfer = None;
    }
    let mut decision = Decision {
        guarded: vec![Guarded::Report(Box::new(status))],
        ..Decision::default()
    };
    if action == Action::Restore && !warning {
        decision
            .guarded
            .push(Guarded::Annotate(labels::RESTORED_AT, restored_at(o.now)));
    }
    decision.unguarded.push(Unguarded::Event(Event {
        warning,
        reason: reason.word(),
        action: noun(action),
        note: text,
    }));
    decision.unguarded.extend(shrunk(o, end).map(Unguarded::Event));
    decision.unguarded.extend(unrecorded(end).map(Unguarded::Event));
    decision.unguarded.extend(pod_of_attempt(o, at).and_then(go));
    decision.unguarded.push(Unguarded::ForgetTransfer);
    if left {
        decision.requeue = Some(Duration::ZERO);
    }
    decision
}

/// A good backup that is far smaller than those before it.
fn shrunk(o: &Observed<'_>, end: &End) -> Option<Event> {
    let (End::Stored { bytes, .. }, Some(backup)) = (end, &o.run.spec.backup) else {
        return None;
    };
    match shrunk::judge(backup, *bytes, &o.sizes_before) {
        Judged::Shrunk(note) => Some(Event {
            warning: true,
            reason: Reason::Shrunk.word(),
            action: "Backup",
            note,
        }),
        Judged::Ok | Judged::TooSmall(_) => None,
    }
}

/// A good backup that has no record beside it, though one was wanted.
fn unrecorded(end: &End) -> Option<Event> {
    let record = match end {
        End::Stored { record, .. } => record.as_ref(),
        End::Adopted(object) => &object.record,
        _ => return None,
    };
    let Recorded::Failed(words) = record else { return None };
    Some(Event {
        warning: true,
        reason: Reason::RecordNotWritten.word(),
        action: "Backup",
        note: format!(
            "the backup is good; its record, which would bring it back without this cluster, was not written: {words}"
        ),
    })
}

/// Takes over what the store knows of a backup.
pub fn adopt(status: &mut BackupRunStatus, object: &StoredObject, location: Option<Location>) {
    status.key = Some(object.key.clone());
    status.location = location;
    status.size_in_bytes = Some(object.size);
    status.size = Some(humanize(object.size));
    status.sha256.clone_from(&object.sha256);
    status.etag = Some(object.etag.clone());
    status.version_id.clone_from(&object.version_id);
    status.lock.clone_from(&object.lock);
    status.record = object.record.key().cloned();
    status.bytes = object.bytes.or(status.bytes);
    if let Some(began) = object.began {
        status.start_time = Some(Time(began));
    }
    if let Some(at) = object.stored_at {
        status.completion_time = Some(Time(at));
    }
}

/// As the annotation `restored-at` has it.
pub fn restored_at(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A Pod of ours whose work has ended goes.
pub fn go(pod: &PodView) -> Option<Unguarded> {
    (pod.ours && !pod.terminating).then(|| Unguarded::DeletePod {
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        now: false,
    })
}

fn noun(action: Action) -> &'static str {
    match action {
        Action::Backup => "Backup",
        Action::Restore => "Restore",
    }
}

/// What removes the uploads of an attempt. Beside the one that is recorded, and where none is, others may be there: each
/// operator that died between the creation of one and the status left one that nobody knows.
///
/// A key that the storage forbids was not written by this operator: nothing is done to what it names.
pub fn abort(o: &Observed<'_>, at: &Attempt) -> Vec<Unguarded> {
    let transfer = &at.transfer;
    let Some(key) = transfer.key.clone().filter(|key| o.storage.forbids(key).is_none()) else {
        return Vec::new();
    };
    if let Some(moved) = moved(&o.storage, transfer.location.as_ref()).filter(Moved::is_elsewhere) {
        return left_elsewhere(at, &key, &moved);
    }
    let mut steps = Vec::new();
    if let Some(upload_id) = transfer.upload_id.clone() {
        let key = key.clone();
        steps.push(Unguarded::AbortUpload { key, upload_id });
    }
    if at.action != Action::Backup || transfer.command_started_at.is_none() {
        return steps;
    }
    // Strays are told by the time of their attempt, which somebody else may have written: who may not use the storage any
    // more loses what is recorded only.
    if !matches!(o.storage, StorageView::Refused { .. }) {
        steps.push(Unguarded::AbortStrays { key });
    }
    steps
}

/// The bucket of the storage was edited while the attempt was under way: what is left of it is not looked for in the new one.
fn left_elsewhere(at: &Attempt, key: &str, moved: &Moved) -> Vec<Unguarded> {
    let Some(upload) = &at.transfer.upload_id else {
        return Vec::new();
    };
    let event = Event {
        warning: true,
        reason: Reason::LeftBehind.word(),
        action: noun(at.action),
        note: format!(
            "the upload {upload} of {key} {}: it may be left there, and is to be aborted by hand",
            moved.words()
        ),
    };
    vec![Unguarded::TellStorage(Box::new(event.clone())), Unguarded::Event(event)]
}

/// What removes the object that a failed attempt made visible.
pub fn take_back(o: &Observed<'_>, at: &Attempt) -> Option<Unguarded> {
    let transfer = &at.transfer;
    let key = transfer.key.clone().filter(|key| o.storage.forbids(key).is_none())?;
    if moved(&o.storage, transfer.location.as_ref()).is_some_and(|m| m.is_elsewhere()) {
        return None;
    }
    (at.action == Action::Backup && transfer.command_started_at.is_some()).then(|| Unguarded::TakeBack {
        key,
        attempt: transfer.attempt.clone(),
    })
}

/// Reason, message and log of an end that another attempt follows.
fn followed<'e>(o: &Observed<'_>, at: &Attempt, end: &'e End) -> Option<(Reason, &'e str, &'e str)> {
    if !is_followed(o.run, at.action, at.number) {
        return None;
    }
    match end {
        End::Failed {
            reason, message, log, ..
        } if !reason.is_final() => Some((*reason, message, log)),
        End::Interrupted { message } => Some((Reason::Interrupted, message, "")),
        _ => None,
    }
}

/// The attempt has failed and another follows. The upload stays in the status until it is aborted.
fn announce(o: &Observed<'_>, mut status: BackupRunStatus, at: &Attempt, reason: Reason, text: &str) -> Decision {
    let number = at.number;
    let of = o.run.spec.backoff_limit.unwrap_or(0).saturating_add(1);
    let note = format!(
        "attempt {number} of {of} failed ({reason}): {text}. The next one begins in {} s.",
        pause(number).as_secs()
    );
    status.message = Some(note.clone());
    status.progress = None;
    status.transfer = Some(Transfer {
        // A start that a clock ahead of ours wrote: a failure before it would not be believed, and be told again and again.
        failed_at: Some(Time(o.now.max(at.transfer.started_at.0))),
        ..at.transfer.clone()
    });
    let event = Event {
        warning: true,
        reason: reason.word(),
        action: noun(at.action),
        note,
    };
    Decision {
        guarded: vec![Guarded::Report(Box::new(status))],
        unguarded: vec![Unguarded::Event(event)],
        requeue: Some(Duration::ZERO),
        ..Decision::default()
    }
}

/// What a good restore proves: what the run itself recorded, or a format's own checks; of a plain object from elsewhere nobody can say
/// more than that all of it was read.
fn proof(run: &BackupRun, status: &BackupRunStatus) -> &'static str {
    if status.sha256.is_some() || run.spec.compression.is_some() || run.spec.encryption.is_some() {
        "proved whole"
    } else {
        "all that the store has; nothing is known that would prove it whole"
    }
}

fn kept(log: &str) -> Option<String> {
    (!log.is_empty()).then(|| log.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_called_proved_of_which_nothing_was_known() {
        for (compression, sha256, proved) in [
            (json!(null), None, false),
            (json!({"algorithm": "gzip"}), None, true),
            (json!(null), Some("ab".to_string()), true),
        ] {
            let mut run = testing::restore_only_run();
            run.spec.compression = serde_json::from_value(compression).unwrap();
            let status = BackupRunStatus {
                sha256,
                ..BackupRunStatus::default()
            };
            assert_eq!(proof(&run, &status) == "proved whole", proved);
        }
    }
}
