//! The rules of a drill, each a test.
use api::{BackupDrill, BackupRun, condition, labels};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::drill::told::with_created;
use crate::drill::{Decision, Observed, decide, is_to_pick};
use crate::run::carrier::AgentVolume;
use crate::run::pod::AgentSettings;

struct World {
    drill: BackupDrill,
    runs: Vec<BackupRun>,
    backups: Vec<BackupRun>,
    namesake: bool,
    agent: AgentSettings,
    now: Timestamp,
}

fn t(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A run with a good backup that ended then.
fn good(name: &str, at: &str) -> BackupRun {
    let mut run = testing::backup_run();
    run.metadata.name = Some(name.into());
    run.metadata.uid = Some(name.into());
    run.status = Some(
        serde_json::from_value(json!({"completionTime": at, "path": "/a", "conditions": [
            {"type": "Successful", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": at}]}))
        .unwrap(),
    );
    run
}

/// How a drill's run ended.
fn ends(run: &mut BackupRun, well: bool, at: &str) {
    let (yes, no) = if well {
        ("Successful", "Failed")
    } else {
        ("Failed", "Successful")
    };
    let reason = if well { "Restored" } else { "BadObject" };
    let said = |type_: &str, status: &str| json!({"type": type_, "status": status, "reason": reason, "message": "in words", "lastTransitionTime": at});
    let status = json!({"completionTime": at, "duration": "3s", "conditions": [said(yes, "True"), said(no, "False")],
        "source": {"run": "db-2", "namespace": "team", "uid": "db-2", "storage": "near"}});
    run.status = Some(serde_json::from_value(status).unwrap());
}

impl World {
    /// An hourly drill made at half past ten, of a schedule with two good backups.
    fn new(change: Value) -> Self {
        let mut spec = json!({"schedule": "0 * * * *", "source": {"schedule": "db"}});
        spec.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let drill = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill", "spec": spec,
            "metadata": {"name": "proof", "namespace": "team", "uid": "d", "generation": 1, "creationTimestamp": "2026-01-01T10:30:00Z"},
        }))
        .unwrap();
        Self {
            drill,
            runs: vec![],
            backups: vec![
                good("db-1", "2026-01-01T08:00:00Z"),
                good("db-2", "2026-01-01T09:00:00Z"),
            ],
            namesake: false,
            agent: AgentSettings {
                image: "registry/operator:1".into(),
                image_pull_policy: "Always".into(),
                cpu: "250m".into(),
                memory: "32Mi".into(),
                volume: AgentVolume::Auto,
            },
            now: t("2026-01-01T10:30:00Z"),
        }
    }

    fn observed(&self) -> Observed<'_> {
        Observed {
            drill: &self.drill,
            runs: self.runs.iter().collect(),
            backups: if is_to_pick(&self.drill, self.now) {
                self.backups.iter().collect()
            } else {
                vec![]
            },
            namesake: self.namesake,
            agent: &self.agent,
            now: self.now,
        }
    }

    /// Decides, and does what was decided.
    fn step(&mut self, at: &str) -> Decision {
        self.now = t(at);
        let d = decide(&self.observed());
        let made = d.create.clone().map(|mut run| {
            run.metadata.uid = Some(run.name_any());
            run.metadata.creation_timestamp = Some(Time(self.now));
            run
        });
        self.runs.extend(made);
        self.runs.retain(|r| !d.delete.iter().any(|x| x.name == r.name_any()));
        let status = match d.create {
            Some(_) => with_created(&self.observed(), d.status.clone()),
            None => d.status.clone(),
        };
        self.drill.status = Some(status);
        if d.remove_trigger {
            self.drill.metadata.annotations = None;
        }
        if let Some(name) = &d.claim {
            self.annotate(labels::TRIGGER_RUN, name);
        }
        d
    }

    fn annotate(&mut self, name: &str, value: &str) {
        self.drill.annotations_mut().insert(name.into(), value.into());
    }

    fn said(&self, type_: &str) -> (String, String, String) {
        let status = self.drill.status.as_ref().unwrap();
        let said = condition::find(&status.conditions, type_).unwrap();
        (said.status.clone(), said.reason.clone(), said.message.clone())
    }
}

const ELEVEN: &str = "2026-01-01T11:00:00Z";

#[test]
fn a_tick_makes_a_run_that_restores_the_picked_backup_and_owns_nothing_of_it() {
    let mut world =
        World::new(json!({"decryptionKey": {"name": "age", "key": "identity"}, "startDeadlineSeconds": 60}));
    assert!(world.step("2026-01-01T10:59:59Z").create.is_none());
    let d = world.step(ELEVEN);
    let run = d.create.unwrap();
    assert_eq!(run.name_any(), format!("proof-{}", t(ELEVEN).as_second()));
    assert_eq!(run.labels()[labels::DRILL], "proof");
    assert_eq!(run.labels()[labels::DRILL_MODE], "Read");
    assert!(!run.labels().contains_key(labels::SCHEDULE), "no schedule rotates it");
    assert_eq!(run.annotations()[labels::SCHEDULED_AT], ELEVEN);
    let owner = &run.owner_references()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.uid.as_str(), owner.controller),
        ("BackupDrill", "d", Some(true))
    );
    let spec = &run.spec;
    assert_eq!(spec.source.as_ref().unwrap().run.as_deref(), Some("db-2"));
    assert!(spec.backup.is_none() && spec.storage.name.is_empty());
    assert_eq!(spec.retain_policy, Some(api::run::RetainPolicy::Retain));
    assert_eq!(
        spec.encryption.as_ref().unwrap().decryption_key.as_ref().unwrap().name,
        "age"
    );
    assert_eq!(spec.start_deadline_seconds, Some(60));
    assert_eq!(
        world.drill.status.as_ref().unwrap().last_picked.as_deref(),
        Some("db-2")
    );
}

