//! Storages that name another bucket, or another endpoint, than when a backup was made.
use super::*;
use crate::run::moved::{Moved, is_same};

fn renamed(name: &str) -> StorageView {
    let StorageView::Ready(place) = ready("") else { panic!() };
    StorageView::Ready(Place {
        location: bucket(name),
        ..place
    })
}

fn reached_by(endpoint: &str) -> StorageView {
    let StorageView::Ready(mut place) = ready("") else {
        panic!()
    };
    place.location.endpoint = endpoint.into();
    StorageView::Ready(place)
}

fn removed(world: &mut World) -> Vec<Option<Moved>> {
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.delete();
    let steps = world.step();
    let moved = |s: Step| match s {
        Step::Unguarded(Unguarded::DeleteObject { moved, .. }) => Some(moved),
        _ => None,
    };
    steps.into_iter().filter_map(moved).collect()
}

#[test]
fn a_backup_tells_where_it_lies_and_a_deletion_whether_the_storage_still_names_that_place() {
    for (storage, elsewhere) in [
        (ready(""), None),
        (renamed("backups2"), Some(true)),
        // It is served by TLS since, or named in full.
        (reached_by("http://minio.ops.svc.cluster.local:9000"), None),
        // It may be another name of the same store.
        (reached_by("https://minio.example.com"), Some(false)),
        // A storage whose probe fails is no other place.
        (not_ready("down", None), None),
    ] {
        let mut world = World::stored();
        assert_eq!(world.status().location, Some(bucket("backups")));
        world.storage = storage;
        let removed = removed(&mut world);
        let [moved] = removed.as_slice() else {
            panic!("{removed:?}")
        };
        assert_eq!(moved.as_ref().map(Moved::is_elsewhere), elsewhere);
    }
    // A run of before the place was recorded.
    let mut world = World::stored();
    world.run.status.as_mut().unwrap().location = None;
    world.storage = renamed("backups2");
    assert_eq!(removed(&mut world), [None]);
}

#[test]
fn a_storage_that_is_edited_before_the_command_starts_is_where_the_backup_goes() {
    let mut world = World::new(backup_run());
    world.step();
    world.storage = renamed("backups2");
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::AwaitsStart, None);
    world.step();
    // From here on it goes on where it was begun.
    world.storage = renamed("backups3");
    world.active(Contact::Working, None);
    world.step();
    world.ended(stored());
    world.step();
    assert_eq!(world.status().location, Some(bucket("backups2")));
}

#[test]
fn a_restore_says_that_its_backup_is_in_another_bucket_before_its_pod_is_made() {
    for (storage, there, restores) in [
        (renamed("backups2"), false, false),
        (reached_by("https://minio.example.com"), false, false),
        // Moved with all its objects, or replicated.
        (renamed("backups2"), true, true),
    ] {
        let mut world = World::stored();
        world.storage = storage;
        world.stored = there.then(|| StoredObject {
            key: "db.sql".into(),
            ..StoredObject::default()
        });
        world.annotate(labels::RESTORE);
        let steps = world.step();
        assert_eq!(
            has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
            restores
        );
        let said = steps.iter().find_map(|s| match s {
            Step::Unguarded(Unguarded::Event(e)) => Some(e.note.clone()),
            _ => None,
        });
        let said = said.unwrap();
        assert!(
            said.contains("was stored in bucket \"backups\" at https://minio:9000, and the storage now names bucket"),
            "{said}"
        );
        assert_eq!(
            world.found,
            Found::Unknown,
            "it is looked at again for the next request"
        );
    }
}

#[test]
fn a_restore_from_another_place_than_the_backup_was_stored_in_is_not_held_to_that_ones_versions() {
    for (storage, moved) in [(ready(""), false), (renamed("backups2"), true)] {
        let mut world = World::stored();
        world.storage = storage;
        world.stored = Some(StoredObject {
            key: "db.sql".into(),
            ..StoredObject::default()
        });
        world.annotate(labels::RESTORE);
        world.step();
        world.pod(PodStage::Running);
        let order = world.step().into_iter().find_map(|s| match s {
            Step::Unguarded(Unguarded::StartTransfer(order)) => Some(order),
            _ => None,
        });
        assert_eq!(order.expect("it begins").moved, moved);
    }
    let mut world = World::new(backup_run());
    world.step();
    world.storage = renamed("backups2");
    world.pod(PodStage::Running);
    let order = world.step().into_iter().find_map(|s| match s {
        Step::Unguarded(Unguarded::StartTransfer(order)) => Some(order),
        _ => None,
    });
    assert!(
        !order.expect("it begins").moved,
        "a backup is stored where the storage points to"
    );
}

#[test]
fn what_is_left_of_an_attempt_is_not_looked_for_in_another_bucket_and_is_said() {
    let mut world = World::working();
    let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
    transfer.upload_id = Some("u".into());
    world.storage = renamed("backups2");
    world.ended(failed());
    let mut steps = world.step();
    world.pods.clear();
    steps.extend(world.step());
    let asks = |s: &Step| matches!(s, Step::Unguarded(step) if step.is_errand());
    assert!(!has(&steps, asks), "{steps:?}");
    let told = |s: &Step| matches!(s, Step::Unguarded(Unguarded::TellStorage(e)) if e.note.contains("upload u of db.sql was stored in bucket \"backups\""));
    assert!(has(&steps, told), "{steps:?}");
    assert_eq!(world.status().transfer, None);
}

#[test]
fn a_run_that_wrote_the_same_key_into_another_bucket_has_overwritten_nothing() {
    for (theirs, overwritten) in [("backups", true), ("backups2", false)] {
        let mut world = World::stored();
        world.run.metadata.uid = Some("uid-1".into());
        let claim = Claim {
            run: "team/other".into(),
            uid: "uid-2".into(),
            location: Some(bucket(theirs)),
            etag: Some("\"f\"".into()),
            ended_at: Some(world.now),
            good: true,
            ..Claim::default()
        };
        world.claims = vec![claim];
        assert_eq!(says("Overwritten", &world.step()), overwritten, "{theirs}");
        assert_eq!(removed(&mut world).is_empty(), overwritten, "{theirs}");
    }
}

#[test]
fn an_address_with_its_schemes_port_and_a_service_with_its_namespace_are_the_place_that_they_are_without() {
    let at = |endpoint: &str| Location {
        endpoint: endpoint.into(),
        ..bucket("backups")
    };
    for (one, other) in [
        ("http://[::1]", "http://[::1]:80"),
        ("http://store.ops:9000", "http://store:9000"),
        ("http://store.ops:9000", "https://store.ops.svc.cluster.local:9000"),
    ] {
        assert!(
            is_same(&at(one), &at(other), "ops") && is_same(&at(other), &at(one), "ops"),
            "{one} {other}"
        );
    }
}
