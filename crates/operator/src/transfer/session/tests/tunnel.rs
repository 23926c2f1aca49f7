//! The relay's tunnel: when it is there, and where it leads.
use api::names::Action;
use api::storage::DataPath;
use planner::run::{Contact, Route};
use protocol::{AgentState, Data, FromAgent, ToAgent, encode_data};

use super::foul;
use super::rig::{Peer, rig};

#[tokio::test]
async fn a_tunnel_is_there_where_the_transfer_is_relayed_and_leads_to_the_store_only() {
    let open = |stream| FromAgent::Open {
        stream,
        credit: u32::MAX,
    };
    let mut direct = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = direct.started().await;
    let piece = Data {
        stream: 1,
        bytes: b"GET http://169.254.169.254/ HTTP/1.1\r\n\r\n".to_vec(),
    };
    peer.raw(&encode_data(&piece).unwrap()).await;
    peer.say(&FromAgent::Credit {
        stream: 1,
        bytes: u32::MAX,
    })
    .await;
    peer.say(&open(1)).await;
    let Some(ToAgent::Close {
        stream: 1,
        error: Some(words),
    }) = peer.heard().await
    else {
        panic!()
    };
    assert!(words.contains("not relayed"), "{words}");
    direct.cancel();
    peer.cancelled().await;
    direct.failed().await;

    let mut relayed = rig(Action::Backup, DataPath::Relay).await;
    let (mut peer, _) = relayed.started().await;
    // A message with an address has it skipped: there is no field for one.
    let body =
        br#"{"type":"open","stream":1,"credit":0,"host":"169.254.169.254","port":80,"url":"http://169.254.169.254/"}"#;
    peer.raw(&[&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat())
        .await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Opened { stream: 1, .. })));
    peer.raw(
        &encode_data(&Data {
            stream: 1,
            bytes: b"HEAD /backups/db.sql HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        })
        .unwrap(),
    )
    .await;
    while relayed.store.count("head") == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // More than a handful are refused, and so are more bytes than were granted.
    for stream in 2..=40 {
        peer.say(&open(stream)).await;
    }
    let mut refused = 0;
    for _ in 2..=40 {
        refused += u32::from(matches!(peer.heard().await, Some(ToAgent::Close { .. })));
    }
    assert_eq!(refused, 40 - u32::try_from(protocol::MAX_STREAMS).unwrap());
    relayed.cancel();
    peer.cancelled().await;
    relayed.failed().await;
}

/// Answers the question whether the store is reached.
async fn tells(peer: &mut Peer, reachable: bool) {
    let Some(ToAgent::Probe { url, signed, .. }) = peer.heard().await else {
        panic!("the agent was not asked");
    };
    let signed = signed.unwrap();
    assert!(!url.contains("X-Amz") && signed.reveal().contains("/.backup-operator/no-object?"));
    let message = foul().chars().take(3000).collect();
    peer.say(&FromAgent::Probed { reachable, message }).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_reaches_the_store_after_some_seconds_goes_straight() {
    let mut rig = rig(Action::Backup, DataPath::Auto).await;
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    for reachable in [false, false, true] {
        tells(&mut peer, reachable).await;
        // Whoever is asked was reached.
        assert!(matches!(rig.contact(), Some(Contact::Preparing { why: None, .. })));
    }
    assert!(matches!(peer.heard().await, Some(ToAgent::Start(_))));
    assert_eq!(rig.chosen().unwrap().route, Route::Direct);
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}

#[tokio::test(start_paused = true)]
async fn why_a_pod_does_not_reach_the_store_is_told_in_words_that_do_nothing() {
    let mut rig = rig(Action::Backup, DataPath::Auto).await;
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    for _ in 0..5 {
        tells(&mut peer, false).await;
    }
    assert!(matches!(peer.heard().await, Some(ToAgent::Start(_))));
    let chosen = rig.chosen().unwrap();
    assert_eq!(chosen.route, Route::Relay);
    let why = chosen.why.unwrap();
    assert!(
        why.chars().count() <= crate::transfer::limits::PROBE + 20 && !why.contains(char::is_control),
        "{why:?}"
    );
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}
