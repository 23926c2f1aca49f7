//! The rules of a run's life, each a test.
use std::time::Duration;

use api::condition;
use api::run::{RetainPolicy, State};
use api::{BackupRun, BackupRunStatus, labels};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use testing::{backup_run, restore_only_run};

use crate::run::decide;
use crate::run::observed::{
    Chosen, Contact, End, Observed, PodStage, PodView, Refusal, Route, StorageView, TransferView,
};
use crate::run::pod::AgentSettings;
use crate::run::step::{Decision, Step};

/// A run, what surrounds it, and a clock: takes decisions and applies what they report, as the operator would.
mod retry;
mod tenancy;

struct World {
    run: BackupRun,
    storage: StorageView,
    pods: Vec<PodView>,
    transfer: TransferView,
    refused: Option<Refusal>,
    taken_over: bool,
    now: Timestamp,
}

impl World {
    fn new(run: BackupRun) -> Self {
        Self {
            run,
            storage: ready(""),
            pods: vec![],
            transfer: TransferView::None,
            refused: None,
            taken_over: false,
            now: Timestamp::from_second(1_000_000).unwrap(),
        }
    }

    fn decide(&self) -> Decision {
        let agent = AgentSettings {
            image: "operator:1".into(),
            image_pull_policy: "IfNotPresent".into(),
            cpu: "250m".into(),
            memory: "32Mi".into(),
        };
        decide(&Observed {
            run: &self.run,
            storage: self.storage.clone(),
            pods: self.pods.clone(),
            transfer: self.transfer.clone(),
            refused: self.refused.clone(),
            path_taken_over: self.taken_over,
            agent: &agent,
            now: self.now,
        })
    }

    /// Decides and writes what the decision writes to the run; the other steps are returned.
    fn step(&mut self) -> Vec<Step> {
        let steps = self.decide().steps;
        for step in &steps {
            match step {
                Step::AddFinalizer => self.run.metadata.finalizers = Some(vec![labels::FINALIZER.into()]),
                Step::RemoveFinalizer => self.run.metadata.finalizers = None,
                Step::Report(status) => self.run.status = Some((**status).clone()),
                Step::RemoveAnnotation(name) => {
                    self.run.metadata.annotations.as_mut().map(|a| a.remove(*name));
                }
                Step::ForgetTransfer => self.transfer = TransferView::None,
                _ => {}
            }
        }
        steps
    }

