//! What a status that was written tells: the metrics, what has ended and why; the log, each change of state, in one line.
use api::{BackupRun, BackupRunStatus};
use kube::ResourceExt;
use planner::run::lately;

use crate::context::Context;
use crate::log::about_run;
use crate::metrics::{action, ended};

/// The longest words of a line, characters: they may be a command's.
const WORDS: usize = 300;

/// That status was written.
pub fn tell(run: &BackupRun, before: &BackupRunStatus, now: &BackupRunStatus, context: &Context) {
    let namespace = run.namespace().unwrap_or_default();
    let storage = run.spec.storage.name.as_str();
    // Anybody may name a storage that is not there: no label of its own.
    let storage = if context.metrics.storages.has(storage) {
        storage
    } else {
        ""
    };
    for (of, reason) in ended(before, now, run.spec.backup.is_some()) {
        let labels = [namespace.as_str(), storage, action(of), reason.as_str()];
        context.metrics.runs_ended.add(labels, 1);
    }
    if let Some(reason) = lately::rewrap_ended(before, now) {
        let labels = [namespace.as_str(), storage, reason.word()];
        context.metrics.rewraps_ended.add(labels, 1);
    }
    if changed(before, now) {
        let said = |now: &Option<String>| now.as_ref().map(|m| m.chars().take(WORDS).collect::<String>());
        about_run!(
            info,
            run,
            attempt = attempt(now).or(attempt(before)),
            state = now.state.map(|state| format!("{state:?}")),
            begun = begun(now).then_some(true),
            failed = failed(now).then_some(true),
            words = said(&now.message).filter(|_| now.message != before.message),
            "state"
        );
    }
}

/// The attempt that a status speaks of.
pub fn attempt(status: &BackupRunStatus) -> Option<&str> {
    status.transfer.as_ref().map(|t| t.attempt.as_str())
}

/// Whether the attempt's command was handed over.
fn begun(status: &BackupRunStatus) -> bool {
    status.transfer.as_ref().is_some_and(|t| t.command_started_at.is_some())
}

/// Whether the attempt has failed and another one follows.
fn failed(status: &BackupRunStatus) -> bool {
    status.transfer.as_ref().is_some_and(|t| t.failed_at.is_some())
}

/// Whether the run has come from one state to the next: by its word, or within an attempt. Not how far a transfer is, nor a place in a queue, nor
/// that what has ended was cleared away.
fn changed(before: &BackupRunStatus, now: &BackupRunStatus) -> bool {
    let standing = |status| (attempt(status), begun(status), failed(status));
    before.state != now.state || (now.transfer.is_some() && standing(before) != standing(now))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(status: Value) -> BackupRunStatus {
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn a_line_is_for_a_change_of_state_and_not_for_progress_nor_a_place_in_the_queue() {
        let t = "2026-01-01T00:00:00Z";
        let transfer = |attempt: &str, more: Value| {
            let mut transfer = json!({"attempt": attempt, "startedAt": t, "route": "Direct"});
            transfer
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            json!({"state": "Backuping", "transfer": transfer})
        };
        let with = |mut status: Value, more: Value| {
            status
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            status
        };
        let queued = |place: u32| json!({"state": "Queued", "queued": {"since": t, "place": place, "of": 9}});
        let (first, second) = (transfer("backup-1", json!({})), transfer("backup-2", json!({})));
        let begun = transfer("backup-1", json!({"commandStartedAt": t}));
        let failed = transfer("backup-1", json!({"commandStartedAt": t, "failedAt": t}));
        let far = json!({"progress": {"bytes": 1, "storedBytes": 1, "updatedAt": t}, "message": "on its way"});
        let good = with(begun.clone(), json!({"state": "BackupSuccessful"}));
        for (before, now, told) in [
            (json!({}), queued(3), true),
            (queued(3), queued(1), false),
            (queued(1), first.clone(), true),
            (first.clone(), with(first.clone(), far.clone()), false),
            (
                first.clone(),
                transfer("backup-1", json!({"podUid": "p", "uploadID": "u"})),
                false,
            ),
            (first, begun.clone(), true),
            (begun.clone(), with(begun.clone(), far), false),
            (begun.clone(), failed.clone(), true),
            (failed, second, true),
            (begun, good.clone(), true),
            // The Pod and the upload are gone.
            (good, json!({"state": "BackupSuccessful"}), false),
            (
                json!({"state": "BackupSuccessful"}),
                json!({"state": "BackupSuccessful", "message": "x"}),
                false,
            ),
        ] {
            assert_eq!(
                changed(&status(before.clone()), &status(now.clone())),
                told,
                "{before} {now}"
            );
        }
    }

    #[tokio::test]
    async fn a_line_says_of_which_run_and_attempt_it_is_and_how_it_is_now() {
        let (client, _server) = crate::mocked::connect();
        let context = crate::mocked::context(client, Default::default()).0;
        let mut run = testing::backup_run();
        run.metadata.name = Some("db-1".into());
        run.metadata.namespace = Some("team".into());
        run.metadata.uid = Some("6f9619ff-8b86-d011-b42d-00c04fc964ff".into());
        let t = "2026-01-01T00:00:00Z";
        let transfer = json!({"attempt": "backup-1", "startedAt": t, "route": "Direct", "commandStartedAt": t});
        let begun = status(json!({"state": "Backuping", "transfer": transfer, "message": "it runs"}));
        let long = "x\n".repeat(1000);
        let ended = status(json!({"state": "BackupFailed", "message": long}));
        let lines = crate::log::captured::json(|| {
            tell(&run, &status(json!({})), &begun, &context);
            tell(&run, &begun, &begun, &context);
            tell(&run, &begun, &ended, &context);
        });
        let about = |more: Value| {
            let mut line = json!({
                "message": "state", "namespace": "team", "run": "db-1", "attempt": "backup-1",
                "trace": "6f9619ff8b86d011b42d00c04fc964ff",
            });
            line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            line
        };
        let expected = [
            about(json!({"state": "Backuping", "begun": true, "words": "it runs"})),
            about(json!({"state": "BackupFailed", "words": long[..WORDS]})),
        ];
        assert_eq!(lines, expected);
    }

    #[tokio::test]
    async fn an_end_counts_for_its_storage_where_there_is_one_of_that_name() {
        let (client, _server) = crate::mocked::connect();
        let context = crate::mocked::context(client, Default::default()).0;
        let mut run = testing::backup_run();
        run.metadata.namespace = Some("team".into());
        let t = "2026-01-01T00:00:00Z";
        let good = status(
            json!({"conditions": [{"type": "Successful", "status": "True", "reason": "BackupSuccessful", "message": "", "lastTransitionTime": t}]}),
        );
        tell(&run, &status(json!({})), &good, &context);
        let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": run.spec.storage.name}, "spec": {"type": "s3"}});
        context
            .metrics
            .storages
            .seen(&serde_json::from_value(storage).unwrap(), jiff::Timestamp::now());
        tell(&run, &status(json!({})), &good, &context);
        let seen: Vec<_> = context
            .metrics
            .runs_ended
            .all()
            .into_iter()
            .map(|(l, n)| (l.join(","), n))
            .collect();
        let with = format!("team,{},Backup,BackupSuccessful", run.spec.storage.name);
        assert_eq!(seen, [("team,,Backup,BackupSuccessful".to_string(), 1), (with, 1)]);
    }
}
