//! What agents have held: a namespace's share, and no more.
use super::*;

/// As the API server does.
async fn send_cut(server: &mut WebSocketStream<DuplexStream>, frame: &[u8]) {
    for chunk in frame.chunks(32 << 10) {
        server.send(on(STDOUT, chunk)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn reports_that_stand_still_take_no_more_than_their_namespaces_share() {
    let budget = Budget::default();
    let mut still = Vec::new();
    // Each announces the longest frame, and sends nothing of it.
    for _ in 0..10 {
        let mut pair = pair_within(budget.share("hostile")).await;
        pair.0.send(on(STDOUT, &frame_of(protocol::MAX_FRAME))).await.unwrap();
        still.push(pair);
    }
    sleep(Duration::from_secs(1)).await;
    assert!(
        budget.share("hostile").take(1).await.is_none(),
        "their share is used up"
    );
    // Another namespace's ends meanwhile, and it is counted until nobody holds it any more.
    let other = budget.share("other");
    let (mut server, _outgoing, _, mut incoming) = pair_within(other.clone()).await;
    send_cut(&mut server, &report(0, 2 << 20)).await;
    let Some(Incoming::Message(message, held)) = incoming.recv().await else {
        panic!()
    };
    assert!(matches!(*message, FromAgent::Finished(report) if report.stderr.len() == 2 << 20));
    let most = limits::HELD_BY_NAMESPACE;
    assert!(held.is_some() && other.take(most).await.is_none());
    drop(held);
    assert!(other.take(most).await.is_some());
    // Those that stood still were given up, and so were most that waited for their turn to.
    let mut without_room = 0;
    for (_, _, _, incoming) in &mut still {
        without_room += usize::from(words(incoming.recv().await).contains("had no room"));
    }
    assert_eq!(without_room, 6);
    assert!(budget.share("hostile").take(most).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_not_large_is_heard_whatever_others_hold() {
    let budget = Budget::default();
    let share = budget.share("team");
    let _held = share.take(limits::HELD_BY_NAMESPACE).await.unwrap();
    let (mut server, _outgoing, _, mut incoming) = pair_within(share).await;
    send_cut(&mut server, &report(0, 100 << 10)).await;
    assert!(matches!(incoming.recv().await, Some(Incoming::Message(_, None))));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_waited_for_room_has_its_time_from_then_on() {
    let budget = Budget::default();
    let share = budget.share("team");
    let held = share.take(limits::HELD_BY_NAMESPACE).await.unwrap();
    let (mut server, _outgoing, _, mut incoming) = pair_within(share).await;
    let report = report(0, 1 << 20);
    server.send(on(STDOUT, &report[..1000])).await.unwrap();
    sleep(Duration::from_secs(50)).await;
    drop(held);
    sleep(Duration::from_secs(40)).await;
    send_cut(&mut server, &report[1000..]).await;
    assert!(matches!(incoming.recv().await, Some(Incoming::Message(_, Some(_)))));
}

#[tokio::test(start_paused = true)]
async fn pieces_that_nobody_takes_are_counted() {
    let budget = Budget::default();
    let share = budget.share("team");
    let (mut server, _outgoing, _, mut incoming) = pair_within(share.clone()).await;
    let piece = protocol::encode_data(&Data {
        stream: 1,
        bytes: vec![0; protocol::MAX_DATA],
    });
    server.send(on(STDOUT, &piece.unwrap())).await.unwrap();
    let Some(Incoming::Data(_, held)) = incoming.recv().await else {
        panic!()
    };
    let most = limits::HELD_BY_NAMESPACE;
    assert!(share.take(most - protocol::MAX_DATA + 1).await.is_none());
    drop(held);
    assert!(share.take(most).await.is_some());
}
