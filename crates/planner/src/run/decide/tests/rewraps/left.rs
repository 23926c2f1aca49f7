//! What a rewrap leaves to be removed: never the last copy, never what is read, never called gone where nobody looked.
use super::*;

fn moved(world: &mut World) {
    let StorageView::Ready(place) = &mut world.storage else {
        panic!("the storage is ready");
    };
    place.location = bucket("newer");
}

fn removals(steps: &[Step]) -> usize {
    removed(steps).len()
}

fn message(world: &World) -> String {
    let status = world.status();
    let said = condition::find(&status.conditions, condition::REWRAPPED);
    said.map(|c| c.message.clone()).unwrap_or_default()
}

#[test]
fn a_copy_that_nobody_asks_for_any_more_is_made_anew_before_the_one_of_before_goes() {
    let mut world = rewrapped_with_copies(&["far"]);
    // It was asked for by an annotation, which somebody took off.
    world.run.spec.copies.clear();
    let steps = world.step();
    let anew = key_of_copy(&world, "far");
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::Copy { key, .. }) if *key == anew)
    ));
    assert_eq!(removed(&steps), [(None, "db.sql".to_owned())]);
    world.copies = vec![further("far", copied(&anew, "\"d\""))];
    assert_eq!(removed(&world.step()), [far()]);
    assert!(world.is(condition::REWRAPPED) && world.is(condition::COPIED));

    // Where nobody can make one, nobody waits for it.
    let mut world = rewrapped_with_copies(&["far"]);
    world.run.spec.copies.clear();
    world.copies[0].view = StorageView::Missing;
    assert!(says("LeftBehind", &world.step()));
    assert!(world.status().replaced.is_empty());
}

#[test]
fn a_copy_that_is_there_and_was_not_noted_goes_with_the_others() {
    let mut world = encrypted();
    world.run.spec.copies = vec![CopyTo {
        storage: "far".into(),
        path: None,
    }];
    world.copies = vec![further(
        "far",
        CopyProgress::UnderWay {
            upload: Some("u1".into()),
        },
    )];
    world.step();
    // Its record could not be written.
    world.copies = vec![further(
        "far",
        CopyProgress::Failed {
            message: "the record beside it was refused".into(),
            again: Duration::from_secs(60),
        },
    )];
    world.step();
    all_idle(&mut world);
    ask(&mut world, &swap());
    world.step();
    world.rewrap.progress = made(&world);
    world.step();
    world.rewrap.progress = CopyProgress::Idle;
    world.step();
    let anew = key_of_copy(&world, "far");
    assert!(anew.contains(".rewrap-"), "no try writes over it: {anew}");
    world.copies = vec![further("far", copied(&anew, "\"d\""))];
    let steps = world.step();
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::RemoveReplaced { storage: Some(_), etag: None, key, .. }) if key == "far/db.sql")
    ));
}

#[test]
fn what_lies_in_a_bucket_that_the_storage_names_no_more_is_left_behind_and_not_called_gone() {
    let (mut world, _) = rewrapped();
    moved(&mut world);
    let steps = world.step();
    assert!(removals(&steps) == 0 && says("LeftBehind", &steps), "{steps:?}");
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.note.contains("\"backups\"") && e.note.contains("db.sql"))
    ));

    let (mut world, _) = rewrapped();
    moved(&mut world);
    world.delete();
    let steps = world.step();
    assert!(removals(&steps) == 0 && says("LeftBehind", &steps), "{steps:?}");

    // Another endpoint may be another name of the same store: it is looked at, by who knows that nothing there proves nothing.
    let (mut world, _) = rewrapped();
    let StorageView::Ready(place) = &mut world.storage else {
        panic!()
    };
    place.location.endpoint = "https://elsewhere.example".into();
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::RemoveReplaced { moved: Some(_), .. })
    )));
}

#[test]
fn what_is_not_found_under_a_changed_endpoint_is_looked_for_for_a_day() {
    let looked_for = |steps: &[Step]| -> Vec<bool> {
        let of = |step: &Step| match step {
            Step::Unguarded(Unguarded::RemoveReplaced { looked_for, .. }) => Some(*looked_for),
            _ => None,
        };
        steps.iter().filter_map(of).collect()
    };
    for (hours, wanted) in [(0, true), (23, true), (25, false)] {
        for deleted in [false, true] {
            let (mut world, _) = rewrapped();
            let StorageView::Ready(place) = &mut world.storage else {
                panic!()
            };
            place.location.endpoint = "https://elsewhere.example".into();
            world.pass(hours * 3600);
            if deleted {
                world.delete();
            }
            assert_eq!(looked_for(&world.step()), [wanted], "{hours} {deleted}");
        }
    }
    // Where its storage names the same place, that it is not there is an answer.
    let (mut world, _) = rewrapped();
    assert_eq!(looked_for(&world.step()), [false]);
}

