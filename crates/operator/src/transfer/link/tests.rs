//! A connection that is cut, lies, or says why it ended: what cannot be provoked with a real API server.
use protocol::{AgentState, encode};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::transfer::budget::Budget;

mod held;

/// The API server's end and the link's two channels.
async fn pair() -> (
    WebSocketStream<DuplexStream>,
    mpsc::Sender<ToAgent>,
    mpsc::Receiver<Incoming>,
) {
    let (server, outgoing, _, incoming) = pair_with_streams().await;
    (server, outgoing, incoming)
}

type Pair = (
    WebSocketStream<DuplexStream>,
    mpsc::Sender<ToAgent>,
    mpsc::Sender<Frame<ToAgent>>,
    mpsc::Receiver<Incoming>,
);

async fn pair_with_streams() -> Pair {
    pair_within(Budget::default().share("team")).await
}

async fn pair_within(share: Share) -> Pair {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    let (sink, stream) = WebSocketStream::from_raw_socket(ours, Role::Client, None).await.split();
    let (outgoing, to_write) = mpsc::channel(4);
    let (read, incoming) = mpsc::channel(4);
    let (streams, of_streams) = mpsc::channel(4);
    tokio::spawn(write(sink, to_write, of_streams));
    tokio::spawn(receive(stream, read, share));
    (server, outgoing, streams, incoming)
}

fn on(channel: u8, payload: &[u8]) -> Message {
    Message::Binary([&[channel], payload].concat().into())
}

