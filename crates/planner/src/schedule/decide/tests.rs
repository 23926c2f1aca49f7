//! The rules of a schedule, each a test.
use std::collections::BTreeMap;

use api::condition;
use api::run::Transfer;
use api::schedule::{BackupSchedule, BackupScheduleSpec, ConcurrencyPolicy, RunTemplate};
use api::{BackupRun, BackupRunStatus, labels, requests};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;
use testing::backup_run;

use crate::schedule::{Decision, Observed, Why, decide, makes_room, says_stopped, told_with_created};

mod adopt;
mod edges;
mod jitter;
mod kept;
mod restores;
mod retention;
mod returned;
mod rotation;
mod skew;
mod starving;
mod triggers;

struct World {
    schedule: BackupSchedule,
    runs: Vec<BackupRun>,
    others: Vec<BackupRun>,
    read: std::collections::BTreeSet<String>,
    restored_by: Vec<String>,
    now: Timestamp,
}

fn t(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl World {
    /// An hourly schedule made at half past ten.
    fn new() -> Self {
        let spec = BackupScheduleSpec {
            schedule: "0 * * * *".into(),
            time_zone: None,
            starting_deadline_seconds: None,
            jitter_seconds: None,
            concurrency_policy: Some(ConcurrencyPolicy::Replace),
            suspend: None,
            when_deleted: None,
            template: RunTemplate {
                metadata: None,
                spec: backup_run().spec,
            },
            successful_runs_history_limit: Some(3),
            failed_runs_history_limit: Some(1),
            retention: None,
            notifications: Vec::new(),
        };
        let mut schedule = BackupSchedule::new("hourly", spec);
        schedule.metadata.uid = Some("s".into());
        schedule.metadata.namespace = Some("team".into());
        schedule.metadata.resource_version = Some("1".into());
        schedule.metadata.creation_timestamp = Some(Time(t("2026-01-01T10:30:00Z")));
        Self {
            schedule,
            runs: vec![],
            others: vec![],
            read: Default::default(),
            restored_by: Default::default(),
            now: t("2026-01-01T10:30:00Z"),
        }
    }

    fn at(mut self, time: &str) -> Self {
        self.now = t(time);
        self
    }

    fn policy(mut self, policy: ConcurrencyPolicy) -> Self {
        self.schedule.spec.concurrency_policy = Some(policy);
        self
    }

    fn look(&self) -> Decision {
        decide(&Observed {
            schedule: &self.schedule,
            runs: self.runs.iter().collect(),
            others: self.others.iter().collect(),
            read: self.read.clone(),
            restored_by: self.restored_by.clone(),
            notify: Default::default(),
            now: self.now,
        })
    }

    /// Decides, and does what was decided.
    fn step(&mut self) -> Decision {
        let d = self.look();
        self.runs.extend(d.create.iter().cloned().map(|mut r| {
            r.metadata.uid = Some(r.name_any());
            r.metadata.creation_timestamp = Some(Time(self.now));
            r
        }));
        self.runs.retain(|r| !d.delete.iter().any(|x| x.name == r.name_any()));
        self.schedule.status = Some(d.status.clone());
        if d.remove_trigger {
            self.schedule.metadata.annotations = None;
        }
        if let Some(name) = &d.claim {
            self.annotate(labels::TRIGGER_RUN, name);
        }
        d
    }

    /// Goes on until the trigger has its run, or waits.
    fn settle(&mut self) -> Decision {
        let d = self.step();
        if d.claim.is_some() { self.step() } else { d }
    }

    fn annotate(&mut self, name: &str, value: &str) {
        self.schedule.annotations_mut().insert(name.into(), value.into());
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn trigger(&mut self) {
        self.annotate(labels::TRIGGER, "now");
    }

    /// A run that ended, `age` seconds before now.
    fn ended(&mut self, name: &str, good: bool, age: i64) -> &mut BackupRun {
        let mut run = backup_run();
        let at = Time(self.now.checked_sub(SignedDuration::from_secs(age)).unwrap());
        run.metadata.name = Some(name.into());
        run.metadata.uid = Some(name.into());
        run.status = Some(BackupRunStatus {
            completion_time: Some(at),
            ..BackupRunStatus::default()
        });
        self.runs.push(run);
        self.end(name, good);
        self.runs.last_mut().unwrap()
    }

    fn annotate_run(&mut self, name: &str, annotation: &str) {
        let run = self.runs.iter_mut().find(|r| r.name_any() == name).unwrap();
        run.annotations_mut().insert(annotation.into(), "now".into());
    }

    fn transfer(&self, attempt: &str) -> Transfer {
        Transfer {
            agent: None,
            attempt: attempt.into(),
            started_at: Time(self.now),
            pod_uid: None,
            command_started_at: None,
            key: None,
            upload_id: None,
            storage: None,
            location: None,
            route: "Direct".into(),
            waited_for: vec![],
            failed_at: None,
            cancelled_at: None,
        }
    }

    fn end(&mut self, name: &str, good: bool) {
        let run = self.runs.iter_mut().find(|r| r.name_any() == name).unwrap();
        let type_ = if good { condition::SUCCESSFUL } else { condition::FAILED };
        let condition = Condition {
            type_: type_.into(),
            status: "True".into(),
            reason: "x".into(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(self.now),
        };
        run.status.get_or_insert_default().conditions = vec![condition];
    }

    fn doomed(&self) -> Vec<String> {
        self.look().delete.into_iter().map(|d| d.name).collect()
    }
}

fn names(d: &Decision) -> Vec<String> {
    d.create.iter().map(ResourceExt::name_any).collect()
}

#[test]
fn a_new_schedule_does_not_look_back_before_its_creation() {
    let d = World::new().look();
    assert_eq!(names(&d), Vec::<String>::new());
    assert_eq!(d.status.next_schedule_time, Some(Time(t("2026-01-01T11:00:00Z"))));
    // An hourly schedule leaves the first turn to those that tick more often.
    assert_eq!(d.requeue_at, Some(t("2026-01-01T11:00:00.004166666Z")));
}

#[test]
fn a_tick_makes_one_run_named_after_it_and_never_a_second() {
    let mut world = World::new().at("2026-01-01T11:00:05Z");
    let d = world.step();
    assert_eq!(names(&d), [format!("hourly-{}", t("2026-01-01T11:00:00Z").as_second())]);
    let run = &d.create[0];
    assert_eq!(run.labels().get(labels::SCHEDULE).map(String::as_str), Some("hourly"));
    assert_eq!(run.owner_references()[0].uid, "s");
    assert_eq!(names(&world.step()), Vec::<String>::new());
    // The operator died after the run was created and before the status was written.
    world.schedule.status = None;
    let d = world.step();
    assert_eq!(names(&d), Vec::<String>::new());
    assert_eq!(d.status.last_schedule_time, Some(Time(t("2026-01-01T11:00:00Z"))));
}

#[test]
fn of_the_ticks_that_were_missed_the_last_is_run_within_the_starting_deadline() {
    let late = |deadline| {
        let mut world = World::new().at("2026-01-01T15:10:00Z");
        world.schedule.spec.starting_deadline_seconds = deadline;
        names(&world.look()).len()
    };
    assert_eq!((late(None), late(Some(601)), late(Some(599))), (1, 1, 0));
}

#[test]
fn more_than_a_hundred_missed_ticks_are_warned_of() {
    let world = World::new().at("2026-01-09T15:10:00Z");
    let d = world.look();
    assert!(d.create.len() == 1 && d.events.iter().any(|e| e.reason == "TooManyMissedTimes"));
}

#[test]
fn each_policy_does_what_it_says_when_a_tick_finds_a_run_under_way() {
    for (policy, created, deleted) in [
        (ConcurrencyPolicy::Allow, 1, 0),
        (ConcurrencyPolicy::Forbid, 0, 0),
        (ConcurrencyPolicy::Replace, 0, 1),
    ] {
        let mut world = World::new().at("2026-01-01T11:00:00Z").policy(policy);
        world.step();
        world.pass(3600);
        let d = world.look();
        assert_eq!((d.create.len(), d.delete.len()), (created, deleted), "{policy:?}");
    }
}

#[test]
fn forbid_runs_the_tick_when_the_run_before_it_has_ended() {
    let mut world = World::new()
        .at("2026-01-01T11:00:00Z")
        .policy(ConcurrencyPolicy::Forbid);
    let first = names(&world.step())[0].clone();
    world.pass(3600);
    assert!(world.step().create.is_empty());
    world.end(&first, true);
    world.pass(60);
    assert_eq!(
        names(&world.step()),
        [format!("hourly-{}", t("2026-01-01T12:00:00Z").as_second())]
    );
}

#[test]
fn replace_starts_the_new_run_only_when_the_old_one_is_gone() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    world.pass(3600);
    let d = world.look();
    assert_eq!((d.create.len(), d.delete[0].why.clone()), (0, Why::Replaced));
    world.runs[0].metadata.deletion_timestamp = Some(Time(world.now));
    let d = world.look();
    assert_eq!((d.create.len(), d.delete.len()), (0, 0), "it is stopping");
    world.runs.clear();
    assert_eq!(world.look().create.len(), 1);
}

#[test]
fn what_is_to_go_carries_the_version_that_was_looked_at_and_is_said_to_be_stopped_by_its_whole_name() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    world.runs[0].metadata.resource_version = Some("17".into());
    world.pass(3600);
    let d = world.look();
    assert_eq!(d.delete[0].version.as_deref(), Some("17"));
    let name = &d.delete[0].name;
    let said = |name: &str| d.events.iter().filter(|e| says_stopped(e, name)).count();
    assert_eq!((said(name), said(&name[..name.len() - 1])), (1, 0));
}

#[test]
fn a_run_that_has_ended_or_is_to_be_restored_makes_no_room_for_the_next() {
    assert!(makes_room(&backup_run()));
    let mut world = World::new();
    for (name, good) in [("a", true), ("b", false)] {
        assert!(!makes_room(world.ended(name, good, 1)));
    }
    let mut asked = backup_run();
    asked.annotations_mut().insert(labels::RESTORE.into(), "now".into());
    assert!(!makes_room(&asked));
}

#[test]
fn nothing_is_written_that_did_not_change() {
    let mut world = World::new();
    let first = world.step().status;
    world.pass(60);
    assert_eq!(world.look().status, first);
}

#[test]
fn one_write_tells_of_a_tick_and_of_its_run() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    let before = world.schedule.status.clone();
    let tick = world.step();
    assert_eq!(tick.create.len(), 1);
    // What the pass that sees the run would write is what the tick writes with the run that it made.
    let observed = Observed {
        schedule: &world.schedule,
        runs: world.runs.iter().collect(),
        others: vec![],
        read: Default::default(),
        restored_by: Default::default(),
        notify: Default::default(),
        now: world.now,
    };
    let told = told_with_created(&observed, tick.status);
    assert_ne!(Some(&told), before.as_ref());
    assert_eq!((told.in_progress, told.active.len()), (Some(1), 1));
    world.schedule.status = Some(told.clone());
    world.pass(1);
    assert_eq!(world.look().status, told);
}

