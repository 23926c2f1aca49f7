//! What was read ahead of an object, as a state: ranges in their order, each with what has come of it. No lock and no clock.
//!
//! What is held is bounded in chunks, of which the first range may always have some: it is what the command waits for.
use std::collections::VecDeque;
use std::time::Instant;

use protocol::Outcome;

use crate::flights::Flights;

/// Bytes of a chunk.
pub const CHUNK: usize = 256 << 10;
/// Chunks that are left to the first range: one that is filled and one that is read.
const FIRSTS: usize = 2;
/// Bytes that are held at most, whatever the container may have: the agent takes no more than 32 MiB for it all.
const MOST: u64 = 20 << 20;
/// Ranges under way at a time, where each connection brings little.
const RANGES: usize = 6;
/// The same where each is a stream through the operator, which holds a window of each, as the agent does.
const RELAYED: usize = 3;
/// Bytes of a range of which several are under way: the round trip before each counts.
const FAR: u64 = 6 << 20;
/// The same of one alone. The first shows what a connection brings; the next ones are long, as a line that one fills is not filled better by
/// several, which cost the machine and the store more.
const FIRST: u64 = 16 << 20;
const LONG: u64 = 64 << 20;
/// One connection that brings so much is used alone, bytes a second: nearly all that a line of 2 Gbit/s carries.
const FAST: f64 = 220e6;
/// The next one is asked for when no more than this is left to come of one alone, or half of it: until it is answered the line is not idle.
const AHEAD: u64 = 8 << 20;

/// Where there is a limit to how fast bytes may come, those under way together are a second's worth: kernels take what is asked for as fast as
/// the line brings it, up to 32 MiB for each connection, and hold it. Of each no less than this, as each costs a request.
const SHORT: u64 = 512 << 10;

/// A chunk of memory, and how much of it counts.
#[derive(Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    length: usize,
}

impl Chunk {
    fn new() -> Self {
        Self {
            bytes: vec![0; CHUNK],
            length: 0,
        }
    }

    /// What has come.
    pub fn filled(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Where at most so many more bytes go.
    pub fn room(&mut self, most: u64) -> &mut [u8] {
        let end = self.bytes.len();
        let most = usize::try_from(most).unwrap_or(end).min(end - self.length);
        self.bytes.get_mut(self.length..self.length + most).unwrap_or_default()
    }

    /// So many have come.
    pub fn add(&mut self, bytes: usize) {
        self.length += bytes;
    }
}

/// From where to where a request reads; it is known by its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: u64,
    pub end: u64,
}

struct Fetch {
    range: Range,
    /// The first byte that has not come.
    at: u64,
    chunks: VecDeque<Chunk>,
    answer: Answer,
    end: Option<Result<(), Option<Outcome>>>,
}

impl Fetch {
    fn is_nearly_there(&self) -> bool {
        self.range.end - self.at <= AHEAD.min((self.range.end - self.range.start) / 2)
    }
}

/// Whether the store has answered for a range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Not yet.
    Awaited,
    /// It has not, or no: others give way until it has.
    Failed,
    Came,
}

/// What is there for the reader.
pub enum Next {
    /// These bytes come next.
    Chunk(Chunk),
    /// Nothing yet.
    Waits,
    /// There are no more.
    End,
    /// Why there are no more; None: nobody wants them.
    Failed(Option<Outcome>),
}

/// What was read ahead.
pub struct Ring {
    size: u64,
    /// The first byte that nobody reads yet.
    next: u64,
    fetches: VecDeque<Fetch>,
    free: Vec<Chunk>,
    chunks: usize,
    most: usize,
    /// One request reads it all: nothing tells that several read one object, the store knows no ranges, or there is no memory.
    single: bool,
    /// A store's first answer was good.
    opened: bool,
    /// One alone has shown what it brings.
    shown: bool,
    /// The reader waits for the next byte.
    pub hungry: bool,
    /// How many ranges are read at a time.
    pub flights: Flights,
}

impl Ring {
    /// For an object of so many bytes in a container of that limit; `sure` where every answer is held to be of the same object.
    pub fn new(size: u64, limit: Option<u64>, sure: bool, relayed: bool) -> Self {
        let room = limit.map_or(MOST, |limit| (limit / 8).min(MOST));
        let most = usize::try_from(room / CHUNK as u64).unwrap_or(usize::MAX);
        // Three ranges of a megabyte: less ahead would be no more than the kernel holds.
        let single = !sure || room < 3 << 20;
        let flights = if relayed { RELAYED } else { RANGES };
        Self {
            size,
            next: 0,
            fetches: VecDeque::new(),
            free: Vec::new(),
            chunks: 0,
            most: most.max(2 * FIRSTS),
            single,
            opened: false,
            shown: false,
            hungry: false,
            flights: Flights::one(flights, FAST),
        }
    }

    fn length(&self, limit: Option<u64>) -> u64 {
        const MIB: u64 = 1 << 20;
        let allowed = self.flights.allowed();
        let third = (self.most * CHUNK) as u64 / 3;
        let length = match allowed {
            1 if self.shown => LONG,
            1 => FIRST,
            _ => FAR.min(third / MIB * MIB).max(MIB),
        };
        let share = |limit: u64| (limit / allowed.max(1) as u64).max(SHORT);
        limit.map_or(length, |limit| length.min(share(limit)))
    }

    /// How many ranges may be asked for at a time.
    pub fn side_by_side(&self) -> usize {
        if self.single { 1 } else { self.flights.allowed() + 1 }
    }