fn words(incoming: Option<Incoming>) -> String {
    match incoming {
        Some(Incoming::Closed { words }) => words,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_is_found_however_the_api_server_cuts_it() {
    let (mut server, _outgoing, mut incoming) = pair().await;
    let frame = encode(&FromAgent::Welcome {
        version: 1,
        state: AgentState::Idle,
        started: false,
        killed: None,
        window: None,
    })
    .unwrap();
    for byte in &frame {
        server.send(on(STDOUT, &[*byte])).await.unwrap();
    }
    server
        .send(on(
            STDOUT,
            &[encode(&FromAgent::Pong).unwrap(), encode(&FromAgent::Pong).unwrap()].concat(),
        ))
        .await
        .unwrap();
    for wanted in ["Welcome", "Pong", "Pong"] {
        let Some(Incoming::Message(message, _)) = incoming.recv().await else {
            panic!()
        };
        assert!(format!("{message:?}").starts_with(wanted), "{message:?}");
    }
}

#[tokio::test]
async fn a_socket_that_dies_without_a_status_is_a_broken_connection_and_not_an_end() {
    let (server, _outgoing, mut incoming) = pair().await;
    drop(server);
    assert_eq!(words(incoming.recv().await), "");
}

#[tokio::test]
async fn a_frame_that_is_cut_is_never_a_message() {
    let (mut server, _outgoing, mut incoming) = pair().await;
    let frame = encode(&FromAgent::Pong).unwrap();
    server.send(on(STDOUT, &frame[..frame.len() - 1])).await.unwrap();
    drop(server);
    assert_eq!(words(incoming.recv().await), "");
}

#[tokio::test]
async fn what_connect_or_the_kubelet_said_is_kept() {
    let status = br#"{"status":"Failure","message":"container not found"}"#;
    for (channel, payload, wanted) in [
        (ERROR_OUTPUT, b"agent: no daemon\n".as_slice(), "agent: no daemon"),
        (STATUS, status, "container not found"),
    ] {
        let (mut server, _outgoing, mut incoming) = pair().await;
        server.send(on(channel, payload)).await.unwrap();
        server.close(None).await.unwrap();
        assert_eq!(words(incoming.recv().await), wanted);
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_end_the_connection() {
    for hostile in [b"\xff\xff\xff\xff".as_slice(), b"\0\0\0\x02{]"] {
        let (mut server, _outgoing, mut incoming) = pair().await;
        server.send(on(STDOUT, hostile)).await.unwrap();
        assert!(words(incoming.recv().await).contains("not a message"));
    }
}

#[tokio::test]
async fn a_flood_on_standard_error_is_bounded() {
    let (mut server, _outgoing, mut incoming) = pair().await;
    for _ in 0..100 {
        server.send(on(ERROR_OUTPUT, &[b'x'; 1000])).await.unwrap();
    }
    server.close(None).await.unwrap();
    assert_eq!(words(incoming.recv().await).len(), STDERR);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_given_up() {
    let (_server, _outgoing, mut incoming) = pair().await;
    assert_eq!(words(incoming.recv().await), "");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_alive_on_the_agents_standard_input() {
    let (mut server, outgoing, _incoming) = pair().await;
    outgoing.send(ToAgent::Done).await.unwrap();
    for wanted in [ToAgent::Done, ToAgent::Ping] {
        let Some(Ok(Message::Binary(bytes))) = server.next().await else {
            panic!()
        };
        assert_eq!(bytes[0], STDIN);
        let mut decoder = Decoder::default();
        decoder.push(&bytes[1..]);
        assert_eq!(decoder.next_frame::<ToAgent>().unwrap(), Some(Frame::Message(wanted)));
    }
}

#[tokio::test]
async fn a_piece_of_a_stream_arrives_as_it_was_between_messages() {
    let (mut server, _outgoing, mut incoming) = pair().await;
    let piece = Data {
        stream: 3,
        bytes: vec![b'{'; 1000],
    };
    let frames = [
        encode(&FromAgent::Pong).unwrap(),
        protocol::encode_data(&piece).unwrap(),
        encode(&FromAgent::Pong).unwrap(),
    ];
    for part in frames.concat().chunks(37) {
        server.send(on(STDOUT, part)).await.unwrap();
    }
    assert!(matches!(incoming.recv().await, Some(Incoming::Message(..))));
    assert!(matches!(incoming.recv().await, Some(Incoming::Data(seen, _)) if seen == piece));
    assert!(matches!(incoming.recv().await, Some(Incoming::Message(..))));
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_before_the_pieces_that_wait() {
    let (mut server, outgoing, streams, _incoming) = pair_with_streams().await;
    for stream in 0..4 {
        let bytes = vec![0; protocol::MAX_DATA];
        streams.send(Frame::Data(Data { stream, bytes })).await.unwrap();
    }
    outgoing.send(ToAgent::Done).await.unwrap();
    let Some(Ok(Message::Binary(bytes))) = server.next().await else {
        panic!()
    };
    assert_eq!(bytes.get(1..), Some(encode(&ToAgent::Done).unwrap().as_slice()));
}

fn frame_of(length: usize) -> Vec<u8> {
    u32::try_from(length).unwrap().to_be_bytes().to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_begun_and_never_whole_is_given_up_however_slowly_it_grows() {
    for trickles in [false, true] {
        let (mut server, _outgoing, mut incoming) = pair().await;
        server.send(on(STDOUT, &frame_of(protocol::MAX_FRAME))).await.unwrap();
        let begun = Instant::now();
        tokio::spawn(async move {
            while trickles && server.send(on(STDOUT, b" ")).await.is_ok() {
                sleep(Duration::from_secs(10)).await;
            }
            // Pings of the API server are no bytes of the agent's.
            while server.send(Message::Ping(Default::default())).await.is_ok() {
                sleep(Duration::from_secs(10)).await;
            }
        });
        assert!(words(incoming.recv().await).contains("not whole after 60 s"));
        assert!(
            begun.elapsed() <= limits::FRAME + Duration::from_secs(11),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whole_frames_that_come_slowly_are_no_fault() {
    let (mut server, _outgoing, mut incoming) = pair().await;
    let pong = encode(&FromAgent::Pong).unwrap();
    tokio::spawn(async move {
        // Each piece ends a frame and begins the next.
        server.send(on(STDOUT, &pong[..5])).await.unwrap();
        loop {
            sleep(Duration::from_secs(30)).await;
            let next = [&pong[5..], &pong[..5]].concat();
            if server.send(on(STDOUT, &next)).await.is_err() {
                break;
            }
        }
    });
    for _ in 0..10 {
        assert!(matches!(incoming.recv().await, Some(Incoming::Message(..))));
    }
}

/// A report that can be told from another, with so many bytes of text.
fn report(bytes: u64, text: usize) -> Vec<u8> {
    encode(&FromAgent::Finished(Box::new(protocol::Report {
        outcome: protocol::Outcome::Done,
        bytes,
        stored_bytes: 0,
        sha256: String::new(),
        parts: vec![],
        object_etag: None,
        stderr: "x".repeat(text),
        peak_memory: 0,
        packed: None,
    })))
    .unwrap()
}

#[tokio::test]
async fn only_a_report_may_be_long_and_only_one_is_heard() {
    let (mut server, _outgoing, mut incoming) = pair().await;
    for n in 0..3 {
        server.send(on(STDOUT, &report(n, 100_000))).await.unwrap();
    }
    let long = FromAgent::Probed {
        reachable: true,
        message: "x".repeat(limits::MESSAGE),
    };
    server.send(on(STDOUT, &encode(&long).unwrap())).await.unwrap();
    let Some(Incoming::Message(message, None)) = incoming.recv().await else {
        panic!()
    };
    assert!(matches!(*message, FromAgent::Finished(report) if report.bytes == 0));
    assert!(words(incoming.recv().await).contains("is no report"));
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_heard_at_a_pace() {
    let data = protocol::encode_data(&Data {
        stream: 1,
        bytes: vec![0],
    });
    let text = FromAgent::Probed {
        reachable: true,
        message: "x".repeat(8 << 10),
    };
    let floods = [
        (encode(&FromAgent::Pong).unwrap(), limits::MESSAGES, 1),
        (encode(&text).unwrap(), limits::MESSAGES, 9),
        (data.unwrap(), limits::PIECES, 1),
    ];
    for (frame, pace, cost) in floods {
        let (mut server, _outgoing, mut incoming) = pair().await;
        let begun = Instant::now();
        tokio::spawn(async move { while server.send(on(STDOUT, &frame)).await.is_ok() {} });
        let many = pace * 6 / cost;
        for _ in 0..many {
            assert!(!matches!(incoming.recv().await, Some(Incoming::Closed { .. }) | None));
        }
        let took = begun.elapsed().as_secs_f64();
        assert!(
            (3.5..5.5).contains(&took),
            "six seconds' worth, two of them at once, took {took} s"
        );
    }
}

#[tokio::test]
async fn what_connect_said_acts_on_no_terminal() {
    let (mut server, _outgoing, mut incoming) = pair().await;
    server.send(on(ERROR_OUTPUT, b"a\x1b[2J\xff\r\nb")).await.unwrap();
    server.close(None).await.unwrap();
    assert_eq!(words(incoming.recv().await), "a[2J\u{fffd}b");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_reads_nothing_is_given_up() {
    let (_server, outgoing, _incoming) = pair().await;
    let begun = Instant::now();
    let url = || ToAgent::Url {
        request: protocol::UrlRequest::Get { number: 1 },
        url: protocol::Secret::new("u".repeat(64 << 10)),
        headers: vec![].into(),
    };
    while outgoing.send(url()).await.is_ok() {}
    assert!(
        begun.elapsed() <= WRITE + Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_agent_is_told_nothing_that_its_version_does_not_know() {
    let (outgoing, mut told) = mpsc::channel(4);
    let (streams, _of_streams) = mpsc::channel(1);
    let (_heard, incoming) = mpsc::channel(1);
    let mut link = Link {
        outgoing,
        streams,
        incoming,
        version: protocol::OLDEST,
        _tasks: [spawn_held(async {}), spawn_held(async {})],
    };
    let pace = ToAgent::Pace { bandwidth: Some(1) };
    for (version, knows) in [(protocol::PACE - 1, false), (protocol::PACE, true)] {
        link.speaks(version);
        assert!(link.send(pace.clone()).await, "that is no dead connection");
        assert_eq!(told.try_recv().is_ok(), knows, "version {version}");
    }
}