    fn status(&self) -> BackupRunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    fn is(&self, type_: &str) -> bool {
        condition::is_true(&self.status().conditions, type_)
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn pod(&mut self, stage: PodStage) {
        let name = self.status().pod_name.unwrap_or_else(|| "db-backup-1".into());
        self.pods = vec![PodView {
            name,
            uid: "pod-1".into(),
            ours: true,
            terminating: false,
            created: Some(self.now),
            stage,
        }];
    }

    fn active(&mut self, contact: Contact, upload: Option<&str>) {
        let attempt = self.status().transfer.expect("a transfer").attempt;
        self.transfer = TransferView::Active {
            attempt,
            contact,
            upload: upload.map(Into::into),
            route: None,
            bytes: 0,
            stored_bytes: 0,
            cancelling: false,
        };
    }

    fn ended(&mut self, end: End) {
        let attempt = self.status().transfer.expect("a transfer").attempt;
        self.transfer = TransferView::Ended {
            attempt,
            end: Box::new(end),
        };
    }

    fn annotate(&mut self, name: &str) {
        self.run
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(name.into(), "yes".into());
    }

    fn delete(&mut self) {
        self.run.metadata.deletion_timestamp = Some(Time(self.now));
    }

    /// A run whose backup is under way.
    fn working() -> Self {
        let mut world = Self::new(backup_run());
        world.step();
        world.pod(PodStage::Running);
        world.step();
        world.active(Contact::AwaitsStart, None);
        world.step();
        world.active(Contact::Working, None);
        world
    }

    /// A run with a good backup.
    fn stored() -> Self {
        let mut world = Self::working();
        world.ended(stored());
        world.step();
        world.pods.clear();
        world
    }
}

fn ready(prefix: &str) -> StorageView {
    StorageView::Ready {
        prefix: prefix.into(),
        isolated: false,
    }
}

fn stored() -> End {
    End::Stored {
        bytes: 10,
        stored_bytes: 7,
        sha256: "ab".into(),
        etag: "\"e\"".into(),
        version_id: None,
        log: String::new(),
    }
}

fn failed() -> End {
    End::Failed {
        reason: "CommandFailed",
        message: "status 3".into(),
        bytes: 10,
        log: "oops".into(),
    }
}

fn starting(message: &str, hopeless: bool) -> PodStage {
    PodStage::Starting {
        message: message.into(),
        hopeless,
    }
}

fn has(steps: &[Step], wanted: impl Fn(&Step) -> bool) -> bool {
    steps.iter().any(wanted)
}

fn at(steps: &[Step], wanted: impl Fn(&Step) -> bool) -> usize {
    steps.iter().position(wanted).expect("the step is there")
}

#[test]
fn a_backup_begins_with_the_finalizer_then_the_report_then_the_pod() {
    let mut world = World::new(backup_run());
    let steps = world.step();
    let order = [
        at(&steps, |s| *s == Step::AddFinalizer),
        at(&steps, |s| matches!(s, Step::Report(_))),
        at(&steps, |s| matches!(s, Step::CreatePod(_))),
    ];
    assert!(order.is_sorted(), "{order:?}");
    let status = world.status();
    assert_eq!(
        (status.state, status.path.as_deref(), status.key.as_deref()),
        (Some(State::Backuping), Some("/db.sql"), Some("db.sql"))
    );
    assert!(world.is(condition::IN_PROGRESS) && !world.is(condition::NEVER_RUN));
}

#[test]
fn a_key_is_the_path_below_the_prefix() {
    let mut world = World::new(backup_run());
    world.storage = ready("team/a/");
    world.step();
    assert_eq!(world.status().key.as_deref(), Some("team/a/db.sql"));
}

#[test]
fn a_path_is_rendered_once_and_recorded() {
    let mut world = World::new(backup_run());
    world.run.spec.storage.path = r#"/{{ now | date "150405" }}.sql"#.into();
    world.step();
    let path = world.status().path;
    world.pass(100);
    world.pod(PodStage::Running);
    world.step();
    assert_eq!(world.status().path, path);
}

#[test]
fn a_run_waits_for_its_storage_and_says_so_once() {
    for storage in [StorageView::Missing, StorageView::NotReady { message: "403".into() }] {
        let mut world = World::new(backup_run());
        world.storage = storage;
        let steps = world.step();
        assert!(
            has(&steps, |s| matches!(s, Step::Event(e) if e.warning))
                && !has(&steps, |s| matches!(s, Step::CreatePod(_)))
        );
        assert_eq!(world.status().state, Some(State::StorageError));
        assert!(world.is(condition::NEVER_RUN) && world.status().message.unwrap().contains("minio"));
        assert_eq!(world.step(), vec![], "nothing is written that did not change");
        world.storage = ready("");
        assert!(has(&world.step(), |s| matches!(s, Step::CreatePod(_))));
    }
}

#[test]
fn an_invalid_run_fails_at_once_with_the_field_and_never_gets_a_pod() {
    type Case = (fn(&mut BackupRun), &'static str);
    let cases: [Case; 3] = [
        (
            |r| r.spec.backup.as_mut().unwrap().container = Some("other".into()),
            "spec.backup.container",
        ),
        (|r| r.spec.storage.path = "/a/../b".into(), "spec.storage.path"),
        (
            |r| {
                r.spec.backup = None;
                r.spec.restore = None
            },
            "spec",
        ),
    ];
    for (spoil, field) in cases {
        let mut world = World::new(backup_run());
        spoil(&mut world.run);
        let steps = world.step();
        assert!(!has(&steps, |s| matches!(s, Step::CreatePod(_))));
        assert!(world.is(condition::FAILED), "{field}");
        let message = world.status().message.unwrap();
        assert!(message.contains(field), "{message}");
        assert_eq!(world.step(), vec![], "a terminal state is terminal");
    }
}

#[test]
fn a_pod_is_created_until_it_is_there_and_connected_to_when_it_runs() {
    let mut world = World::new(backup_run());
    world.step();
    assert!(
        has(&world.step(), |s| matches!(s, Step::CreatePod(_))),
        "the operator died before the Pod was created"
    );
    world.pod(starting("", false));
    world.step();
    assert_eq!(world.status().transfer.unwrap().pod_uid.as_deref(), Some("pod-1"));
    world.pod(PodStage::Running);
    assert!(has(
        &world.step(),
        |s| matches!(s, Step::StartTransfer(o) if o.pod_uid == "pod-1" && !o.command_started)
    ));
}

#[test]
fn a_pod_that_does_not_start_ends_the_run_at_its_deadline_with_the_pods_own_words() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(30);
    world.step();
    world.pod(starting("ImagePullBackOff: no such image", false));
    world.step();
    assert!(
        world.status().message.unwrap().contains("ImagePullBackOff"),
        "it is said while it waits"
    );
    assert!(!world.is(condition::FAILED));
    world.pass(31);
    let steps = world.step();
    assert!(world.is(condition::FAILED) && world.status().message.unwrap().contains("ImagePullBackOff"));
    assert!(has(&steps, |s| matches!(s, Step::DeletePod { .. })), "no Pod is left");
}

#[test]
fn a_pod_that_can_never_start_ends_the_run_at_once() {
    for stage in [
        starting("InvalidImageName", true),
        PodStage::Ended {
            message: "status 1".into(),
        },
    ] {
        let mut world = World::new(backup_run());
        world.step();
        world.pod(stage);
        world.step();
        assert!(world.is(condition::FAILED));
    }
}

#[test]
fn a_refused_pod_is_said_and_tried_again_until_the_deadline_unless_it_is_invalid() {
    let mut world = World::new(backup_run());
    world.step();
    world.refused = Some(Refusal {
        message: "exceeded quota".into(),
        hopeless: false,
    });
    assert!(has(&world.step(), |s| matches!(s, Step::CreatePod(_))));
    assert!(world.status().message.unwrap().contains("exceeded quota"));
    world.pass(601);
    world.step();
    assert!(world.is(condition::FAILED) && world.status().message.unwrap().contains("exceeded quota"));

    let mut world = World::new(backup_run());
    world.step();
    world.refused = Some(Refusal {
        message: "invalid".into(),
        hopeless: true,
    });
    world.step();
    assert!(world.is(condition::FAILED));
}

#[test]
fn a_pod_of_somebody_else_is_never_touched() {
    let mut world = World::new(backup_run());
    world.step();
    world.pod(PodStage::Running);
    world.pods[0].ours = false;
    let steps = world.step();
    assert!(world.is(condition::FAILED) && !has(&steps, |s| matches!(s, Step::DeletePod { .. })));
}

#[test]
fn the_start_of_the_command_and_the_upload_are_recorded_before_they_are_confirmed() {
    let mut world = World::new(backup_run());
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::AwaitsStart, None);
    let steps = world.step();
    let report = at(&steps, |s| matches!(s, Step::Report(_)));
    assert!(
        report
            < at(&steps, |s| matches!(
                s,
                Step::TransferRecorded {
                    command_started: true,
                    ..
                }
            ))
    );
    assert!(world.status().transfer.unwrap().command_started_at.is_some());

