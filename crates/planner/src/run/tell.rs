//! How an attempt's course is told in the status: conditions, state, message. Decides nothing.
use api::BackupRunStatus;
use api::condition::{self, Say};
use api::names::Action;
use api::run::{Algorithm, State};

use crate::run::life::is_finished;
use crate::run::observed::Observed;
use crate::run::reason::Reason;

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
pub fn started(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action) {
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

/// The run has lived, though no attempt of this object did.
pub fn began(o: &Observed<'_>, status: &mut BackupRunStatus, reason: &str, text: &str) {
    say(o, status, condition::NEVER_RUN, false, reason, text);
}

/// The run waits for its storage. It keeps nobody waiting meanwhile.
pub fn waiting(o: &Observed<'_>, status: &mut BackupRunStatus, reason: &str, message: &str) {
    status.queued = None;
    waits(o, status, State::StorageError, reason, message);
}

/// The run waits for its turn.
pub fn queued(o: &Observed<'_>, status: &mut BackupRunStatus, message: &str) {
    let reason = Reason::Queued.word();
    if status.transfer.is_some() {
        // Between two attempts the message says how the last one failed.
        say(o, status, condition::IN_PROGRESS, true, reason, message);
    } else {
        waits(o, status, State::Queued, reason, message);
    }
}

fn waits(o: &Observed<'_>, status: &mut BackupRunStatus, state: State, reason: &str, message: &str) {
    status.message = Some(message.into());
    if is_finished(status) {
        return;
    }
    status.state = Some(state);
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
pub fn stored_as(o: &Observed<'_>, status: &mut BackupRunStatus) {
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
        Some(e) => {
            let whom = match e.recipients.is_empty() {
                true => "by whoever stored it".to_string(),
                false => e.recipients.join(", "),
            };
            say(o, status, condition::ENCRYPTED, true, "Encrypted", &whom);
        }
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

/// An attempt failed, or a run ends before its first one.
pub fn failed(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action, reason: Reason, text: &str) {
    status.message = Some(text.into());
    status.queued = None;
    let word = reason.word();
    status.state = Some(reason.state(action));
    say(o, status, condition::IN_PROGRESS, false, word, text);
    if action == Action::Restore {
        say(o, status, condition::RESTORED, false, word, text);
    }
    if is_finished(status) {
        return;
    }
    say(o, status, condition::NEVER_RUN, false, word, text);
    say(o, status, condition::READY, false, word, text);
    say(o, status, condition::SUCCESSFUL, false, word, text);
    say(o, status, condition::FAILED, true, word, text);
    if action == Action::Backup {
        say(o, status, condition::RESTORABLE, false, "BackupFailed", text);
    }
}

/// A good backup's object was written over: it is no longer ready for anything.
pub fn overwritten(o: &Observed<'_>, status: &mut BackupRunStatus, text: &str) {
    status.message = Some(text.into());
    say(o, status, condition::READY, false, Reason::Overwritten.word(), text);
    say(
        o,
        status,
        condition::RESTORABLE,
        false,
        Reason::Overwritten.word(),
        text,
    );
}

/// Whether a good backup's object was written over.
pub fn is_overwritten(status: &BackupRunStatus) -> bool {
    condition::find(&status.conditions, condition::READY)
        .is_some_and(|c| c.status != "True" && c.reason == Reason::Overwritten.word())
}

/// An attempt ended well.
pub fn successful(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action, reason: &str, text: &str) {
    status.state = Some(match action {
        Action::Backup => State::BackupSuccessful,
        Action::Restore => State::RestoreSuccessful,
    });
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
                Reason::BackupSuccessful.word(),
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
