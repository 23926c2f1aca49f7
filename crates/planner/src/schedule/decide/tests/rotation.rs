//! Rotation, and the counters of the status.
use api::run::{Lock, Queued, RetainPolicy, Thaw};

use super::*;

#[test]
fn an_invalid_schedule_says_all_its_faults_and_rotates_all_the_same() {
    let mut world = World::new().at("2026-01-01T11:00:05Z");
    world.schedule.spec.schedule = "61 * * * *".into();
    world.schedule.spec.template.spec.storage.path = "x".into();
    for n in 0..5 {
        world.ended(&format!("r{n}"), true, n);
    }
    let d = world.step();
    assert!(d.create.is_empty() && d.delete.len() == 2);
    let ready = condition::find(&d.status.conditions, condition::READY).unwrap();
    assert!(
        ready.status == "False"
            && ready.message.contains("spec.schedule")
            && ready.message.contains("spec.template.spec.storage.path")
    );
    assert!(world.step().events.is_empty(), "it is said once");
}

#[test]
fn rotation_keeps_the_newest_up_to_the_limit_of_each_kind() {
    let mut world = World::new();
    for n in 0..5 {
        world.ended(&format!("good{n}"), true, 100 * n);
        world.ended(&format!("bad{n}"), false, 100 * n + 1);
    }
    let mut doomed = world.doomed();
    doomed.sort();
    assert_eq!(doomed, ["bad1", "bad2", "bad3", "bad4", "good3", "good4"]);
}

#[test]
fn a_backup_that_another_run_restores_is_not_rotated_away_meanwhile() {
    let mut world = World::new();
    for n in 0..5 {
        world.ended(&format!("good{n}"), true, 100 * n);
    }
    let uid = |world: &World, name: &str| {
        let run = world.runs.iter().find(|r| r.name_any() == name);
        run.and_then(|r| r.uid()).expect("a UID")
    };
    world.read.insert(uid(&world, "good4"));
    assert_eq!(world.doomed(), ["good3"]);
    world.schedule.spec.retention = serde_json::from_value(serde_json::json!({"last": 2})).unwrap();
    world.read.clear();
    let gone = world.doomed();
    let first = gone.first().expect("more are there than the last two");
    world.read.insert(uid(&world, first));
    assert_eq!(world.doomed(), gone[1..]);
}

#[test]
fn a_restore_by_another_run_holds_ticks_and_rotation_as_its_own_would() {
    let mut world = World::new().at("2026-01-01T11:00:05Z");
    for n in 0..5 {
        world.ended(&format!("good{n}"), true, 100 * n);
    }
    world.restored_by = vec!["staging".into()];
    let d = world.look();
    assert!(d.create.is_empty() && d.delete.is_empty());
    let told = condition::find(&d.status.conditions, condition::IN_PROGRESS).unwrap();
    assert!(told.message.contains("the restore of staging"), "{}", told.message);
    world.restored_by.clear();
    let d = world.look();
    assert!(d.create.len() == 1 && !d.delete.is_empty());
}

#[test]
fn a_backup_that_a_restore_has_found_bad_takes_no_place_from_one_that_can_be_restored() {
    let mut world = World::new();
    world.schedule.spec.successful_runs_history_limit = Some(2);
    for n in 0..3 {
        world.ended(&format!("good{n}"), true, 100 * n);
    }
    let say = condition::Say {
        type_: condition::VERIFIED,
        status: false,
        reason: "BadObject",
        message: "",
    };
    let newest = world.runs.iter_mut().find(|r| r.name_any() == "good0").unwrap();
    condition::set(&mut newest.status.as_mut().unwrap().conditions, &say, None, world.now);
    assert_eq!(world.doomed(), ["good0"]);
}

#[test]
fn a_backup_that_was_written_over_takes_no_place_from_one_that_can_be_restored() {
    let mut world = World::new();
    world.schedule.spec.successful_runs_history_limit = Some(2);
    // The path was made constant: the newer ones wrote over each other, and the last one is the one that is there.
    for (name, at) in [("a", 500), ("b", 400), ("c", 300), ("d", 200), ("e", 100)] {
        world.ended(name, true, at);
    }
    let overwrite = |run: &mut BackupRun| {
        let conditions = &mut run.status.as_mut().unwrap().conditions;
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let say = condition::Say {
            type_: condition::READY,
            status: false,
            reason: "Overwritten",
            message: "",
        };
        condition::set(conditions, &say, None, now);
    };
    world
        .runs
        .iter_mut()
        .filter(|r| ["c", "d"].contains(&r.name_any().as_str()))
        .for_each(overwrite);
    assert_eq!(world.doomed(), ["a", "c", "d"]);
    // Where nothing else is left, the newest stays all the same.
    world.runs.iter_mut().for_each(overwrite);
    world.schedule.spec.successful_runs_history_limit = Some(0);
    assert_eq!(world.doomed(), ["a", "b", "c", "d"]);
}

