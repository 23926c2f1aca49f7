//! What goes along with an object that is deleted, and what stays, in lines for people.
use api::run::RetainPolicy;
use api::schedule::WhenDeleted;
use api::{BackupRun, BackupSchedule, BackupStorage, condition};
use kube::ResourceExt;
use planner::size::humanize;

use crate::follow::doing::{Doing, of as doing_of};
use crate::plain::clean;

/// Of a run.
pub fn of_run(run: &BackupRun) -> Vec<String> {
    let mut lines = vec![format!("run {} goes", run.name_any())];
    match doing_of(run) {
        Doing::Nothing => {}
        Doing::Restores => lines.push(
            "its restore is broken off: what the command has applied stays applied, and the rest will be missing"
                .into(),
        ),
        _ => lines.push("what is under way in it is stopped, and what it has uploaded is removed".into()),
    }
    lines.push(match (object(run), removes(run)) {
        (None, _) => "no object is stored by it".into(),
        (Some(object), true) => {
            format!("{object} goes, too (retainPolicy: Delete), unless another run has written it since")
        }
        (Some(object), false) => format!("{object} stays (retainPolicy: Retain)"),
    });
    lines.iter().map(|line| clean(line)).collect()
}

/// Of a schedule and its runs.
pub fn of_schedule(schedule: &BackupSchedule, runs: &[BackupRun]) -> Vec<String> {
    let mut lines = vec![format!("schedule {} goes", schedule.name_any())];
    let busy = runs.iter().filter(|run| doing_of(run) != Doing::Nothing).count();
    lines.push(format!("its {} go, too", count(runs.len(), "run")));
    if busy > 0 {
        lines.push(format!("what is under way in {busy} of them is stopped"));
    }
    let stored: Vec<_> = runs.iter().filter(|run| object(run).is_some()).collect();
    let bytes = stored.iter().filter_map(|run| run.status.as_ref()?.size_in_bytes).sum();
    let objects = format!("{}, {}", count(stored.len(), "stored object"), humanize(bytes));
    let go = schedule.spec.when_deleted == Some(WhenDeleted::Delete);
    let removed = stored.iter().filter(|run| removes(run)).count();
    lines.push(match (stored.len(), go, removed) {
        (0, ..) => "no object is stored by them".into(),
        (_, true, 0) => format!("{objects}: all stay (retainPolicy: Retain)"),
        (all, true, removed) if removed < all => {
            format!("{objects}: {removed} of them go (whenDeleted: Delete, retainPolicy: Delete), the others stay")
        }
        (_, true, _) => format!("{objects}: all go (whenDeleted: Delete, retainPolicy: Delete)"),
        (_, false, _) => format!("{objects}: all stay in the storage (whenDeleted: Retain)"),
    });
    lines.iter().map(|line| clean(line)).collect()
}

/// Of a storage, and who uses it, as far as that may be seen.
pub fn of_storage(
    storage: &BackupStorage,
    runs: Option<&[BackupRun]>,
    schedules: Option<&[BackupSchedule]>,
) -> Vec<String> {
    let name = storage.name_any();
    let runs = runs.map(|all| all.iter().filter(|run| run.spec.storage.name == name).count());
    let schedules = schedules.map(|all| {
        let uses = |s: &&BackupSchedule| s.spec.template.spec.storage.name == name;
        all.iter().filter(uses).count()
    });
    let mut lines = vec![
        format!("storage {name} goes"),
        "the bucket and the objects in it stay".into(),
    ];
    for (count_of, word, what) in [
        (
            runs,
            "run",
            "can neither be restored nor have their objects removed without it",
        ),
        (
            schedules,
            "schedule",
            "wait with their backups until there is one of that name",
        ),
    ] {
        lines.push(match count_of {
            Some(0) => format!("no {word} uses it"),
            Some(n) => format!("{} of it {what}", count(n, word)),
            None => format!("which {word}s use it may not be seen by you"),
        });
    }
    lines.iter().map(|line| clean(line)).collect()
}

