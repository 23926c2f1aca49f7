//! Streams against real local servers: good ones, slow ones, and ones that are not there.
use tokio::net::TcpListener;

use super::*;
use crate::transfer::budget::{Budget, Share};
use crate::transfer::limits;

const LONG: Duration = Duration::from_secs(30);

struct Rig {
    relay: Relay,
    said: mpsc::Receiver<Frame<ToAgent>>,
    listener: TcpListener,
    share: Share,
}

async fn rig() -> Rig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
        dial: Dial::direct(),
    };
    let (out, said) = mpsc::channel(4);
    Rig {
        relay: Relay::new(endpoint, out, Default::default()),
        said,
        listener,
        share: Budget::default().share("team"),
    }
}

impl Rig {
    async fn heard(&mut self) -> Frame<ToAgent> {
        timeout(LONG, self.said.recv()).await.unwrap().unwrap()
    }

    /// Opens a stream; gives the store's end.
    async fn open(&mut self, id: u32, credit: u32) -> TcpStream {
        self.relay.open(id, credit).unwrap();
        let opened = ToAgent::Opened {
            stream: id,
            credit: WINDOW,
        };
        assert_eq!(self.heard().await, Frame::Message(opened));
        timeout(LONG, self.listener.accept()).await.unwrap().unwrap().0
    }

    /// A piece of the agent's. It does not wait here: there is room for it.
    async fn take(&mut self, id: u32, bytes: &[u8]) -> Result<(), Refused> {
        let held = self.share.take(bytes.len()).await.unwrap();
        self.relay.take(&piece(id, bytes), held)
    }

    /// Nothing is counted that is not there.
    async fn counted(&self, bytes: usize) {
        let most = limits::HELD_BY_NAMESPACE;
        let until = tokio::time::Instant::now() + LONG;
        while self.share.left() != most - bytes {
            assert!(
                tokio::time::Instant::now() < until,
                "{} of {most} left",
                self.share.left()
            );
            tokio::task::yield_now().await;
        }
    }

    async fn closed(&mut self) -> (u32, Option<String>) {
        match self.heard().await {
            Frame::Message(ToAgent::Close { stream, error }) => (stream, error),
            other => panic!("{other:?}"),
        }
    }
}

fn piece(stream: u32, bytes: &[u8]) -> Data {
    Data {
        stream,
        bytes: bytes.to_vec(),
    }
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_stores_end_comes_after_its_last_byte() {
    let mut rig = rig().await;
    let mut store = rig.open(7, WINDOW).await;
    rig.take(7, b"PUT ").await.unwrap();
    rig.take(7, b"/key").await.unwrap();
    let mut got = [0; 8];
    store.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"PUT /key");
    rig.counted(0).await;
    store.write_all(b"200 OK").await.unwrap();
    drop(store);
    let mut answer = Vec::new();
    let end = loop {
        match rig.heard().await {
            Frame::Data(data) => answer.extend(data.bytes),
            Frame::Message(message) => break message,
        }
    };
    assert_eq!(answer, b"200 OK");
    let close = ToAgent::Close { stream: 7, error: None };
    assert_eq!(end, close);
    // Late pieces and words of a stream that has ended are nothing.
    rig.take(7, b"x").await.unwrap();
    rig.relay.credit(7, 1);
    rig.relay.close(7);
    rig.relay.close(8);
}