#[test]
fn a_pause_is_counted_from_the_last_tick_whatever_the_starting_deadline() {
    let mut world = World::new().at("2026-01-01T11:00:00Z").policy(ConcurrencyPolicy::Allow);
    world.schedule.spec.schedule = "@every 30m".into();
    world.schedule.spec.starting_deadline_seconds = Some(60);
    assert_eq!(
        names(&world.step()),
        [format!("hourly-{}", t("2026-01-01T11:00:00Z").as_second())]
    );
    world.pass(1800 + 59);
    assert_eq!(
        names(&world.step()),
        [format!("hourly-{}", t("2026-01-01T11:30:00Z").as_second())]
    );
    world.pass(1800 + 61);
    assert_eq!(names(&world.step()), Vec::<String>::new(), "too late");
    assert_eq!(
        world.look().status.next_schedule_time,
        Some(Time(t("2026-01-01T12:30:00Z")))
    );
}

#[test]
fn a_tick_taken_up_in_time_is_run_however_long_the_replaced_run_takes_to_stop() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.schedule.spec.starting_deadline_seconds = Some(10);
    world.step();
    world.pass(3600);
    let stopping = world.runs[0].clone();
    let d = world.step();
    assert_eq!((d.create.len(), d.delete.len()), (0, 1));
    world.runs = vec![stopping];
    world.runs[0].metadata.deletion_timestamp = Some(Time(world.now));
    for _ in 0..3 {
        world.pass(20);
        assert!(world.step().create.is_empty());
    }
    world.runs.clear();
    assert_eq!(
        names(&world.step()),
        [format!("hourly-{}", t("2026-01-01T12:00:00Z").as_second())]
    );
}

