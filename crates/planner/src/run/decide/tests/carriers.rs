//! What carries the agent into a Pod: chosen once for an attempt, and chosen again where an image volume does not come up.
use super::*;

fn served() -> Served {
    Served {
        nodes: Some(3),
        ..Served::default()
    }
}

/// A run whose Pod was created with an image volume.
fn begun() -> World {
    let mut world = World::new(backup_run());
    world.served = served();
    let steps = world.step();
    assert_eq!(created(&steps), [Carrier::ImageVolume]);
    assert_eq!(agent(&world).as_deref(), Some("ImageVolume"));
    world
}

fn agent(world: &World) -> Option<String> {
    world.status().transfer.unwrap().agent
}

fn created(steps: &[Step]) -> Vec<Carrier> {
    let of = |step: &Step| match step {
        Step::Unguarded(Unguarded::CreatePod(pod)) => Some(carrier_of(pod)),
        _ => None,
    };
    steps.iter().filter_map(of).collect()
}

fn by_volume(world: &mut World, stage: PodStage, no_volume: Option<&str>) {
    world.pod(stage);
    world.pods[0].carrier = Carrier::ImageVolume;
    world.pods[0].no_volume = no_volume.map(Into::into);
}

const WORDS: &str = "container \"main\": CreateContainerError: failed to mkdir \"\"";

#[test]
fn an_attempt_keeps_its_carrier_whatever_becomes_known_of_the_cluster() {
    let mut world = begun();
    // An operator that has not looked yet, and one that will never use them again.
    for seen in [
        Served::default(),
        Served {
            given_up: true,
            ..served()
        },
    ] {
        world.served = seen;
        assert_eq!(created(&world.step()), [Carrier::ImageVolume], "as the status says");
    }
    // Attempts of before there was a choice.
    let mut old = World::new(backup_run());
    old.step();
    old.run.status.as_mut().unwrap().transfer.as_mut().unwrap().agent = None;
    old.served = served();
    assert_eq!(created(&old.step()), [Carrier::InitContainer]);
}

#[test]
fn a_volume_that_does_not_come_up_is_replaced_by_an_init_container_in_the_same_attempt() {
    let mut world = begun();
    by_volume(&mut world, starting(WORDS, false), Some(WORDS));
    world.transfer = TransferView::Active {
        attempt: "backup-1".into(),
        contact: world.connecting(),
        upload: None,
        route: None,
        bytes: 0,
        stored_bytes: 0,
        cancelling: false,
    };
    let steps = world.step();
    assert_eq!(agent(&world).as_deref(), Some("InitContainer"));
    let told = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
    let forgotten = at(&steps, |s| matches!(s, Step::Unguarded(Unguarded::ForgetTransfer)));
    assert!(told < forgotten);
    let says = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "ImageVolumeFailed" && e.note.contains("mkdir"));
    assert!(has(&steps, says), "{steps:?}");
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::GiveUpImageVolumes { why }) if why == WORDS)
    ));
    // The Pod goes; nothing else happens before it is gone.
    world.transfer = TransferView::None;
    let steps = world.step();
    assert!(
        matches!(&steps[..], [Step::Unguarded(Unguarded::DeletePod { uid, now: true, .. })] if uid == "pod-1"),
        "{steps:?}"
    );
    world.pods[0].terminating = true;
    assert_eq!(world.step(), vec![]);
    world.pods.clear();
    assert_eq!(created(&world.step()), [Carrier::InitContainer]);
    let status = world.status();
    assert_eq!(
        (status.attempts, status.transfer.unwrap().attempt.as_str()),
        (Some(1), "backup-1"),
        "it counts once"
    );
    assert!(!world.is(condition::FAILED));
    world.pod(PodStage::Running);
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::StartTransfer(_))
    )));
}

#[test]
fn a_restore_is_begun_again_as_a_backup_is() {
    let mut world = World::new(restore_only_run());
    world.served = served();
    world.step();
    by_volume(&mut world, starting(WORDS, false), Some(WORDS));
    world.step();
    world.pods.clear();
    assert_eq!(created(&world.step()), [Carrier::InitContainer]);
    assert_eq!(world.status().transfer.unwrap().attempt, "restore-1");
}

#[test]
fn a_pod_that_is_refused_is_tried_with_an_init_container_before_it_is_called_refused() {
    let mut world = begun();
    let refused = |words: &str| {
        Some(Refusal {
            message: words.into(),
            hopeless: true,
        })
    };
    world.refused = refused("admission webhook \"volumes\" denied the request: image volumes are not allowed");
    let steps = world.step();
    assert_eq!(agent(&world).as_deref(), Some("InitContainer"));
    assert!(!world.is(condition::FAILED) && !has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Event(_)))));
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::RefusedImageVolume { namespace }) if !namespace.is_empty())
    ));
    assert!(!has(&steps, |s| matches!(
        s,
        Step::Unguarded(Unguarded::GiveUpImageVolumes { .. })
    )));
    world.refused = None;
    assert_eq!(created(&world.step()), [Carrier::InitContainer]);
    world.refused = refused("Pod \"db-backup-1\" is invalid: spec.containers[0].image: Required value");
    world.step();
    assert!(world.is(condition::FAILED), "it was not for the volume");
}

