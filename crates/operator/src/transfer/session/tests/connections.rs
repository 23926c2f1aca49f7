//! What is not the protocol, and agents that lose their work.
use std::time::Duration;

use api::names::Action;
use api::storage::DataPath;
use planner::run::{Contact, End, Reason};
use protocol::{AgentState, FromAgent, ToAgent, encode};

use super::rig::{rig, rig_of};
use super::{finished, part, report, stored};

#[tokio::test]
async fn what_is_not_the_protocol_ends_the_connection_and_another_one_is_made() {
    let frame = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat();
    let huge = FromAgent::Probed {
        reachable: true,
        message: "x".repeat(64 << 10),
    };
    let hostile: [(&str, Vec<u8>); 12] = [
        ("a frame of 4 GiB", vec![0xff; 4]),
        (
            "a frame a little too long",
            (u32::try_from(protocol::MAX_FRAME).unwrap() + 1).to_be_bytes().to_vec(),
        ),
        ("an empty frame", frame(b"")),
        ("no JSON", frame(b"{]")),
        (
            "no UTF-8",
            frame(b"{\"type\":\"probed\",\"reachable\":true,\"message\":\"\xff\xfe\"}"),
        ),
        (
            "half a surrogate",
            frame(br#"{"type":"probed","reachable":true,"message":"\ud800"}"#),
        ),
        ("a message of the operator", encode(&ToAgent::Done).unwrap()),
        (
            "negative bytes",
            frame(br#"{"type":"progress","bytes":-5,"storedBytes":0}"#),
        ),
        (
            "more bytes than there are numbers",
            frame(br#"{"type":"progress","bytes":99999999999999999999,"storedBytes":0}"#),
        ),
        ("a piece that is too long", frame(&vec![1; protocol::MAX_DATA + 6])),
        ("a message that is as long as a report", encode(&huge).unwrap()),
        (
            "a list without end",
            frame(&[br#"{"type":"finished","parts":["#.as_slice(), &b"[".repeat(200)].concat()),
        ),
    ];
    for (what, bytes) in hostile {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        let (mut peer, _) = rig.started().await;
        peer.raw(&bytes).await;
        peer.dropped().await;
        let mut peer = rig.connected().await;
        peer.welcome(AgentState::Running).await;
        rig.cancel();
        peer.cancelled().await;
        assert_eq!(rig.failed().await.0, "Cancelled", "{what}");
        assert!(
            rig.store.held().asked.is_empty(),
            "{what}: {:?}",
            rig.store.held().asked
        );
    }
}

/// Its agent is not tried to be reached meanwhile, so nobody may say that it could not be.
#[tokio::test(start_paused = true)]
async fn a_restore_whose_store_is_away_waits_for_that_and_not_for_its_agent() {
    let mut rig = rig(Action::Restore, DataPath::Direct).await;
    rig.store.held().down = true;
    while rig.store.held().asked.len() < 3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(matches!(rig.contact(), Some(Contact::Preparing { why: None, .. })));
    rig.store.held().down = false;
    let mut peer = rig.connected().await;
    assert!(matches!(rig.contact(), Some(Contact::Connecting { why: None, .. })));
    peer.welcome(AgentState::Idle).await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Start(_))));
    assert_eq!(rig.store.held().asked, ["head", "head", "head", "head"]);
    rig.cancel();
    peer.cancelled().await;
}

#[tokio::test]
async fn who_does_not_greet_as_an_agent_does_gets_no_work() {
    for first in [finished(report()), part(1, 5), FromAgent::Pong] {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        let mut peer = rig.connected().await;
        assert!(matches!(peer.heard().await, Some(ToAgent::Hello { .. })));
        peer.say(&first).await;
        peer.dropped().await;
        let mut peer = rig.connected().await;
        assert!(matches!(peer.heard().await, Some(ToAgent::Hello { .. })));
        rig.cancel();
        drop(peer);
        assert_eq!(rig.failed().await.0, "Cancelled", "{first:?}");
        assert!(rig.store.held().asked.is_empty(), "{first:?}");
    }
}

/// Not connected to again and again, until a deadline is over.
#[tokio::test]
async fn an_agent_of_too_old_a_version_ends_its_transfer_in_words_before_and_after_its_command_has_begun() {
    for state in [AgentState::Idle, AgentState::Running, AgentState::Finished] {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        let mut peer = rig.connected().await;
        let old = protocol::OLDEST - 1;
        peer.welcome_as(old, state, false, None).await;
        let (reason, message) = rig.failed().await;
        assert_eq!(reason, "AgentVersion");
        let versions = format!(
            "version {old} of their protocol and the operator versions 2 to {}",
            protocol::VERSION
        );
        assert!(
            message.contains(&versions) && message.contains("make a new run"),
            "{message}"
        );
        assert!(rig.store.held().asked.is_empty(), "{:?}", rig.store.held().asked);
    }
}

#[tokio::test]
async fn a_restore_is_not_begun_by_an_agent_that_would_leave_its_check_out() {
    let mut run = testing::backup_run();
    let check = serde_json::json!({"command": ["count"]});
    run.spec.restore = serde_json::from_value(serde_json::json!({"command": ["load"], "check": check})).unwrap();
    let mut rig = rig_of(Action::Restore, DataPath::Direct, run).await;
    let mut peer = rig.connected().await;
    peer.welcome_as(protocol::CHECK - 1, AgentState::Idle, false, None)
        .await;
    let End::Failed { reason, message, .. } = rig.end().await else {
        panic!("it is refused")
    };
    assert_eq!(reason.word(), "AgentVersion");
    assert!(
        message.contains("spec.restore.check needs version 7") && message.contains("nothing was begun"),
        "{message}"
    );
}

#[tokio::test]
async fn an_agent_of_a_later_version_is_spoken_to_in_this_one() {
    let mut rig = rig(Action::Backup, DataPath::Relay).await;
    let mut peer = rig.connected().await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Hello { .. })));
    let welcome = FromAgent::Welcome {
        version: u32::MAX,
        state: AgentState::Idle,
        started: false,
        killed: None,
        window: None,
    };
    peer.say(&welcome).await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Start(job)) if job.relay));
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}

