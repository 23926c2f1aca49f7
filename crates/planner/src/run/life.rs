//! Which of its lives a run is in: made once from its metadata and status, and asked by nobody else.
use api::names::{Action, attempt};
use api::run::Transfer;
use api::{BackupRun, BackupRunStatus, condition};
use jiff::Timestamp;

/// One of the lives of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Life {
    /// Its deletion was asked for.
    Deleting,
    /// Nothing has been done for it yet; it may wait for its storage.
    New,
    /// An attempt is under way.
    UnderWay(Attempt),
    /// An attempt has failed, and another one follows.
    Between {
        /// The one that failed.
        attempt: Attempt,
        /// When.
        failed: Timestamp,
    },
    /// An attempt has ended, and something of it may be left.
    Leaving(Attempt),
    /// In progress by its conditions and without a transfer: the Go operator left it.
    Abandoned,
    /// The backup, or the first restore of a restore-only run, has ended.
    Finished,
}

/// An attempt that the status names.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Backup or restore.
    pub action: Action,
    /// Which one.
    pub number: u32,
    /// As the status has it, under a name that is one.
    pub transfer: Transfer,
}

impl Attempt {
    /// Whoever may write the status may have put anything there: from here on it is an attempt's name.
    pub fn of(transfer: &Transfer) -> Self {
        let (action, number) = parse(&transfer.attempt);
        let mut transfer = transfer.clone();
        transfer.attempt = attempt(action, number);
        Self {
            action,
            number,
            transfer,
        }
    }
}

/// The life that a run is in.
pub fn of(run: &BackupRun) -> Life {
    if run.metadata.deletion_timestamp.is_some() {
        return Life::Deleting;
    }
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    if let Some(transfer) = &status.transfer {
        let attempt = Attempt::of(transfer);
        let failed = failed_at(run, &attempt);
        return if is_reported(status, &attempt) {
            Life::Leaving(attempt)
        } else if let Some(failed) = failed {
            Life::Between { attempt, failed }
        } else {
            Life::UnderWay(attempt)
        };
    }
    if is_finished(status) {
        Life::Finished
    } else if condition::is_true(&status.conditions, condition::IN_PROGRESS) {
        // Ours have a transfer as long as they are in progress.
        Life::Abandoned
    } else {
        Life::New
    }
}

/// `restore-2` is the second restore.
pub fn parse(attempt: &str) -> (Action, u32) {
    let (word, number) = attempt.split_once('-').unwrap_or((attempt, "1"));
    let action = if word == Action::Restore.word() {
        Action::Restore
    } else {
        Action::Backup
    };
    (action, number.parse().unwrap_or(1))
}

/// The backup, or the first restore of a restore-only run, has ended; this never changes again.
pub fn is_finished(status: &BackupRunStatus) -> bool {
    [condition::SUCCESSFUL, condition::FAILED]
        .iter()
        .any(|c| condition::is_true(&status.conditions, c))
}

/// The end of that attempt is in the status.
fn is_reported(status: &BackupRunStatus, attempt: &Attempt) -> bool {
    match attempt.action {
        Action::Backup => is_finished(status),
        Action::Restore => status.restores.iter().any(|r| r.number == attempt.number),
    }
}

/// Whether an attempt that fails is followed by another.
pub fn is_followed(run: &BackupRun, action: Action, number: u32) -> bool {
    action == Action::Backup && number <= run.spec.backoff_limit.unwrap_or(0)
}

/// When the attempt failed that another one follows. A time that this operator cannot have written is none: it stands there
/// for ever, and each attempt would be ended by it as soon as it begins.
fn failed_at(run: &BackupRun, at: &Attempt) -> Option<Timestamp> {
    let failed = at.transfer.failed_at.as_ref()?.0;
    (is_followed(run, at.action, at.number) && failed >= at.transfer.started_at.0).then_some(failed)
}
