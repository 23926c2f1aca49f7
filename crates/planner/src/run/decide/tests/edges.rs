//! What calls an attempt good or bad, and what a deletion removes: the edges on which no other test stands.
use super::*;
use crate::run::Event;
use crate::run::observed::{CopyProgress, CopyView, Recorded};

fn events(steps: &[Step]) -> Vec<Event> {
    let of = |step: &Step| match step {
        Step::Unguarded(Unguarded::Event(event)) => Some(event.clone()),
        _ => None,
    };
    steps.iter().filter_map(of).collect()
}

fn reported(steps: &[Step]) -> bool {
    has(steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))))
}

fn looks(steps: &[Step]) -> bool {
    has(steps, |s| matches!(s, Step::Unguarded(Unguarded::Look { .. })))
}

fn isolated(prefix: &str) -> StorageView {
    let StorageView::Ready(place) = ready(prefix) else {
        panic!()
    };
    StorageView::Ready(Place {
        isolated: true,
        ..place
    })
}

/// A good backup with a copy in `far`, whose run is deleted with all that it stored.
fn deleted_with_a_copy(view: StorageView) -> World {
    let mut world = World::stored();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    let status = world.run.status.as_mut().unwrap();
    status.copies = vec![
        serde_json::from_value(serde_json::json!({
            "storage": "far", "key": "far/db.sql", "etag": "\"c\"", "completionTime": "1970-01-12T13:46:40Z"
        }))
        .unwrap(),
    ];
    world.copies = vec![CopyView {
        storage: "far".into(),
        view,
        found: Found::Unknown,
        looked: None,
        progress: CopyProgress::Idle,
    }];
    world.delete();
    world
}

fn removes_the_copy(steps: &[Step]) -> bool {
    has(steps, |s| matches!(s, Step::Unguarded(Unguarded::DeleteCopy { .. })))
}

#[test]
fn a_copy_that_its_storage_keeps_for_another_namespace_is_not_removed_whoever_wrote_it_into_the_status() {
    for (view, removed) in [(ready(""), true), (isolated("far/"), true), (isolated("other/"), false)] {
        let steps = deleted_with_a_copy(view.clone()).step();
        assert_eq!(removes_the_copy(&steps), removed, "{view:?}");
        assert_eq!(says("LeftBehind", &steps), !removed, "{view:?}");
    }
}

#[test]
fn a_copy_outlives_the_storage_of_its_backup_only_where_it_was_tried_for_long() {
    for (storage, seconds, removed) in [
        (StorageView::Missing, None, true),
        (StorageView::Missing, Some(299), true),
        (StorageView::Missing, Some(300), false),
        (StorageView::Missing, Some(301), false),
        (ready(""), Some(299), true),
        (ready(""), Some(300), false),
    ] {
        let mut world = deleted_with_a_copy(ready(""));
        world.storage = storage.clone();
        world.trouble = seconds.map(|seconds| Trouble {
            message: "503 SlowDown".into(),
            since: Duration::from_secs(seconds),
            expected: false,
        });
        assert_eq!(removes_the_copy(&world.step()), removed, "{storage:?} {seconds:?}");
    }
}

#[test]
fn a_request_that_is_withdrawn_takes_its_turn_its_thaw_and_its_words_along() {
    for (queued, asked, thaw) in [
        (true, true, true),
        (true, true, false),
        (false, true, true),
        (false, false, true),
    ] {
        let mut world = World::stored();
        let now = world.now;
        let status = world.run.status.as_mut().unwrap();
        status.message = Some("waits".into());
        status.restore_requested_at = asked.then_some(Time(now));
        if queued {
            status.queued = Some(
                serde_json::from_value(serde_json::json!({"since": now.to_string(), "place": 3, "of": 4})).unwrap(),
            );
        }
        if thaw {
            status.thaw = Some(serde_json::from_value(serde_json::json!({"since": now.to_string()})).unwrap());
        }
        assert!(reported(&world.step()), "{queued} {asked} {thaw}");
        let status = world.status();
        assert!(status.queued.is_none() && status.restore_requested_at.is_none() && status.thaw.is_none());
        assert_ne!(status.message.as_deref(), Some("waits"));
    }
}

#[test]
fn a_restore_is_told_of_by_its_annotation_unless_that_tells_of_it_or_of_a_later_one() {
    for (seconds, tells) in [(-1, true), (0, false), (1, false)] {
        let mut world = World::stored();
        let at = world.now.checked_sub(SignedDuration::from_secs(100)).unwrap();
        world.run.status.as_mut().unwrap().restores = vec![
            serde_json::from_value(serde_json::json!({
                "number": 1, "startTime": at.to_string(), "completionTime": at.to_string(), "successful": true, "bytes": 1
            }))
            .unwrap(),
        ];
        let told = at.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        world
            .run
            .annotations_mut()
            .insert(labels::RESTORED_AT.into(), told.to_string());
        let annotates = |s: &Step| matches!(s, Step::Guarded(Guarded::Annotate(labels::RESTORED_AT, _)));
        assert_eq!(has(&world.step(), annotates), tells, "{seconds}");
    }
}