#[test]
fn each_try_makes_an_object_of_its_own_and_what_an_earlier_one_left_goes_in_the_end() {
    let (mut world, _) = asked();
    let first = world.status().rewrap.unwrap().key;
    world.rewrap.progress = CopyProgress::UnderWay {
        upload: Some("u1".into()),
    };
    world.step();
    world.rewrap.progress = CopyProgress::Idle;
    world.step();
    let second = world.status().rewrap.unwrap();
    assert_ne!(first, second.key);
    assert_eq!(second.path, format!("/{}", second.key));
    assert_eq!(second.upload_id, None);
    world.pass(400);
    assert!(has(
        &world.step(),
        |s| matches!(s, Step::Unguarded(Unguarded::Rewrap { key, left: None, .. }) if *key == second.key)
    ));
    world.rewrap.progress = made(&world);
    world.step();
    world.rewrap.progress = CopyProgress::Idle;
    assert_eq!(world.status().key, Some(second.key));
    let steps = world.step();
    assert_eq!(removed(&steps), [(None, first.clone()), (None, "db.sql".to_owned())]);
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::RemoveReplaced { upload_id: Some(id), etag: None, key, .. }) if id == "u1" && *key == first)
    ));
    assert!(world.is(condition::REWRAPPED) && world.status().replaced.is_empty());
}

#[test]
fn a_try_that_an_operator_of_before_has_begun_is_this_runs() {
    let (mut world, _) = asked();
    // It counted its tries, and named the object by the request alone.
    world.run.status.as_mut().unwrap().rewrap.as_mut().unwrap().failures = 2;
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::Rewrap { .. })
    )));
}

#[test]
fn a_store_that_keeps_the_old_object_keeps_no_legal_hold_from_the_new_one() {
    let (mut world, _) = rewrapped();
    world
        .run
        .annotations_mut()
        .insert(labels::LEGAL_HOLD.into(), "true".into());
    let decision = world.decide();
    let wanted = |s: &Unguarded| matches!(s, Unguarded::Hold { key, on: true, .. } if key.contains(".rewrap-"));
    assert!(decision.unguarded.iter().any(wanted), "{:?}", decision.unguarded);
    let [Guarded::Report(told)] = &decision.settled[..] else {
        panic!("one report tells of both: {:?}", decision.settled);
    };
    assert!(told.replaced.is_empty() && told.lock.as_ref().unwrap().legal_hold);
}

#[test]
fn a_further_request_that_waits_for_what_is_left_is_told_so() {
    let (mut world, _) = rewrapped();
    world.trouble = Some(Trouble {
        message: "403 on DeleteObjectVersion".into(),
        since: Duration::from_secs(60),
        expected: false,
    });
    let told = |world: &mut World| {
        let decision = world.decide();
        let mut reports = decision.guarded.iter().filter_map(|step| match step {
            Guarded::Report(told) => Some(told),
            _ => None,
        });
        let conditions = reports
            .next_back()
            .map(|told| told.conditions.clone())
            .unwrap_or_default();
        let said = condition::find(&conditions, condition::REWRAPPED);
        said.map(|c| c.message.clone()).unwrap_or_default()
    };
    assert!(!told(&mut world).contains("the further rewrap"));
    ask(&mut world, &serde_json::json!({"add": [A]}).to_string());
    let words = told(&mut world);
    assert!(words.contains("403 on") && words.contains("the further rewrap that is asked for waits for that"));
    assert!(message(&world).contains("still to be removed"));
}

#[test]
fn of_a_deleted_run_whose_own_storage_is_gone_what_lies_in_others_goes_all_the_same() {
    let mut world = rewrapped_with_copies(&["far"]);
    world.storage = StorageView::Missing;
    world.delete();
    let steps = world.step();
    assert_eq!(removed(&steps), [far()]);
    assert!(says("LeftBehind", &steps));
}

#[test]
fn a_copy_whose_storage_is_gone_for_good_is_left_and_said_after_a_day_though_it_is_asked_for() {
    let mut world = rewrapped_with_copies(&["far"]);
    world.copies[0].view = StorageView::Missing;
    world.step();
    assert!(message(&world).contains("storage far"), "{}", message(&world));
    world.pass(25 * 3600);
    assert!(says("LeftBehind", &world.step()));
    assert!(world.status().replaced.is_empty() && world.is(condition::REWRAPPED));
}

