//! Locks and legal holds on objects.
use api::run::Lock;

use super::*;

fn held(words: &str, since: u64) -> Option<Trouble> {
    Some(Trouble {
        message: words.into(),
        since: Duration::from_secs(since),
        expected: true,
    })
}

fn holds(steps: &[Step]) -> Vec<bool> {
    let of = |step: &Step| match step {
        Step::Unguarded(Unguarded::Hold { on, .. }) => Some(*on),
        _ => None,
    };
    steps.iter().filter_map(of).collect()
}

#[test]
fn a_run_whose_object_is_locked_waits_for_its_date_however_long_that_is_and_says_so_once() {
    let mut world = World::stored();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.delete();
    world.trouble = held(
        "the store keeps object db.sql: it is locked until 2027-01-01T00:00:00Z (GOVERNANCE)",
        40 * 24 * 3600,
    );
    world.pass(40 * 24 * 3600);
    let decision = world.decide();
    assert!(
        decision
            .unguarded
            .iter()
            .any(|u| matches!(u, Unguarded::DeleteObject { .. }))
    );
    assert_eq!(decision.settled, [Guarded::RemoveFinalizer], "when it is removed");
    let told: Vec<_> = decision
        .unguarded
        .iter()
        .filter_map(|u| match u {
            Unguarded::Event(event) => Some((event.reason, event.note.clone())),
            _ => None,
        })
        .collect();
    let [(reason, note)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(*reason, "ObjectLocked");
    for words in ["2027-01-01", "GOVERNANCE", "spec.retainPolicy: Retain"] {
        assert!(note.contains(words), "{note}");
    }
    world.run.status.as_mut().unwrap().message = Some(note.clone());
    assert!(
        !world
            .decide()
            .unguarded
            .iter()
            .any(|u| matches!(u, Unguarded::Event(_)))
    );
}

#[test]
fn what_keeps_an_object_stands_in_the_status_of_its_run() {
    let mut world = World::working();
    let lock = Lock {
        mode: Some("COMPLIANCE".into()),
        until: Some(Time(world.now)),
        legal_hold: false,
    };
    let End::Stored {
        bytes,
        stored_bytes,
        sha256,
        etag,
        version_id,
        record,
        log,
        ..
    } = stored()
    else {
        panic!()
    };
    world.ended(End::Stored {
        bytes,
        stored_bytes,
        sha256,
        etag,
        version_id,
        record,
        log,
        lock: Some(Box::new(lock.clone())),
    });
    world.step();
    assert_eq!(world.status().lock, Some(lock));
}

#[test]
fn a_legal_hold_is_put_on_by_an_annotation_and_taken_off_by_its_value_never_by_its_absence() {
    let mut world = World::stored();
    assert_eq!(holds(&world.step()), [false; 0]);
    world.annotate(labels::LEGAL_HOLD);
    // A restore goes first.
    world.annotate(labels::RESTORE);
    assert_eq!(holds(&world.step()), [false; 0]);
    world.pod(PodStage::Running);
    world.ended(End::Restored {
        bytes: 10,
        log: String::new(),
    });
    world.step();
    world.pods.clear();
    assert_eq!(holds(&world.step()), [true]);
    assert!(world.status().lock.unwrap().legal_hold);
    assert_eq!(world.step(), vec![], "it is done once");
    world.run.annotations_mut().remove(labels::LEGAL_HOLD);
    assert_eq!(world.step(), vec![]);
    world
        .run
        .annotations_mut()
        .insert(labels::LEGAL_HOLD.into(), "False".into());
    assert_eq!(holds(&world.step()), [false]);
    assert_eq!(world.status().lock, None);
    assert_eq!(world.step(), vec![]);
}

#[test]
fn a_run_without_a_good_backup_and_one_of_anothers_object_hold_nothing() {
    let mut bad = World::working();
    bad.ended(failed());
    bad.step();
    bad.pods.clear();
    // What the attempt left goes first.
    bad.step();
    let mut restored = World::new(restore_only_run());
    restored.step();
    restored.pod(PodStage::Running);
    restored.ended(End::Restored {
        bytes: 10,
        log: String::new(),
    });
    restored.step();
    restored.pods.clear();
    let mut anothers = World::stored();
    let StorageView::Ready(place) = &mut anothers.storage else {
        panic!()
    };
    (place.isolated, place.prefix) = (true, "other/".into());
    for mut world in [bad, restored, anothers] {
        assert!(world.status().transfer.is_none() && world.status().key.is_some());
        world.annotate(labels::LEGAL_HOLD);
        assert_eq!(world.step(), []);
    }
}

#[test]
fn no_hold_is_put_on_anything_in_a_storage_that_refuses_the_namespace() {
    let mut world = World::stored();
    world
        .run
        .annotations_mut()
        .insert(labels::LEGAL_HOLD.into(), "true".into());
    let message = "not for team".to_owned();
    world.storage = StorageView::Refused { message };
    assert!(holds(&world.step()).is_empty());
    world.storage = ready("");
    assert_eq!(holds(&world.step()), [true]);
}