#[test]
fn an_agent_that_cannot_be_executed_on_its_volume_is_copied_instead() {
    let end = |reason| TransferView::Ended {
        attempt: "backup-1".into(),
        end: Box::new(End::Failed {
            reason,
            message: "the agent may not be executed".into(),
            bytes: 0,
            log: String::new(),
        }),
    };
    let mut world = begun();
    by_volume(&mut world, PodStage::Running, None);
    world.transfer = end(Reason::AgentCannotStart);
    let steps = world.step();
    assert_eq!(agent(&world).as_deref(), Some("InitContainer"));
    assert!(
        has(&steps, |s| matches!(
            s,
            Step::Unguarded(Unguarded::GiveUpImageVolumes { .. })
        )) && !world.is(condition::FAILED)
    );
    // With an init container that is the end, as ever; and so is any other fault.
    let mut copied = World::new(backup_run());
    copied.step();
    copied.pod(PodStage::Running);
    copied.transfer = end(Reason::AgentCannotStart);
    copied.step();
    assert!(copied.is(condition::FAILED));
    let mut other = begun();
    by_volume(&mut other, PodStage::Running, None);
    other.transfer = end(Reason::StoreRefused);
    other.step();
    assert!(other.is(condition::FAILED));
}

#[test]
fn nothing_is_begun_again_that_has_begun_or_that_is_told_to_use_volumes() {
    // The command was handed over: whatever the Pod says, it is never started afresh.
    let mut world = begun();
    by_volume(&mut world, PodStage::Running, Some(WORDS));
    let transfer = world.run.status.as_mut().unwrap().transfer.as_mut().unwrap();
    transfer.command_started_at = Some(Time(world.now));
    world.step();
    assert_eq!(agent(&world).as_deref(), Some("ImageVolume"));
    // `--agent-volume Image`: it waits for its deadline, and says why.
    let mut told = World::new(backup_run());
    told.volume = AgentVolume::Image;
    assert_eq!(created(&told.step()), [Carrier::ImageVolume]);
    by_volume(&mut told, starting(WORDS, false), Some(WORDS));
    told.pass(6);
    told.step();
    assert_eq!(agent(&told).as_deref(), Some("ImageVolume"));
    assert!(told.status().message.unwrap().contains("mkdir"));
    told.pods.clear();
    told.refused = Some(Refusal {
        message: "spec.volumes[0]: Required value: must specify a volume type".into(),
        hopeless: true,
    });
    let mut refused = World::new(backup_run());
    refused.volume = AgentVolume::Image;
    refused.step();
    refused.refused = told.refused.clone();
    refused.step();
    assert!(refused.is(condition::FAILED));
}

#[test]
fn a_pod_that_lingers_does_not_keep_the_attempt_past_its_start_deadline() {
    let mut world = begun();
    by_volume(&mut world, starting(WORDS, false), Some(WORDS));
    world.step();
    world.pods[0].terminating = true;
    world.pass(601);
    world.step();
    assert!(world.is(condition::FAILED));
}

#[test]
fn a_volume_that_keeps_a_pod_from_starting_in_words_that_nobody_knows_is_not_tried_for_ever() {
    let gives_up = |steps: &[Step]| {
        has(steps, |s| {
            matches!(s, Step::Unguarded(Unguarded::GiveUpImageVolumes { .. }))
        })
    };
    for (unmade, volume, carrier, given_up) in [
        (true, AgentVolume::Auto, Carrier::ImageVolume, true),
        // It waits for a node or an image; the volume is asked for; there is none.
        (false, AgentVolume::Auto, Carrier::ImageVolume, false),
        (true, AgentVolume::Image, Carrier::ImageVolume, false),
        (true, AgentVolume::Auto, Carrier::InitContainer, false),
    ] {
        // Its agent is waited for; nobody holds it; it was stopped for that, and has ended.
        let stopped = TransferView::Ended {
            attempt: "backup-1".into(),
            end: Box::new(End::Failed {
                reason: Reason::StartDeadlineExceeded,
                message: "the Pod did not start in time: words of a runtime to come".into(),
                bytes: 0,
                log: String::new(),
            }),
        };
        for later in [None, Some(TransferView::None), Some(stopped)] {
            let mut world = begun();
            by_volume(
                &mut world,
                starting("CreateContainerError: words of a runtime to come", false),
                None,
            );
            (world.pods[0].unmade, world.pods[0].carrier, world.volume) = (unmade, carrier, volume);
            assert!(!gives_up(&world.step()), "in time");
            match later {
                Some(transfer) => world.transfer = transfer,
                None => world.active(world.connecting(), None),
            }
            world.pass(601);
            let steps = world.step();
            assert!(world.is(condition::FAILED));
            assert_eq!(
                gives_up(&steps),
                given_up,
                "{unmade} {volume:?} {carrier:?} {:?}",
                world.transfer
            );
            let says = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "ImageVolumeFailed" && e.note.contains("a runtime to come"));
            assert_eq!(has(&steps, says), given_up);
        }
    }
}

#[test]
fn what_ended_another_attempt_says_nothing_of_the_volume_of_this_one() {
    let mut world = begun();
    by_volume(&mut world, PodStage::Running, None);
    world.transfer = TransferView::Ended {
        attempt: "backup-0".into(),
        end: Box::new(End::Failed {
            reason: Reason::AgentCannotStart,
            message: "the agent may not be executed".into(),
            bytes: 0,
            log: String::new(),
        }),
    };
    world.step();
    assert_eq!(agent(&world).as_deref(), Some("ImageVolume"));
}