#[tokio::test]
async fn a_store_that_reads_nothing_holds_a_window_and_no_more_and_the_other_streams_go_on() {
    let mut rig = rig().await;
    let _deaf = rig.open(1, WINDOW).await;
    let mut store = rig.open(2, WINDOW).await;
    // As an agent does: no more than was granted, until nothing is granted any more.
    let (mut granted, mut sent) = (u64::from(WINDOW), 0u64);
    let bytes = vec![0; MAX_DATA];
    loop {
        while granted >= MAX_DATA as u64 {
            rig.take(1, &bytes).await.unwrap();
            granted -= MAX_DATA as u64;
            sent += MAX_DATA as u64;
        }
        match timeout(Duration::from_millis(500), rig.said.recv()).await {
            Ok(Some(Frame::Message(ToAgent::Credit { stream: 1, bytes }))) => granted += u64::from(bytes),
            Ok(other) => panic!("{other:?}"),
            Err(_) => break,
        }
        assert!(sent < 1 << 30, "a store that reads nothing takes bytes");
    }
    rig.take(2, b"hello").await.unwrap();
    let mut got = [0; 5];
    timeout(LONG, store.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(&got, b"hello");
}

#[tokio::test]
async fn more_than_was_granted_ends_the_stream_and_is_not_held() {
    let mut rig = rig().await;
    let mut store = rig.open(1, WINDOW).await;
    // Nothing of this is written before the test awaits: the stream's task has no turn.
    let bytes = vec![0; MAX_DATA];
    for _ in 0..WINDOW as usize / MAX_DATA {
        rig.take(1, &bytes).await.unwrap();
    }
    rig.counted(WINDOW as usize).await;
    assert_eq!(
        rig.take(1, b"x").await,
        Err(Refused("more bytes than were granted".into()))
    );
    let mut rest = Vec::new();
    timeout(LONG, store.read_to_end(&mut rest)).await.unwrap().ok();
    assert!(rest.len() < WINDOW as usize);
    rig.counted(0).await;
}

#[tokio::test]
async fn the_store_is_read_only_as_far_as_the_agent_takes_it() {
    let mut rig = rig().await;
    let mut store = rig.open(1, 10).await;
    store.write_all(&[9; 100_000]).await.unwrap();
    let mut got = 0;
    for (granted, wanted) in [(0, 10), (5, 15), (u32::MAX, 100_000)] {
        rig.relay.credit(1, granted);
        while got < wanted {
            let Frame::Data(data) = rig.heard().await else { panic!() };
            assert!(data.bytes.iter().all(|b| *b == 9));
            got += data.bytes.len();
        }
        assert_eq!(got, wanted);
        if wanted < 100_000 {
            let more = timeout(Duration::from_millis(50), rig.said.recv()).await;
            assert!(more.is_err(), "{more:?}");
        }
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_said_in_words() {
    let mut rig = rig().await;
    rig.listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    rig.relay.open(3, WINDOW).unwrap();
    let (stream, error) = rig.closed().await;
    let words = error.unwrap();
    assert_eq!(stream, 3);
    assert!(
        words.contains("cannot connect to 127.0.0.1:") && words.contains("refused"),
        "{words}"
    );
}

#[tokio::test]
async fn a_store_that_breaks_the_connection_is_told_and_the_stream_makes_room() {
    let mut rig = rig().await;
    let store = rig.open(1, WINDOW).await;
    rig.take(1, b"PUT").await.unwrap();
    // Closed with bytes unread: a reset.
    store.readable().await.unwrap();
    drop(store);
    assert_eq!(rig.closed().await.0, 1);
    let mut stores = Vec::new();
    for id in 2..2 + MAX_STREAMS as u32 {
        stores.push(rig.open(id, WINDOW).await);
    }
}

#[tokio::test]
async fn more_streams_than_a_handful_and_an_id_twice_are_refused() {
    let mut rig = rig().await;
    let mut stores = Vec::new();
    for id in 0..MAX_STREAMS as u32 {
        stores.push(rig.open(id, WINDOW).await);
    }
    for id in 100..200 {
        let Refused(words) = rig.relay.open(id, WINDOW).unwrap_err();
        assert!(words.contains("more than 8"), "{words}");
    }
    assert_eq!(
        rig.relay.open(0, WINDOW),
        Err(Refused("a stream of that id is open".into()))
    );
    // That one is closed; there is room again.
    rig.open(300, WINDOW).await;
}

#[tokio::test]
async fn what_the_agent_closes_and_what_nobody_holds_any_more_is_closed_at_the_store() {
    let mut rig = rig().await;
    let (mut first, mut second) = (rig.open(1, WINDOW).await, rig.open(2, WINDOW).await);
    rig.relay.close(1);
    assert_eq!(timeout(LONG, first.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
    drop(rig.relay);
    assert_eq!(timeout(LONG, second.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn an_agent_that_reads_nothing_stops_the_reading_from_the_store() {
    let mut rig = rig().await;
    let mut store = rig.open(1, u32::MAX).await;
    // Nobody takes frames: a few wait, the rest stays with the store.
    let written = async {
        let mut n = 0;
        while store.write_all(&[0; 65_536]).await.is_ok() {
            n += 65_536;
        }
        n
    };
    assert!(
        timeout(Duration::from_millis(500), written).await.is_err(),
        "the store was never held back"
    );
    assert!(rig.said.len() <= 4);
}