#[test]
fn a_refused_request_no_longer_waits_whatever_it_waited_with() {
    let mut world = World::stored();
    world.run.spec.restore = None;
    world.annotate(labels::RESTORE);
    let now = world.now;
    world.run.status.as_mut().unwrap().restore_requested_at = Some(Time(now));
    let steps = world.step();
    assert!(has(&steps, |s| *s == Step::Guarded(Guarded::TakeRequest)), "{steps:?}");
    assert!(reported(&steps) && world.status().restore_requested_at.is_none());
}

#[test]
fn an_agent_that_answers_is_not_taken_for_one_that_nobody_reaches() {
    let mut world = World::new(backup_run());
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::AwaitsStart, None);
    world.pass(24 * 3600);
    world.step();
    assert!(!world.is(condition::FAILED), "{:?}", world.status().message);
    // A container that is not ready for a moment ends no command of an agent that answers.
    let mut world = World::working();
    world.pod(starting("Unhealthy", true));
    world.active(Contact::Working, None);
    world.step();
    assert!(!world.is(condition::FAILED), "{:?}", world.status().message);
}

#[test]
fn the_time_to_start_is_the_pods_and_not_that_of_what_is_looked_at_after() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(90);
    world.step();
    world.pod(PodStage::Running);
    world.step();
    // Its agent was reached at the last moment, and is asked whether it reaches the store.
    world.active(preparing(&world), None);
    world.pass(100);
    world.step();
    assert!(!world.is(condition::FAILED), "{:?}", world.status().message);
    // Each of these things has a deadline of its own. Should one of them not hold it, the run ends all the same.
    world.pass(5 * 60);
    world.step();
    world.step();
    let message = world.status().message.unwrap_or_default();
    assert!(
        world.is(condition::FAILED)
            && message.contains("the Pod started")
            && message.contains("spec.startDeadlineSeconds: 90 s")
            && !message.contains("the agent in the Pod"),
        "{message}"
    );
}

#[test]
fn a_command_that_nobody_reached_is_given_up_with_the_minutes_that_it_was_tried_for() {
    let mut world = World::working();
    world.active(
        Contact::Connecting {
            since: world.now,
            why: None,
        },
        None,
    );
    world.pass(30 * 60);
    world.step();
    world.step();
    let message = world.status().message.unwrap();
    assert!(
        message.contains("for 30 minutes: the agent in the Pod could not be reached"),
        "{message}"
    );
}

#[test]
fn a_run_that_is_wrong_as_it_stands_and_has_a_backup_failed_as_one() {
    let mut world = World::new(backup_run());
    world.run.spec.restore = Some(serde_json::from_value(serde_json::json!({"command": ["load"]})).unwrap());
    world.run.spec.template.spec.containers.clear();
    let steps = world.step();
    assert_eq!(world.status().state, Some(State::BackupFailed), "{steps:?}");
    let mut world = World::new(restore_only_run());
    world.run.spec.template.spec.containers.clear();
    world.step();
    assert_eq!(world.status().state, Some(State::RestoreFailed));
}

#[test]
fn only_a_good_restore_is_told_of_by_the_annotation_of_restores() {
    let annotates = |s: &Step| matches!(s, Step::Guarded(Guarded::Annotate(labels::RESTORED_AT, _)));
    let mut world = World::working();
    world.ended(stored());
    let steps = world.step();
    assert!(!has(&steps, annotates), "a backup is none");
    assert!(
        events(&steps)
            .iter()
            .any(|e| e.action == "Backup" && e.reason == "BackupSuccessful")
    );
    world.pods.clear();
    for (end, good) in [
        (failed(), false),
        (
            End::Restored {
                bytes: 10,
                log: String::new(),
            },
            true,
        ),
    ] {
        world.annotate(labels::RESTORE);
        world.step();
        world.pod(PodStage::Running);
        world.ended(end);
        let steps = world.step();
        assert_eq!(has(&steps, annotates), good);
        assert!(events(&steps).iter().any(|e| e.action == "Restore"), "{steps:?}");
        world.pods.clear();
        world.transfer = TransferView::None;
        world.step();
    }
}

