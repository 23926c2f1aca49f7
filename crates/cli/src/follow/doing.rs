//! Whether something of a run is under way, or waits.
use api::names::Action;
use api::{BackupRun, BackupRunStatus};
use planner::run::is_finished;
use planner::run::life::parse;
use planner::schedule::observed::is_being_restored;

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Nothing any more.
    Nothing,
    /// It waits, or makes its backup.
    Begun,
    /// It restores.
    Restores,
}

/// What this run does.
pub fn of(run: &BackupRun) -> Doing {
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    match &status.transfer {
        Some(transfer) if is_over(status, &transfer.attempt) => Doing::Nothing,
        Some(transfer) => match parse(&transfer.attempt).0 {
            Action::Restore => Doing::Restores,
            Action::Backup => Doing::Begun,
        },
        None if is_finished(status) && !is_being_restored(run) => Doing::Nothing,
        None => Doing::Begun,
    }
}

/// Whether the status tells of the end of that attempt.
fn is_over(status: &BackupRunStatus, attempt: &str) -> bool {
    match parse(attempt) {
        (Action::Backup, _) => is_finished(status),
        (Action::Restore, number) => status.restores.iter().any(|r| r.number == number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::labels;
    use serde_json::{Value, json};

    #[test]
    fn what_is_under_way_or_waits_is_told_from_what_has_ended() {
        let run = |annotations: Value, status: Value| {
            let mut run = testing::backup_run();
            run.metadata.annotations = serde_json::from_value(annotations).unwrap();
            run.status = serde_json::from_value(status).unwrap();
            run
        };
        let now = "2026-11-28T10:00:00Z";
        let transfer = |attempt: &str| json!({"attempt": attempt, "startedAt": now, "route": "Direct"});
        let good =
            json!({"type": "Successful", "status": "True", "reason": "R", "message": "", "lastTransitionTime": now});
        let second = json!({"number": 2, "startTime": now, "completionTime": now, "successful": false, "bytes": 0});
        for (annotations, status, doing) in [
            (json!({}), json!({}), Doing::Begun),
            (json!({}), json!({"transfer": transfer("backup-1")}), Doing::Begun),
            (json!({}), json!({"conditions": [good]}), Doing::Nothing),
            // What it needed is being removed.
            (
                json!({}),
                json!({"conditions": [good], "transfer": transfer("backup-1")}),
                Doing::Nothing,
            ),
            (
                json!({labels::RESTORE: "x"}),
                json!({"conditions": [good]}),
                Doing::Begun,
            ),
            (
                json!({}),
                json!({"conditions": [good], "transfer": transfer("restore-2")}),
                Doing::Restores,
            ),
            (
                json!({}),
                json!({"conditions": [good], "transfer": transfer("restore-2"), "restores": [second]}),
                Doing::Nothing,
            ),
        ] {
            assert_eq!(
                of(&run(annotations.clone(), status.clone())),
                doing,
                "{annotations} {status}"
            );
        }
    }
}
