//! What a run does now, out of its object: one phase, and its words.
use api::requests::RESTORES;
use api::{BackupRun, BackupRunStatus, condition, labels};
use kube::ResourceExt;
use planner::run::life::parse;
use planner::run::{Reason, is_finished};

/// What is followed of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Its backup, or the first restore of a run without one.
    Run,
    /// A restore that was asked for.
    Restore {
        /// The value of the annotation that asks.
        value: String,
        /// The number of the last restore before it; 0 where there was none.
        after: u32,
    },
}

/// What it does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No operator has taken it up.
    Unseen,
    /// It waits: for its storage, its turn, or an earlier Pod. Why, in the operator's words.
    Waits(String),
    /// Its Pod comes up, and what keeps it, if anything does.
    Starts {
        /// `backup-1`.
        attempt: String,
        /// In the operator's words; empty where nothing is known to.
        why: String,
    },
    /// Its command runs.
    Works {
        /// `backup-1`.
        attempt: String,
    },
    /// An attempt failed and another one follows, in the operator's words.
    Again(String),
    /// It is being stopped, because somebody asked for that.
    Stops {
        /// `backup-1`.
        attempt: String,
    },
    /// It is being deleted.
    Deleted,
    /// The request to restore was taken off and nothing began: the operator's Event says why.
    Refused,
    /// Somebody else's request stands in its place, or nobody's.
    Withdrawn,
    /// It has ended.
    Ended(Ending),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whether it was good.
    pub good: bool,
    /// One CamelCase word, of `planner::run::Reason`.
    pub reason: String,
    /// In the operator's words.
    pub message: String,
}

impl Ending {
    /// What cures it, where its reason is one of this version's.
    pub fn cure(&self) -> Option<&'static str> {
        reason_of(&self.reason).map(Reason::cure)
    }
}

/// The reason of that word.
pub fn reason_of(word: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|r| r.word() == word)
}

/// What a run does now.
pub fn phase(run: &BackupRun, aim: &Aim) -> Phase {
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    match aim {
        Aim::Run => of_run(run, status),
        Aim::Restore { value, after } => of_restore(run, status, value, *after),
    }
}

fn of_run(run: &BackupRun, status: &BackupRunStatus) -> Phase {
    if is_finished(status) {
        let good = condition::is_true(&status.conditions, condition::SUCCESSFUL);
        let type_ = if good { condition::SUCCESSFUL } else { condition::FAILED };
        return Phase::Ended(ending(status, good, type_));
    }
    if run.metadata.deletion_timestamp.is_some() {
        return Phase::Deleted;
    }
    if let Some(under_way) = attempt(status, |_| true) {
        return under_way;
    }
    match &status.message {
        Some(why) => Phase::Waits(why.clone()),
        None => Phase::Unseen,
    }
}

fn of_restore(run: &BackupRun, status: &BackupRunStatus, value: &str, after: u32) -> Phase {
    if let Some(last) = status.restores.iter().find(|r| r.number > after) {
        let mut ending = ending(status, last.successful, condition::RESTORED);
        if let Some(message) = &last.message {
            ending.message.clone_from(message);
        }
        return Phase::Ended(ending);
    }
    if run.metadata.deletion_timestamp.is_some() {
        return Phase::Deleted;
    }
    let is_new = |name: &str| name.starts_with("restore") && parse(name).1 > after;
    if let Some(under_way) = attempt(status, is_new) {
        return under_way;
    }
    let annotations = run.annotations();
    match annotations.get(labels::RESTORE) {
        Some(asked) if asked == value => {
            let waits = status.queued.is_some() || status.restore_requested_at.is_some();
            match status.message.clone().filter(|_| waits) {
                Some(why) => Phase::Waits(why),
                None => Phase::Unseen,
            }
        }
        // Also where an applier has put an earlier one back since.
        _ if RESTORES.has(annotations, value) => Phase::Refused,
        _ => Phase::Withdrawn,
    }
}

/// The attempt under way that is meant.
fn attempt(status: &BackupRunStatus, is_meant: impl Fn(&str) -> bool) -> Option<Phase> {
    let transfer = status.transfer.as_ref().filter(|t| is_meant(&t.attempt))?;
    let attempt = transfer.attempt.clone();
    let words = || status.message.clone().unwrap_or_default();
    Some(if transfer.cancelled_at.is_some() {
        Phase::Stops { attempt }
    } else if transfer.failed_at.is_some() {
        Phase::Again(words())
    } else if transfer.command_started_at.is_some() {
        Phase::Works { attempt }
    } else {
        Phase::Starts { attempt, why: words() }
    })
}

fn ending(status: &BackupRunStatus, good: bool, type_: &str) -> Ending {
    let said = condition::find(&status.conditions, type_);
    Ending {
        good,
        reason: said.map(|c| c.reason.clone()).unwrap_or_default(),
        message: said.map(|c| c.message.clone()).unwrap_or_default(),
    }
}

