//! The tunnelled streams of the newest connection, as a state: what each has to say, what it may, what it holds. No
//! lock and no clock; what is held of a stream is bounded on both its sides.
use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

use protocol::{Allowance, Data, Frame, FromAgent, Inbox, MAX_DATA, MAX_STREAMS, WINDOW};

/// Bytes of a stream that may wait to be sent: the HTTP client is held back by it.
const OUT: usize = 4 * MAX_DATA;

/// All streams, by id.
#[derive(Default)]
pub struct Streams {
    all: BTreeMap<u32, Stream>,
    /// The newest id. Never used again, so that what comes late for an old stream is not taken for a new one's.
    newest: u32,
    /// Whose piece was sent last: each has its turn.
    turn: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `Open` has still to be said.
    Wanted,
    /// The operator connects to the store.
    Asked,
    /// Bytes flow.
    Open,
}

struct Stream {
    phase: Phase,
    inbox: Inbox,
    allowance: Allowance,
    out: VecDeque<u8>,
    /// Nothing more comes or goes, and why; no words where the store simply closed it.
    ended: Option<String>,
    /// The operator has no such stream (any more).
    closed_there: bool,
    /// Nobody here wants it any more.
    dropped: bool,
}

/// How far a stream is.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not opened yet.
    Waits,
    /// Bytes flow, or have come before its end.
    Open,
    /// It has ended.
    Ended(String),
}

impl Streams {
    /// A new stream, unless there are too many.
    pub fn begin(&mut self) -> Option<u32> {
        if self.all.len() >= MAX_STREAMS {
            return None;
        }
        self.newest = self.newest.wrapping_add(1);
        let stream = Stream {
            phase: Phase::Wanted,
            inbox: Inbox::default(),
            allowance: Allowance::default(),
            out: VecDeque::new(),
            ended: None,
            closed_there: false,
            dropped: false,
        };
        self.all.insert(self.newest, stream);
        Some(self.newest)
    }

    /// Nobody here wants it any more; what waits to be sent is dropped.
    pub fn leave(&mut self, id: u32) {
        if let Some(stream) = self.all.get_mut(&id) {
            stream.dropped = true;
        }
    }

    /// The connection that carried them is gone.
    pub fn break_all(&mut self, words: &str) {
        self.all.retain(|_, stream| !stream.dropped);
        for stream in self.all.values_mut() {
            stream.ended.get_or_insert_with(|| words.into());
            stream.closed_there = true;
        }
    }

    /// How far it is.
    pub fn progress(&self, id: u32) -> Progress {
        match self.all.get(&id) {
            None => Progress::Ended(String::new()),
            Some(Stream {
                ended: Some(words),
                inbox,
                ..
            }) if inbox.is_empty() => Progress::Ended(words.clone()),
            Some(stream) if stream.phase == Phase::Open => Progress::Open,
            Some(_) => Progress::Waits,
        }
    }

    /// It is open, and nothing has come that was not asked for.
    pub fn is_quiet(&self, id: u32) -> bool {
        self.all
            .get(&id)
            .is_some_and(|s| s.phase == Phase::Open && s.ended.is_none() && s.inbox.is_empty())
    }