#[test]
fn a_good_backup_whose_record_was_not_written_says_so_however_it_was_found() {
    let recorded = Recorded::Failed("403 AccessDenied".into());
    let End::Stored {
        bytes,
        stored_bytes,
        sha256,
        etag,
        version_id,
        lock,
        log,
        ..
    } = stored()
    else {
        panic!()
    };
    let told = End::Stored {
        record: Box::new(recorded.clone()),
        bytes,
        stored_bytes,
        sha256,
        etag,
        version_id,
        lock,
        log,
    };
    let found = End::Adopted(Box::new(StoredObject {
        key: "db.sql".into(),
        record: recorded,
        ..StoredObject::default()
    }));
    for end in [told, found] {
        let mut world = World::working();
        world.ended(end);
        let steps = world.step();
        assert!(world.is(condition::SUCCESSFUL));
        let said = events(&steps);
        assert!(
            said.iter()
                .any(|e| e.reason == "RecordNotWritten" && e.warning && e.note.contains("403 AccessDenied")),
            "{said:?}"
        );
    }
    let mut world = World::working();
    world.ended(stored());
    assert!(!says("RecordNotWritten", &world.step()));
}

#[test]
fn the_end_of_another_attempt_is_forgotten_and_not_taken_for_this_ones() {
    let mut world = World::working();
    world.transfer = TransferView::Ended {
        attempt: "backup-7".into(),
        end: Box::new(stored()),
    };
    assert_eq!(
        world.decide().requeue,
        Some(Duration::ZERO),
        "what holds now is decided at once"
    );
    let steps = world.step();
    assert_eq!(steps, vec![Step::Unguarded(Unguarded::ForgetTransfer)]);
    assert!(!world.is(condition::SUCCESSFUL));
}

#[test]
fn the_store_is_asked_about_the_end_of_a_backup_and_of_no_restore_and_only_where_it_answers() {
    let lost = || End::Interrupted {
        message: "the Pod was deleted".into(),
    };
    let mut world = World::working();
    world.ended(lost());
    assert!(looks(&world.step()));
    let mut world = World::working();
    world.storage = not_ready("down", None);
    world.ended(lost());
    let steps = world.step();
    assert!(!looks(&steps) && world.is(condition::FAILED), "{steps:?}");
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    world.step();
    world.pod(PodStage::Running);
    world.ended(lost());
    assert!(!looks(&world.step()));
    // The agent said how its command ended: nothing is in doubt.
    let mut world = World::working();
    world.ended(failed());
    assert!(!looks(&world.step()));
}

#[test]
fn a_refused_pod_is_told_of_once_and_an_admitted_one_not_at_all() {
    let mut world = World::new(backup_run());
    world.step();
    assert!(!reported(&world.step()), "nothing was refused");
    world.refused = Some(Refusal {
        message: "quota".into(),
        hopeless: false,
    });
    assert!(reported(&world.step()));
    assert!(!reported(&world.step()));
}

#[test]
fn the_pod_of_an_attempt_is_written_down_when_it_is_first_seen_and_its_storage_as_it_is_then() {
    let moved = || {
        let StorageView::Ready(mut place) = ready("") else {
            panic!()
        };
        place.location = bucket("backups2");
        StorageView::Ready(place)
    };
    let mut world = World::new(backup_run());
    world.step();
    world.pod(starting("", false));
    world.pass(5);
    world.step();
    let uid = |world: &World| world.status().transfer.unwrap().pod_uid;
    assert_eq!(uid(&world).as_deref(), Some("pod-1"), "also without words");
    // An operator that comes after the command began writes no other place down.
    let mut world = World::working();
    world.storage = moved();
    world.transfer = TransferView::None;
    world.step();
    assert_eq!(world.status().transfer.unwrap().location, Some(bucket("backups")));
    // Nor does it report what it has reported.
    let mut world = World::working();
    world.transfer = TransferView::None;
    assert!(!reported(&world.step()));
    // What waits in the way of the Pod is told with its obstacle, and that it is gone.
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.obstacle = Some(Obstacle {
        message: "no key".into(),
        since: world.now,
    });
    assert!(reported(&world.step()));
    assert_eq!(world.status().message.as_deref(), Some("no key"));
    assert!(!reported(&world.step()));
}

#[test]
fn a_container_that_says_nothing_of_its_start_leaves_no_words() {
    let mut world = World::new(backup_run());
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::AwaitsStart, None);
    world.pod(starting("", false));
    world.active(Contact::AwaitsStart, None);
    world.step();
    assert_eq!(world.status().message, None);
}

#[test]
fn a_transfer_of_another_attempt_is_cancelled_and_nothing_is_recorded_of_it() {
    let mut world = World::working();
    world.active(Contact::Working, Some("theirs"));
    if let TransferView::Active { attempt, .. } = &mut world.transfer {
        *attempt = "backup-7".into();
    }
    let steps = world.step();
    assert!(
        matches!(steps.as_slice(), [Step::Cancel(why)] if why.contains("backup-7")),
        "{steps:?}"
    );
}