#[test]
fn rotation_passes_by_what_is_kept_and_what_is_not_cleaned_up_yet() {
    let mut world = World::new();
    for n in 0..7 {
        world.ended(&format!("r{n}"), true, 100 * n);
    }
    world.annotate_run("r3", labels::KEEP);
    world.runs[5].status.as_mut().unwrap().transfer = Some(world.transfer("backup-1"));
    assert_eq!(world.doomed(), ["r6", "r4"]);
}

#[test]
fn rotation_passes_by_what_the_store_still_holds_and_comes_again_when_it_does_not() {
    let mut world = World::new();
    for n in 0..7 {
        world.ended(&format!("r{n}"), true, 100 * n);
    }
    let at = |seconds: i64| world.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    let (soon, past) = (at(30), at(-1));
    let lock = |until: Option<Timestamp>, legal_hold| Lock {
        mode: until.map(|_| "GOVERNANCE".into()),
        until: until.map(Time),
        legal_hold,
    };
    for (n, until, legal) in [(3, Some(soon), false), (4, None, true), (5, Some(past), false)] {
        world.runs[n].spec.retain_policy = Some(RetainPolicy::Delete);
        world.runs[n].status.as_mut().unwrap().lock = Some(lock(until, legal));
    }
    // Without its object a run goes, whatever holds that.
    world.runs[6].spec.retain_policy = Some(RetainPolicy::Retain);
    world.runs[6].status.as_mut().unwrap().lock = Some(lock(Some(soon), true));
    assert_eq!(world.doomed(), ["r6", "r5"]);
    assert!(world.step().requeue_at.is_some_and(|at| at <= soon));
}

#[test]
fn a_legal_hold_that_was_asked_for_keeps_a_run_from_rotation_before_the_store_has_put_it_on() {
    let mut world = World::new();
    for n in 0..5 {
        world.ended(&format!("r{n}"), true, 100 * n);
    }
    let asks = |world: &mut World, word: &str| {
        let run = world.runs.iter_mut().find(|r| r.name_any() == "r4").unwrap();
        run.annotations_mut().insert(labels::LEGAL_HOLD.into(), word.into());
    };
    assert_eq!(world.doomed(), ["r4", "r3"]);
    // Refused, or not carried out yet: the status has no lock, whatever becomes of the object.
    asks(&mut world, "true");
    for policy in [RetainPolicy::Delete, RetainPolicy::Retain] {
        world.runs[4].spec.retain_policy = Some(policy);
        assert_eq!(world.doomed(), ["r3"]);
    }
    asks(&mut world, "off");
    assert_eq!(world.doomed(), ["r4", "r3"]);
}

#[test]
fn rotation_never_removes_the_newest_good_backup() {
    let mut world = World::new();
    world.schedule.spec.successful_runs_history_limit = Some(0);
    world.ended("old", true, 100);
    world.ended("new", true, 1);
    assert_eq!(world.doomed(), ["old"]);
}

#[test]
fn a_request_to_rewrap_holds_a_run_until_it_was_taken_up_also_where_an_applier_puts_it_back() {
    let mut world = World::new();
    world.schedule.spec.successful_runs_history_limit = Some(0);
    world.ended("old", true, 100);
    world.ended("new", true, 1);
    let mut annotate = |key: &str, value: &str| {
        let all = world.runs[0].metadata.annotations.get_or_insert_default();
        all.insert(key.into(), value.into());
        world.doomed().len()
    };
    assert_eq!(annotate(labels::REWRAP, "{}"), 0);
    let of = BTreeMap::from([(labels::REWRAP_TAKEN.to_owned(), "{}".to_owned())]);
    let taken = requests::REWRAPS.taken(&of, "asked since");
    let set = taken.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let doomed: Vec<usize> = set.map(|(name, value)| annotate(name, &value)).collect();
    assert_eq!(doomed, [0, 1]);
    assert_eq!(annotate(labels::REWRAP, "[]"), 0, "another one waits");
}

#[test]
fn a_backup_whose_restore_waits_is_held_also_where_it_was_asked_for_in_the_same_words_before() {
    for waits in ["turn", "storage", "thaw"] {
        let mut world = World::new();
        world.schedule.spec.successful_runs_history_limit = Some(0);
        world.ended("old", true, 100);
        world.ended("new", true, 1);
        // Both say "now" twice.
        let all = world.runs[0].metadata.annotations.get_or_insert_default();
        all.extend([labels::RESTORE, labels::RESTORE_TAKEN].map(|name| (name.into(), "now".into())));
        assert_eq!(world.doomed(), ["old"], "of an applier");
        let since = Time(Timestamp::UNIX_EPOCH);
        let status = world.runs[0].status.as_mut().unwrap();
        match waits {
            "turn" => status.queued = Some(Queued { since, place: 1, of: 1 }),
            "storage" => status.restore_requested_at = Some(since),
            _ => {
                status.thaw = Some(Thaw {
                    storage: None,
                    since,
                    ready_at: None,
                });
            }
        }
        assert!(world.doomed().is_empty(), "{waits}");
    }
}

