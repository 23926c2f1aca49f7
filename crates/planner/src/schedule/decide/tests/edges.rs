//! Edges of a schedule on which no other test stands.
use super::*;
use crate::schedule::history::{is_in_use, released};
use crate::schedule::retention::{Policy, Rule, Rules};

#[test]
fn ticks_that_nobody_was_there_for_are_not_said_to_be_passed_over_for_a_run() {
    for policy in [
        ConcurrencyPolicy::Forbid,
        ConcurrencyPolicy::Allow,
        ConcurrencyPolicy::Replace,
    ] {
        let mut world = World::new().policy(policy).at("2026-01-01T20:00:05Z");
        world.ended("hourly-1", true, 1);
        let d = world.step();
        assert!(
            d.events.iter().all(|e| e.reason != "Starving"),
            "{:?}",
            d.events.iter().map(|e| e.note.clone()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn as_many_as_are_removed_at_once_leave_nothing_for_the_next_moment_and_one_more_does() {
    for (runs, soon) in [(23, false), (24, true)] {
        let mut world = World::new();
        for n in 0..runs {
            world.ended(&format!("good{n}"), true, 100 * n);
        }
        let d = world.look();
        assert_eq!(d.delete.len(), 20);
        let at = d.requeue_at.expect("the next tick, or sooner");
        assert_eq!(
            at <= world.now.checked_add(SignedDuration::from_secs(1)).unwrap(),
            soon,
            "{runs}"
        );
    }
}

#[test]
fn a_generation_is_told_with_the_first_status_and_an_old_one_that_stays_as_it_is_is_not_written_for_it() {
    let mut world = World::new();
    world.schedule.metadata.generation = Some(2);
    let d = world.step();
    assert_eq!(d.status.observed_generation, Some(2));
    // As an operator wrote it before there was the field.
    world.schedule.status.as_mut().unwrap().observed_generation = None;
    assert_eq!(world.look().status.observed_generation, None);
}

fn around<T>(world: &World, ask: impl Fn(&Observed<'_>) -> T) -> T {
    ask(&Observed {
        schedule: &world.schedule,
        runs: world.runs.iter().collect(),
        others: Vec::new(),
        read: Default::default(),
        restored_by: Vec::new(),
        notify: Default::default(),
        now: world.now,
    })
}

#[test]
fn rotation_is_asked_again_when_the_next_lock_ends_and_no_lock_that_has_ended_counts() {
    let mut world = World::new();
    let now = world.now;
    let at = |seconds: i64| now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    for (name, seconds) in [("past", -1), ("now", 0), ("next", 5), ("later", 9)] {
        let status = world.ended(name, true, 100).status.as_mut().unwrap();
        status.lock = Some(serde_json::from_value(serde_json::json!({"until": at(seconds).to_string()})).unwrap());
    }
    assert_eq!(around(&world, released), Some(at(5)));
    world.runs.truncate(2);
    assert_eq!(around(&world, released), None);
}

#[test]
fn a_backup_is_in_use_while_it_is_lent_and_while_a_copy_of_it_is_under_way_and_no_longer() {
    let in_use = |change: fn(&mut BackupRunStatus, Timestamp)| {
        let mut world = World::new();
        let now = world.now;
        change(world.ended("good", true, 100).status.as_mut().unwrap(), now);
        around(&world, |o| is_in_use(&world.runs[0], o))
    };
    fn lent(status: &mut BackupRunStatus, sealed: Option<&str>, until: Timestamp) {
        let lent = serde_json::json!({"sealed": sealed, "recipient": "age1x", "expiresAt": until.to_string()});
        status.download = Some(serde_json::from_value(lent).unwrap());
    }
    fn copied(status: &mut BackupRunStatus, upload: Option<&str>, done: Option<Timestamp>) {
        let copy = serde_json::json!({
            "storage": "far", "key": "k", "uploadID": upload, "completionTime": done.map(|at| at.to_string())
        });
        status.copies = vec![serde_json::from_value(copy).unwrap()];
    }
    assert!(!in_use(|_, _| {}));
    assert!(in_use(|s, now| lent(
        s,
        Some("x"),
        now.checked_add(SignedDuration::from_secs(1)).unwrap()
    )));
    assert!(!in_use(|s, now| lent(s, Some("x"), now)));
    assert!(!in_use(|s, now| lent(
        s,
        None,
        now.checked_add(SignedDuration::from_secs(1)).unwrap()
    )));
    assert!(in_use(|s, _| copied(s, Some("u"), None)));
    assert!(!in_use(|s, now| copied(s, Some("u"), Some(now))));
    assert!(!in_use(|s, _| copied(s, None, None)));
}

#[test]
fn days_are_kept_by_a_zone_of_their_own_also_where_the_schedule_cannot_be_read() {
    let mut world = World::new();
    world.schedule.spec.schedule = "61 * * * *".into();
    let of = |world: &World, retention: serde_json::Value| {
        let mut schedule = world.schedule.clone();
        schedule.spec.retention = serde_json::from_value(retention).unwrap();
        Policy::of(&schedule).is_ok()
    };
    assert!(of(&world, serde_json::json!({"daily": 7, "timeZone": "Europe/Berlin"})));
    assert!(!of(&world, serde_json::json!({"daily": 7})), "whose days are they?");
    let mut schedule = world.schedule.clone();
    schedule.spec.retention = serde_json::from_value(serde_json::json!({"last": 1, "timeZone": "UTC"})).unwrap();
    assert!(Policy::of(&schedule).unwrap().unwrap().within().is_none());
    assert!(!Rules::default().as_oldest(Rule::Yearly));
}

#[test]
fn retention_counts_by_the_rules_that_it_has_good_backups_alone_and_none_that_was_written_over() {
    let mut world = World::new();
    for n in 0..3 {
        world.ended(&format!("good{n}"), true, 3600 * (n + 1));
    }
    world.ended("bad", false, 10);
    let kept = |world: &World, retention: serde_json::Value| {
        let mut schedule = world.schedule.clone();
        schedule.spec.retention = serde_json::from_value(retention).unwrap();
        let policy = Policy::of(&schedule).unwrap().unwrap();
        around(world, |o| {
            let judged = crate::schedule::retention::runs::judge(o, &policy);
            (judged.len(), crate::schedule::retention::runs::kept(&judged, &policy))
        })
    };
    let (judged, by) = kept(&world, serde_json::json!({"last": 2}));
    assert_eq!(judged, 3);
    assert_eq!(
        (by.total, by.last, by.daily, by.within, by.otherwise),
        (2, Some(2), None, None, None)
    );
    let (_, by) = kept(&world, serde_json::json!({"within": "1d"}));
    assert_eq!((by.total, by.last, by.within), (3, None, Some(3)));
    // Its object is another run's by now: it takes no place.
    let mut over = condition::find(
        &world.runs[0].status.as_ref().unwrap().conditions,
        condition::SUCCESSFUL,
    )
    .unwrap()
    .clone();
    over.type_ = condition::READY.into();
    (over.status, over.reason) = ("False".into(), "Overwritten".into());
    let status = world.runs[0].status.as_mut().unwrap();
    status.conditions.retain(|c| c.type_ != condition::READY);
    status.conditions.push(over);
    let (judged, by) = kept(&world, serde_json::json!({"last": 2}));
    assert_eq!((judged, by.last), (3, Some(2)));
    let names = |world: &World| {
        let mut schedule = world.schedule.clone();
        schedule.spec.retention = serde_json::from_value(serde_json::json!({"last": 2})).unwrap();
        let policy = Policy::of(&schedule).unwrap().unwrap();
        around(world, |o| {
            let judged = crate::schedule::retention::runs::judge(o, &policy);
            let by = judged.iter().filter(|(_, fate)| fate.rules.has(Rule::Last));
            by.map(|(run, _)| run.name_any()).collect::<Vec<_>>()
        })
    };
    assert_eq!(names(&world), ["good1", "good2"]);
}