#[test]
fn image_volumes_are_given_up_for_a_pod_that_came_too_late_only_when_the_store_has_been_asked() {
    for connecting in [true, false] {
        let mut world = World::new(backup_run());
        world.served = Served {
            nodes: Some(3),
            ..Served::default()
        };
        world.step();
        world.pod(starting("ContainerCreating", false));
        world.pods[0].carrier = Carrier::ImageVolume;
        world.pods[0].unmade = true;
        if connecting {
            world.active(world.connecting(), None);
        }
        world.pass(24 * 3600);
        let gives_up = |world: &World| {
            let steps = steps(world.decide());
            let given = has(&steps, |s| {
                matches!(s, Step::Unguarded(Unguarded::GiveUpImageVolumes { .. }))
            });
            (looks(&steps), given)
        };
        assert_eq!(gives_up(&world), (true, false), "{connecting}");
        world.found = Found::Nothing;
        assert_eq!(gives_up(&world), (false, true), "{connecting}");
    }
}

#[test]
fn what_a_rewrap_replaced_is_removed_from_each_storage_that_gives_it_and_from_no_other() {
    let view = |storage: &str, view: StorageView| CopyView {
        storage: storage.into(),
        view,
        found: Found::Unknown,
        looked: None,
        progress: CopyProgress::Idle,
    };
    for (own, far, near, removed) in [
        (
            ready(""),
            ready(""),
            ready(""),
            vec!["db.sql", "far/db.sql", "near/db.sql"],
        ),
        (
            isolated("other/"),
            ready(""),
            ready(""),
            vec!["far/db.sql", "near/db.sql"],
        ),
        (
            ready(""),
            StorageView::Missing,
            ready(""),
            vec!["db.sql", "near/db.sql"],
        ),
        (ready(""), isolated("other/"), ready(""), vec!["db.sql", "near/db.sql"]),
    ] {
        let mut world = World::stored();
        let status = world.run.status.as_mut().unwrap();
        status.key = Some("db.rewrap-0123abcd.sql".into());
        let json = |value| serde_json::from_value(value).unwrap();
        status.copies = ["far", "near"]
            .iter()
            .map(|s| {
                serde_json::from_value(serde_json::json!({"storage": s, "key": format!("{s}/db.rewrap-0123abcd.sql")}))
                    .unwrap()
            })
            .collect();
        status.replaced = vec![
            json(serde_json::json!({"key": "db.sql", "etag": "e"})),
            json(serde_json::json!({"storage": "far", "key": "far/db.sql", "etag": "e"})),
            json(serde_json::json!({"storage": "near", "key": "near/db.sql", "etag": "e"})),
        ];
        world.storage = own.clone();
        world.copies = vec![view("far", far.clone()), view("near", near)];
        world.delete();
        let keys: Vec<String> = world
            .step()
            .into_iter()
            .filter_map(|step| match step {
                Step::Unguarded(Unguarded::RemoveReplaced { key, .. }) => Some(key),
                _ => None,
            })
            .collect();
        assert_eq!(keys, removed, "{own:?} {far:?}");
    }
}

#[test]
fn a_copy_is_looked_at_in_the_hour_of_its_making_and_only_where_its_storage_may_be_looked_at() {
    let hour = 3600;
    for (view, age, looked) in [
        (ready(""), 24 * hour, true),
        (ready(""), 25 * hour - 1, true),
        (ready(""), 25 * hour, false),
        (ready(""), 23 * hour, false),
        (ready(""), hour / 2, false),
        (ready(""), 48 * hour, true),
        (isolated("other/"), 24 * hour, false),
        (StorageView::Missing, 24 * hour, false),
        (not_ready("down", None), 24 * hour, false),
    ] {
        let mut world = World::stored();
        world.run.spec.copies = vec![api::run::CopyTo {
            storage: "far".into(),
            path: None,
        }];
        let made = world.now;
        let status = world.run.status.as_mut().unwrap();
        status.copies = vec![
            serde_json::from_value(serde_json::json!({
                "storage": "far", "key": "far/db.sql", "etag": "c", "completionTime": made.to_string()
            }))
            .unwrap(),
        ];
        world.copies = vec![CopyView {
            storage: "far".into(),
            view: view.clone(),
            found: Found::Unknown,
            looked: None,
            progress: CopyProgress::Idle,
        }];
        world.pass(age);
        assert_eq!(looks(&steps(world.decide())), looked, "{view:?} after {age} s");
    }
}
