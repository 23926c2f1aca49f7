//! Namespaces that may not use a storage, and objects that are not theirs.
use super::*;
use crate::run::observed::{CopyProgress, CopyView};

fn apart() -> Place {
    Place {
        prefix: "team/".into(),
        isolated: true,
        thaws: false,
        retry: Duration::from_secs(900),
        location: bucket("backups"),
        home: String::new(),
    }
}

fn isolated() -> StorageView {
    StorageView::Ready(apart())
}

fn refused() -> StorageView {
    StorageView::Refused {
        message: "not for you".into(),
    }
}

#[test]
fn a_namespace_that_may_not_use_the_storage_gets_no_pod() {
    let mut world = World::new(backup_run());
    world.storage = refused();
    let steps = world.step();
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
    assert!(world.is(condition::FAILED));
    assert_eq!(world.status().message.as_deref(), Some("not for you"));
    let mut world = World::stored();
    world.storage = refused();
    world.annotate(labels::RESTORE);
    let steps = world.step();
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "RestoreRefused")
    ));
    assert!(world.is(condition::SUCCESSFUL) && world.status().transfer.is_none());
}

#[test]
fn a_run_that_is_under_way_is_not_stopped_by_a_change_of_who_may() {
    let mut world = World::working();
    world.storage = refused();
    world.step();
    world.ended(stored());
    world.step();
    assert!(world.is(condition::SUCCESSFUL));
}

#[test]
fn where_namespaces_are_kept_apart_a_status_cannot_name_another_ones_object() {
    // Whoever may write the status may put anything there.
    let forge = |world: &mut World, key: &str| {
        let status = world.run.status.as_mut().unwrap();
        status.key = Some(key.into());
        if let Some(transfer) = &mut status.transfer {
            transfer.key = Some(key.into());
        }
    };
    for key in [
        "other/db.sql",
        "team",
        "teamx/db.sql",
        "",
        "team/../other/db.sql",
        "team/..\\other\\db.sql",
    ] {
        let mut world = World::stored();
        world.storage = isolated();
        forge(&mut world, key);
        world.annotate(labels::RESTORE);
        let steps = world.step();
        assert!(
            has(
                &steps,
                |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "RestoreRefused")
            ),
            "{key}"
        );
        assert!(
            !has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
            "{key}"
        );

        let mut world = World::new(restore_only_run());
        world.storage = isolated();
        world.step();
        forge(&mut world, key);
        world.pod(PodStage::Running);
        let steps = world.step();
        assert!(
            !has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::StartTransfer(_)))),
            "{key}"
        );
        assert!(world.is(condition::FAILED), "{key}");

        // Whose an object is does not depend on whether the storage was last found to work.
        for storage in [isolated(), not_ready("down", Some(apart()))] {
            let mut world = World::stored();
            world.storage = storage;
            world.run.spec.retain_policy = Some(RetainPolicy::Delete);
            forge(&mut world, key);
            world.run.metadata.deletion_timestamp = Some(Time(world.now));
            let steps = world.step();
            assert!(
                !has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::DeleteObject { .. }))),
                "{key}"
            );
            assert!(
                has(
                    &steps,
                    |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "ObjectKept")
                ),
                "{key}"
            );
        }
    }
}

#[test]
fn where_namespaces_are_kept_apart_their_own_objects_are_theirs() {
    let mut world = World::new(restore_only_run());
    world.storage = isolated();
    world.step();
    assert!(world.status().key.unwrap().starts_with("team/"));
    world.pod(PodStage::Running);
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::StartTransfer(_))
    )));
}

#[test]
fn where_namespaces_are_kept_apart_no_upload_of_another_one_is_aborted() {
    let storages = [isolated(), not_ready("down", Some(apart()))];
    for (key, storage) in ["other/db.sql", "team/db.sql"]
        .iter()
        .flat_map(|k| storages.iter().map(move |s| (*k, s)))
    {
        let mut world = World::working();
        world.storage = storage.clone();
        let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
        (transfer.key, transfer.upload_id) = (Some(key.into()), Some("u".into()));
        world.transfer = TransferView::None;
        world.pods.clear();
        let mut steps = world.step();
        steps.extend(world.step());
        let aborts = |s: &Step| {
            matches!(
                s,
                Step::Unguarded(Unguarded::AbortUpload { .. }) | Step::Unguarded(Unguarded::AbortStrays { .. })
            )
        };
        assert_eq!(has(&steps, aborts), key.starts_with("team/"), "{key}");
    }
}

