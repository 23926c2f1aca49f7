//! Restores: on annotation, on creation, refused, interrupted; and runs that the Go operator left.
use super::*;
use crate::schedule::observed::{Standing, standing as stands};

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
fn each_restore_annotation_makes_one_restore() {
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    let steps = world.step();
    let order = [
        at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_)))),
        at(&steps, |s| *s == Step::Guarded(Guarded::TakeRequest)),
        at(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
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
    assert!(has(&steps, |s| matches!(
        s,
        Step::Guarded(Guarded::Annotate(labels::RESTORED_AT, _))
    )));
    assert!(world.is(condition::RESTORED) && !world.is(condition::IN_PROGRESS));
    world.pods.clear();
    assert_eq!(world.step(), vec![]);
    world.annotate(labels::RESTORE);
    world.step();
    assert_eq!(world.status().transfer.unwrap().attempt, "restore-2");
}

#[test]
fn a_good_restore_whose_annotation_a_crash_has_kept_from_being_written_is_told_of_a_moment_later() {
    let told = |steps: &[Step]| {
        has(steps, |s| {
            matches!(s, Step::Guarded(Guarded::Annotate(labels::RESTORED_AT, _)))
        })
    };
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    world.step();
    world.pod(PodStage::Running);
    world.ended(End::Restored {
        bytes: 10,
        log: String::new(),
    });
    assert!(told(&world.step()));
    world.pods.clear();
    world.run.annotations_mut().remove(labels::RESTORED_AT);
    assert!(!told(&world.step()), "the cache may be behind");
    world.now += std::time::Duration::from_secs(5);
    assert!(told(&world.step()));
    assert_eq!(world.step(), vec![], "once");
}

#[test]
fn a_request_that_survives_a_crash_does_not_restore_twice() {
    let mut world = World::stored();
    world.annotate(labels::RESTORE);
    let steps = super::steps(world.decide());
    let Step::Guarded(Guarded::Report(first)) = &steps[0] else {
        panic!("{steps:?}")
    };
    world.run.status = Some((**first).clone());
    let steps = world.step();
    assert!(has(&steps, |s| *s == Step::Guarded(Guarded::TakeRequest)));
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
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
            Step::Unguarded(Unguarded::AbortUpload { .. }) | Step::Unguarded(Unguarded::DeleteObject { .. })
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
                |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.warning && e.note.contains(words))
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
    world.step();
    world.annotate(labels::RESTORE);
    let steps = world.step();
    assert!(has(&steps, |s| *s == Step::Guarded(Guarded::TakeRequest)) && world.status().transfer.is_none());
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
fn a_restore_only_run_tells_of_its_last_restore_having_no_backup_to_speak_of() {
    let mut world = World::new(restore_only_run());
    let good = End::Restored {
        bytes: 3,
        log: String::new(),
    };
    let gone = End::Interrupted { message: "gone".into() };
    let states = [State::RestoreFailed, State::RestoreSuccessful, State::InterruptedFailed];
    for (end, state) in [failed(), good, gone].into_iter().zip(states) {
        if world.status().restores.is_empty() {
            world.step();
        } else {
            let before = world.status().conditions;
            world.annotate(labels::RESTORE);
            world.step();
            let kept = |s: &BackupRunStatus| condition::find(&s.conditions, condition::READY).cloned();
            assert_eq!(
                kept(&world.status()),
                condition::find(&before, condition::READY).cloned(),
                "nothing new is known until it ends"
            );
            assert_eq!(world.status().completion_time, None);
        }
        let started = world.now;
        world.pod(PodStage::Running);
        world.pass(5);
        world.ended(end);
        world.step();
        let good = state == State::RestoreSuccessful;
        for (type_, wanted) in [
            (condition::READY, good),
            (condition::SUCCESSFUL, good),
            (condition::RESTORED, good),
            (condition::FAILED, !good),
            (condition::IN_PROGRESS, false),
            (condition::NEVER_RUN, false),
        ] {
            assert_eq!(world.is(type_), wanted, "{type_} after {state:?}");
            let status = world.status();
            let said = condition::find(&status.conditions, type_).unwrap();
            if type_ != condition::NEVER_RUN {
                assert_eq!(Some(&said.message), status.message.as_ref(), "{type_}");
            }
        }
        let status = world.status();
        assert_eq!(status.state, Some(state));
        assert_eq!(status.start_time, Some(Time(started)));
        assert_eq!(status.completion_time, Some(Time(world.now)));
        world.pods.clear();
        assert_eq!(world.step(), vec![]);
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
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
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
    assert!(has(&world.step(), |s| *s == Step::Guarded(Guarded::RemoveFinalizer)));
}

#[test]
fn a_restore_that_hung_with_the_go_operator_is_not_begun_again_though_its_request_is_still_there() {
    let hung = |run: BackupRun, size| {
        let mut world = World::new(run);
        world.run.status = Some(BackupRunStatus {
            state: Some(State::Restoring),
            size_in_bytes: size,
            conditions: vec![condition_of(condition::IN_PROGRESS)],
            ..BackupRunStatus::default()
        });
        world.annotate(labels::RESTORE);
        world
    };
    for mut world in [hung(backup_run(), Some(876)), hung(restore_only_run(), None)] {
        let steps = world.step();
        let taken = at(&steps, |s| *s == Step::Guarded(Guarded::TakeRequest));
        let told = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
        assert!(taken < told, "a crash between the two leaves no request that looks new");
        let says = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "Interrupted" && e.note.contains("ask again"));
        assert!(has(&steps, says), "{steps:?}");
        let begins = |steps: &[Step]| has(steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_))));
        for _ in 0..3 {
            assert!(!begins(&world.step()));
        }
        world.annotate(labels::RESTORE);
        let mut steps = world.step();
        steps.extend(world.step());
        assert!(begins(&steps), "who asks again is served: {steps:?}");
    }
}

#[test]
fn a_good_backup_that_the_go_operator_calls_failed_because_of_a_restore_is_good_here() {
    for (state, on, because) in [
        (State::RestoreFailed, condition::FAILED, "RestoreFailed"),
        (State::Restoring, condition::IN_PROGRESS, "Interrupted"),
    ] {
        let left = |size| BackupRunStatus {
            state: Some(state),
            size_in_bytes: size,
            conditions: vec![condition_of(on)],
            ..BackupRunStatus::default()
        };
        let mut world = World::new(backup_run());
        world.run.status = Some(left(Some(876)));
        assert_eq!(
            stands(&world.run),
            Standing::Successful,
            "rotation sees it before it is told of"
        );
        let mut head = world.run.clone();
        head.spec.backup = None;
        assert_eq!(stands(&head), Standing::Successful, "also where its spec is not kept");
        world.step();
        assert!(world.is(condition::SUCCESSFUL) && world.is(condition::READY) && !world.is(condition::FAILED));
        assert!(!world.is(condition::IN_PROGRESS));
        let status = world.status();
        let restored = condition::find(&status.conditions, condition::RESTORED).unwrap();
        assert_eq!((restored.status.as_str(), restored.reason.as_str()), ("False", because));
        assert_eq!(status.state, Some(State::RestoreFailed));
        // Once: it is as any other from then on, and is restored.
        assert_eq!(world.step(), vec![]);
        // Where nothing says that it was stored, it was not.
        let mut world = World::new(backup_run());
        world.run.status = Some(left(None));
        world.step();
        assert!(!world.is(condition::SUCCESSFUL));
    }
}