    /// The next range to ask for, if one may be: one alone until a store has answered. `limit`: bytes a second that may come.
    pub fn begin(&mut self, limit: Option<u64>) -> Option<Range> {
        let alone = self.single || !self.opened || self.flights.allowed() == 1;
        let most = if alone { 1 } else { self.flights.allowed() };
        let coming = || self.fetches.iter().filter(|fetch| fetch.end.is_none());
        // One more than may be under way is asked for when one of them is nearly through: ranges that begin together end together, and the line
        // would be idle for a round trip each time. It is asked for before the reader has taken what has come.
        let nearly = self.opened && coming().any(Fetch::is_nearly_there);
        let stuck = coming().any(|fetch| fetch.answer == Answer::Failed);
        if stuck
            || self.next == self.size
            || coming().count() >= most + usize::from(nearly)
            || self.fetches.len() > 2 * most
        {
            return None;
        }
        let length = if self.single { self.size } else { self.length(limit) };
        let range = Range {
            start: self.next,
            end: self.next.saturating_add(length).min(self.size),
        };
        self.next = range.end;
        self.fetches.push_back(Fetch {
            range,
            at: range.start,
            chunks: VecDeque::new(),
            answer: Answer::Awaited,
            end: None,
        });
        Some(range)
    }

    /// The store has answered: with that range, or it sends all the rest, as one does that knows no ranges. Says where it ends.
    pub fn opened(&mut self, start: u64, all: bool, now: Instant) -> u64 {
        self.opened = true;
        self.flights.answered(now);
        // Of one that is not the last the rest is others'.
        let all = all && self.fetches.back().is_some_and(|last| last.range.start == start);
        if all {
            self.single = true;
            self.next = self.size;
        }
        let size = self.size;
        self.of(start).map_or(start, |fetch| {
            fetch.answer = Answer::Came;
            if all {
                fetch.range.end = size;
            }
            fetch.range.end
        })
    }

    /// A range is asked for, or what is left of it.
    pub fn asked(&mut self, start: u64) {
        if let Some(fetch) = self.of(start).filter(|fetch| fetch.answer == Answer::Came) {
            fetch.answer = Answer::Awaited;
        }
    }

    /// The store has not answered for a range. `busy`: it may be that it serves fewer at a time.
    pub fn not_answered(&mut self, start: u64, busy: bool, now: Instant) {
        if let Some(fetch) = self.of(start) {
            fetch.answer = Answer::Failed;
        }
        if busy && self.fetches.iter().filter(|fetch| fetch.end.is_none()).count() > 1 {
            self.flights.refused(now);
        }
    }

    /// An earlier range is not answered, and may be for want of the connection that this one holds: it keeps none while it takes nothing from it,
    /// as the reader comes to it only after that one. `long`: a store that lets some wait says nothing, and time tells.
    pub fn gives_way(&self, start: u64, long: bool) -> bool {
        let mut earlier = self.fetches.iter().take_while(|fetch| fetch.range.start < start);
        earlier.any(|fetch| match fetch.answer {
            Answer::Awaited => long,
            Answer::Failed => fetch.end.is_none(),
            Answer::Came => false,
        })
    }

    /// A chunk for a range, if there is room.
    pub fn chunk(&mut self, start: u64) -> Option<Chunk> {
        let most = if self.is_first(start) {
            self.most
        } else {
            self.most - FIRSTS
        };
        if self.chunks - self.free.len() >= most {
            return None;
        }
        Some(self.free.pop().unwrap_or_else(|| {
            self.chunks += 1;
            Chunk::new()
        }))
    }

    /// The reader waits for just this range.
    pub fn is_wanted(&self, start: u64) -> bool {
        self.hungry && self.is_first(start)
    }

    /// What has come of a range, after all of it that came before.
    pub fn put(&mut self, start: u64, chunk: Chunk) {
        if chunk.length == 0 {
            return self.give_back(chunk);
        }
        // Counted as it comes: ranges are of many lengths.
        self.flights.came(chunk.length as u64);
        if let Some(fetch) = self.of(start) {
            fetch.at += chunk.length as u64;
            fetch.chunks.push_back(chunk);
        }
    }

    /// A whole range has come.
    pub fn came(&mut self, now: Instant) {
        self.shown = true;
        self.flights.ended(0, now);
    }

    /// All of a range has come, or no more will.
    pub fn end(&mut self, start: u64, end: Result<(), Option<Outcome>>) {
        if let Some(fetch) = self.of(start) {
            fetch.end = Some(end);
        }
    }

    /// An emptied chunk.
    pub fn give_back(&mut self, mut chunk: Chunk) {
        chunk.length = 0;
        self.free.push(chunk);
    }

    /// What the reader gets next: the object's bytes in their order, and nothing else.
    pub fn next(&mut self) -> Next {
        loop {
            let Some(first) = self.fetches.front_mut() else {
                return if self.next == self.size { Next::End } else { Next::Waits };
            };
            if let Some(chunk) = first.chunks.pop_front() {
                return Next::Chunk(chunk);
            }
            match first.end.take() {
                None => return Next::Waits,
                Some(Err(outcome)) => return Next::Failed(outcome),
                Some(Ok(())) => drop(self.fetches.pop_front()),
            }
        }
    }

    fn of(&mut self, start: u64) -> Option<&mut Fetch> {
        self.fetches.iter_mut().find(|fetch| fetch.range.start == start)
    }

    fn is_first(&self, start: u64) -> bool {
        self.fetches.front().is_some_and(|first| first.range.start == start)
    }
}

#[cfg(test)]
mod tests;