    world.active(Contact::Working, Some("up-1"));
    let steps = world.step();
    let report = at(&steps, |s| matches!(s, Step::Report(_)));
    assert!(
        report
            < at(&steps, |s| matches!(
                s,
                Step::TransferRecorded { upload_id: Some(_), .. }
            ))
    );
    assert_eq!(world.status().transfer.unwrap().upload_id.as_deref(), Some("up-1"));
}

#[test]
fn the_route_is_recorded_before_the_command_starts_and_one_that_was_not_asked_for_is_said_once() {
    let asked = |route, why: Option<&str>| Chosen {
        route,
        why: why.map(Into::into),
    };
    for (chosen, word, said) in [
        (asked(Route::Direct, None), "Direct", false),
        (asked(Route::Relay, None), "Relay", false),
        (asked(Route::Relay, Some("no answer: timeout")), "Relay", true),
    ] {
        let mut world = World::new(backup_run());
        world.step();
        world.pod(PodStage::Running);
        world.step();
        world.active(Contact::AwaitsStart, None);
        if let TransferView::Active { route, .. } = &mut world.transfer {
            *route = Some(chosen);
        }
        let steps = world.step();
        let recorded = at(&steps, |s| matches!(s, Step::TransferRecorded { .. }));
        assert!(at(&steps, |s| matches!(s, Step::Report(_))) < recorded);
        let event =
            |s: &Step| matches!(s, Step::Event(e) if e.reason == "Relayed" && e.note.ends_with("no answer: timeout"));
        assert_eq!(has(&steps, event), said);
        assert_eq!(world.status().transfer.unwrap().route, word);
        assert!(!has(&world.step(), |s| matches!(s, Step::Report(_) | Step::Event(_))));
        // The next operator is told.
        world.transfer = TransferView::None;
        let next = world.step();
        assert!(
            has(&next, |s| matches!(s, Step::StartTransfer(o) if o.route.word() == word)),
            "{next:?}"
        );
    }
}

