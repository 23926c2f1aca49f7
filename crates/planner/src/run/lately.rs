//! What came last of a run: the last step of what is under way, and the restore that ended last. Asked by metrics and by the command line.
use api::names::Action;
use api::{BackupRunStatus, condition};
use jiff::Timestamp;

use crate::run::life::parse;
use crate::run::reason::Reason;

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// What is made.
    pub action: Action,
    /// When the status was last told to be further.
    pub step: Timestamp,
}

/// The backup or restore under way; none of a run that waits for its turn or its storage.
pub fn under_way(status: &BackupRunStatus) -> Option<UnderWay> {
    let said = condition::find(&status.conditions, condition::IN_PROGRESS).filter(|c| c.status == "True")?;
    let transfer = status.transfer.as_ref()?;
    let steps = [
        Some(said.last_transition_time.0),
        Some(transfer.started_at.0),
        transfer.command_started_at.as_ref().map(|t| t.0),
        transfer.failed_at.as_ref().map(|t| t.0),
        status.progress.as_ref().map(|p| p.updated_at.0),
    ];
    Some(UnderWay {
        action: parse(&transfer.attempt).0,
        step: steps.into_iter().flatten().max()?,
    })
}

/// Since when a good backup lacks a copy that it is to have.
pub fn uncopied(status: &BackupRunStatus) -> Option<Timestamp> {
    let copied = condition::find(&status.conditions, condition::COPIED)?;
    let good = condition::is_true(&status.conditions, condition::SUCCESSFUL);
    (good && copied.status == "False").then_some(copied.last_transition_time.0)
}

/// Why the last rewrap is not done: it was given up, or what was before is still to be removed.
pub fn rewrap_not_done(status: &BackupRunStatus) -> Option<Reason> {
    let said = condition::find(&status.conditions, condition::REWRAPPED)?;
    let reasons = [Reason::RewrapFailed, Reason::ReplacedLeft];
    reasons.into_iter().find(|reason| reason.word() == said.reason)
}

/// What a request to rewrap has come to between two statuses of a run.
pub fn rewrap_ended(before: &BackupRunStatus, now: &BackupRunStatus) -> Option<Reason> {
    let last = |status: &BackupRunStatus| status.rewraps.last().map(|last| last.time.0);
    if last(now).is_some_and(|at| last(before) != Some(at)) {
        return Some(Reason::Rewrapped);
    }
    let said = condition::find(&now.conditions, condition::REWRAPPED)?;
    let known = condition::find(&before.conditions, condition::REWRAPPED) == Some(said);
    let given_up = before.rewrap.is_some() && now.rewrap.is_none();
    let is = |reason: Reason| reason.word() == said.reason;
    match is(Reason::RewrapFailed) {
        true if given_up => Some(Reason::RewrapFailed),
        // A refusal after one that failed is told under that one's reason.
        _ => (!known && (is(Reason::RewrapRefused) || is(Reason::RewrapFailed))).then_some(Reason::RewrapRefused),
    }
}

/// A restore waits until its object has been brought back from an archive.
pub fn is_thawing(status: &BackupRunStatus) -> bool {
    status.thaw.as_ref().is_some_and(|thaw| thaw.ready_at.is_none())
}

/// A restore that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Restored {
    /// When.
    pub at: Timestamp,
    /// Not well.
    pub failed: bool,
}

/// The restore that ended last: of one that expired before it began only the condition tells.
pub fn restored(status: &BackupRunStatus) -> Option<Restored> {
    let last = status.restores.last().map(|r| Restored {
        at: r.completion_time.0,
        failed: !r.successful,
    });
    let said = condition::find(&status.conditions, condition::RESTORED).map(|c| Restored {
        at: c.last_transition_time.0,
        failed: c.status == "False",
    });
    last.max(said)
}
