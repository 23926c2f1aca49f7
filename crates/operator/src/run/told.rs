//! What a status that was written tells the metrics: what has ended, and why.
use api::{BackupRun, BackupRunStatus};
use kube::ResourceExt;

use crate::context::Context;
use crate::metrics::{action, ended};

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
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(status: Value) -> BackupRunStatus {
        serde_json::from_value(status).unwrap()
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