#[tokio::test]
async fn an_agent_that_has_lost_its_work_again_and_again_gets_no_second_upload() {
    let (mut rig, peer) = stored().await;
    drop(peer);
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    assert_eq!(rig.failed().await.0, "Interrupted");
    assert_eq!(rig.store.count("create"), 1);
}

#[tokio::test]
async fn an_agent_that_was_killed_has_its_signal_and_memory_named() {
    let cases = [
        (
            "SIGKILL".to_string(),
            "it was killed by SIGKILL (out of memory?), and its command with it",
        ),
        ("SIGABRT".to_string(), "it was killed by SIGABRT, and"),
        ("\u{1b}[2J".repeat(1_000), "it was killed by [2J[2J"),
    ];
    for (signal, words) in cases {
        let (mut rig, peer) = stored().await;
        drop(peer);
        let mut peer = rig.connected().await;
        peer.welcome_after(AgentState::Idle, true, Some(signal)).await;
        let (reason, message) = rig.failed().await;
        assert_eq!(reason, "Interrupted");
        assert!(message.contains(words) && message.len() < 1_200, "{message}");
    }
}

#[tokio::test]
async fn a_restore_whose_agent_was_killed_has_its_window_named() {
    let mut rig = rig(Action::Restore, DataPath::Direct).await;
    drop(rig.started().await);
    let mut peer = rig.connected().await;
    peer.greet(&FromAgent::Welcome {
        version: protocol::VERSION,
        state: AgentState::Idle,
        started: true,
        killed: Some("SIGKILL".into()),
        window: Some(128 << 20),
    })
    .await;
    let End::Interrupted { message } = rig.end().await else {
        panic!("it is not repeated")
    };
    assert!(
        message.contains("killed by SIGKILL (out of memory?), and its command with it; it held a window of 128.0 MiB"),
        "{message}"
    );
}

/// The crash window between the record of a start and the start.
#[tokio::test]
async fn a_restore_is_handed_over_again_where_it_never_began_and_only_there() {
    for began in [false, true] {
        let mut rig = rig(Action::Restore, DataPath::Direct).await;
        drop(rig.started().await);
        let mut peer = rig.connected().await;
        peer.welcome_after(AgentState::Idle, began, None).await;
        if !began {
            assert!(matches!(peer.heard().await, Some(ToAgent::Start(_))));
            rig.cancel();
            peer.cancelled().await;
        }
        match rig.end().await {
            End::Failed { reason, .. } => assert_eq!((reason, began), (Reason::Cancelled, false)),
            End::Interrupted { .. } => assert!(began),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_command_that_kills_its_agent_is_not_run_for_ever() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    for _ in 0..crate::transfer::limits::STARTS {
        drop(rig.started().await);
    }
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    let (reason, message) = rig.failed().await;
    assert_eq!(reason, "Interrupted");
    assert!(message.contains("it was killed"), "{message}");
}

#[tokio::test]
async fn a_restore_begins_only_when_somebody_stands_by_for_its_check_in_another_container() {
    let mut run = testing::restore_only_run();
    let containers = &mut run.spec.template.spec.containers;
    let mut scratch = containers[0].clone();
    scratch.name = "scratch".into();
    containers.push(scratch);
    run.spec.restore.as_mut().unwrap().check = Some(api::run::Check {
        container: Some("scratch".into()),
        command: vec!["count".into()],
        args: vec![],
        deadline_seconds: None,
    });
    let mut rig = rig_of(Action::Restore, DataPath::Direct, run).await;
    // The container is not there yet: nothing is begun, and it is tried again.
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    rig.connected().await.ended("container not found (\"scratch\")").await;
    peer.dropped().await;
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    rig.connected().await.ended(protocol::STANDS_BY).await;
    let Some(ToAgent::Start(job)) = peer.heard().await else {
        panic!()
    };
    assert_eq!(job.check.unwrap().container.as_deref(), Some("scratch"));
    drop(peer);
    // The container may have been restarted with the connection: it is asked again, and the restore goes on whatever it says.
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Running).await;
    rig.connected().await.ended("the container is gone").await;
    rig.cancel();
    peer.cancelled().await;
    let end = rig.end().await;
    assert!(
        matches!(
            end,
            End::Failed {
                reason: Reason::Cancelled,
                ..
            }
        ),
        "{end:?}"
    );
}