/// The object of a run's good backup, in words.
fn object(run: &BackupRun) -> Option<String> {
    let status = run.status.as_ref()?;
    let stored = run.spec.backup.is_some() && condition::is_true(&status.conditions, condition::SUCCESSFUL);
    let path = status.path.as_deref().filter(|_| stored)?;
    let size = status.size_in_bytes.map(|bytes| format!(" ({})", humanize(bytes)));
    Some(format!(
        "object {path}{} of storage {}",
        size.unwrap_or_default(),
        run.spec.storage.name
    ))
}

fn removes(run: &BackupRun) -> bool {
    run.spec.retain_policy == Some(RetainPolicy::Delete)
}

fn count(n: usize, word: &str) -> String {
    match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(policy: RetainPolicy, good: bool) -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.name = Some("a".into());
        run.spec.storage.name = "minio".into();
        run.spec.retain_policy = Some(policy);
        let type_ = if good { "Successful" } else { "Failed" };
        run.status = serde_json::from_value(json!({
            "path": "/a.sql", "sizeInBytes": 2048,
            "conditions": [{"type": type_, "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-11-28T10:00:00Z"}],
        }))
        .unwrap();
        run
    }

    #[test]
    fn the_object_of_a_run_goes_or_stays_by_its_retain_policy() {
        for (run, words) in [
            (
                run(RetainPolicy::Delete, true),
                "object /a.sql (2.0 KiB) of storage minio goes, too (retainPolicy: Delete), unless another run has written it since",
            ),
            (
                run(RetainPolicy::Retain, true),
                "object /a.sql (2.0 KiB) of storage minio stays (retainPolicy: Retain)",
            ),
            (run(RetainPolicy::Delete, false), "no object is stored by it"),
        ] {
            assert_eq!(of_run(&run), ["run a goes", words]);
        }
        let mut busy = run(RetainPolicy::Delete, true);
        busy.status = None;
        assert!(of_run(&busy)[1].contains("is stopped"));
        let mut restores = run(RetainPolicy::Delete, true);
        restores.status.as_mut().unwrap().transfer = serde_json::from_value(
            json!({"attempt": "restore-1", "startedAt": "2026-11-28T10:00:00Z", "route": "Direct"}),
        )
        .unwrap();
        assert!(
            of_run(&restores)[1].contains("has applied stays applied"),
            "{:?}",
            of_run(&restores)
        );
    }

    #[test]
    fn the_objects_of_a_schedule_stay_unless_both_say_that_they_go() {
        let schedule = |when: &str| -> BackupSchedule {
            serde_json::from_value(json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": "s"},
                "spec": {"schedule": "@daily", "whenDeleted": when, "template": {"spec": testing::backup_run().spec}},
            }))
            .unwrap()
        };
        let (goes, stays) = (run(RetainPolicy::Delete, true), run(RetainPolicy::Retain, true));
        for (when, runs, words) in [
            (
                "Retain",
                vec![goes.clone(), stays.clone()],
                "2 stored objects, 4.0 KiB: all stay in the storage (whenDeleted: Retain)",
            ),
            (
                "Delete",
                vec![goes.clone(), stays.clone()],
                "2 stored objects, 4.0 KiB: 1 of them go (whenDeleted: Delete, retainPolicy: Delete), the others stay",
            ),
            (
                "Delete",
                vec![goes],
                "1 stored object, 2.0 KiB: all go (whenDeleted: Delete, retainPolicy: Delete)",
            ),
            (
                "Delete",
                vec![stays],
                "1 stored object, 2.0 KiB: all stay (retainPolicy: Retain)",
            ),
            ("Delete", vec![], "no object is stored by them"),
        ] {
            let lines = of_schedule(&schedule(when), &runs);
            assert_eq!(lines.last().unwrap(), words);
        }
    }

    #[test]
    fn a_storage_says_who_would_miss_it() {
        let storage: BackupStorage = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "minio"}, "spec": {"type": "s3", "parameters": {"bucket": "backups"}},
        }))
        .unwrap();
        let lines = of_storage(&storage, Some(&[run(RetainPolicy::Retain, true)]), None);
        assert_eq!(
            lines,
            [
                "storage minio goes",
                "the bucket and the objects in it stay",
                "1 run of it can neither be restored nor have their objects removed without it",
                "which schedules use it may not be seen by you",
            ]
        );
    }
}
