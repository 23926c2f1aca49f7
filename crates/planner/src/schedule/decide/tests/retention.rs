//! Rotation by generations: what stays whatever the rules say, and when nothing is removed.
use api::download::Download;
use api::retention::Retention;
use api::run::{Lock, Restore, RetainPolicy};

use super::*;

const HOUR: i64 = 3600;

/// What is done to a run.
type Change = Box<dyn Fn(&mut BackupRun)>;

/// Two good backups a day for ten days, `r0` the newest; two of the last stay by `daily`.
fn world() -> World {
    let mut world = World::new().at("2026-01-20T18:00:00Z");
    world.schedule.spec.suspend = Some(true);
    world.schedule.spec.retention = Some(Box::new(Retention {
        daily: Some(2),
        ..Retention::default()
    }));
    for n in 0..20 {
        let age = 12 * HOUR * n + HOUR;
        let at = world.now.checked_sub(SignedDuration::from_secs(age)).unwrap();
        let run = world.ended(&format!("r{n}"), true, age - 60);
        run.status.as_mut().unwrap().start_time = Some(Time(at));
    }
    world
}

fn stay(world: &World) -> Vec<String> {
    let doomed = world.doomed();
    let all = world.runs.iter().map(ResourceExt::name_any);
    all.filter(|name| !doomed.contains(name)).collect()
}

#[test]
fn retention_keeps_by_generations_and_the_number_of_runs_says_nothing_then() {
    let mut world = world();
    world.schedule.spec.successful_runs_history_limit = Some(1);
    assert_eq!(stay(&world), ["r0", "r2"]);
    let d = world.look();
    let Why::Rotated(why) = &d.delete[0].why else { panic!() };
    assert_eq!(
        (why.as_str(), d.delete[0].name.as_str()),
        ("kept by no rule of spec.retention of schedule hourly", "r19")
    );
    // Failures go by their number as ever.
    for n in 0..3 {
        world.ended(&format!("bad{n}"), false, n);
    }
    assert!(world.look().delete.iter().any(|doomed| doomed.name == "bad2"));
}

#[test]
fn the_status_counts_what_stays_by_generation_and_says_nothing_without_retention() {
    let mut world = world();
    world.annotate_run("r9", labels::KEEP);
    let kept = world.look().status.retention.unwrap();
    let oldest = world
        .now
        .checked_sub(SignedDuration::from_secs(12 * HOUR * 9 + HOUR))
        .unwrap();
    assert_eq!(
        (kept.total, kept.daily, kept.last, kept.otherwise),
        (3, Some(2), None, Some(1))
    );
    assert_eq!(kept.oldest, Some(Time(oldest)));
    world.schedule.status = Some(world.look().status);
    world.schedule.spec.retention = None;
    assert_eq!(world.look().status.retention, None);
}

#[test]
fn a_retention_that_cannot_be_read_removes_no_good_backup() {
    let broken: [fn(&mut World); 4] = [
        |w| w.schedule.spec.retention.as_mut().unwrap().time_zone = Some("Mars/Base".into()),
        |w| w.schedule.spec.retention.as_mut().unwrap().within = Some("soon".into()),
        |w| w.schedule.spec.retention.as_mut().unwrap().daily = None,
        // Its days are the schedule's, and nobody knows these.
        |w| w.schedule.spec.time_zone = Some("Mars/Base".into()),
    ];
    for spoil in broken {
        let mut world = world();
        world.ended("bad1", false, 5);
        world.ended("bad0", false, 1);
        spoil(&mut world);
        let d = world.look();
        assert_eq!(d.delete.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["bad1"]);
        assert_eq!(d.status.retention, None);
        assert_eq!(
            condition::find(&d.status.conditions, condition::READY).unwrap().status,
            "False"
        );
    }
}

fn until(seconds: i64) -> Time {
    Time(world().now.checked_add(SignedDuration::from_secs(seconds)).unwrap())
}

fn lent(seconds: i64) -> Download {
    Download {
        recipient: "age1".into(),
        expires_at: until(seconds),
        sealed: Some("x".into()),
        message: None,
    }
}

fn restored() -> Restore {
    serde_json::from_value(serde_json::json!({
        "number": 1,
        "startTime": until(-9),
        "completionTime": until(-5),
        "successful": true,
        "bytes": 1,
    }))
    .unwrap()
}