impl Phase {
    /// In words, one line; None where there is nothing to say, or the end is said otherwise.
    pub fn words(&self) -> Option<String> {
        Some(match self {
            Self::Unseen | Self::Ended(_) | Self::Refused | Self::Withdrawn => return None,
            Self::Waits(why) | Self::Again(why) => why.clone(),
            Self::Starts { attempt, why } if why.is_empty() => format!("{attempt}: its Pod is being started"),
            Self::Starts { attempt, why } => format!("{attempt}: {why}"),
            Self::Works { attempt } => format!("{attempt}: its command runs"),
            Self::Stops { attempt } => format!("{attempt}: it is being stopped"),
            Self::Deleted => "it is being deleted".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(annotations: Value, status: Value) -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.annotations = serde_json::from_value(annotations).unwrap();
        run.status = serde_json::from_value(status).unwrap();
        run
    }

    fn said(type_: &str, reason: &str, message: &str) -> Value {
        json!({"type": type_, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": "2026-11-28T10:00:00Z"})
    }

    fn transfer(attempt: &str, more: Value) -> Value {
        let mut all = json!({"attempt": attempt, "startedAt": "2026-11-28T10:00:00Z", "route": "Direct"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    }

    #[test]
    fn a_run_has_one_phase_out_of_what_its_status_says() {
        let now = "2026-11-28T10:00:00Z";
        for (status, wanted) in [
            (json!(null), Phase::Unseen),
            (json!({"observedGeneration": -1}), Phase::Unseen),
            (
                json!({"state": "StorageError", "message": "there is no storage"}),
                Phase::Waits("there is no storage".into()),
            ),
            (
                json!({"transfer": transfer("backup-1", json!({}))}),
                Phase::Starts {
                    attempt: "backup-1".into(),
                    why: String::new(),
                },
            ),
            (
                json!({"message": "ImagePullBackOff", "transfer": transfer("backup-1", json!({}))}),
                Phase::Starts {
                    attempt: "backup-1".into(),
                    why: "ImagePullBackOff".into(),
                },
            ),
            (
                json!({"transfer": transfer("backup-2", json!({"commandStartedAt": now}))}),
                Phase::Works {
                    attempt: "backup-2".into(),
                },
            ),
            (
                json!({"transfer": transfer("backup-2", json!({"commandStartedAt": now, "cancelledAt": now}))}),
                Phase::Stops {
                    attempt: "backup-2".into(),
                },
            ),
            (
                json!({"message": "attempt 1 of 2 failed", "transfer": transfer("backup-1", json!({"failedAt": now}))}),
                Phase::Again("attempt 1 of 2 failed".into()),
            ),
            (
                json!({"conditions": [said("Successful", "BackupSuccessful", "1 KiB stored")]}),
                Phase::Ended(Ending {
                    good: true,
                    reason: "BackupSuccessful".into(),
                    message: "1 KiB stored".into(),
                }),
            ),
            // What its attempt needed is still being removed.
            (
                json!({"conditions": [said("Failed", "CommandFailed", "status 3")], "transfer": transfer("backup-1", json!({}))}),
                Phase::Ended(Ending {
                    good: false,
                    reason: "CommandFailed".into(),
                    message: "status 3".into(),
                }),
            ),
        ] {
            assert_eq!(phase(&run(json!({}), status.clone()), &Aim::Run), wanted, "{status}");
        }
    }

    #[test]
    fn a_restore_is_told_from_those_before_it() {
        let aim = Aim::Restore {
            value: "mine".into(),
            after: 2,
        };
        let ask = labels::RESTORE;
        let taken = labels::RESTORE_TAKEN;
        let done = |number: u32, successful: bool| {
            json!({"number": number, "startTime": "2026-11-28T10:00:00Z", "completionTime": "2026-11-28T10:00:00Z",
                "successful": successful, "bytes": 1, "message": if successful { None } else { Some("status 1") }})
        };
        let good = |good: bool, message: &str, reason: &str| {
            Phase::Ended(Ending {
                good,
                reason: reason.into(),
                message: message.into(),
            })
        };
        for (annotations, status, wanted) in [
            (
                json!({ask: "mine"}),
                json!({"restores": [done(2, true)]}),
                Phase::Unseen,
            ),
            // The backup's own words are not what the restore waits for.
            (json!({ask: "mine"}), json!({"message": "1 KiB stored"}), Phase::Unseen),
            (
                json!({ask: "mine"}),
                json!({"message": "the restore waits", "restoreRequestedAt": "2026-11-28T10:00:00Z"}),
                Phase::Waits("the restore waits".into()),
            ),
            (
                json!({taken: "mine"}),
                json!({"restores": [done(2, true)], "transfer": transfer("restore-3", json!({}))}),
                Phase::Starts {
                    attempt: "restore-3".into(),
                    why: String::new(),
                },
            ),
            (
                json!({taken: "mine"}),
                json!({"restores": [done(2, true), done(3, false)], "conditions": [said("Restored", "CommandFailed", "x")]}),
                good(false, "status 1", "CommandFailed"),
            ),
            (
                json!({taken: "mine"}),
                json!({"restores": [done(3, true)], "conditions": [said("Restored", "RestoreSuccessful", "all of it")]}),
                good(true, "all of it", "RestoreSuccessful"),
            ),
            (
                json!({taken: "mine"}),
                json!({"restores": [done(2, true)]}),
                Phase::Refused,
            ),
            (json!({ask: "theirs"}), json!({}), Phase::Withdrawn),
            (json!({taken: "older"}), json!({}), Phase::Withdrawn),
            // An earlier restore's remains are not this one's.
            (
                json!({ask: "mine"}),
                json!({"transfer": transfer("restore-2", json!({}))}),
                Phase::Unseen,
            ),
        ] {
            let run = run(annotations.clone(), status.clone());
            assert_eq!(phase(&run, &aim), wanted, "{annotations} {status}");
        }
    }

    #[test]
    fn a_failed_end_has_the_cure_of_its_reason() {
        let end = |reason: &str| Ending {
            good: false,
            reason: reason.into(),
            message: String::new(),
        };
        assert!(end("CommandFailed").cure().unwrap().contains("status.log"));
        assert_eq!(end("OfALaterVersion").cure(), None);
    }
}
