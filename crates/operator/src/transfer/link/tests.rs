//! A connection that is cut, lies, or says why it ended: what cannot be provoked with a real API server.
use protocol::{AgentState, encode};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;

/// The API server's end and the link's two channels.
async fn pair() -> (
    WebSocketStream<DuplexStream>,
    mpsc::Sender<ToAgent>,
    mpsc::Receiver<Incoming>,
) {
    let (server, outgoing, _, incoming) = pair_with_streams().await;
    (server, outgoing, incoming)
}

async fn pair_with_streams() -> (
    WebSocketStream<DuplexStream>,
    mpsc::Sender<ToAgent>,
    mpsc::Sender<Frame<ToAgent>>,
    mpsc::Receiver<Incoming>,
) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    let (sink, stream) = WebSocketStream::from_raw_socket(ours, Role::Client, None).await.split();
    let (outgoing, to_write) = mpsc::channel(4);
    let (read, incoming) = mpsc::channel(4);
    let (streams, of_streams) = mpsc::channel(4);
    tokio::spawn(write(sink, to_write, of_streams));
    tokio::spawn(receive(stream, read));
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
        let Some(Incoming::Message(message)) = incoming.recv().await else {
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
    assert!(matches!(incoming.recv().await, Some(Incoming::Message(_))));
    assert!(matches!(incoming.recv().await, Some(Incoming::Data(seen)) if seen == piece));
    assert!(matches!(incoming.recv().await, Some(Incoming::Message(_))));
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