#[test]
fn a_drill_that_reads_runs_the_operators_own_image_with_no_right_and_no_token() {
    let mut world = World::new(json!({"reader": {"nodeSelector": {"pool": "drills"}}}));
    let run = world.step(ELEVEN).create.unwrap();
    let pod = &run.spec.template.spec;
    let container = &pod.containers[0];
    assert_eq!(container.image.as_deref(), Some("registry/operator:1"));
    assert_eq!(container.image_pull_policy.as_deref(), Some("Always"));
    assert_eq!(container.command.as_deref().unwrap(), ["/agent", "wait"]);
    assert_eq!(run.spec.restore.as_ref().unwrap().command, ["/agent", "drain"]);
    let context = container.security_context.as_ref().unwrap();
    assert_eq!(
        (
            context.allow_privilege_escalation,
            context.read_only_root_filesystem,
            context.run_as_non_root
        ),
        (Some(false), Some(true), Some(true))
    );
    assert_eq!(
        (pod.automount_service_account_token, pod.enable_service_links),
        (Some(false), Some(false))
    );
    assert!(container.env.is_none() && pod.service_account_name.is_none() && pod.volumes.is_none());
    assert_eq!(pod.node_selector.as_ref().unwrap()["pool"], "drills");
}

#[test]
fn a_drill_that_restores_has_the_runs_own_command_and_never_the_runs_pod() {
    let template = json!({"spec": {"containers": [{"name": "main", "image": "scratch:1"}]}});
    let check = json!({"command": ["count"]});
    let mut world = World::new(json!({"mode": "Restore", "template": template, "check": check}));
    world.backups[1].spec.restore = Some(serde_json::from_value(json!({"command": ["load"]})).unwrap());
    let run = world.step(ELEVEN).create.unwrap();
    let restore = run.spec.restore.as_ref().unwrap();
    assert_eq!(
        (
            restore.command[0].as_str(),
            restore.check.as_ref().unwrap().command[0].as_str()
        ),
        ("load", "count")
    );
    assert_eq!(run.spec.template.spec.containers[0].image.as_deref(), Some("scratch:1"));
    assert_eq!(run.labels()[labels::DRILL_MODE], "Restore");

    let mut world = World::new(json!({"mode": "Restore", "template": template}));
    world.backups[1].spec.restore = None;
    let d = world.step(ELEVEN);
    assert!(
        d.create.is_none() && d.events[0].note.contains("has a restore command"),
        "{:?}",
        d.events
    );

    let own = json!({"command": ["load"], "container": "gone"});
    let mut world = World::new(json!({"mode": "Restore", "template": template}));
    world.backups[1].spec.restore = Some(serde_json::from_value(own).unwrap());
    let d = world.step(ELEVEN);
    assert!(
        d.create.is_none() && d.events[0].note.contains("there is no container gone"),
        "{:?}",
        d.events
    );
}

