//! Pods on their way: created, refused, ready, ended, somebody else's.
use super::*;

#[test]
fn a_backup_begins_with_the_finalizer_then_the_report_then_the_pod() {
    let mut world = World::new(backup_run());
    let steps = world.step();
    let order = [
        at(
            &steps,
            |s| matches!(s, Step::Guarded(Guarded::Begin { path }) if path == "/db.sql"),
        ),
        at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_)))),
        at(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
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
        assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))));
        assert!(world.is(condition::FAILED), "{field}");
        let message = world.status().message.unwrap();
        assert!(message.contains(field), "{message}");
        let told = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.warning && e.reason == "InvalidSpec" && e.note == message);
        assert!(has(&steps, told), "{steps:?}");
        assert_eq!(world.step(), vec![], "a terminal state is terminal");
    }
}

#[test]
fn a_pod_is_created_until_it_is_there_and_connected_to_when_it_runs() {
    let mut world = World::new(backup_run());
    world.step();
    assert!(
        has(&world.step(), |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_)))),
        "the operator died before the Pod was created"
    );
    world.pod(starting("ContainerCreating", false));
    assert_eq!(world.step(), vec![], "most are up before it is worth a word");
    world.pass(6);
    world.step();
    assert_eq!(world.status().transfer.unwrap().pod_uid.as_deref(), Some("pod-1"));
    assert!(world.status().message.unwrap().contains("ContainerCreating"));
    world.pod(PodStage::Running);
    assert!(has(
        &world.step(),
        |s| matches!(s, Step::Unguarded(Unguarded::StartTransfer(o)) if o.pod_uid == "pod-1" && !o.command_started)
    ));
}

#[test]
fn a_pod_that_does_not_start_ends_the_run_at_its_deadline_with_the_pods_own_words() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(30);
    world.step();
    world.pod(starting("ImagePullBackOff: no such image", false));
    world.pass(6);
    world.step();
    assert!(
        world.status().message.unwrap().contains("ImagePullBackOff"),
        "it is said while it waits"
    );
    assert!(!world.is(condition::FAILED));
    world.pass(25);
    let steps = world.step();
    assert!(world.is(condition::FAILED) && world.status().message.unwrap().contains("ImagePullBackOff"));
    assert!(
        has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::DeletePod { .. }))),
        "no Pod is left"
    );
}

#[test]
fn each_cause_that_keeps_a_pod_from_starting_is_told_in_one_event_however_often_it_comes() {
    let waits = |steps: &[Step]| -> Vec<String> {
        let notes = steps.iter().filter_map(|s| match s {
            Step::Unguarded(Unguarded::Event(e)) if e.reason == "PodWaits" && e.warning => Some(e.note.clone()),
            _ => None,
        });
        notes.collect()
    };
    for held in [false, true] {
        let mut world = World::new(backup_run());
        world.step();
        if held {
            world.pod(PodStage::Running);
            world.step();
            world.active(world.connecting(), None);
        }
        world.pass(6);
        let mut told = Vec::new();
        for words in [
            "ImagePullBackOff: not found",
            "ImagePullBackOff: not found",
            "ImagePullBackOff: back-off",
            "the Pod is not ready",
            "ImageInspectError: no",
            "ImagePullBackOff: not found",
        ] {
            world.pod(starting(words, false));
            told.extend(waits(&world.step()));
            assert!(world.status().message.unwrap().ends_with(words), "{words}");
            assert_eq!(world.step(), vec![], "nothing is written that did not change");
        }
        let wanted = ["ImagePullBackOff: not found", "ImageInspectError: no"];
        assert_eq!(told, wanted.map(|words| format!("waiting for the Pod: {words}")));
        // Made-up causes fill no status.
        for n in 0..100 {
            world.pod(starting(&format!("Image{n}: no"), false));
            told.extend(waits(&world.step()));
        }
        assert_eq!((told.len(), world.status().transfer.unwrap().waited_for.len()), (8, 8));
    }
}

#[test]
fn a_pod_that_can_never_start_ends_the_run_at_once() {
    for stage in [
        starting("InvalidImageName", true),
        PodStage::Ended {
            message: "status 1".into(),
            ending: Ending::ByItself,
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
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::CreatePod(_))
    )));
    assert!(world.status().message.unwrap().contains("exceeded quota"));
    world.pass(601);
    assert!(says("PodNotAdmitted", &world.step()));
    let message = world.status().message.unwrap();
    assert!(world.is(condition::FAILED) && message.contains("exceeded quota"));
    assert!(message.ends_with("(spec.startDeadlineSeconds: 600 s)"), "{message}");

    let mut world = World::new(backup_run());
    world.step();
    world.refused = Some(Refusal {
        message: "invalid".into(),
        hopeless: true,
    });
    assert!(says("PodRefused", &world.step()));
    assert!(world.is(condition::FAILED));
}

