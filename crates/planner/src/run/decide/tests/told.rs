//! What a status and an order tell: the words and marks on which no other test stands.
use api::names::Action;
use api::run::CopyTo;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::*;
use crate::run::attempt::container_of;
use crate::run::observed::{CopyProgress, CopyView};
use crate::run::{copies, tell};

fn condition_of(type_: &str, status: &str, message: &str) -> Condition {
    Condition {
        type_: type_.into(),
        status: status.into(),
        reason: "Any".into(),
        message: message.into(),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }
}

fn said(world: &World, type_: &str) -> (String, String) {
    let status = world.status();
    let found = condition::find(&status.conditions, type_).expect("the condition");
    (found.status.clone(), found.reason.clone())
}

fn pair(status: &str, reason: &str) -> (String, String) {
    (status.into(), reason.into())
}

fn with_restore(mut run: BackupRun) -> BackupRun {
    run.spec.restore = Some(serde_json::from_value(serde_json::json!({"command": ["load"]})).unwrap());
    run
}

#[test]
fn a_run_that_begins_says_that_nothing_is_stored_and_only_one_without_a_backup_that_it_can_restore() {
    for (run, stored, restorable) in [
        (
            with_restore(backup_run()),
            "NothingStored",
            pair("False", "NoBackupYet"),
        ),
        (
            with_restore(restore_only_run()),
            "NotProved",
            pair("True", "RestoreOnly"),
        ),
    ] {
        let mut world = World::new(run);
        let steps = world.step();
        assert_eq!(said(&world, condition::COMPRESSED), pair("False", stored));
        assert_eq!(said(&world, condition::ENCRYPTED), pair("False", stored));
        assert_eq!(said(&world, condition::RESTORABLE), restorable);
        let forgets = |s: &Step| matches!(s, Step::Unguarded(Unguarded::ForgetFound));
        assert!(!has(&steps, forgets), "nothing was looked at");
    }
}

#[test]
fn a_failed_backup_is_not_restorable_for_that_reason_and_a_failed_restore_says_nothing_of_it() {
    let mut world = World::working();
    world.run = with_restore(world.run);
    world.ended(failed());
    world.step();
    assert_eq!(said(&world, condition::RESTORABLE), pair("False", "BackupFailed"));
    assert!(condition::find(&world.status().conditions, condition::RESTORED).is_none());
    let mut world = World::new(with_restore(restore_only_run()));
    world.step();
    world.pod(PodStage::Running);
    world.ended(failed());
    world.step();
    assert_eq!(said(&world, condition::RESTORABLE), pair("True", "RestoreOnly"));
    assert_eq!(said(&world, condition::RESTORED).0, "False");
}

#[test]
fn a_run_that_was_adopted_has_run() {
    let mut run = {
        let mut world = World::new(backup_run());
        world.run.metadata.uid = Some("uid-1".into());
        world.step();
        world.run
    };
    run.metadata.uid = Some("uid-2".into());
    run.metadata.namespace = Some("team".into());
    run.status = None;
    let mut world = World::new(run);
    world.stored = Some(StoredObject {
        key: "db.sql".into(),
        run: Some("team/db".into()),
        run_uid: Some("uid-1".into()),
        attempt: Some("backup-1".into()),
        ..StoredObject::default()
    });
    world.step();
    assert_eq!(said(&world, condition::NEVER_RUN), pair("False", "Adopted"));
}

#[test]
fn the_last_words_are_those_of_what_has_ended_and_none_of_what_goes_on() {
    for (status, message, words) in [
        ("False", "10 B stored", Some("10 B stored")),
        ("False", "", None),
        ("True", "under way", None),
    ] {
        let status = BackupRunStatus {
            conditions: vec![condition_of(condition::IN_PROGRESS, status, message)],
            ..BackupRunStatus::default()
        };
        assert_eq!(tell::last_words(&status).as_deref(), words);
    }
}

#[test]
fn the_last_state_is_that_of_the_last_restore_or_of_a_good_backup() {
    let status = |restore: Option<bool>, good: &str| {
        let restores = restore.map(|successful| {
            serde_json::from_value(serde_json::json!({
                "number": 1, "startTime": "1970-01-01T00:00:00Z", "completionTime": "1970-01-01T00:00:00Z",
                "successful": successful, "bytes": 1
            }))
            .unwrap()
        });
        BackupRunStatus {
            state: Some(State::Thawing),
            restores: restores.into_iter().collect(),
            conditions: vec![condition_of(condition::SUCCESSFUL, good, "")],
            ..BackupRunStatus::default()
        }
    };
    for (restore, good, state) in [
        (Some(true), "True", State::RestoreSuccessful),
        (Some(false), "True", State::RestoreFailed),
        (None, "True", State::BackupSuccessful),
        (None, "False", State::Thawing),
    ] {
        assert_eq!(tell::last_state(&status(restore, good)), Some(state));
    }
}