#[test]
fn a_drill_never_runs_a_command_of_the_backups_run_that_names_the_database_that_was_backed_up() {
    let template = json!({"spec": {"containers": [{"name": "main", "image": "scratch:1"}]}});
    for (command, made) in [
        (json!(["psql", "-h", "postgresql", "shop"]), false),
        (json!(["sh", "-c", "mysql --host=mysql shop"]), false),
        (json!(["psql", "-h", "127.0.0.1", "shop"]), true),
        (json!(["psql", "shop"]), true),
    ] {
        let mut world = World::new(json!({"mode": "Restore", "template": template}));
        world.backups[1].spec.restore = Some(serde_json::from_value(json!({ "command": command })).unwrap());
        let d = world.step(ELEVEN);
        assert_eq!(d.create.is_some(), made, "{command}: {:?}", d.events);
        assert!(
            made || d.events[0].note.contains("would restore over what was backed up"),
            "{:?}",
            d.events
        );
    }
}

#[test]
fn a_tick_without_a_good_backup_is_passed_over_and_said() {
    let mut world = World::new(json!({}));
    let backups = std::mem::take(&mut world.backups);
    let d = world.step(ELEVEN);
    assert!(d.create.is_none());
    let event = &d.events[0];
    assert!(
        event.warning && event.reason == "NothingToProve" && event.note.contains("schedule db has no good backup"),
        "{event:?}"
    );
    let (status, reason, message) = world.said(condition::READY);
    assert_eq!((status.as_str(), reason.as_str()), ("False", "NothingToProve"));
    assert!(message.contains(ELEVEN), "{message}");
    let d = world.step("2026-01-01T11:00:05Z");
    assert!(
        d.events.is_empty() && d.create.is_none(),
        "once for a tick: {:?}",
        d.events
    );
    assert_eq!(world.said(condition::READY).1, "NothingToProve");
    world.backups = backups;
    let d = world.step("2026-01-01T11:20:00Z");
    assert!(d.create.is_none(), "the tick was passed over");
    assert_eq!(world.said(condition::READY).1, "Valid");
    assert!(world.step("2026-01-01T12:00:00Z").create.is_some());
}

#[test]
fn one_drill_at_a_time_and_the_last_tick_waits_for_it() {
    let mut world = World::new(json!({}));
    world.step(ELEVEN);
    let d = world.step("2026-01-01T12:00:00Z");
    assert!(d.create.is_none());
    let (status, reason, message) = world.said(condition::IN_PROGRESS);
    assert_eq!((status.as_str(), reason.as_str()), ("True", "NextWaits"));
    assert!(message.contains("Forbid"), "{message}");
    ends(&mut world.runs[0], true, "2026-01-01T12:10:00Z");
    let run = world.step("2026-01-01T12:10:01Z").create.unwrap();
    assert_eq!(run.annotations()[labels::SCHEDULED_AT], "2026-01-01T12:00:00Z");
}

#[test]
fn a_tick_never_makes_two_runs() {
    let mut world = World::new(json!({}));
    world.step(ELEVEN);
    ends(&mut world.runs[0], true, "2026-01-01T11:01:00Z");
    world.drill.status = None;
    assert!(
        world.step("2026-01-01T11:02:00Z").create.is_none(),
        "the operator died before it told"
    );
    assert_eq!(world.drill.status.unwrap().last_schedule_time.unwrap().0, t(ELEVEN));
}