#[test]
fn a_transfer_that_stands_in_the_status_only_opens_no_storage_that_is_closed() {
    for pod in [None, Some(PodStage::Running)] {
        let mut world = World::new(restore_only_run());
        world.step();
        world.storage = refused();
        if let Some(stage) = pod {
            world.pod(stage);
        }
        let steps = world.step();
        let acts = |s: &Step| {
            matches!(
                s,
                Step::Unguarded(Unguarded::StartTransfer(_))
                    | Step::Unguarded(Unguarded::CreatePod(_))
                    | Step::Unguarded(Unguarded::AbortUpload { .. })
                    | Step::Unguarded(Unguarded::AbortStrays { .. })
            )
        };
        assert!(!has(&steps, acts), "{steps:?}");
        assert!(world.is(condition::FAILED));
        assert_eq!(world.status().message.as_deref(), Some("not for you"));
    }
}

#[test]
fn what_stands_in_the_status_is_an_attempts_name_or_becomes_one() {
    let mut world = World::working();
    let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
    transfer.attempt = format!("backup-1{}", " ".repeat(1 << 20));
    world.transfer = TransferView::None;
    world.pod(PodStage::Running);
    let steps = world.step();
    let order = steps.iter().find_map(|s| match s {
        Step::Unguarded(Unguarded::StartTransfer(order)) => Some(order),
        _ => None,
    });
    assert_eq!(order.unwrap().attempt, "backup-1");
}

/// The order by which a transfer is begun.
fn ordered(steps: &[Step]) -> Option<&crate::run::step::TransferOrder> {
    steps.iter().find_map(|s| match s {
        Step::Unguarded(Unguarded::StartTransfer(order)) => Some(order.as_ref()),
        _ => None,
    })
}

/// A restore whose status names a copy, and what is known of the further storages.
fn reads_copy(copies: Vec<(&str, StorageView)>, storage: &str, key: &str) -> World {
    let mut world = World::new(restore_only_run());
    world.step();
    let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
    (transfer.storage, transfer.key) = (Some(storage.into()), Some(key.into()));
    let seen = |(storage, view): (&str, StorageView)| CopyView {
        storage: storage.into(),
        view,
        found: Found::Unknown,
        looked: None,
        progress: CopyProgress::Idle,
    };
    world.copies = copies.into_iter().map(seen).collect();
    world
}

#[test]
fn a_transfer_that_stands_in_the_status_only_opens_no_further_storage_that_is_closed() {
    for (view, key, words) in [
        (Some(refused()), "db.sql", "not for you"),
        (Some(StorageView::Missing), "db.sql", "is gone"),
        // No copy of this run is there.
        (None, "db.sql", "names storage prod"),
        (Some(isolated()), "victim/db.sql", "not below team/"),
    ] {
        let copies = view.into_iter().map(|view| ("prod", view)).collect();
        let mut world = reads_copy(copies, "prod", key);
        world.pod(PodStage::Running);
        let steps = world.step();
        assert_eq!(ordered(&steps), None, "{words}");
        assert!(world.is(condition::FAILED), "{words}");
        let message = world.status().message.unwrap();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_restore_of_a_copy_is_held_against_the_storage_of_that_copy_and_not_against_its_own() {
    let mut world = reads_copy(vec![("far", ready("far/"))], "far", "far/db.sql");
    world.storage = isolated();
    world.pod(PodStage::Running);
    let steps = world.step();
    assert_eq!(ordered(&steps).map(|order| order.storage.as_str()), Some("far"));
    // One that this operator has begun is not stopped by a change of who may.
    world.active(Contact::Working, None);
    world.copies[0].view = refused();
    world.step();
    assert!(world.status().transfer.is_some() && !world.is(condition::FAILED));
    // Its operator is started anew.
    world.transfer = TransferView::None;
    world.step();
    assert!(world.is(condition::FAILED));
    assert_eq!(world.status().message.as_deref(), Some("not for you"));
}

#[test]
fn a_backup_is_written_to_its_own_storage_whatever_its_status_names() {
    let mut world = World::new(backup_run());
    world.step();
    let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
    transfer.storage = Some("prod".into());
    world.pod(PodStage::Running);
    let steps = world.step();
    assert_eq!(ordered(&steps).map(|order| order.storage.as_str()), Some("minio"));
}

#[test]
fn a_status_cannot_name_one_of_the_operators_own_objects_as_a_backup() {
    for key in [".backup-operator/records/x", "a\\.backup-operator\\records\\x"] {
        for (storage, below) in [(ready(""), ""), (isolated(), "team/")] {
            let mut world = World::new(restore_only_run());
            world.step();
            world.storage = storage;
            let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
            transfer.key = Some(format!("{below}{key}"));
            world.pod(PodStage::Running);
            let steps = world.step();
            assert_eq!(ordered(&steps), None, "{below}{key}");
            let message = world.status().message.unwrap();
            assert!(message.contains("the operator's own"), "{message}");
        }
    }
    // What a storage has as its prefix is its own to choose.
    assert_eq!(ready("x/.backup-operator/y/").forbids("x/.backup-operator/y/a"), None);
}