#[test]
fn a_restarted_operator_finds_the_transfer_again() {
    let mut world = World::working();
    world.active(Contact::Working, Some("up-1"));
    world.step();
    world.transfer = TransferView::None;
    let steps = world.step();
    let order = steps
        .iter()
        .find_map(|s| {
            if let Step::StartTransfer(o) = s {
                Some(o.clone())
            } else {
                None
            }
        })
        .unwrap();
    assert_eq!(
        (
            order.upload_id.as_deref(),
            order.command_started,
            order.attempt.as_str()
        ),
        (Some("up-1"), true, "backup-1")
    );
}

#[test]
fn a_stored_backup_is_reported_before_its_pod_goes_and_never_changes_again() {
    let mut world = World::working();
    world.ended(stored());
    let steps = world.step();
    assert!(at(&steps, |s| matches!(s, Step::Report(_))) < at(&steps, |s| matches!(s, Step::DeletePod { .. })));
    assert!(!has(&steps, |s| matches!(s, Step::AbortUpload { .. })));
    for type_ in [condition::READY, condition::SUCCESSFUL, condition::RESTORABLE] {
        assert!(world.is(type_), "{type_}");
    }
    let status = world.status();
    assert_eq!(
        (status.bytes, status.size_in_bytes, status.state),
        (Some(10), Some(7), Some(State::BackupSuccessful))
    );
    assert_eq!(status.transfer, None);
    world.pods.clear();
    assert_eq!(world.step(), vec![]);
}