#[test]
fn a_pod_of_somebody_else_is_never_touched() {
    let mut world = World::new(backup_run());
    world.step();
    world.pod(PodStage::Running);
    world.pods[0].ours = false;
    let steps = world.step();
    assert!(world.is(condition::FAILED) && !has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::DeletePod { .. }))));
}

#[test]
fn a_stored_backup_is_reported_before_its_pod_goes_and_never_changes_again() {
    let mut world = World::working();
    world.ended(stored());
    let steps = world.step();
    assert!(
        at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))))
            < at(&steps, |s| matches!(s, Step::Unguarded(Unguarded::DeletePod { .. })))
    );
    assert!(!has(&steps, |s| matches!(
        s,
        Step::Unguarded(Unguarded::AbortUpload { .. })
    )));
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
fn a_good_backup_that_is_far_smaller_than_those_before_is_told() {
    let told = |before: &[u64]| {
        let mut world = World::working();
        world.sizes_before = before.to_vec();
        world.ended(stored());
        let steps = world.step();
        assert!(world.is(condition::SUCCESSFUL));
        has(
            &steps,
            |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "Shrunk" && e.warning),
        )
    };
    assert!(told(&[1 << 40; 3]));
    assert!(!told(&[1]) && !told(&[]));
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
                ending: Ending::ByItself,
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
            assert_eq!(has(&steps, |s| matches!(s, Step::Cancel(_))), held);
        }
    }
}

/// Decides without an answer of the store; whether it is asked, and what is kept meanwhile.
fn asks(world: &mut World) -> bool {
    let decision = world.decide();
    let kept = decision.unguarded.iter().find_map(|u| match u {
        Unguarded::KeepWords(kept) => Some(kept.clone()),
        _ => None,
    });
    // By a status that is old it would not be kept, and the Pod be gone by the next pass.
    assert!(decision.unguarded.iter().all(Unguarded::is_harmless));
    world.kept = kept.or(world.kept.take());
    decision.unguarded.iter().any(|u| matches!(u, Unguarded::Look { .. }))
}

#[test]
fn a_pod_that_is_gone_by_the_answer_of_the_store_is_told_of_as_it_went() {
    for held in [false, true] {
        let mut world = World::working();
        if !held {
            world.transfer = TransferView::None;
        }
        world.pods[0].terminating = true;
        assert!(asks(&mut world), "of a deletion nothing is known yet");
        world.pods[0].stage = PodStage::Ended {
            message: "EvictionByEvictionAPI: Eviction API: evicting".into(),
            ending: Ending::Pod,
        };
        assert!(asks(&mut world), "its last words are what is kept");
        world.pods.clear();
        assert!(asks(&mut world), "the store has not answered");
        world.found = Found::Nothing;
        let steps = world.step();
        let message = world.status().message.unwrap();
        assert!(message.contains("EvictionByEvictionAPI"), "{message}");
        assert_eq!(world.status().state, Some(State::InterruptedFailed));
        assert!(has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::ForgetFound))));
        assert_eq!(world.kept, None);
    }
}

#[test]
fn what_was_kept_of_another_pod_or_of_one_that_is_there_or_that_its_agent_tells_of_says_nothing() {
    let kept = |uid: &str| crate::run::observed::Kept {
        pod_uid: uid.into(),
        message: "as it was before".into(),
    };
    let gone: fn(&mut World) = |w| w.pods.clear();
    let goes: fn(&mut World) = |w| w.pods[0].terminating = true;
    let lost: fn(&mut World) = |w| {
        w.pods.clear();
        w.ended(End::Interrupted {
            message: "the agent has lost its work".into(),
        });
    };
    for (uid, change, words) in [
        ("pod-2", gone, "the Pod is gone"),
        ("pod-1", goes, "the Pod was deleted"),
        ("pod-1", lost, "the agent has lost its work"),
    ] {
        let mut world = World::working();
        world.kept = Some(kept(uid));
        change(&mut world);
        world.step();
        let message = world.status().message.unwrap();
        assert!(message.contains(words), "{message}");
    }
    // What goes on after all is forgotten, and with it what it was to end for.
    let mut world = World::working();
    world.kept = Some(kept("pod-1"));
    world.step();
    assert_eq!(world.kept, None);
}

