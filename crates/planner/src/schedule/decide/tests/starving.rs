//! A schedule whose runs come to nothing says so, once and for as long as it lasts.
use api::condition::STARVING;

use super::*;

fn starving(world: &World) -> Option<(String, String)> {
    let status = world.schedule.status.as_ref().unwrap();
    condition::find(&status.conditions, STARVING).map(|c| (c.status.clone(), c.reason.clone()))
}

fn said(status: &str, reason: &str) -> Option<(String, String)> {
    Some((status.into(), reason.into()))
}

fn events(d: &Decision) -> usize {
    d.events.iter().filter(|e| e.reason == STARVING && e.warning).count()
}

/// A tick comes, the run under way is replaced and goes, and the next one starts. What was told.
fn replaced(world: &mut World) -> usize {
    world.pass(3600);
    let told = events(&world.step());
    told + events(&world.step())
}

#[test]
fn three_runs_replaced_in_a_row_are_told_once_and_until_one_ends_well_or_badly() {
    for good in [true, false] {
        let mut world = World::new().at("2026-01-01T11:00:00Z");
        world.step();
        let told: Vec<_> = (0..5).map(|_| replaced(&mut world)).collect();
        assert_eq!(told, [0, 0, 1, 0, 0]);
        assert_eq!(starving(&world), said("True", "RunsReplaced"));
        world.step();
        let status = world.schedule.status.clone().unwrap();
        let words = condition::find(&status.conditions, STARVING).unwrap().message.clone();
        assert!(words.starts_with("5 runs in a row"), "{words}");
        // An operator that starts anew knows no less.
        assert_eq!(world.look().status, status);

        let last = world.runs[0].name_any();
        world.pass(60);
        world.runs[0].status.get_or_insert_default().completion_time = Some(Time(world.now));
        world.end(&last, good);
        assert_eq!(events(&world.step()), 0);
        assert_eq!(starving(&world), said("False", "RunEnded"));
        assert_eq!(world.schedule.status.as_ref().unwrap().replaced, None);
    }
}

#[test]
fn a_schedule_that_never_starved_says_nothing_of_it() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    replaced(&mut world);
    replaced(&mut world);
    assert_eq!(starving(&world), None);
    assert_eq!(
        world.schedule.status.as_ref().unwrap().replaced.as_ref().unwrap().runs,
        2
    );
    let last = world.runs[0].name_any();
    world.runs[0].status.get_or_insert_default().completion_time = Some(Time(world.now));
    world.end(&last, true);
    world.step();
    assert_eq!(
        (starving(&world), world.schedule.status.clone().unwrap().replaced),
        (None, None)
    );
}

#[test]
fn a_replaced_run_that_takes_long_to_go_is_counted_once_and_before_it_is_deleted() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    world.pass(3600);
    let d = world.look();
    assert!(d.tells_first() && d.delete.len() == 1);
    assert_eq!(d.status.replaced.as_ref().unwrap().runs, 1);
    // The operator died after the status was written; what the next one sees of the run is old.
    world.schedule.status = Some(d.status);
    assert_eq!(world.look().status.replaced.unwrap().runs, 1);
    world.runs[0].metadata.deletion_timestamp = Some(Time(world.now));
    assert_eq!(world.look().status.replaced.unwrap().runs, 1);
    let first = World::new().at("2026-01-01T11:00:00Z").look();
    assert!(!first.tells_first(), "a run that is told of exists");
}

#[test]
fn ticks_passed_over_by_forbid_are_told_while_the_run_goes_on_and_until_it_ends() {
    let mut world = World::new()
        .at("2026-01-01T11:00:00Z")
        .policy(ConcurrencyPolicy::Forbid);
    let first = names(&world.step())[0].clone();
    // Of the ticks that come the last one waits, and is run.
    let told: Vec<_> = (0..6)
        .map(|_| {
            world.pass(3600);
            events(&world.step())
        })
        .collect();
    assert_eq!(told, [0, 0, 0, 1, 0, 0]);
    assert_eq!(starving(&world), said("True", "TicksPassedOver"));
    world.runs[0].status.get_or_insert_default().completion_time = Some(Time(world.now));
    world.end(&first, true);
    let d = world.step();
    assert_eq!((starving(&world), d.create.len()), (said("False", "RunEnded"), 1));
}

#[test]
fn a_tick_that_is_too_late_does_not_wait_and_is_passed_over_as_well() {
    let mut world = World::new()
        .at("2026-01-01T11:00:00Z")
        .policy(ConcurrencyPolicy::Forbid);
    world.schedule.spec.starting_deadline_seconds = Some(60);
    world.step();
    world.pass(3 * 3600 + 30);
    assert_eq!(events(&world.step()), 0);
    world.pass(60);
    assert_eq!(events(&world.step()), 1);
}