#[test]
fn a_command_runs_in_the_container_that_it_names_or_in_the_first() {
    let mut run = with_restore(backup_run());
    let first = run.spec.template.spec.containers[0].name.clone();
    run.spec.backup.as_mut().unwrap().container = Some("dumper".into());
    assert_eq!(container_of(&run, Action::Backup).as_deref(), Some("dumper"));
    assert_eq!(container_of(&run, Action::Restore), Some(first));
}

#[test]
fn an_order_names_whose_record_goes_and_is_for_a_new_object_only_where_none_is_there() {
    let order = |stored: Option<StoredObject>| {
        let mut world = World::new(backup_run());
        world.run.labels_mut().insert(labels::SCHEDULE.into(), "nightly".into());
        world.step();
        world.pod(PodStage::Running);
        world.stored = stored;
        let order = world.step().into_iter().find_map(|step| match step {
            Step::Unguarded(Unguarded::StartTransfer(order)) => Some(order),
            _ => None,
        });
        let order = order.expect("it begins");
        (
            order.only_new,
            order.replaces.map(|place| (place.namespace, place.schedule, place.run)),
        )
    };
    let of_schedule = |version: Option<&str>, cluster: &str| StoredObject {
        key: "db.sql".into(),
        etag: "\"old\"".into(),
        run: Some("team/nightly-1".into()),
        schedule: Some("team/nightly".into()),
        cluster: Some(cluster.into()),
        version_id: version.map(Into::into),
        ..StoredObject::default()
    };
    assert_eq!(order(None), (true, None));
    let place = ("team".to_owned(), Some("nightly".to_owned()), "nightly-1".to_owned());
    assert_eq!(order(Some(of_schedule(None, "here"))), (false, Some(place)));
    assert_eq!(
        order(Some(of_schedule(Some("v1"), "here"))),
        (false, None),
        "a version stays"
    );
    assert_eq!(order(Some(of_schedule(Some("v1"), "there"))), (false, None));
}

#[test]
fn what_a_failed_backup_made_visible_is_taken_back_unless_nobody_knows_that_it_went_wrong() {
    for reason in [
        Reason::CommandFailed,
        Reason::DeadlineExceeded,
        Reason::Interrupted,
        Reason::PodEnded,
    ] {
        let mut world = World::working();
        world.ended(End::Failed {
            reason,
            message: "m".into(),
            bytes: 0,
            log: String::new(),
        });
        world.step();
        world.pods.clear();
        let steps = world.step();
        let taken = has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::TakeBack { .. })));
        assert_eq!(taken, !reason.is_unseen(), "{reason}: {steps:?}");
    }
}

#[test]
fn the_storages_of_a_run_are_those_of_copies_that_are_wanted_that_are_there_and_that_were_replaced() {
    let mut world = World::stored();
    world.run.spec.copies = vec![CopyTo {
        storage: "far".into(),
        path: None,
    }];
    let status = world.run.status.as_mut().unwrap();
    status.copies = vec![serde_json::from_value(serde_json::json!({"storage": "attic", "key": "k"})).unwrap()];
    status.replaced = vec![
        serde_json::from_value(serde_json::json!({"storage": "cellar", "key": "k", "etag": "e"})).unwrap(),
        serde_json::from_value(serde_json::json!({"storage": "far", "key": "k", "etag": "e"})).unwrap(),
    ];
    assert_eq!(copies::storages(&world.run), ["attic", "cellar", "far"]);
}

#[test]
fn each_storage_of_a_copy_that_fails_is_told_of_and_its_words_go_when_it_is_made_again() {
    let mut world = World::stored();
    let to = |storage: &str| CopyTo {
        storage: storage.into(),
        path: None,
    };
    world.run.spec.copies = vec![to("far"), to("attic")];
    let view = |storage: &str, progress: CopyProgress| CopyView {
        storage: storage.into(),
        view: ready("x/"),
        found: Found::Unknown,
        looked: None,
        progress,
    };
    let failed = || CopyProgress::Failed {
        message: "503 SlowDown".into(),
        again: Duration::from_secs(60),
    };
    world.copies = vec![view("far", failed()), view("attic", failed())];
    let steps = world.step();
    let events = steps
        .iter()
        .filter(|s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "CopyFailed"));
    assert_eq!(events.count(), 2);
    let going = || CopyProgress::UnderWay { upload: None };
    world.copies = vec![view("far", going()), view("attic", going())];
    world.step();
    assert!(world.status().copies.iter().all(|copy| copy.message.is_none()));
}

#[test]
fn what_is_replaced_unknown_to_the_cluster_is_a_warning_and_what_is_known_is_none() {
    for (schedule, warning) in [(Some("team/nightly"), false), (None, true)] {
        let mut world = World::new(backup_run());
        world.run.labels_mut().insert(labels::SCHEDULE.into(), "nightly".into());
        world.step();
        world.pod(PodStage::Running);
        world.stored = Some(StoredObject {
            key: "db.sql".into(),
            etag: "\"old\"".into(),
            run: schedule.map(|_| "team/nightly-1".into()),
            schedule: schedule.map(Into::into),
            cluster: schedule.map(|_| "here".into()),
            ..StoredObject::default()
        });
        let steps = world.step();
        let event = steps.iter().find_map(|step| match step {
            Step::Unguarded(Unguarded::Event(event)) if event.reason == "Replaces" => Some(event.warning),
            _ => None,
        });
        assert_eq!(event, Some(warning), "{steps:?}");
    }
}

