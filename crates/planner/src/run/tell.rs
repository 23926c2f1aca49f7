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

/// Whether what the conditions say of the run stays as it is, whatever comes: they speak of its backup, which has ended. A run that
/// has none speaks of its last restore, and the next one is told over it.
fn stays(o: &Observed<'_>, status: &BackupRunStatus) -> bool {
    is_finished(status) && o.run.spec.backup.is_some()
}

/// An attempt starts. What is known of a finished backup, or of a last restore, stays as it is.
pub fn started(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action) {
    let (reason, message) = match action {
        Action::Backup => (Reason::Backuping.word(), "A backup is being made"),
        Action::Restore => (Reason::Restoring.word(), "A restore is being made"),
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
    if status.transfer.is_some() {
        // Between two attempts: it has run, and the next one does not begin when the last message said.
        status.message = Some(message.into());
        say(o, status, condition::IN_PROGRESS, true, reason, message);
    } else {
        waits(o, status, State::StorageError, reason, message);
    }
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

/// A restore waits until its object has been brought back from its archive.
pub fn thawing(o: &Observed<'_>, status: &mut BackupRunStatus, message: &str) {
    waits(o, status, State::Thawing, Reason::Thawing.word(), message);
    status.state = Some(State::Thawing);
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

/// Nothing is stored by this run yet, or nothing is known of what is stored.
pub fn nothing_stored(o: &Observed<'_>, status: &mut BackupRunStatus) {
    let restore_only = o.run.spec.backup.is_none();
    let (reason, text) = match restore_only {
        true => (Reason::NotProved.word(), "no restore has read the object yet"),
        false => (Reason::NothingStored.word(), "no backup is stored yet"),
    };
    for type_ in [condition::COMPRESSED, condition::ENCRYPTED] {
        say(o, status, type_, false, reason, text);
    }
    let restorable = o.run.spec.restore.is_some() && restore_only;
    let (reason, text) = match restorable {
        true => (
            Reason::RestoreOnly.word(),
            "annotate the run with backup-operator.io/restore to restore once more",
        ),
        false => (Reason::NoBackupYet.word(), "no backup is stored yet"),
    };
    say(o, status, condition::RESTORABLE, restorable, reason, text);
}

/// What was done to the bytes of an object that is there.
fn stored_as(o: &Observed<'_>, status: &mut BackupRunStatus) {
    let spec = &o.run.spec;
    let compressed = spec.compression.as_ref().map(|c| match c.algorithm {
        Algorithm::Gzip => "gzip".to_string(),
        Algorithm::Zstd => "zstd".to_string(),
    });
    let encrypted = spec.encryption.as_ref().map(|e| match e.recipients.is_empty() {
        true => "by whoever stored it".to_string(),
        false => e.recipients.join(", "),
    });
    for (type_, is, how, no) in [
        (
            condition::COMPRESSED,
            Reason::Compressed,
            compressed,
            "spec.compression is not set",
        ),
        (
            condition::ENCRYPTED,
            Reason::Encrypted,
            encrypted,
            "spec.encryption is not set",
        ),
    ] {
        match how {
            Some(how) => say(o, status, type_, true, is.word(), &how),
            None => say(o, status, type_, false, Reason::NotAsked.word(), no),
        }
    }
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
    if stays(o, status) {
        return;
    }
    say(o, status, condition::NEVER_RUN, false, word, text);
    say(o, status, condition::READY, false, word, text);
    say(o, status, condition::SUCCESSFUL, false, word, text);
    say(o, status, condition::FAILED, true, word, text);
    if action == Action::Backup {
        say(
            o,
            status,
            condition::RESTORABLE,
            false,
            Reason::BackupFailed.word(),
            text,
        );
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

/// What was said of a finished run last, before a request to restore was waited for: a wait changes none of its conditions.
pub fn last_words(status: &BackupRunStatus) -> Option<String> {
    let of = if is_overwritten(status) {
        condition::READY
    } else {
        condition::IN_PROGRESS
    };
    let said = condition::find(&status.conditions, of)?;
    Some(said.message.clone()).filter(|words| said.status != "True" && !words.is_empty())
}

/// The state of a finished run that waited for nothing after all.
pub fn last_state(status: &BackupRunStatus) -> Option<State> {
    match status.restores.last() {
        Some(last) if last.successful => Some(State::RestoreSuccessful),
        Some(_) => Some(State::RestoreFailed),
        None if condition::is_true(&status.conditions, condition::SUCCESSFUL) => Some(State::BackupSuccessful),
        None => status.state,
    }
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
    if stays(o, status) {
        return;
    }
    stored_as(o, status);
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
                Reason::NoRestoreCommand.word(),
                "spec.restore is not set; it may be added to this run",
            )
        };
        say(o, status, condition::RESTORABLE, restorable, reason, text);
    }
}