#[test]
fn a_drill_says_how_its_last_run_ended_and_for_which_backup() {
    let mut world = World::new(json!({}));
    world.step(ELEVEN);
    ends(&mut world.runs[0], true, "2026-01-01T11:01:00Z");
    world.step("2026-01-01T11:01:01Z");
    let status = world.drill.status.clone().unwrap();
    assert_eq!(status.last_successful_time.unwrap().0, t("2026-01-01T11:01:00Z"));
    assert_eq!(
        (status.last_duration.as_deref(), status.successful, status.in_progress),
        (Some("3s"), Some(1), Some(0))
    );
    world.step("2026-01-01T12:00:00Z");
    ends(&mut world.runs[1], false, "2026-01-01T12:01:00Z");
    world.step("2026-01-01T12:01:01Z");
    let (status, reason, message) = world.said(condition::FAILED);
    assert_eq!((status.as_str(), reason.as_str()), ("True", "BadObject"));
    assert!(
        message.contains("backup of run db-2") && message.contains("in words"),
        "{message}"
    );
    let status = world.drill.status.unwrap();
    assert_eq!(
        status.last_successful_time.unwrap().0,
        t("2026-01-01T11:01:00Z"),
        "the last good one"
    );
    assert_eq!(status.last_completion_time.unwrap().0, t("2026-01-01T12:01:00Z"));
}

#[test]
fn history_keeps_the_newest_of_each_kind_and_nothing_under_way_goes() {
    let mut world = World::new(json!({"suspend": true, "successfulRunsHistoryLimit": 1, "failedRunsHistoryLimit": 1}));
    for (n, well) in [(1, false), (2, true), (3, false), (4, true)] {
        let mut run = testing::backup_run();
        run.metadata.name = Some(format!("proof-{n}"));
        run.metadata.uid = Some(format!("proof-{n}"));
        ends(&mut run, well, &format!("2026-01-01T0{n}:00:00Z"));
        world.runs.push(run);
    }
    world.runs[1].status.as_mut().unwrap().transfer =
        serde_json::from_value(json!({"attempt": "restore-2", "startedAt": ELEVEN, "route": "Direct"})).unwrap();
    world.runs.push(good("proof-5", ELEVEN));
    world.runs[4].status = None;
    let d = world.step("2026-01-01T10:40:00Z");
    let gone: Vec<_> = d.delete.iter().map(|x| x.name.as_str()).collect();
    assert_eq!(gone, ["proof-1"]);
}

#[test]
fn a_trigger_makes_one_run_also_while_suspended_and_is_taken_off() {
    let mut world = World::new(json!({"suspend": true}));
    world.annotate(labels::TRIGGER, "now");
    let claim = world.step("2026-01-01T10:40:00Z").claim.unwrap();
    let d = world.step("2026-01-01T10:40:01Z");
    assert!(d.remove_trigger);
    assert_eq!(d.create.unwrap().name_any(), claim);
    assert_eq!(world.runs[0].annotations()[labels::TRIGGERED], "now");
    assert!(world.step(ELEVEN).create.is_none(), "suspended");

    let mut world = World::new(json!({"suspend": true}));
    world.backups.clear();
    world.annotate(labels::TRIGGER, "now");
    world.step("2026-01-01T10:40:00Z");
    let d = world.step("2026-01-01T10:40:01Z");
    assert!(
        d.remove_trigger && d.create.is_none() && d.events[0].note.starts_with("the trigger is passed over"),
        "{d:?}"
    );
}

#[test]
fn what_was_picked_is_told_though_the_operator_was_killed_between_the_run_and_the_status() {
    let mut world = World::new(json!({}));
    world.step(ELEVEN);
    assert_eq!(world.runs.len(), 1);
    // As it is kept in memory: without its spec, and nobody has begun with it.
    world.runs[0].spec.source = None;
    world.drill.status = None;
    world.step("2026-01-01T11:00:01Z");
    assert_eq!(world.drill.status.unwrap().last_picked.as_deref(), Some("db-2"));
}

#[test]
fn a_trigger_may_name_the_backup_and_no_other_is_proved_in_its_place() {
    for (backup, good) in [("db-1", true), ("db-2", true), ("gone", false)] {
        let mut world = World::new(json!({"source": {"schedule": "db", "pick": "Latest"}}));
        world.annotate(labels::TRIGGER, "now");
        world.annotate(labels::TRIGGER_BACKUP, backup);
        world.step("2026-01-01T10:40:00Z");
        let d = world.step("2026-01-01T10:40:01Z");
        assert!(d.remove_trigger, "{backup}");
        assert_eq!(d.create.is_some(), good, "{backup}");
        match good {
            true => assert_eq!(world.drill.status.unwrap().last_picked.as_deref(), Some(backup)),
            false => assert!(d.events[0].note.ends_with("schedule db has no run gone"), "{d:?}"),
        }
    }
}

