//! Which runs a schedule takes up, and what it notes on its own.
use api::schedule::WhenDeleted;
use serde_json::{Value, json};

use super::*;
use crate::schedule::adopt::parting;

/// A run of an earlier schedule of the same name.
fn orphan(name: &str, owners: Value) -> BackupRun {
    let mut run = backup_run();
    run.metadata.name = Some(name.into());
    run.metadata.labels = Some(BTreeMap::from([(labels::SCHEDULE.to_string(), "hourly".to_string())]));
    run.metadata.owner_references = serde_json::from_value(owners).unwrap();
    run
}

fn owner(kind: &str, name: &str, uid: &str, controller: bool) -> Value {
    json!({"apiVersion": "backup-operator.io/v1", "kind": kind, "name": name, "uid": uid, "controller": controller})
}

fn adopted(run: BackupRun) -> bool {
    let mut world = World::new();
    world.others.push(run);
    let d = world.step();
    assert_eq!(d.events.iter().any(|e| e.reason == "RunsAdopted"), !d.adopt.is_empty());
    assert!(d.delete.is_empty(), "what is not ours yet is not rotated");
    !d.adopt.is_empty()
}

#[test]
fn a_schedule_that_comes_back_takes_up_what_it_left_and_nothing_else() {
    for (name, owners, taken) in [
        ("hourly-17", json!([]), true),
        (
            "hourly-17",
            json!([owner("BackupSchedule", "hourly", "old", true)]),
            true,
        ),
        ("hourly-17", json!([owner("App", "shop", "a", false)]), true),
        // Another one's, or by hand.
        ("hourly-17", json!([owner("App", "shop", "a", true)]), false),
        ("hourly-17", json!([owner("BackupSchedule", "daily", "d", true)]), false),
        ("copy", json!([]), false),
        ("hourly-x", json!([]), false),
    ] {
        assert_eq!(adopted(orphan(name, owners.clone())), taken, "{name} {owners}");
    }
    let mut elsewhere = orphan("hourly-17", json!([]));
    elsewhere.metadata.namespace = Some("other".into());
    assert!(!adopted(elsewhere));
    let mut unlabelled = orphan("hourly-17", json!([]));
    unlabelled.metadata.labels = None;
    assert!(!adopted(unlabelled));
    let mut going = orphan("hourly-17", json!([]));
    going.metadata.deletion_timestamp = Some(Time(t("2026-01-01T10:30:00Z")));
    assert!(!adopted(going));
}

#[test]
fn what_is_taken_up_gets_one_controller_and_keeps_its_other_owners() {
    let mut world = World::new();
    let owners = json!([
        owner("App", "shop", "a", false),
        owner("BackupSchedule", "hourly", "old", true)
    ]);
    world.others.push(orphan("hourly-17", owners));
    let d = world.look();
    let owners = &d.adopt[0].owners;
    let said: Vec<_> = owners.iter().map(|o| (o.uid.as_str(), o.controller)).collect();
    assert_eq!(said, [("a", Some(false)), ("s", Some(true))]);
    assert_eq!(
        d.adopt[0].version.as_deref(),
        Some("1"),
        "one that changed meanwhile is looked at again"
    );
}

#[test]
fn what_becomes_of_objects_is_noted_on_runs_whenever_it_changes() {
    let mut world = World::new();
    world.ended("hourly-17", true, 10);
    assert!(world.look().adopt.is_empty(), "nothing is noted for Retain");
    world.schedule.spec.when_deleted = Some(WhenDeleted::Delete);
    let d = world.look();
    assert_eq!(
        (d.adopt[0].when_deleted, d.adopt[0].orphan, d.events.len()),
        (Some("Delete"), false, 0)
    );
    world.runs[0]
        .annotations_mut()
        .insert(labels::WHEN_DELETED.into(), "Delete".into());
    assert!(world.look().adopt.is_empty());
    world.schedule.spec.when_deleted = None;
    assert_eq!(world.look().adopt[0].when_deleted, None);
    // A new one has it from the beginning.
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.schedule.spec.when_deleted = Some(WhenDeleted::Delete);
    assert_eq!(world.step().create[0].annotations()[labels::WHEN_DELETED], "Delete");
    assert!(world.step().adopt.is_empty());
}

#[test]
fn a_schedule_goes_only_when_its_runs_note_what_it_said_last() {
    let mut world = World::new();
    for n in 0..30 {
        world.ended(&format!("hourly-{n}"), true, 10);
    }
    assert_eq!(world.look().hold, None, "of Retain there is nothing to note");
    world.schedule.spec.when_deleted = Some(WhenDeleted::Delete);
    assert_eq!(world.look().hold, Some(true), "before anything is noted");
    world.schedule.metadata.finalizers = Some(vec![labels::FINALIZER.into()]);
    assert_eq!(world.look().hold, None);
    for run in &mut world.runs {
        run.annotations_mut()
            .insert(labels::WHEN_DELETED.into(), "Delete".into());
    }
    // It is set back, and deleted before they were all written to.
    world.schedule.spec.when_deleted = Some(WhenDeleted::Retain);
    assert_eq!(world.look().hold, None, "as long as one notes something");
    world.runs[0].metadata.deletion_timestamp = Some(Time(world.now));
    let mut written = 0;
    loop {
        let runs: Vec<_> = world.runs.iter().collect();
        let parting = parting(&world.schedule, &runs);
        if parting.is_empty() {
            break;
        }
        assert!(parting.len() <= 20 && parting.iter().all(|run| run.when_deleted.is_none()));
        written += parting.len();
        let names: Vec<_> = parting.into_iter().map(|run| run.name).collect();
        for run in world.runs.iter_mut().filter(|run| names.contains(&run.name_any())) {
            run.annotations_mut().remove(labels::WHEN_DELETED);
        }
    }
    assert_eq!(written, 30, "those that are being deleted, too");
    assert_eq!(world.look().hold, Some(false));
}

#[test]
fn many_are_taken_up_a_bounded_number_at_once() {
    let mut world = World::new();
    for n in 0..50 {
        world.others.push(orphan(&format!("hourly-{n}"), json!([])));
    }
    let d = world.look();
    assert_eq!(d.adopt.len(), 20);
    assert!(d.requeue_at.unwrap() <= world.now.checked_add(SignedDuration::from_secs(1)).unwrap());
}