#[test]
fn nothing_is_kept_that_could_end_a_backup_without_the_store_being_asked() {
    // Its agent does not answer a cancel, and its Pod goes before the store has answered; then the session tells of its end.
    for end in [
        End::Interrupted {
            message: "the agent has lost its work".into(),
        },
        crate::run::end::failed(Reason::Cancelled, "the operator stopped it".into()),
    ] {
        let mut world = World::working();
        let transfer = world.run.status.as_mut().unwrap().transfer.as_mut().unwrap();
        transfer.cancelled_at = Some(Time(world.now));
        world.pass(31);
        assert!(asks(&mut world));
        assert_eq!(world.kept, None, "a cancel");
        world.pods.clear();
        world.ended(end);
        assert!(asks(&mut world), "nobody knows that it is not there");
    }
    // Nor of a Pod that was gone when the store was asked first.
    let mut world = World::working();
    world.pods.clear();
    assert!(asks(&mut world));
    assert_eq!(world.kept, None);
}

#[test]
fn a_container_that_ends_before_the_command_starts_is_told_to_stay_alive() {
    for held in [true, false] {
        let mut world = World::new(backup_run());
        world.step();
        world.pod(PodStage::Running);
        world.step();
        if held {
            world.active(world.connecting(), None);
        }
        world.pod(PodStage::Ended {
            message: "status 0".into(),
            ending: Ending::ByItself,
        });
        world.step();
        assert!(world.is(condition::FAILED) && world.status().message.unwrap().contains("sleep infinity"));
    }
}

#[test]
fn what_the_agent_has_finished_is_committed_without_its_pod() {
    let mut world = World::working();
    world.pods.clear();
    world.active(Contact::Committing, None);
    let steps = world.step();
    assert!(!has(&steps, |s| matches!(s, Step::Cancel(_))) && !world.is(condition::FAILED));
}

#[test]
fn why_the_agent_is_not_reached_is_told_when_that_lasts_and_at_the_end() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(60);
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(world.connecting(), None);
    world.step();
    assert_eq!(
        world.status().message,
        None,
        "a container that is just being started refuses, too"
    );
    world.pass(20);
    world.step();
    assert!(
        world
            .status()
            .message
            .unwrap()
            .ends_with(": exec was refused: Forbidden")
    );
    world.pass(41);
    world.step();
    let message = world.status().message.unwrap();
    assert!(
        world.is(condition::FAILED)
            && message.contains("could not be given its command: exec was refused: Forbidden (spec.startDeadline"),
        "{message}"
    );
}

#[test]
fn a_pod_that_cannot_start_is_told_of_also_while_the_agent_is_being_reached() {
    let mut world = World::new(backup_run());
    world.run.spec.start_deadline_seconds = Some(30);
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(world.connecting(), None);
    world.pod(starting("ImagePullBackOff: no such image", false));
    world.step();
    assert!(world.status().message.unwrap().contains("ImagePullBackOff"));
    world.pass(31);
    world.step();
    assert!(world.is(condition::FAILED) && world.status().message.unwrap().contains("ImagePullBackOff"));
}

#[test]
fn a_container_that_is_not_ready_while_its_command_runs_is_connected_to_by_the_next_operator() {
    let mut world = World::working();
    world.transfer = TransferView::None;
    // Longer than it might have taken to start.
    world.pass(3600);
    world.pod(starting("not ready", true));
    let steps = world.step();
    assert!(
        has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::StartTransfer(_)))),
        "{steps:?}"
    );
    assert!(!world.is(condition::FAILED));
}

/// Crash window: the operator that stopped it ended before it had reported why.
#[test]
fn a_transfer_that_another_operator_cancelled_because_its_pod_went_was_interrupted() {
    let mut world = World::working();
    world.run.spec.backoff_limit = Some(1);
    world.pods.clear();
    world.ended(crate::run::end::failed(Reason::Cancelled, "the Pod was deleted".into()));
    let steps = world.step();
    assert!(
        has(
            &steps,
            |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "Interrupted")
        ),
        "{steps:?}"
    );
    assert!(world.status().transfer.unwrap().failed_at.is_some(), "it is made again");
}
