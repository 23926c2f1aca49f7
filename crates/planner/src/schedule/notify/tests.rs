//! What is told, to whom, and that nothing is told twice or lost.
use api::BackupRun;
use api::notification::{Happened, Notification};
use api::run::Restore;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};

use super::*;
use crate::schedule::{Decision, decide};

fn t(text: &str) -> Timestamp {
    format!("2026-01-{text}Z").parse().unwrap()
}

struct World {
    schedule: api::BackupSchedule,
    runs: Vec<BackupRun>,
    default: Vec<Notification>,
    ended: Vec<Ended>,
    now: Timestamp,
}

/// A daily schedule at three, made on the first at noon.
fn world(notifications: Value) -> World {
    let schedule = json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
        "metadata": {"name": "nightly", "namespace": "shop", "uid": "s", "creationTimestamp": "2026-01-01T12:00:00Z"},
        "spec": {"schedule": "0 3 * * *", "notifications": notifications, "template": {"spec": testing::backup_run().spec}},
    });
    World {
        schedule: serde_json::from_value(schedule).unwrap(),
        runs: vec![],
        default: vec![],
        ended: vec![],
        now: t("01T12:00:00"),
    }
}

fn slack(name: &str, events: &[&str]) -> Value {
    json!({"name": name, "events": events, "slack": {"url": {"name": "keys", "key": "url"}}})
}

impl World {
    /// One pass; its status is written.
    fn look(&mut self, at: &str) -> Decision {
        self.now = t(at);
        let decision = decide(&Observed {
            schedule: &self.schedule,
            runs: self.runs.iter().collect(),
            others: vec![],
            read: Default::default(),
            restored_by: Default::default(),
            notify: Known {
                default: Some(&self.default),
                ended: std::mem::take(&mut self.ended),
            },
            now: self.now,
        });
        self.schedule.status = Some(decision.status.clone());
        decision
    }

    fn run(&mut self, name: &str, good: bool, at: &str) -> &mut BackupRun {
        let mut run = testing::backup_run();
        // As the operator hands them over.
        run.spec.backup = None;
        run.metadata.name = Some(name.into());
        run.metadata.uid = Some(name.into());
        run.metadata.creation_timestamp = Some(Time(t(at)));
        let (type_, reason) = if good {
            ("Successful", "BackupSuccessful")
        } else {
            ("Failed", "CommandFailed")
        };
        let mut status = api::BackupRunStatus {
            completion_time: Some(Time(t(at))),
            ..Default::default()
        };
        status.conditions.push(Condition {
            type_: type_.into(),
            status: "True".into(),
            reason: reason.into(),
            message: "the command ended with status 2; its last words: password=hunter2".into(),
            last_transition_time: Time(t(at)),
            observed_generation: None,
        });
        run.status = Some(status);
        self.runs.retain(|r| r.metadata.name != run.metadata.name);
        self.runs.push(run);
        self.runs.last_mut().unwrap()
    }

    fn kept(&self) -> &Notifications {
        self.schedule.status.as_ref().unwrap().notifications.as_ref().unwrap()
    }

    fn pending(&self) -> Vec<Happened> {
        self.kept().pending.iter().map(|t| t.what).collect()
    }

    /// Everything is delivered.
    fn deliver(&mut self, at: &str) {
        loop {
            let receivers = receivers(&self.schedule.spec.notifications, &self.default);
            let kept = self.kept();
            let next: Vec<_> = receivers
                .iter()
                .filter_map(|r| {
                    Some(Ended {
                        name: r.name.clone(),
                        number: next(kept, r)?.number,
                        failed: None,
                    })
                })
                .collect();
            if next.is_empty() {
                return;
            }
            self.ended = next;
            self.look(at);
        }
    }

    fn told(&mut self, at: &str) -> Vec<Happened> {
        self.look(at);
        let told = self.pending();
        self.deliver(at);
        assert_eq!(self.pending(), [], "all are told");
        told
    }
}

#[test]
fn a_schedule_that_tells_nobody_keeps_nothing() {
    let mut w = world(json!([]));
    w.run("a", false, "01T12:00:00");
    assert!(w.look("01T12:01:00").status.notifications.is_none());
}

