//! Which of its lives a run is in: made once from its metadata and status, and asked by nobody else.
use api::names::{Action, attempt};
use api::run::Transfer;
use api::{BackupRun, BackupRunStatus, condition, labels};
use jiff::Timestamp;
use kube::ResourceExt;

/// One of the lives of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Life {
    /// Its deletion was asked for.
    Deleting,
    /// Nothing has been done for it yet; it may wait for its storage.
    New,
    /// It has lived before, as another object of its name, and came back without what was known of it.
    Returned(Past),
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
    } else if let Some(past) = lived_before(run) {
        Life::Returned(past)
    } else {
        Life::New
    }
}

/// What is left of an earlier life of a run. Tools that bring objects back keep annotations and drop status and UID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The UID that it had; unknown where only a restore that was done tells of it.
    pub uid: Option<String>,
    /// The path as it was rendered then.
    pub path: Option<String>,
    /// When its last good restore ended.
    pub restored_at: Option<String>,
}

fn lived_before(run: &BackupRun) -> Option<Past> {
    let annotations = run.annotations();
    let past = Past {
        uid: annotations.get(labels::STARTED_AS).cloned(),
        path: annotations.get(labels::RENDERED_PATH).cloned(),
        restored_at: annotations.get(labels::RESTORED_AT).cloned(),
    };
    match &past.uid {
        Some(uid) => (Some(uid) != run.metadata.uid.as_ref()).then_some(past),
        // Operators before this one left no mark, but told of a restore that was done.
        None => (run.spec.backup.is_none() && past.restored_at.is_some()).then_some(past),
    }
}

/// The UID of its earlier life, where the run was brought back as another object; with its status, too, where a tool does that.
pub fn earlier(run: &BackupRun) -> Option<&String> {
    let uid = run.annotations().get(labels::STARTED_AS)?;
    (Some(uid) != run.metadata.uid.as_ref()).then_some(uid)
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

/// The backup, or a restore of a restore-only run, has ended. It never becomes untrue again: what is known of a backup stays, and
/// of a restore-only run's restores the last one is told over the one before.
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
