//! The good backups that a run's schedule made before: what its own size is measured by.
use api::{BackupRun, BackupRunStatus, condition, labels};
use kube::ResourceExt;
use planner::run::shrunk::LAST;

use crate::cache::{Cache, Group};

/// Their sizes on the command's side, newest first. A run that no schedule made has none.
pub fn good_sizes(run: &BackupRun, runs: &Cache<BackupRun>) -> Vec<u64> {
    let good = good(run, runs, |status| status.bytes);
    good.into_iter().take(LAST).collect()
}

/// What the newest of them takes in the store.
pub fn newest_stored(run: &BackupRun, runs: &Cache<BackupRun>) -> Option<u64> {
    good(run, runs, |status| status.size_in_bytes).first().copied()
}

fn good(run: &BackupRun, runs: &Cache<BackupRun>, size: impl Fn(&BackupRunStatus) -> Option<u64>) -> Vec<u64> {
    let Some(schedule) = run.labels().get(labels::SCHEDULE) else {
        return Vec::new();
    };
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    let mut good: Vec<_> = runs
        .of(Group::Labelled(namespace, schedule))
        .iter()
        .filter(|r| r.namespace() == run.namespace() && r.labels().get(labels::SCHEDULE) == Some(schedule))
        // What a record says of its size is the word of whoever may write to the bucket.
        .filter(|r| r.uid() != run.uid() && !r.annotations().contains_key(labels::RECORD))
        .filter_map(|r| {
            let status = r.status.as_ref()?;
            let good = condition::is_true(&status.conditions, condition::SUCCESSFUL);
            Some((status.completion_time.as_ref()?.0, size(status)?)).filter(|_| good)
        })
        .collect();
    good.sort_unstable_by(|a, b| b.cmp(a));
    good.into_iter().map(|(_, size)| size).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cache::Packed;

    fn run(name: &str, schedule: Option<&str>, good: bool, hour: u8, bytes: u64) -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.name = Some(name.into());
        run.metadata.uid = Some(name.into());
        run.metadata.labels = schedule.map(|s| [(labels::SCHEDULE.to_string(), s.to_string())].into());
        let type_ = if good { condition::SUCCESSFUL } else { condition::FAILED };
        let at = format!("2026-01-01T{hour:02}:00:00Z");
        run.status = serde_json::from_value(json!({"bytes": bytes, "completionTime": at,
            "conditions": [{"type": type_, "status": "True", "reason": "x", "message": "", "lastTransitionTime": at}]}))
        .unwrap();
        run
    }

    #[test]
    fn a_size_is_measured_by_the_last_good_ones_of_the_same_schedule() {
        let runs = Cache::default();
        let mut elsewhere = run("elsewhere", Some("nightly"), true, 9, 9);
        elsewhere.metadata.namespace = Some("other".into());
        let mut all = vec![
            elsewhere,
            run("bad", Some("nightly"), false, 9, 9),
            run("single", None, true, 9, 9),
            run("other", Some("other"), true, 9, 9),
            run("now", Some("nightly"), true, 10, 9),
        ];
        // The newest is not the largest, and one more is there than is looked at.
        all.extend((0..6).map(|n| run(&format!("r{n}"), Some("nightly"), true, n, 100 - u64::from(n))));
        for one in all {
            runs.put(Packed::of(&one));
        }
        let of = |name: &str, schedule| good_sizes(&run(name, schedule, true, 10, 9), &runs);
        assert_eq!(of("now", Some("nightly")), [95, 96, 97, 98, 99]);
        assert!(of("single", None).is_empty());
    }
}