#[test]
fn a_failure_is_told_when_it_begins_and_once_a_day_and_the_first_good_one_after_it() {
    let mut w = world(json!([slack("a", &[])]));
    assert_eq!(w.told("01T12:00:00"), []);
    w.run("one", true, "02T03:01:00");
    assert_eq!(
        w.told("02T03:01:01"),
        [],
        "a good one as always is told to nobody who did not ask"
    );
    w.run("two", false, "02T04:00:00");
    assert_eq!(w.told("02T04:00:01"), [Happened::Failed]);
    w.run("three", false, "02T05:00:00");
    assert_eq!(w.told("02T05:00:01"), []);
    w.run("four", false, "03T03:00:00");
    w.look("03T03:00:01");
    let again = w.kept().pending[0].clone();
    assert_eq!(
        (again.what, again.failures, again.since),
        (Happened::Failed, Some(3), Some(Time(t("02T04:00:00"))))
    );
    w.deliver("03T03:00:02");
    w.run("five", true, "03T04:00:00");
    w.look("03T04:00:01");
    let recovered = w.kept().pending[0].clone();
    assert_eq!(
        (recovered.what, recovered.since),
        (Happened::Recovered, Some(Time(t("02T04:00:00"))))
    );
    w.deliver("03T04:00:02");
    assert_eq!(w.told("03T04:10:00"), []);
}

#[test]
fn nothing_is_noticed_twice_and_nothing_of_one_second_is_passed_by() {
    let mut w = world(json!([slack("a", &["Always"])]));
    w.run("old", false, "01T11:58:00");
    assert_eq!(w.told("01T12:00:00"), [], "what was before is told to nobody");
    w.run("one", true, "02T03:01:00");
    assert_eq!(w.told("02T03:01:00").len(), 1);
    w.run("two", true, "02T03:01:00");
    assert_eq!(
        w.told("02T03:01:01").len(),
        1,
        "it ended in the same second, and was seen later"
    );
    w.run("three", true, "02T03:00:30");
    assert_eq!(w.told("02T03:01:02").len(), 1, "and one that ended before");
    let before = w.schedule.status.clone();
    w.look("02T03:02:00");
    assert_eq!(w.schedule.status, before, "nothing is written that did not change");
}

#[test]
fn what_is_pending_outlives_a_restart_and_what_was_told_is_not_told_again() {
    let mut w = world(json!([slack("a", &[]), slack("b", &[])]));
    w.look("01T12:00:00");
    w.run("one", false, "02T03:01:00");
    w.look("02T03:01:01");
    w.runs.clear();
    w.ended = vec![Ended {
        name: "a".into(),
        number: 1,
        failed: None,
    }];
    w.look("02T03:02:00");
    assert_eq!(
        w.pending(),
        [Happened::Failed],
        "b is still to be told, whatever became of the run"
    );
    let receivers = receivers(&w.schedule.spec.notifications, &[]);
    assert_eq!(next(w.kept(), &receivers[0]), None);
    assert_eq!(next(w.kept(), &receivers[1]).unwrap().number, 1);
    w.ended = vec![Ended {
        name: "b".into(),
        number: 1,
        failed: Some("no route".into()),
    }];
    let told = w.look("02T04:02:00");
    assert_eq!(w.pending(), []);
    let event = told.events.iter().find(|e| e.reason == "NotificationFailed").unwrap();
    assert!(
        event.warning && event.note.contains("notification b: Failed of run one") && event.note.contains("no route"),
        "{}",
        event.note
    );
    assert_eq!(w.kept().told[1].failed.as_deref(), Some("no route"));
}

#[test]
fn a_receiver_that_is_away_does_not_fill_the_status() {
    let mut w = world(json!([slack("a", &["Always"])]));
    w.look("01T12:00:00");
    for n in 0..30 {
        w.run(&format!("run-{n}"), true, &format!("02T03:{n:02}:00"));
        w.look(&format!("02T03:{n:02}:01"));
    }
    assert_eq!(w.pending().len(), PENDING);
    assert_eq!(w.kept().told[0].number, 10, "the oldest are given up, and it says so");
    assert!(w.kept().told[0].failed.is_some());
}

#[test]
fn what_a_command_wrote_is_not_sent() {
    let mut w = world(json!([slack("a", &[])]));
    w.look("01T12:00:00");
    w.run("one", false, "02T03:01:00");
    w.look("02T03:01:01");
    assert_eq!(w.kept().pending[0].message, "the command ended with status 2");
}