#[test]
fn a_backup_that_the_go_operator_hid_is_known_by_its_size_and_state_and_by_nothing_of_ours() {
    let hidden = |change: fn(&mut BackupRunStatus)| {
        let mut run = backup_run();
        let mut status = BackupRunStatus {
            state: Some(State::RestoreFailed),
            size_in_bytes: Some(1),
            ..BackupRunStatus::default()
        };
        change(&mut status);
        run.status = Some(status);
        (
            crate::run::inherited::is_hidden(&run),
            crate::run::inherited::is_doubtful(&run),
        )
    };
    assert_eq!(hidden(|_| {}), (true, true));
    assert_eq!(hidden(|s| s.state = Some(State::Restoring)), (true, true));
    let not: [fn(&mut BackupRunStatus); 6] = [
        |s| s.state = Some(State::BackupFailed),
        |s| s.size_in_bytes = Some(0),
        |s| s.size_in_bytes = None,
        |s| s.path = Some("/db.sql".into()),
        |s| s.transfer = World::working().status().transfer,
        |s| s.conditions = vec![condition_of(condition::SUCCESSFUL, "True", "")],
    ];
    for change in not {
        assert_eq!(hidden(change), (false, false));
    }
    // Told of anew, it is doubtful as long as no restore was good.
    let adopted = || {
        let mut said = condition_of(condition::SUCCESSFUL, "True", "");
        said.reason = Reason::Adopted.word().into();
        said
    };
    let doubtful = |path: Option<&str>, conditions: Vec<Condition>| {
        let mut run = backup_run();
        run.status = Some(BackupRunStatus {
            path: path.map(Into::into),
            conditions,
            ..BackupRunStatus::default()
        });
        crate::run::inherited::is_doubtful(&run)
    };
    let restored = |status: &str| condition_of(condition::RESTORED, status, "");
    assert!(doubtful(None, vec![adopted(), restored("False")]));
    assert!(!doubtful(None, vec![adopted(), restored("True")]));
    assert!(!doubtful(None, vec![adopted()]));
    assert!(!doubtful(Some("/p"), vec![adopted(), restored("False")]));
    let good = condition_of(condition::SUCCESSFUL, "True", "");
    assert!(!doubtful(None, vec![good, restored("False")]));
}

#[test]
fn only_the_schedule_that_controls_a_run_and_is_one_of_ours_is_its_schedule() {
    let owner = |controller: Option<bool>, kind: &str, api_version: &str| {
        let mut run = backup_run();
        run.metadata.owner_references = Some(vec![k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
            api_version: api_version.into(),
            kind: kind.into(),
            name: "nightly".into(),
            uid: "s".into(),
            controller,
            block_owner_deletion: None,
        }]);
        crate::run::leaving::schedule_of(&run).is_some()
    };
    let ours = "backup-operator.io/v1";
    assert!(owner(Some(true), "BackupSchedule", ours));
    assert!(!owner(None, "BackupSchedule", ours) && !owner(Some(false), "BackupSchedule", ours));
    assert!(!owner(Some(true), "BackupRun", ours));
    assert!(!owner(Some(true), "BackupSchedule", "example.com/v1"));
}

#[test]
fn a_backup_is_bad_by_what_a_restore_found_of_its_object_and_by_nothing_else() {
    let bad = |status: &str, reason: &str| {
        let mut said = condition_of(condition::VERIFIED, status, "");
        said.reason = reason.into();
        crate::run::proved::is_bad(&BackupRunStatus {
            conditions: vec![said],
            ..BackupRunStatus::default()
        })
    };
    assert!(bad("False", Reason::BadObject.word()));
    assert!(!bad("True", Reason::BadObject.word()));
    assert!(!bad("False", Reason::CommandFailed.word()) && !bad("False", Reason::Interrupted.word()));
}

#[test]
fn an_effect_tells_whose_store_is_asked_and_what_may_be_done_twice() {
    let look = |storage: Option<&str>| Unguarded::Look {
        storage: storage.map(Into::into),
        key: "k".into(),
        version_id: None,
    };
    let strays = Unguarded::AbortStrays { key: "k".into() };
    let copy = Unguarded::Copy {
        storage: "far".into(),
        key: "k".into(),
        left: None,
    };
    assert_eq!(look(None).further(), None);
    assert_eq!(look(Some("far")).further(), Some("far"));
    assert_eq!(copy.further(), Some("far"));
    assert_eq!(strays.further(), None);
    assert!(look(None).is_harmless() && !strays.is_harmless());
    assert!(strays.is_errand() && !look(None).is_errand());
}
