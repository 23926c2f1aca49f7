//! Ticks, triggers and rotation while a run is being restored.
use super::*;

/// Four good backups, one of them over the limit, an hour before the next tick.
fn world(policy: ConcurrencyPolicy) -> World {
    let mut world = World::new().policy(policy).at("2026-01-01T10:59:00Z");
    for n in 0..4 {
        world.ended(&format!("r{n}"), true, 1000 + 100 * n);
    }
    world
}

fn in_progress(world: &World) -> Condition {
    let status = world.schedule.status.as_ref().unwrap();
    condition::find(&status.conditions, condition::IN_PROGRESS)
        .unwrap()
        .clone()
}

/// The two ways in which a run is being restored: it was asked to be, and it is.
fn restored(world: &mut World, asked: bool) {
    if asked {
        world.annotate_run("r1", labels::RESTORE);
    } else {
        let transfer = world.transfer("restore-1");
        world.runs[1].status.as_mut().unwrap().transfer = Some(transfer);
    }
}

fn restore_ends(world: &mut World) {
    world.runs[1].metadata.annotations = None;
    world.runs[1].status.as_mut().unwrap().transfer = None;
}

#[test]
fn ticks_and_rotation_wait_for_a_restore_and_are_made_up_for_unless_allowed() {
    for policy in [ConcurrencyPolicy::Forbid, ConcurrencyPolicy::Replace] {
        for asked in [true, false] {
            let mut world = world(policy);
            restored(&mut world, asked);
            let d = world.step();
            assert!(d.delete.is_empty(), "{policy:?}: rotation waits");
            assert_eq!(in_progress(&world).reason, "RestoreUnderWay");
            world.pass(90);
            let d = world.step();
            assert!(d.create.is_empty() && d.delete.is_empty(), "{policy:?} {d:?}");
            let said: Vec<_> = d.events.iter().map(|e| e.reason).collect();
            assert_eq!(said, ["NextWaitsForRestore"]);
            let told = in_progress(&world);
            assert!(
                told.message.contains("waits until the restore of r1 has ended"),
                "{told:?}"
            );
            // An hour later another tick waits, and nobody is told once more.
            world.pass(3600);
            let d = world.step();
            assert!(
                d.create.is_empty() && d.delete.is_empty() && d.events.is_empty(),
                "{d:?}"
            );
            restore_ends(&mut world);
            let d = world.step();
            assert_eq!(
                d.create.len(),
                1,
                "{policy:?}: of the ticks that waited the last is run"
            );
            assert_eq!(d.delete.iter().map(|x| x.name.as_str()).collect::<Vec<_>>(), ["r3"]);
            assert_eq!(d.status.last_schedule_time, Some(Time(t("2026-01-01T12:00:00Z"))));
        }
    }
}

#[test]
fn a_tick_that_waited_for_a_restore_too_long_is_skipped() {
    let mut world = world(ConcurrencyPolicy::Replace);
    world.schedule.spec.starting_deadline_seconds = Some(60);
    restored(&mut world, false);
    world.pass(61);
    assert!(world.step().create.is_empty());
    world.pass(60);
    restore_ends(&mut world);
    assert!(world.step().create.is_empty());
}

#[test]
fn replace_stops_neither_a_restore_nor_a_backup_beside_it() {
    let mut world = world(ConcurrencyPolicy::Replace);
    let only = world.transfer("restore-1");
    world.runs.push(backup_run());
    world.runs[4].status.get_or_insert_default().transfer = Some(only);
    world.runs.push(backup_run());
    world.pass(90);
    let d = world.step();
    assert!(d.create.is_empty() && d.delete.is_empty(), "{d:?}");
    world.runs.remove(4);
    assert_eq!(
        world.look().delete.len(),
        2,
        "the backup is stopped once the restore has ended; one is rotated"
    );
}

#[test]
fn a_trigger_waits_for_a_restore() {
    let mut world = world(ConcurrencyPolicy::Forbid);
    restored(&mut world, false);
    world.trigger();
    let d = world.settle();
    assert!(d.create.is_empty() && !d.remove_trigger, "{d:?}");
    restore_ends(&mut world);
    assert_eq!(world.settle().create.len(), 1);
}

#[test]
fn allow_makes_runs_beside_a_restore_and_warns_once() {
    let mut world = world(ConcurrencyPolicy::Allow);
    restored(&mut world, false);
    world.pass(90);
    let warned = |d: &Decision| d.events.iter().filter(|e| e.warning).count();
    let d = world.step();
    assert_eq!((d.create.len(), d.delete.len(), warned(&d)), (1, 0, 1), "{d:?}");
    world.pass(60);
    assert_eq!(warned(&world.step()), 0);
    world.pass(3600);
    let d = world.step();
    assert_eq!((d.create.len(), d.delete.len(), warned(&d)), (1, 0, 0), "{d:?}");
}

#[test]
fn a_request_to_restore_a_run_that_is_being_deleted_holds_nothing_up() {
    let mut world = world(ConcurrencyPolicy::Forbid);
    world.annotate_run("r1", labels::RESTORE);
    world.runs[1].metadata.deletion_timestamp = Some(Time(world.now));
    world.pass(90);
    assert_eq!(world.step().create.len(), 1);
}