#[test]
fn a_tick_that_is_late_when_first_seen_replaces_nothing() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.schedule.spec.starting_deadline_seconds = Some(10);
    world.step();
    world.pass(3600 + 11);
    let d = world.step();
    assert_eq!((d.create.len(), d.delete.len()), (0, 0));
}

#[test]
fn what_a_run_waits_for_is_said_once_and_goes_when_it_has_started() {
    for (policy, reason) in [
        (ConcurrencyPolicy::Forbid, "NextWaits"),
        (ConcurrencyPolicy::Replace, "StoppingForNext"),
    ] {
        let mut world = World::new().at("2026-01-01T11:00:00Z").policy(policy);
        let first = names(&world.step())[0].clone();
        world.runs[0].metadata.deletion_timestamp = Some(Time(world.now));
        world.pass(3600);
        let d = world.step();
        let told = condition::find(&d.status.conditions, condition::IN_PROGRESS)
            .unwrap()
            .clone();
        assert_eq!(told.reason, reason);
        assert!(
            told.message.starts_with("hourly-") && told.message.contains(&first),
            "{}",
            told.message
        );
        assert_eq!(world.step().status, d.status);
        world.runs.clear();
        world.step();
        let after = world.step().status;
        assert_eq!(
            condition::find(&after.conditions, condition::IN_PROGRESS)
                .unwrap()
                .reason,
            "RunUnderWay"
        );
    }
}