#[test]
fn what_is_annotated_locked_in_use_or_the_newest_proved_one_stays() {
    let cases: Vec<(bool, Change)> = vec![
        (
            true,
            Box::new(|r| drop(r.annotations_mut().insert(labels::KEEP.into(), String::new()))),
        ),
        (
            true,
            Box::new(|r| drop(r.annotations_mut().insert(labels::LEGAL_HOLD.into(), "true".into()))),
        ),
        (
            false,
            Box::new(|r| drop(r.annotations_mut().insert(labels::LEGAL_HOLD.into(), "false".into()))),
        ),
        (
            true,
            Box::new(|r| drop(r.annotations_mut().insert(labels::DOWNLOAD.into(), "age1".into()))),
        ),
        (true, Box::new(|r| r.status.as_mut().unwrap().download = Some(lent(60)))),
        (
            false,
            Box::new(|r| r.status.as_mut().unwrap().download = Some(lent(-1))),
        ),
        (
            true,
            Box::new(|r| r.status.as_mut().unwrap().transfer = Some(world().transfer("backup-1"))),
        ),
        (
            true,
            Box::new(|r| r.status.as_mut().unwrap().restores = vec![restored()]),
        ),
        (
            true,
            Box::new(|r| {
                let now = world().now;
                let say = condition::Say {
                    type_: condition::VERIFIED,
                    status: true,
                    reason: "Whole",
                    message: "",
                };
                condition::set(&mut r.status.as_mut().unwrap().conditions, &say, None, now);
            }),
        ),
        (
            true,
            Box::new(|r| {
                r.spec.retain_policy = Some(RetainPolicy::Delete);
                r.status.as_mut().unwrap().lock = Some(Lock {
                    mode: Some("GOVERNANCE".into()),
                    until: Some(until(60)),
                    legal_hold: false,
                });
            }),
        ),
        (
            true,
            Box::new(|r| {
                r.spec.retain_policy = Some(RetainPolicy::Delete);
                r.status.as_mut().unwrap().lock = Some(Lock {
                    legal_hold: true,
                    ..Lock::default()
                });
            }),
        ),
    ];
    for (nth, (stays, case)) in cases.iter().enumerate() {
        let mut world = world();
        case(&mut world.runs[7]);
        let wanted = if *stays {
            vec!["r0", "r2", "r7"]
        } else {
            vec!["r0", "r2"]
        };
        assert_eq!(stay(&world), wanted, "{nth}");
    }
    // Of the proved ones only the newest.
    let mut world = world();
    for n in [5, 9, 11] {
        world.runs[n].status.as_mut().unwrap().restores = vec![restored()];
    }
    assert_eq!(stay(&world), ["r0", "r2", "r5"]);
}

#[test]
fn while_a_backup_is_restored_retention_removes_nothing() {
    let mut world = world();
    world.annotate_run("r0", labels::RESTORE);
    let d = world.look();
    assert!(d.delete.is_empty() && d.status.retention.is_some_and(|kept| kept.total == 2));
}

#[test]
fn a_clock_that_is_wrong_takes_no_backup_away_and_rotation_comes_again_when_the_future_has_begun() {
    let mut world = world();
    let ahead = world.now;
    // r0 to r5 were made by a clock that was three days ahead.
    world.now = t("2026-01-17T18:00:00Z");
    assert_eq!(stay(&world), ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8"]);
    let next = world.runs[5].status.as_ref().unwrap().start_time.clone().unwrap().0;
    assert!(world.look().requeue_at.is_some_and(|at| at <= next));
    world.now = ahead;
    assert_eq!(stay(&world), ["r0", "r2"]);
}

#[test]
fn the_newest_good_backup_stays_where_another_began_after_it() {
    let mut world = world();
    // It began before all others, and ended after them.
    let run = world.ended("long", true, 1);
    run.status.as_mut().unwrap().start_time = Some(Time(t("2026-01-01T00:00:00Z")));
    assert_eq!(stay(&world), ["r0", "r2", "long"]);
}

#[test]
fn a_run_without_a_start_counts_by_its_creation() {
    let mut world = world();
    for run in &mut world.runs {
        run.metadata.creation_timestamp = run.status.as_mut().unwrap().start_time.take();
    }
    assert_eq!(stay(&world), ["r0", "r2"]);
}

#[test]
fn what_retention_keeps_does_not_depend_on_how_often_it_is_asked() {
    // Day after day, beside all at once.
    let rules = Retention {
        last: Some(2),
        daily: Some(4),
        weekly: Some(3),
        monthly: Some(5),
        ..Retention::default()
    };
    let mut all = World::new();
    let mut daily = World::new();
    for world in [&mut all, &mut daily] {
        world.schedule.spec.suspend = Some(true);
        world.schedule.spec.retention = Some(Box::new(rules.clone()));
    }
    for n in 0..200 {
        for world in [&mut all, &mut daily] {
            world.now = t("2026-01-01T03:00:00Z")
                .checked_add(SignedDuration::from_hours(24 * n))
                .unwrap();
            let at = Time(world.now);
            world
                .ended(&format!("r{n}"), true, 0)
                .status
                .as_mut()
                .unwrap()
                .start_time = Some(at);
        }
        daily.step();
    }
    while !all.doomed().is_empty() {
        all.step();
    }
    let names = |world: &World| world.runs.iter().map(ResourceExt::name_any).collect::<Vec<_>>();
    assert_eq!(names(&all), names(&daily));
    assert!(names(&all).len() > 8);
}