#[test]
fn a_failed_backup_keeps_its_upload_in_the_status_until_it_is_aborted() {
    let mut world = World::working();
    world.active(Contact::Working, Some("up-1"));
    world.step();
    world.ended(failed());
    let steps = world.decide().steps;
    let reports: Vec<_> = steps
        .iter()
        .filter_map(|s| {
            if let Step::Report(r) = s {
                Some(r.transfer.is_some())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(reports, [true, false]);
    let abort = at(&steps, |s| matches!(s, Step::AbortUpload { .. }));
    assert!(abort < steps.iter().rposition(|s| matches!(s, Step::Report(_))).unwrap());
    // The operator dies right after the first report.
    let Step::Report(first) = &steps[0] else {
        panic!("{steps:?}")
    };
    world.run.status = Some((**first).clone());
    world.transfer = TransferView::None;
    assert!(world.is(condition::FAILED));
    let steps = world.step();
    assert!(
        has(&steps, |s| matches!(s, Step::AbortUpload { .. })) && has(&steps, |s| matches!(s, Step::DeletePod { .. }))
    );
    assert_eq!(world.status().transfer, None);
}

#[test]
fn an_upload_that_nobody_recorded_is_looked_for_when_a_backup_fails_or_is_deleted() {
    // The operator died between the creation of the upload and the report; then the Pod went, or the run was deleted.
    let strays = |s: &Step| matches!(s, Step::AbortStrays { key } if key == "db.sql");
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.pods.clear();
    assert!(has(&world.step(), strays));
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.pods.clear();
    world.run.metadata.deletion_timestamp = Some(Time(world.now));
    assert!(has(&world.step(), strays));
    // A second operator died after it had recorded one: the first's may still be there.
    let mut world = World::working();
    world.transfer = TransferView::None;
    world.pods.clear();
    let transfer = world.run.status.as_mut().and_then(|s| s.transfer.as_mut()).unwrap();
    transfer.upload_id = Some("u2".into());
    let steps = world.step();
    assert!(has(&steps, strays) && has(&steps, |s| matches!(s, Step::AbortUpload { .. })));
    let mut world = World::working();
    world.storage = StorageView::Missing;
    world.transfer = TransferView::None;
    world.pods.clear();
    world.run.metadata.deletion_timestamp = Some(Time(world.now));
    let steps = world.step();
    assert!(!has(&steps, strays) && has(&steps, |s| *s == Step::RemoveFinalizer));
}

#[test]
fn a_backup_whose_pod_is_gone_fails_as_interrupted() {
    let gone: [fn(&mut World); 4] = [
        |w| w.pods.clear(),
        |w| w.pods[0].uid = "pod-2".into(),
        |w| w.pods[0].terminating = true,
        |w| {
            w.pods[0].stage = PodStage::Ended {
                message: "Evicted".into(),
            }
        },
    ];
    for held in [true, false] {
        for lose in gone {
            let mut world = World::working();
            lose(&mut world);
            if !held {
                world.transfer = TransferView::None;
            }
            let steps = world.step();
            assert_eq!(world.status().state, Some(State::InterruptedFailed));
            assert!(world.is(condition::FAILED) && !world.is(condition::IN_PROGRESS));
            assert_eq!(has(&steps, |s| matches!(s, Step::CancelTransfer { .. })), held);
        }
    }
}

#[test]
fn a_container_that_ends_before_the_command_starts_is_told_to_stay_alive() {
    for held in [true, false] {
        let mut world = World::new(backup_run());
        world.step();
        world.pod(PodStage::Running);
        world.step();
        if held {
            world.active(Contact::Connecting(world.now), None);
        }
        world.pod(PodStage::Ended {
            message: "status 0".into(),
        });
        world.step();
        assert!(world.is(condition::FAILED) && world.status().message.unwrap().contains("sleep 1d"));
    }
}

#[test]
fn what_the_agent_has_finished_is_committed_without_its_pod() {
    let mut world = World::working();
    world.pods.clear();
    world.active(Contact::Committing, None);
    let steps = world.step();
    assert!(!has(&steps, |s| matches!(s, Step::CancelTransfer { .. })) && !world.is(condition::FAILED));
}

#[test]
fn the_operator_ends_a_command_that_its_agent_did_not_stop() {
    let mut world = World::working();
    world.run.spec.backup.as_mut().unwrap().deadline_seconds = Some(60);
    world.pass(100);
    world.step();
    assert!(
        !world.is(condition::FAILED),
        "the agent keeps the deadline; the operator is the backstop"
    );
    world.pass(100);
    world.step();
    assert!(world.is(condition::FAILED));
}

#[test]
fn an_agent_that_cannot_be_reached_is_given_up_in_the_end() {
    let mut world = World::working();
    world.active(Contact::Connecting(world.now), None);
    world.pass(29 * 60);
    world.step();
    assert!(!world.is(condition::FAILED));
    world.pass(2 * 60);
    world.step();
    assert_eq!(world.status().state, Some(State::InterruptedFailed));
}

#[test]
fn progress_is_written_every_ten_seconds_at_most() {
    let mut world = World::working();
    let set = |world: &mut World, n| {
        if let TransferView::Active { bytes, .. } = &mut world.transfer {
            *bytes = n;
        }
    };
    set(&mut world, 5);
    world.step();
    assert_eq!(world.status().progress.unwrap().bytes, 5);
    set(&mut world, 6);
    world.pass(9);
    assert_eq!(world.step(), vec![]);
    world.pass(1);
    world.step();
    assert_eq!(world.status().progress.unwrap().bytes, 6);
}

#[test]
fn each_restore_annotation_makes_one_restore() {
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    let steps = world.step();
    let order = [
        at(&steps, |s| matches!(s, Step::Report(_))),
        at(&steps, |s| *s == Step::RemoveAnnotation(labels::RESTORE)),
        at(&steps, |s| matches!(s, Step::CreatePod(_))),
    ];
    assert!(order.is_sorted());
    assert_eq!(world.status().state, Some(State::Restoring));
    assert!(
        world.is(condition::READY) && world.is(condition::SUCCESSFUL),
        "the backup is as good as before"
    );
    world.pod(PodStage::Running);
    world.ended(End::Restored {
        bytes: 10,
        log: String::new(),
    });
    let steps = world.step();
    assert!(has(&steps, |s| matches!(s, Step::Annotate(labels::RESTORED_AT, _))));
    assert!(world.is(condition::RESTORED) && !world.is(condition::IN_PROGRESS));
    world.pods.clear();
    assert_eq!(world.step(), vec![]);
    world.annotate(labels::RESTORE);
    world.step();
    assert_eq!(world.status().transfer.unwrap().attempt, "restore-2");
}

#[test]
fn a_request_that_survives_a_crash_does_not_restore_twice() {
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    let steps = world.decide().steps;
    let Step::Report(first) = &steps[0] else {
        panic!("{steps:?}")
    };
    world.run.status = Some((**first).clone());
    let steps = world.step();
    assert_eq!(steps, vec![Step::RemoveAnnotation(labels::RESTORE)]);
    assert_eq!(world.status().transfer.unwrap().attempt, "restore-1");
}

#[test]
fn a_failed_restore_never_changes_what_is_known_of_the_backup() {
    for end in [failed(), End::Interrupted { message: "gone".into() }] {
        let mut world = World::stored();
        let before = world.status();
        world.annotate(labels::RESTORE);
        world.step();
        world.pod(PodStage::Running);
        world.pass(5);
        world.ended(end);
        let steps = world.step();
        assert!(world.is(condition::SUCCESSFUL) && world.is(condition::READY) && !world.is(condition::FAILED));
        assert!(!world.is(condition::RESTORED));
        let after = world.status();
        assert_eq!(
            (after.etag, after.size_in_bytes, after.completion_time),
            (before.etag, before.size_in_bytes, before.completion_time)
        );
        assert!(!after.restores[0].successful && after.transfer.is_none());
        assert!(!has(&steps, |s| matches!(
            s,
            Step::AbortUpload { .. } | Step::DeleteObject { .. }
        )));
    }
}

#[test]
fn an_interrupted_restore_is_not_repeated_by_itself() {
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::AwaitsStart, None);
    world.step();
    world.transfer = TransferView::None;
    world.pods.clear();
    world.step();
    assert_eq!(world.status().state, Some(State::InterruptedFailed));
    assert_eq!(world.step(), vec![]);
}

#[test]
fn a_restore_that_cannot_be_is_refused_with_the_reason() {
    type Case = (fn(&mut World), &'static str);
    let cases: [Case; 2] = [
        (|w| w.run.spec.restore = None, "spec.restore"),
        (
            |w| w.run.spec.restore.as_mut().unwrap().container = Some("x".into()),
            "spec.restore.container",
        ),
    ];
    for (spoil, words) in cases {
        let mut world = World::stored();
        spoil(&mut world);
        world.annotate(labels::RESTORE);
        let steps = world.step();
        assert!(
            has(
                &steps,
                |s| matches!(s, Step::Event(e) if e.warning && e.note.contains(words))
            ),
            "{steps:?}"
        );
        assert!(world.status().transfer.is_none());
        assert_eq!(world.step(), vec![]);
    }
}

#[test]
fn a_restore_of_a_failed_backup_is_refused() {
    let mut world = World::working();
    world.ended(failed());
    world.step();
    world.pods.clear();
    world.annotate(labels::RESTORE);
    let steps = world.step();
    assert!(has(&steps, |s| *s == Step::RemoveAnnotation(labels::RESTORE)) && world.status().transfer.is_none());
}

#[test]
fn a_restore_only_run_restores_once_on_creation() {
    let mut world = World::new(restore_only_run());
    world.step();
    assert_eq!(world.status().transfer.as_ref().unwrap().attempt, "restore-1");
    world.pod(PodStage::Running);
    world.ended(End::Restored {
        bytes: 3,
        log: String::new(),
    });
    world.step();
    assert!(world.is(condition::SUCCESSFUL) && world.is(condition::RESTORED));
    world.pods.clear();
    assert_eq!(world.step(), vec![]);
}

#[test]
fn deleting_a_run_stops_its_command_and_waits_for_it() {
    let mut world = World::working();
    world.delete();
    assert!(has(&world.step(), |s| matches!(s, Step::CancelTransfer { .. })));
    if let TransferView::Active { cancelling, .. } = &mut world.transfer {
        *cancelling = true;
    }
    assert_eq!(world.step(), vec![], "it is asked once");
    world.ended(failed());
    let steps = world.step();
    assert!(
        has(&steps, |s| matches!(s, Step::DeletePod { now: true, .. }))
            && !has(&steps, |s| *s == Step::RemoveFinalizer)
    );
    world.pods.clear();
    assert!(has(&world.step(), |s| *s == Step::RemoveFinalizer));
}

#[test]
fn retain_policy_delete_removes_only_the_object_that_this_run_wrote() {
    let cases = [
        (RetainPolicy::Delete, false, true),
        (RetainPolicy::Delete, true, false),
        (RetainPolicy::Retain, false, false),
    ];
    for (policy, taken_over, deleted) in cases {
        let mut world = World::stored();
        world.run.spec.retain_policy = Some(policy);
        world.taken_over = taken_over;
        world.delete();
        let steps = world.step();
        let wanted = Step::DeleteObject {
            key: "db.sql".into(),
            etag: "\"e\"".into(),
            version_id: None,
        };
        assert_eq!(has(&steps, |s| *s == wanted), deleted);
        assert!(has(&steps, |s| *s == Step::RemoveFinalizer));
    }
}

#[test]
fn a_version_that_this_run_wrote_is_removed_whoever_wrote_there_since() {
    let mut world = World::working();
    let End::Stored {
        bytes,
        stored_bytes,
        sha256,
        etag,
        log,
        ..
    } = stored()
    else {
        panic!()
    };
    let version_id = Some("v1".to_string());
    world.ended(End::Stored {
        bytes,
        stored_bytes,
        sha256,
        etag,
        version_id,
        log,
    });
    world.step();
    world.pods.clear();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.taken_over = true;
    world.delete();
    let wanted = |s: &Step| matches!(s, Step::DeleteObject { version_id, .. } if version_id.as_deref() == Some("v1"));
    assert!(has(&world.step(), wanted));
}

#[test]
fn a_missing_or_dead_store_never_holds_a_deleted_run_for_ever() {
    for (storage, seconds, held) in [
        (StorageView::Missing, 0, false),
        (StorageView::NotReady { message: "down".into() }, 0, true),
        (StorageView::NotReady { message: "down".into() }, 301, false),
    ] {
        let mut world = World::stored();
        world.run.spec.retain_policy = Some(RetainPolicy::Delete);
        world.delete();
        world.storage = storage;
        world.pass(seconds);
        let steps = world.step();
        assert_eq!(has(&steps, |s| matches!(s, Step::DeleteObject { .. })), held);
        let named = |s: &Step| matches!(s, Step::Event(e) if e.warning && e.note.contains("db.sql"));
        assert_eq!(has(&steps, named), !held, "what is left behind is named");
    }
}

#[test]
fn an_invalid_run_can_be_deleted() {
    let mut world = World::new(backup_run());
    world.run.spec.backup = None;
    world.run.spec.restore = None;
    world.step();
    world.delete();
    assert!(has(&world.step(), |s| *s == Step::RemoveFinalizer));
}

#[test]
fn a_pod_left_by_a_crash_after_the_report_is_removed() {
    let mut world = World::stored();
    world.pod(PodStage::Running);
    assert!(has(&world.step(), |s| matches!(s, Step::DeletePod { .. })));
}

#[test]
fn a_requeue_is_never_longer_than_what_is_left_of_the_deadline() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(30);
    world.step();
    world.pod(starting("", false));
    world.step();
    world.pass(25);
    assert_eq!(world.decide().requeue, Some(Duration::from_secs(5)));
}

fn condition_of(type_: &str) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition {
    k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition {
        type_: type_.into(),
        status: "True".into(),
        reason: "Go".into(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }
}

#[test]
fn a_run_that_the_go_operator_left_in_progress_is_not_begun_again() {
    let mut world = World::new(backup_run());
    world.run.status = Some(BackupRunStatus {
        conditions: vec![condition_of(condition::IN_PROGRESS)],
        ..Default::default()
    });
    let steps = world.step();
    assert!(!has(&steps, |s| matches!(s, Step::CreatePod(_))));
    assert_eq!(world.status().state, Some(State::InterruptedFailed));
}

#[test]
fn a_run_that_the_go_operator_finished_is_restored_from_the_path_in_its_spec_and_let_go() {
    let mut world = World::new(backup_run());
    world.run.status = Some(BackupRunStatus {
        conditions: vec![condition_of(condition::SUCCESSFUL)],
        ..Default::default()
    });
    world.annotate(labels::RESTORE);
    world.step();
    assert_eq!(world.status().transfer.unwrap().key.as_deref(), Some("db.sql"));
    world.run.status.as_mut().unwrap().transfer = None;
    world.run.metadata.finalizers = Some(vec![labels::GO_FINALIZER.into()]);
    world.delete();
    assert!(has(&world.step(), |s| *s == Step::RemoveFinalizer));
}

#[test]
fn a_pod_that_cannot_start_is_told_of_also_while_the_agent_is_being_reached() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(30);
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::Connecting(world.now), None);
    world.pod(starting("ImagePullBackOff: no such image", false));
    world.step();
    assert!(world.status().message.unwrap().contains("ImagePullBackOff"));
    world.pass(31);
    world.step();
    assert!(world.is(condition::FAILED) && world.status().message.unwrap().contains("ImagePullBackOff"));
}