#[test]
fn a_run_that_somebody_deletes_ends_no_starving_and_allow_never_starves() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    for _ in 0..3 {
        replaced(&mut world);
    }
    world.ended("cancelled", false, 0).metadata.deletion_timestamp = Some(Time(t("2026-01-01T14:00:00Z")));
    world.step();
    assert_eq!(starving(&world), said("True", "RunsReplaced"));
    let mut world = World::new().at("2026-01-01T11:00:00Z").policy(ConcurrencyPolicy::Allow);
    for _ in 0..6 {
        world.step();
        world.pass(3600);
    }
    assert_eq!(starving(&world), None);
}

/// What keeps a run from its command, as its status has it; and what its schedule says of it and of its cure.
fn holdups(now: Timestamp) -> [(BackupRunStatus, [&'static str; 2]); 4] {
    let status = |value| serde_json::from_value(value).unwrap();
    let transfer = serde_json::json!({"attempt": "backup-1", "startedAt": Time(now), "route": "Direct"});
    [
        (
            status(
                serde_json::json!({"state": "StorageError", "message": "storage \"minio\" is not ready: 404 NoSuchBucket. The run waits."}),
            ),
            [
                "waits: storage \"minio\" is not ready: 404 NoSuchBucket. ",
                "Put the storage right",
            ],
        ),
        (
            status(
                serde_json::json!({"state": "Queued", "message": "the run waits for its turn, at place 1 of 1: storage \"minio\" has 2 at once (spec.maxConcurrentRuns)",
                "queued": {"since": Time(now), "place": 1, "of": 1}}),
            ),
            ["waits for its turn, at place 1 of 1", "Raise that limit"],
        ),
        (
            status(
                serde_json::json!({"state": "Backuping", "message": "waiting for the Pod: ImagePullBackOff", "transfer": transfer}),
            ),
            [
                "has not started: waiting for the Pod: ImagePullBackOff",
                "keeps its Pod from starting",
            ],
        ),
        (
            status(
                serde_json::json!({"state": "Backuping", "message": "attempt 1 of 9 failed (CommandFailed): status 3.",
                "transfer": {"attempt": "backup-1", "startedAt": Time(now), "route": "Direct", "failedAt": Time(now)}}),
            ),
            ["attempt 1 of 9 failed", "what its attempts fail of"],
        ),
    ]
}

fn words(world: &World) -> String {
    let status = world.schedule.status.as_ref().unwrap();
    condition::find(&status.conditions, STARVING)
        .map(|c| c.message.clone())
        .unwrap_or_default()
}

#[test]
fn a_schedule_starves_of_what_its_runs_wait_for_and_says_the_cure_of_that() {
    let policies = [
        ConcurrencyPolicy::Replace,
        ConcurrencyPolicy::Forbid,
        ConcurrencyPolicy::Allow,
    ];
    for (policy, (status, said)) in policies
        .iter()
        .flat_map(|p| holdups(t("2026-01-01T11:00:00Z")).map(|h| (*p, h)))
    {
        let mut world = World::new().at("2026-01-01T11:00:00Z").policy(policy);
        world.step();
        let mut told = 0;
        for _ in 0..5 {
            for run in &mut world.runs {
                run.status = Some(status.clone());
            }
            told += replaced(&mut world);
        }
        assert_eq!(told, 1, "{policy:?} {said:?}");
        let words = words(&world);
        for said in said {
            assert!(words.contains(said), "{policy:?}: {words}");
        }
        assert!(!words.contains("make the command faster"), "{policy:?}: {words}");
        // A pass that sees the next run before its status is there forgets nothing.
        world.step();
        assert_eq!(self::words(&world), words, "{policy:?}");
    }
}

#[test]
fn runs_that_pile_up_with_allow_starve_until_fewer_than_three_wait() {
    let [(waits, _), ..] = holdups(t("2026-01-01T11:00:00Z"));
    let mut world = World::new().at("2026-01-01T11:00:00Z").policy(ConcurrencyPolicy::Allow);
    for _ in 0..3 {
        world.step();
        world.runs.iter_mut().for_each(|run| run.status = Some(waits.clone()));
        world.pass(3600);
    }
    assert_eq!(events(&world.look()), 1);
    world.step();
    assert_eq!(starving(&world), said("True", "RunsWait"));
    // One ends; as many wait as before.
    let first = world.runs[0].name_any();
    world.runs[3].status = Some(waits.clone());
    world.end(&first, true);
    world.step();
    assert_eq!(starving(&world), said("True", "RunsWait"));
    world.runs.iter_mut().for_each(|run| run.status = None);
    world.step();
    assert_eq!(starving(&world), said("False", "RunsGoOn"));
}

#[test]
fn what_the_run_under_way_waits_for_is_told_at_its_first_tick() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    for (status, words) in holdups(world.now) {
        world.runs[0].status = Some(status);
        let status = world.look().status;
        let told = condition::find(&status.conditions, condition::IN_PROGRESS).unwrap();
        for words in words {
            assert!(told.message.contains(words), "{words}: {}", told.message);
        }
    }
}