#[test]
fn a_backup_is_missed_by_the_schedules_own_ticks_and_told_once_a_day() {
    let mut w = world(json!([slack("a", &[])]));
    let first = w.look("01T12:00:00");
    w.schedule.spec.starting_deadline_seconds = Some(60);
    assert!(first.requeue_at.is_some());
    // The operator was away: the tick is late, and no run is made.
    assert_eq!(w.told("02T08:59:00"), []);
    assert_eq!(
        w.look("02T08:59:00").requeue_at,
        Some(t("02T09:00:00")),
        "half of the time to the next tick, at most six hours"
    );
    assert_eq!(w.told("02T09:00:00"), [Happened::Missed]);
    assert_eq!(w.told("02T20:00:00"), []);
    assert_eq!(w.told("03T06:00:00"), [Happened::Missed]);
    w.run("one", true, "03T07:00:00");
    assert_eq!(w.told("03T07:00:01"), [Happened::Recovered]);
    assert_eq!(w.told("04T08:00:00"), []);
    assert_eq!(w.told("04T09:00:00"), [Happened::Missed]);
}

#[test]
fn a_clock_that_was_ahead_once_keeps_nobody_from_hearing_of_what_fails_or_is_missed_and_has_nothing_told_twice() {
    let mut w = world(json!([slack("a", &[])]));
    w.schedule.spec.starting_deadline_seconds = Some(60);
    w.look("20T02:00:00");
    w.run("late", false, "20T02:01:00");
    assert_eq!(w.told("20T02:01:01"), [Happened::Failed]);
    w.run("ahead", true, "20T03:01:00");
    assert_eq!(w.told("20T03:01:01"), [Happened::Recovered]);
    // The clock is right again.
    assert_eq!(w.told("02T08:00:00"), []);
    let noticed = w.kept().noticed_until.clone();
    assert_eq!(w.told("02T08:01:00"), []);
    assert_eq!(
        w.kept().noticed_until,
        noticed,
        "nothing is written that did not change"
    );
    w.run("today", false, "02T09:00:00");
    assert_eq!(w.told("02T09:00:01"), [Happened::Failed]);
    assert_eq!(w.told("02T09:00:02"), []);
    assert_eq!(w.told("03T09:00:00"), [Happened::Missed]);
}

#[test]
fn what_fails_is_not_missed_and_what_is_suspended_or_was_changed_is_not_due() {
    let mut w = world(json!([slack("a", &[])]));
    w.look("01T12:00:00");
    w.schedule.spec.starting_deadline_seconds = Some(60);
    w.run("one", false, "02T03:01:00");
    assert_eq!(w.told("02T03:01:01"), [Happened::Failed]);
    assert_eq!(w.told("02T10:00:00"), []);
    w.schedule.spec.suspend = Some(true);
    assert_eq!(w.told("09T10:00:00"), []);
    w.schedule.spec.suspend = Some(false);
    assert_eq!(w.told("09T11:00:00"), []);
    w.schedule.spec.schedule = "* * * * *".into();
    assert_eq!(w.told("09T12:00:00"), []);
}

#[test]
fn a_run_that_is_at_work_has_until_the_next_tick_and_one_that_waits_has_not() {
    for (waits, wanted) in [(false, vec![]), (true, vec![Happened::Missed])] {
        let mut w = world(json!([slack("a", &[])]));
        w.look("01T12:00:00");
        let run = w.run("nightly-1767322800", true, "02T03:00:00");
        let status = run.status.as_mut().unwrap();
        (status.conditions, status.completion_time) = (vec![], None);
        if waits {
            status.state = Some(api::run::State::StorageError);
            status.message = Some("storage offsite is not ready".into());
            status.conditions.push(Condition {
                type_: "Ready".into(),
                status: "False".into(),
                reason: "StorageNotReady".into(),
                message: "storage offsite is not ready".into(),
                last_transition_time: Time(t("02T03:00:00")),
                observed_generation: None,
            });
        }
        assert_eq!(w.told("02T09:30:00"), wanted, "{waits}");
    }
}