    /// Takes bytes to be sent, as many as fit: 0 where it has to wait. Err where it has ended.
    pub fn send(&mut self, id: u32, bytes: &[u8]) -> Result<usize, String> {
        let Some(stream) = self.all.get_mut(&id) else {
            return Err(String::new());
        };
        if let Some(words) = &stream.ended {
            return Err(words.clone());
        }
        let room = OUT.saturating_sub(stream.out.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        stream.out.extend(taken);
        Ok(taken.len())
    }

    /// Gives bytes that have come; 0 where there are none.
    pub fn receive(&mut self, id: u32, into: &mut [u8]) -> usize {
        self.all.get_mut(&id).map_or(0, |s| s.inbox.take(into))
    }

    /// There is credit to be said.
    pub fn owes(&self, id: u32) -> bool {
        self.all.get(&id).is_some_and(|s| s.inbox.owes())
    }

    /// The operator has connected to the store.
    pub fn opened(&mut self, id: u32, credit: u32) {
        if let Some(stream) = self.all.get_mut(&id)
            && stream.phase == Phase::Asked
        {
            stream.phase = Phase::Open;
            stream.allowance.grant(credit);
        }
    }

    /// The operator takes more.
    pub fn credit(&mut self, id: u32, bytes: u32) {
        if let Some(stream) = self.all.get_mut(&id) {
            stream.allowance.grant(bytes);
        }
    }

    /// The operator has closed it.
    pub fn closed(&mut self, id: u32, error: Option<String>) {
        if let Some(stream) = self.all.get_mut(&id) {
            stream.closed_there = true;
            stream.ended.get_or_insert_with(|| error.unwrap_or_default());
        }
    }

    /// A piece has come. One for a stream that is not open, or was just closed here, is an old one.
    pub fn put(&mut self, piece: &Data) {
        let Some(stream) = self.all.get_mut(&piece.stream) else {
            return;
        };
        if stream.phase == Phase::Open && stream.ended.is_none() && !stream.dropped && !stream.inbox.put(&piece.bytes) {
            stream.ended = Some("the operator sent more than it was granted".into());
        }
    }

    /// The next thing to say: what ends first, then what begins, then credit, then bytes, each stream in its turn.
    pub fn next_said(&mut self) -> Option<Frame<FromAgent>> {
        while let Some((&id, _)) = self.all.iter().find(|(_, s)| s.dropped) {
            let known = self
                .all
                .remove(&id)
                .is_some_and(|s| s.phase != Phase::Wanted && !s.closed_there);
            if known {
                return Some(Frame::Message(FromAgent::Close { stream: id }));
            }
        }
        let live = |s: &Stream| s.ended.is_none();
        if let Some((&id, stream)) = self.all.iter_mut().find(|(_, s)| live(s) && s.phase == Phase::Wanted) {
            stream.phase = Phase::Asked;
            return Some(Frame::Message(FromAgent::Open {
                stream: id,
                credit: WINDOW,
            }));
        }
        if let Some((&id, stream)) = self.all.iter_mut().find(|(_, s)| live(s) && s.inbox.owes()) {
            let bytes = stream.inbox.grant();
            return Some(Frame::Message(FromAgent::Credit { stream: id, bytes }));
        }
        let sends = |s: &Stream| live(s) && s.allowance.room(s.out.len()) > 0;
        let (before, after): (Vec<u32>, Vec<u32>) = self
            .all
            .iter()
            .filter(|(_, s)| sends(s))
            .map(|(id, _)| *id)
            .partition(|id| *id <= self.turn);
        let id = *after.first().or(before.first())?;
        let stream = self.all.get_mut(&id)?;
        let mut bytes = vec![0; stream.allowance.room(stream.out.len().min(MAX_DATA))];
        // Reading from a queue in memory does not fail, and the room is never more than it holds.
        let n = stream.out.read(&mut bytes).unwrap_or(0);
        bytes.truncate(n);
        stream.allowance.spend(n);
        self.turn = id;
        Some(Frame::Data(Data { stream: id, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(streams: &mut Streams, credit: u32) -> u32 {
        let id = streams.begin().unwrap();
        let asked = FromAgent::Open {
            stream: id,
            credit: WINDOW,
        };
        assert_eq!(streams.next_said(), Some(Frame::Message(asked)));
        assert_eq!(streams.progress(id), Progress::Waits);
        streams.opened(id, credit);
        assert_eq!(streams.progress(id), Progress::Open);
        id
    }

    fn piece(stream: u32, length: usize) -> Data {
        Data {
            stream,
            bytes: vec![7; length],
        }
    }

    fn sent(streams: &mut Streams) -> Option<(u32, usize)> {
        match streams.next_said() {
            Some(Frame::Data(data)) => Some((data.stream, data.bytes.len())),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_credit_nothing_is_sent_and_the_sender_is_held_back() {
        let mut streams = Streams::default();
        let id = open(&mut streams, 0);
        assert_eq!(streams.send(id, &vec![1; 2 * OUT]), Ok(OUT));
        assert_eq!(streams.send(id, &[1]), Ok(0));
        assert_eq!(sent(&mut streams), None);
        streams.credit(id, 5);
        assert_eq!(
            (sent(&mut streams), sent(&mut streams), streams.send(id, &[1; 9])),
            (Some((id, 5)), None, Ok(5))
        );
        streams.credit(id, u32::MAX);
        assert_eq!(sent(&mut streams), Some((id, MAX_DATA)));
    }

    #[test]
    fn each_stream_has_its_turn_and_what_is_no_data_goes_first() {
        let mut streams = Streams::default();
        let (a, b) = (open(&mut streams, WINDOW), open(&mut streams, WINDOW));
        for id in [a, b] {
            streams.send(id, &vec![1; OUT]).unwrap();
        }
        let turns: Vec<_> = (0..4).filter_map(|_| sent(&mut streams)).map(|(id, _)| id).collect();
        assert_eq!(turns, [a, b, a, b]);
        // b has read a window's quarter, c is wanted, a is left.
        for _ in 0..4 {
            streams.put(&piece(b, MAX_DATA));
        }
        assert_eq!(streams.receive(b, &mut vec![0; OUT]), OUT);
        let c = streams.begin().unwrap();
        streams.leave(a);
        let said: Vec<_> = (0..3).filter_map(|_| streams.next_said()).collect();
        let messages = [
            FromAgent::Close { stream: a },
            FromAgent::Open {
                stream: c,
                credit: WINDOW,
            },
            FromAgent::Credit {
                stream: b,
                bytes: OUT as u32,
            },
        ];
        assert_eq!(said, messages.map(Frame::Message));
        assert_eq!(sent(&mut streams).unwrap().0, b);
    }

    #[test]
    fn more_streams_than_a_handful_are_not_begun_and_a_left_one_makes_room_when_it_was_said() {
        let mut streams = Streams::default();
        let ids: Vec<_> = (0..MAX_STREAMS).map(|_| open(&mut streams, 1)).collect();
        assert_eq!(streams.begin(), None);
        streams.leave(ids[0]);
        assert_eq!(streams.begin(), None);
        assert_eq!(
            streams.next_said(),
            Some(Frame::Message(FromAgent::Close { stream: ids[0] }))
        );
        assert!(streams.begin().is_some_and(|id| !ids.contains(&id)));
    }

    #[test]
    fn what_came_before_the_end_is_read_before_the_end_is_seen() {
        let mut streams = Streams::default();
        let id = open(&mut streams, 1);
        streams.put(&piece(id, 3));
        streams.closed(id, Some("reset".into()));
        streams.put(&piece(id, 3));
        assert!(!streams.is_quiet(id));
        assert_eq!(streams.send(id, &[1]), Err("reset".into()));
        let mut room = [0; 10];
        assert_eq!(
            (streams.progress(id), streams.receive(id, &mut room)),
            (Progress::Open, 3)
        );
        assert_eq!(streams.progress(id), Progress::Ended("reset".into()));
        // The operator has closed it: it is not told.
        streams.leave(id);
        assert_eq!(streams.next_said(), None);
    }

    #[test]
    fn an_operator_that_sends_more_than_it_may_loses_the_stream_and_makes_nothing_grow() {
        let mut streams = Streams::default();
        let id = open(&mut streams, 1);
        for _ in 0..1000 {
            streams.put(&piece(id, MAX_DATA));
        }
        let mut room = vec![0; 2 * WINDOW as usize];
        assert_eq!(streams.receive(id, &mut room), WINDOW as usize);
        assert!(matches!(streams.progress(id), Progress::Ended(w) if w.contains("more than it was granted")));
        streams.leave(id);
        assert_eq!(
            streams.next_said(),
            Some(Frame::Message(FromAgent::Close { stream: id }))
        );
    }

    #[test]
    fn words_about_streams_that_are_not_there_change_nothing() {
        let mut streams = Streams::default();
        for id in [0, 1, u32::MAX] {
            streams.opened(id, 5);
            streams.credit(id, 5);
            streams.closed(id, None);
            streams.put(&piece(id, 5));
            streams.leave(id);
            assert_eq!((streams.next_said(), streams.receive(id, &mut [0; 9])), (None, 0));
        }
        // Not opened yet: an early piece is dropped.
        let id = streams.begin().unwrap();
        streams.opened(id, 5);
        streams.put(&piece(id, 5));
        assert_eq!(
            (streams.progress(id), streams.receive(id, &mut [0; 9])),
            (Progress::Waits, 0)
        );
    }

    #[test]
    fn a_lost_connection_ends_all_streams_and_the_next_is_told_of_none() {
        let mut streams = Streams::default();
        let (a, b) = (open(&mut streams, WINDOW), streams.begin().unwrap());
        streams.send(a, &[1; 9]).unwrap();
        streams.break_all("lost");
        for id in [a, b] {
            assert_eq!(streams.progress(id), Progress::Ended("lost".into()));
            streams.leave(id);
        }
        assert_eq!(streams.next_said(), None);
        assert!(streams.begin().is_some_and(|id| id != a && id != b));
    }
}