#[test]
fn a_run_carries_the_templates_metadata_and_ours() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    let own = |key: &str| Some(BTreeMap::from([(key.to_string(), "x".to_string())]));
    world.schedule.spec.template.metadata = Some(api::run::TemplateMetadata {
        labels: own("team"),
        annotations: own("note"),
    });
    let d = world.look();
    let run = &d.create[0];
    assert_eq!(run.labels().len(), 2);
    assert_eq!(run.annotations().get("note").map(String::as_str), Some("x"));
    assert_eq!(
        run.annotations().get(labels::SCHEDULED_AT).map(String::as_str),
        Some("2026-01-01T11:00:00Z")
    );
    let owner = &run.owner_references()[0];
    assert_eq!(
        (owner.controller, owner.block_owner_deletion, owner.kind.as_str()),
        (Some(true), Some(true), "BackupSchedule")
    );
    assert_eq!(
        (run.namespace().as_deref(), &run.spec),
        (Some("team"), &world.schedule.spec.template.spec)
    );
}

#[test]
fn a_run_without_an_end_is_under_way_also_while_it_is_deleted() {
    let mut world = World::new()
        .at("2026-01-01T11:00:00Z")
        .policy(ConcurrencyPolicy::Forbid);
    world.step();
    world.runs[0].metadata.deletion_timestamp = Some(Time(world.now));
    world.pass(3600);
    let d = world.step();
    assert!(d.create.is_empty());
    assert_eq!((d.status.in_progress, d.status.active.len()), (Some(1), 1));
}

#[test]
fn ticks_while_suspended_are_not_counted_as_missed_beyond_the_last() {
    let mut world = World::new().at("2026-01-01T15:10:00Z");
    world.schedule.spec.suspend = Some(true);
    assert!(world.step().create.is_empty());
    world.schedule.spec.suspend = Some(false);
    let d = world.step();
    // As CronJob: the last one that was missed is run when the schedule is resumed.
    assert_eq!(names(&d), [format!("hourly-{}", t("2026-01-01T15:00:00Z").as_second())]);
    assert!(d.events.iter().any(|e| e.reason == "Resumed"));
}

#[test]
fn a_clock_that_steps_back_makes_nothing_twice() {
    let mut world = World::new().at("2026-01-01T12:00:01Z").policy(ConcurrencyPolicy::Allow);
    assert_eq!(world.step().create.len(), 1);
    for (back, last) in [
        ("2026-01-01T11:56:00Z", "2026-01-01T12:00:00Z"),
        // So far that its tick is not waited for again: its name tells, when it comes.
        ("2026-01-01T11:30:00Z", "2026-01-01T11:30:00Z"),
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z"),
        ("2026-01-01T12:59:59Z", "2026-01-01T12:00:00Z"),
    ] {
        world.now = t(back);
        let d = world.step();
        assert!(
            d.create.is_empty() && d.status.last_schedule_time == Some(Time(t(last))),
            "{back}"
        );
    }
}