#[test]
fn a_ping_tells_of_each_beginning_and_end_and_of_nothing_else() {
    let key = json!({"name": "keys", "key": "url"});
    let mut w = world(json!([{"name": "hc", "ping": {"start": key, "success": key, "fail": key}}]));
    w.look("01T12:00:00");
    let run = w.run("one", true, "02T03:01:00");
    let ended = run.status.clone();
    run.status = Some(api::BackupRunStatus {
        start_time: Some(Time(t("02T03:00:01"))),
        ..Default::default()
    });
    assert_eq!(w.told("02T03:00:02"), [Happened::Started]);
    w.runs[0].status = ended;
    w.runs[0].status.as_mut().unwrap().start_time = Some(Time(t("02T03:00:01")));
    assert_eq!(w.told("02T03:01:01"), [Happened::Succeeded]);
    w.run("two", false, "02T04:01:00").status.as_mut().unwrap().start_time = Some(Time(t("02T04:00:00")));
    assert_eq!(
        w.told("02T04:01:01"),
        [Happened::Failed],
        "a beginning is not told after the end"
    );
}

#[test]
fn a_restore_and_a_backup_that_is_far_too_small_are_told_to_who_asked() {
    let mut w = world(json!([slack("a", &["RestoreEnded", "Shrunk"]), slack("b", &[])]));
    w.look("01T12:00:00");
    for (name, at, bytes) in [("one", "02T03:01:00", 1000), ("two", "03T03:01:00", 100)] {
        w.run(name, true, at).status.as_mut().unwrap().bytes = Some(bytes);
    }
    w.runs.sort_by_key(|r| r.metadata.name.clone());
    assert_eq!(w.told("03T03:01:01"), [Happened::Shrunk]);
    let restore = |number, successful| Restore {
        number,
        start_time: Time(t("03T04:00:00")),
        completion_time: Time(t("03T04:01:00")),
        successful,
        bytes: 1,
        message: None,
    };
    w.runs[0].status.as_mut().unwrap().restores = vec![restore(1, true), restore(2, false)];
    assert_eq!(w.told("03T04:01:01"), [Happened::Restored, Happened::RestoreFailed]);
}

#[test]
fn the_operators_receivers_are_for_schedules_that_have_none() {
    let default: Vec<Notification> = serde_json::from_value(json!([slack("ops", &[])])).unwrap();
    for (own, wanted) in [(json!([]), "default/ops"), (json!([slack("a", &[])]), "a")] {
        let mut w = world(own);
        w.default = default.clone();
        w.look("01T12:00:00");
        w.run("one", false, "02T03:01:00");
        w.look("02T03:01:01");
        assert_eq!(
            w.kept().told.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
            [wanted]
        );
        assert_eq!(w.pending(), [Happened::Failed]);
    }
}

#[test]
fn what_is_to_be_told_stays_while_the_operators_receivers_are_not_known() {
    let mut w = world(json!([]));
    w.default = serde_json::from_value(json!([slack("ops", &[])])).unwrap();
    w.look("01T12:00:00");
    w.run("one", false, "02T03:01:00");
    let told = w.look("02T03:01:01").status.notifications;
    let unknown = Observed {
        schedule: &w.schedule,
        runs: w.runs.iter().collect(),
        others: vec![],
        read: Default::default(),
        restored_by: Default::default(),
        notify: Known::default(),
        now: t("02T03:02:00"),
    };
    assert_eq!(decide(&unknown).status.notifications, told);
    w.default.clear();
    assert!(
        w.look("02T03:03:00").status.notifications.is_none(),
        "there are none any more"
    );
}

#[test]
fn a_receiver_that_comes_later_is_told_of_nothing_that_was_before() {
    let mut w = world(json!([slack("a", &[])]));
    w.look("01T12:00:00");
    w.run("one", false, "02T03:01:00");
    w.look("02T03:01:01");
    w.schedule
        .spec
        .notifications
        .extend(serde_json::from_value::<Vec<Notification>>(json!([slack("b", &[])])).unwrap());
    w.look("02T03:02:00");
    let receivers = receivers(&w.schedule.spec.notifications, &[]);
    assert_eq!(
        receivers
            .iter()
            .map(|r| next(w.kept(), r).is_some())
            .collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn a_schedule_that_fails_already_is_told_with_its_next_failure() {
    let mut w = world(json!([]));
    w.run("one", false, "02T03:01:00");
    w.look("02T03:01:01");
    w.schedule.spec.notifications = serde_json::from_value(json!([slack("a", &[])])).unwrap();
    assert_eq!(w.told("02T04:00:00"), []);
    w.run("two", false, "02T05:00:00");
    w.look("02T05:00:01");
    assert_eq!(w.pending(), [Happened::Failed]);
    assert_eq!(
        w.kept().pending[0].since,
        Some(Time(t("02T03:01:01"))),
        "since when the schedule says Failed"
    );
}