#[test]
fn the_old_object_stays_while_another_run_stores_its_backup_under_the_same_key() {
    let (mut world, _) = rewrapped();
    world.rewrap.writer = Some("test/next".into());
    assert_eq!(removals(&world.step()), 0);
    assert!(message(&world).contains("test/next"), "{}", message(&world));
    world.rewrap.writer = None;
    assert_eq!(removals(&world.step()), 1);
}

#[test]
fn a_run_that_goes_and_leaves_its_backup_waits_for_who_reads_what_was_before_and_not_for_ever() {
    let gone = |policy| {
        let (mut world, _) = rewrapped();
        world.run.spec.retain_policy = Some(policy);
        world.run.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(world.now));
        world.rewrap.reader = Some("elsewhere/into".into());
        world
    };
    let mut world = gone(RetainPolicy::Retain);
    let steps = world.step();
    assert!(removals(&steps) == 0 && says("DeletionWaits", &steps), "{steps:?}");
    assert!(world.run.finalizers().iter().any(|f| labels::is_our_finalizer(f)));
    world.rewrap.reader = None;
    assert_eq!(removals(&world.step()), 1);
    let mut world = gone(RetainPolicy::Retain);
    world.pass(25 * 3600);
    assert_eq!(removals(&world.step()), 1);
    // Whose backup goes was deleted for that.
    assert!(removals(&gone(RetainPolicy::Delete).step()) > 0);
}

#[test]
fn a_run_that_goes_says_what_of_before_it_leaves_in_a_storage_that_is_gone() {
    let mut world = rewrapped_with_copies(&["far"]);
    world.copies[0].view = StorageView::Missing;
    world.run.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(world.now));
    let steps = world.step();
    assert_eq!(removed(&steps), [(None, "db.sql".to_owned())]);
    let told = has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::Event(event)) if event.note.contains("far/db.sql")),
    );
    assert!(told, "{steps:?}");
}

#[test]
fn what_lies_where_the_storage_keeps_nothing_of_this_namespace_is_left_behind() {
    let (mut world, _) = rewrapped();
    let StorageView::Ready(place) = &mut world.storage else {
        panic!()
    };
    (place.isolated, place.prefix) = (true, "other/".into());
    let steps = world.step();
    assert!(removals(&steps) == 0 && says("LeftBehind", &steps), "{steps:?}");
}

#[test]
fn what_was_lent_keeps_the_old_object_for_no_longer_than_anything_is_lent() {
    // A clock that was set back leaves an answer that ends later than that.
    for (seconds, goes) in [(0, true), (1, false), (900, false), (901, true)] {
        let (mut world, _) = rewrapped();
        world.run.status.as_mut().unwrap().download = Some(api::download::Download {
            recipient: B.into(),
            expires_at: Time(world.now.checked_add(SignedDuration::from_secs(seconds)).unwrap()),
            sealed: Some("text".into()),
            message: None,
        });
        assert_eq!(removals(&world.step()), usize::from(goes), "{seconds}");
    }
}

#[test]
fn of_a_copy_that_was_given_up_or_never_begun_nothing_is_to_be_removed() {
    let (mut world, _) = asked();
    let copies = serde_json::json!([
        {"storage": "far", "key": "far/db.sql", "givenUp": true},
        {"storage": "attic", "key": ""},
    ]);
    let copies: Vec<api::run::CopyStatus> = serde_json::from_value(copies).unwrap();
    world.run.status.as_mut().unwrap().copies.clone_from(&copies);
    world.rewrap.progress = made(&world);
    world.step();
    let status = world.status();
    let replaced: Vec<_> = status.replaced.iter().map(|old| old.key.as_str()).collect();
    assert_eq!((replaced, status.copies), (vec!["db.sql"], copies));
}

#[test]
fn nothing_is_removed_from_a_storage_that_refuses_the_namespace_and_what_is_left_there_is_said() {
    let refused = || StorageView::Refused {
        message: "not for team".into(),
    };
    let (mut world, _) = rewrapped();
    world.storage = refused();
    let steps = world.step();
    assert!(removed(&steps).is_empty() && says("LeftBehind", &steps));
    assert!(world.status().replaced.is_empty());

    // Of a copy that is made anew there, and whose one of before waits for a reader.
    let mut world = rewrapped_with_copies(&["far"]);
    let anew = key_of_copy(&world, "far");
    world.rewrap.reader = backup_run().namespace().map(|own| format!("{own}/x"));
    world.copies = vec![further("far", copied(&anew, "\"d\""))];
    world.step();
    world.rewrap.reader = None;
    all_idle(&mut world);
    world.copies[0].view = refused();
    let steps = world.step();
    assert_eq!(removed(&steps), [(None, "db.sql".to_owned())]);
    assert!(says("LeftBehind", &steps) && world.status().replaced.is_empty());
}
