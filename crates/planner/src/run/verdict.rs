//! How an attempt's course is told: conditions, state, message, history, Events.
use api::condition::{self, Say};
use api::names::{Action, pod_of};
use api::run::{Algorithm, Restore, State, Transfer};
use api::{BackupRunStatus, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::attempt::parse;
use crate::run::decide::is_finished;
use crate::run::observed::{End, Observed, StorageView};
use crate::run::retry;
use crate::run::step::{Decision, Event, Step};
use crate::size::humanize;

/// How many restores are remembered.
const RESTORES: usize = 10;

/// A failed end without a command's output.
pub fn failed(reason: &'static str, message: String) -> End {
    End::Failed {
        reason,
        message,
        bytes: 0,
        log: String::new(),
    }
}

/// The end of that attempt is in the status.
pub fn is_reported(status: &BackupRunStatus, attempt: &str) -> bool {
    match parse(attempt) {
        (Action::Backup, _) => is_finished(status),
        (Action::Restore, number) => status.restores.iter().any(|r| r.number == number),
    }
}

fn say(o: &Observed<'_>, status: &mut BackupRunStatus, type_: &str, on: bool, reason: &str, message: &str) {
    let say = Say {
        type_,
        status: on,
        reason,
        message,
    };
    condition::set(&mut status.conditions, &say, o.run.metadata.generation, o.now);
}

/// An attempt starts. What is known of a finished backup stays as it is.
pub fn say_started(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action) {
    let (reason, message) = match action {
        Action::Backup => ("Backuping", "A backup is being made"),
        Action::Restore => ("Restoring", "A restore is being made"),
    };
    say(o, status, condition::IN_PROGRESS, true, reason, message);
    say(o, status, condition::NEVER_RUN, false, reason, message);
    if !is_finished(status) {
        for type_ in [condition::READY, condition::SUCCESSFUL, condition::FAILED] {
            say(o, status, type_, false, reason, message);
        }
    }
}

/// The run waits for its storage.
pub fn say_waiting(o: &Observed<'_>, status: &mut BackupRunStatus, reason: &str, message: &str) {
    status.message = Some(message.into());
    if is_finished(status) {
        return;
    }
    status.state = Some(State::StorageError);
    say(o, status, condition::NEVER_RUN, true, reason, message);
    for type_ in [
        condition::READY,
        condition::IN_PROGRESS,
        condition::SUCCESSFUL,
        condition::FAILED,
    ] {
        say(o, status, type_, false, reason, message);
    }
}

/// What is done to the bytes, and whether they can be restored.
pub fn describe_stored(o: &Observed<'_>, status: &mut BackupRunStatus) {
    let spec = &o.run.spec;
    match &spec.compression {
        Some(c) => {
            let word = if c.algorithm == Algorithm::Gzip { "gzip" } else { "zstd" };
            say(o, status, condition::COMPRESSED, true, "Compressed", word);
        }
        None => say(
            o,
            status,
            condition::COMPRESSED,
            false,
            "NotAsked",
            "spec.compression is not set",
        ),
    }
    match &spec.encryption {
        Some(e) => say(
            o,
            status,
            condition::ENCRYPTED,
            true,
            "Encrypted",
            &e.recipients.join(", "),
        ),
        None => say(
            o,
            status,
            condition::ENCRYPTED,
            false,
            "NotAsked",
            "spec.encryption is not set",
        ),
    }
    let restorable = spec.restore.is_some() && spec.backup.is_none();
    let reason = if restorable { "RestoreOnly" } else { "NoBackupYet" };
    say(o, status, condition::RESTORABLE, restorable, reason, "");
}

/// The run is wrong as it stands and ends before it began.
pub fn refuse(o: &Observed<'_>, mut status: BackupRunStatus, reason: &'static str, text: &str) -> Vec<Step> {
    let action = if o.run.spec.backup.is_some() || o.run.spec.restore.is_none() {
        Action::Backup
    } else {
        Action::Restore
    };
    status.completion_time = Some(Time(o.now));
    say_failed(o, &mut status, action, reason, text);
    let event = Event {
        warning: true,
        reason,
        action: "Validate",
        note: text.into(),
    };
    vec![Step::Report(Box::new(status)), Step::Event(event)]
}

fn say_failed(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action, reason: &str, text: &str) {
    status.message = Some(text.into());
    status.state = Some(match (reason, action) {
        ("Interrupted", _) => State::InterruptedFailed,
        (_, Action::Backup) => State::BackupFailed,
        (_, Action::Restore) => State::RestoreFailed,
    });
    say(o, status, condition::IN_PROGRESS, false, reason, text);
    if action == Action::Restore {
        say(o, status, condition::RESTORED, false, reason, text);
    }
    if is_finished(status) {
        return;
    }
    say(o, status, condition::NEVER_RUN, false, reason, text);
    say(o, status, condition::READY, false, reason, text);
    say(o, status, condition::SUCCESSFUL, false, reason, text);
    say(o, status, condition::FAILED, true, reason, text);
    if action == Action::Backup {
        say(o, status, condition::RESTORABLE, false, "BackupFailed", text);
    }
}

fn say_successful(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action, text: &str) {
    let (reason, state) = match action {
        Action::Backup => ("BackupSuccessful", State::BackupSuccessful),
        Action::Restore => ("RestoreSuccessful", State::RestoreSuccessful),
    };
    status.state = Some(state);
    status.message = Some(text.into());
    say(o, status, condition::IN_PROGRESS, false, reason, text);
    if action == Action::Restore {
        say(o, status, condition::RESTORED, true, reason, text);
    }
    if is_finished(status) {
        return;
    }
    say(o, status, condition::FAILED, false, reason, text);
    say(o, status, condition::READY, true, reason, text);
    say(o, status, condition::SUCCESSFUL, true, reason, text);
    if action == Action::Backup {
        let restorable = o.run.spec.restore.is_some();
        let (reason, text) = if restorable {
            (
                "BackupSuccessful",
                "annotate the run with backup-operator.io/restore to restore it",
            )
        } else {
            (
                "NoRestoreCommand",
                "spec.restore is not set; it may be added to this run",
            )
        };
        say(o, status, condition::RESTORABLE, restorable, reason, text);
    }
}

/// The end of an attempt: report it, then undo what it needed. The report comes first and keeps the transfer as long
/// as an upload may be left, so that a crash after it finds what to clean up.
pub fn report(o: &Observed<'_>, mut status: BackupRunStatus, transfer: &Transfer, end: &End) -> Decision {
    let (action, number) = parse(&transfer.attempt);
    if let Some((reason, text, log)) = retry::follows(o, transfer, end) {
        status.log = kept(log);
        return retry::announce(o, status, transfer, reason, text);
    }
    status.progress = None;
    if action == Action::Backup || !is_finished(&status) {
        status.completion_time = Some(Time(o.now));
    }
    let mut restored = None;
    let (warning, reason, text): (bool, &'static str, String) = match end {
        End::Stored {
            bytes,
            stored_bytes,
            sha256,
            etag,
            version_id,
            log,
        } => {
            status.bytes = Some(*bytes);
            status.size_in_bytes = Some(*stored_bytes);
            status.size = Some(humanize(*stored_bytes));
            status.sha256 = Some(sha256.clone());
            status.etag = Some(etag.clone());
            status.version_id.clone_from(version_id);
            status.log = kept(log);
            (
                false,
                "BackupSuccessful",
                format!(
                    "{} from the command, {} stored",
                    humanize(*bytes),
                    humanize(*stored_bytes)
                ),
            )
        }
        End::Restored { bytes, log } => {
            status.log = kept(log);
            restored = Some(*bytes);
            (
                false,
                "RestoreSuccessful",
                format!("the command took {}, proved whole", humanize(*bytes)),
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
        End::Interrupted { message } => (true, "Interrupted", message.clone()),
    };
    if warning {
        say_failed(o, &mut status, action, reason, &text);
    } else {
        say_successful(o, &mut status, action, &text);
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
    let upload_left = warning && !abort(o, transfer).is_empty();
    if !upload_left {
        status.transfer = None;
    }
    let done = BackupRunStatus {
        transfer: None,
        ..status.clone()
    };
    let mut steps = vec![Step::Report(Box::new(status))];
    if action == Action::Restore && !warning {
        steps.push(Step::Annotate(
            labels::RESTORED_AT,
            o.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        ));
    }
    let noun = if action == Action::Backup { "Backup" } else { "Restore" };
    steps.push(Step::Event(Event {
        warning,
        reason,
        action: noun,
        note: text,
    }));
    steps.extend(tidy(o, transfer));
    if upload_left {
        steps.push(Step::Report(Box::new(done)));
    }
    Decision { steps, requeue: None }
}

/// What follows a reported end: no Pod, no upload, no transfer is left.
pub fn tidy(o: &Observed<'_>, transfer: &Transfer) -> Vec<Step> {
    let (action, number) = parse(&transfer.attempt);
    let name = pod_of(&o.run.name_any(), action, number);
    let mut steps: Vec<_> = o
        .pods
        .iter()
        .filter(|p| p.ours && p.name == name && !p.terminating)
        .map(|p| Step::DeletePod {
            name: p.name.clone(),
            uid: p.uid.clone(),
            now: false,
        })
        .collect();
    steps.push(Step::ForgetTransfer);
    let stored = o
        .run
        .status
        .as_ref()
        .is_some_and(|s| condition::is_true(&s.conditions, condition::SUCCESSFUL));
    let ending_well =
        matches!(&o.transfer, crate::run::TransferView::Ended { end, .. } if matches!(**end, End::Stored { .. }));
    if !stored && !ending_well {
        steps.extend(abort(o, transfer));
    }
    steps
}

/// What removes the uploads of an attempt. Beside the one that is recorded, and where none is, others may be there: each
/// operator that died between the creation of one and the status left one that nobody knows.
///
/// A key that the storage forbids was not written by this operator: nothing is done to what it names.
pub fn abort(o: &Observed<'_>, transfer: &Transfer) -> Vec<Step> {
    let Some(key) = transfer.key.clone().filter(|key| o.storage.forbids(key).is_none()) else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    if let Some(upload_id) = transfer.upload_id.clone() {
        let key = key.clone();
        steps.push(Step::AbortUpload { key, upload_id });
    }
    if parse(&transfer.attempt).0 != Action::Backup || transfer.command_started_at.is_none() {
        return steps;
    }
    // Strays are told by the time of their attempt, which somebody else may have written: who may not use the storage any
    // more loses what is recorded only.
    if !matches!(o.storage, StorageView::Refused { .. }) {
        let key = key.clone();
        steps.push(Step::AbortStrays { key });
    }
    let attempt = transfer.attempt.clone();
    steps.push(Step::TakeBack { key, attempt });
    steps
}

fn kept(log: &str) -> Option<String> {
    (!log.is_empty()).then(|| log.to_string())
}
