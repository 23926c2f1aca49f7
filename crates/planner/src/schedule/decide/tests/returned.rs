//! Runs that were brought back: by Velero, by an import, by a sync.
use super::*;

/// A run that has not ended, marked with that UID.
fn marked(name: &str, mark: &str) -> BackupRun {
    let mut run = backup_run();
    run.metadata.name = Some(name.into());
    run.metadata.uid = Some(name.into());
    run.annotations_mut().insert(labels::STARTED_AS.into(), mark.into());
    run
}

#[test]
fn a_run_that_came_back_is_neither_replaced_nor_waited_for() {
    for policy in [
        ConcurrencyPolicy::Allow,
        ConcurrencyPolicy::Forbid,
        ConcurrencyPolicy::Replace,
    ] {
        let mut world = World::new().at("2026-01-01T11:00:05Z").policy(policy);
        world.runs = ["hourly-1", "hourly-2"].map(|name| marked(name, "another")).to_vec();
        let d = world.look();
        assert_eq!((d.create.len(), d.delete.len()), (1, 0), "{policy:?}");
        assert_eq!(
            (d.status.total, d.status.in_progress, d.status.active.len()),
            (Some(2), Some(0), 0)
        );
        // Its own mark is that of a run that has begun here.
        world.runs = vec![marked("hourly-1", "hourly-1")];
        let d = world.look();
        let (created, deleted) = match policy {
            ConcurrencyPolicy::Allow => (1, 0),
            ConcurrencyPolicy::Forbid => (0, 0),
            ConcurrencyPolicy::Replace => (0, 1),
        };
        assert_eq!((d.create.len(), d.delete.len()), (created, deleted), "{policy:?}");
    }
}

#[test]
fn what_came_back_and_was_not_adopted_is_no_failure_that_is_counted_in_a_row_or_rotated() {
    let mut world = World::new();
    for n in 0..5 {
        let run = world.ended(&format!("back{n}"), false, 100 * n);
        let conditions = &mut run.status.as_mut().unwrap().conditions;
        conditions.iter_mut().for_each(|c| c.reason = "NotRepeated".into());
    }
    assert_eq!(world.doomed(), Vec::<String>::new());
    assert_eq!(world.look().status.consecutive_failures, None);
    // Nor does it take the place of a failure.
    world.ended("bad0", false, 1000);
    assert_eq!(world.doomed(), Vec::<String>::new());
    world.ended("bad1", false, 2000);
    assert_eq!(world.doomed(), ["bad1"]);
    assert_eq!(world.look().status.consecutive_failures, Some(2));
}