#[test]
fn a_trigger_for_the_backup_that_is_being_proved_is_the_same_request_and_one_for_another_waits() {
    for (backup, same, begun) in [("db-1", true, true), ("db-1", true, false), ("db-2", false, true)] {
        let mut world = World::new(json!({"source": {"schedule": "db", "pick": "Latest"}}));
        world.annotate(labels::TRIGGER, "first");
        world.annotate(labels::TRIGGER_BACKUP, "db-1");
        world.step("2026-01-01T10:40:00Z");
        assert!(world.step("2026-01-01T10:40:01Z").create.is_some());
        // As it is kept in memory: without its spec. With what it has picked in its status, or before it has.
        let run = world.runs.last_mut().unwrap();
        run.spec.source = None;
        if begun {
            run.status.get_or_insert_default().source =
                serde_json::from_value(json!({"run": "db-1", "namespace": "shop", "uid": "u", "storage": "minio"}))
                    .unwrap();
        }
        let annotations = world.drill.metadata.annotations.get_or_insert_default();
        annotations.clear();
        world.annotate(labels::TRIGGER, "second");
        world.annotate(labels::TRIGGER_BACKUP, backup);
        let d = world.step("2026-01-01T10:40:02Z");
        assert_eq!(d.remove_trigger, same, "{d:?}");
        assert!(d.create.is_none() && d.claim.is_none());
        let said = d
            .events
            .iter()
            .any(|e| e.note.contains("proves the backup of run db-1 already"));
        assert_eq!(said, same);
    }
}

#[test]
fn a_drill_with_the_name_of_a_schedule_makes_no_run() {
    let mut world = World::new(json!({}));
    world.namesake = true;
    let d = world.step(ELEVEN);
    assert!(d.create.is_none() && d.requeue_at.is_none());
    assert_eq!(world.said(condition::READY).1, "NamesakeSchedule");
    assert_eq!(world.said(condition::STALLED).0, "True");
    world.namesake = false;
    assert!(world.step("2026-01-01T11:00:05Z").create.is_some());
    assert!(condition::find(&world.drill.status.unwrap().conditions, condition::STALLED).is_none());
}

#[test]
fn what_is_wrong_is_said_once() {
    let mut world = World::new(json!({"mode": "Restore"}));
    assert_eq!(world.step(ELEVEN).events[0].reason, "Invalid");
    let d = world.step("2026-01-01T11:00:05Z");
    assert!(d.events.is_empty() && Some(&d.status) == world.drill.status.as_ref());
    assert!(
        world
            .said(condition::READY)
            .2
            .starts_with("spec.template: needed with mode: Restore")
    );
}

#[test]
fn nothing_is_picked_where_nothing_is_due() {
    let mut world = World::new(json!({}));
    assert!(!is_to_pick(&world.drill, t("2026-01-01T10:59:59Z")));
    assert!(is_to_pick(&world.drill, t(ELEVEN)));
    world.annotate(labels::TRIGGER, "now");
    assert!(is_to_pick(&world.drill, t("2026-01-01T10:40:00Z")));
}

#[test]
fn a_clock_that_was_ahead_once_does_not_silence_a_drill_and_is_told_once() {
    let mut world = World::new(json!({}));
    let ahead = json!({"lastScheduleTime": "2026-01-11T11:00:00Z"});
    world.drill.status = Some(serde_json::from_value(ahead).unwrap());
    let said = |d: &Decision| d.events.iter().filter(|e| e.reason == "ClockWasAhead").count();
    assert_eq!(said(&world.step("2026-01-01T10:40:00Z")), 1);
    assert_eq!(said(&world.step("2026-01-01T10:41:00Z")), 0);
    assert!(world.step("2026-01-01T11:00:05Z").create.is_some());
}