#[test]
fn a_backup_whose_restore_failed_under_the_go_operator_takes_no_place_from_one_that_nobody_doubts() {
    let mut world = World::new();
    world.schedule.spec.successful_runs_history_limit = Some(1);
    world.ended("good", true, 100);
    world.ended("doubtful", true, 1);
    let status = world.runs[1].status.as_mut().unwrap();
    status.conditions.retain(|said| said.type_ != condition::SUCCESSFUL);
    status.state = Some(api::run::State::RestoreFailed);
    (status.path, status.size_in_bytes) = (None, Some(10));
    assert_eq!(world.doomed(), ["doubtful"]);
}

#[test]
fn copies_of_before_a_rewrap_hold_a_run_until_they_are_made_anew() {
    let mut world = World::new();
    world.schedule.spec.successful_runs_history_limit = Some(0);
    world.ended("old", true, 100);
    world.ended("new", true, 1);
    world.runs[0].status.as_mut().unwrap().replaced = vec![api::rewrap::Replaced {
        storage: Some("offsite".into()),
        key: "old".into(),
        etag: None,
        version_id: None,
        location: None,
        upload_id: None,
    }];
    let mut copy: api::run::CopyStatus =
        serde_json::from_value(serde_json::json!({"storage": "offsite", "key": "old.rewrap-1"})).unwrap();
    world.runs[0].status.as_mut().unwrap().copies = vec![copy.clone()];
    assert_eq!(world.doomed().len(), 0);
    // The one of before is left for another reason, which may last for ever.
    copy.completion_time = Some(Time(world.now));
    world.runs[0].status.as_mut().unwrap().copies = vec![copy];
    assert_eq!(world.doomed(), ["old"]);
}

#[test]
fn rotation_removes_a_bounded_number_at_once_and_comes_back() {
    let mut world = World::new();
    for n in 0..50 {
        world.ended(&format!("r{n:02}"), true, n);
    }
    let d = world.look();
    assert_eq!((d.delete.len(), d.delete[0].name.as_str()), (20, "r49"));
    let Why::Rotated(why) = &d.delete[0].why else { panic!() };
    assert!(why.contains("HistoryLimit: ") && why.contains("of schedule "), "{why}");
    assert!(d.requeue_at.unwrap() <= world.now.checked_add(SignedDuration::from_secs(1)).unwrap());
}

#[test]
fn counters_tell_of_the_runs_and_the_last_success_never_goes_back() {
    let mut world = World::new();
    world.ended("a", true, 100);
    world.ended("b", false, 50);
    let d = world.step();
    let s = &d.status;
    assert_eq!(
        (s.total, s.successful, s.failed, s.in_progress),
        (Some(2), Some(1), Some(1), Some(0))
    );
    let before = s.last_successful_time.clone();
    assert!(before.is_some() && condition::is_true(&s.conditions, condition::FAILED));
    world.runs.retain(|r| r.name_any() == "b");
    assert_eq!(world.step().status.last_successful_time, before);
}

#[test]
fn rotation_looks_past_runs_that_are_being_deleted() {
    let mut world = World::new();
    world.schedule.spec.successful_runs_history_limit = Some(0);
    for (n, name) in ["newest", "newer", "old"].iter().enumerate() {
        world.ended(name, true, 100 * n as i64);
    }
    world.runs[0].metadata.deletion_timestamp = Some(Time(world.now));
    assert_eq!(world.doomed(), ["old"]);
}

#[test]
fn a_schedule_says_how_its_last_run_ended_in_that_runs_words() {
    let mut world = World::new();
    let said = |world: &World| {
        let status = world.schedule.status.clone().unwrap();
        [condition::SUCCESSFUL, condition::FAILED]
            .map(|type_| condition::find(&status.conditions, type_).cloned().unwrap())
            .map(|c| (c.status, c.reason, c.message))
    };
    for (name, age, type_, reason, message) in [
        ("a", 20, condition::SUCCESSFUL, "BackupSuccessful", "2 MiB stored"),
        (
            "b",
            10,
            condition::FAILED,
            "CommandFailed",
            "pg_dump ended with status 1",
        ),
    ] {
        let good = type_ == condition::SUCCESSFUL;
        let run = world.ended(name, good, age);
        let conditions = &mut run.status.as_mut().unwrap().conditions;
        let own = conditions.iter_mut().find(|c| c.type_ == type_).unwrap();
        (own.reason, own.message) = (reason.into(), message.into());
        world.step();
        let words = format!("run {name}: {message}");
        let wanted = [good, !good].map(|on| {
            (
                if on { "True" } else { "False" }.to_string(),
                reason.to_string(),
                words.clone(),
            )
        });
        assert_eq!(said(&world), wanted);
    }
}
