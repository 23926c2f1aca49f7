//! How many requests to the store are under way at a time: more, as long as more of them bring more. The clock is passed in.
//!
//! A line that is long, or that gives each connection little, is filled by several; one that is full is not filled further, and
//! the memory is the user's. What is seen decides: the number is doubled, and taken back where that brought nothing.
use std::time::{Duration, Instant};

/// More bring something where the rate is at least so much higher, in hundredths.
const GAIN: f64 = 1.06;
/// How long a number that did not pay is left alone: lines change, and what was seen may have been a moment of another kind. To try
/// costs memory that is the agent's anyway, and no time.
const REST: Duration = Duration::from_secs(2);
/// The same after a store would not serve so many.
const BUSY: Duration = Duration::from_secs(60);
/// What is shorter shows nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// The number, and what was seen with it.
#[derive(Debug)]
pub struct Flights {
    now: usize,
    most: usize,
    /// Bytes a second at which one alone is enough.
    enough: f64,
    /// What was allowed before, and the rate of then: the number is on trial.
    before: Option<(usize, f64)>,
    /// Ends of requests that still belong to what was allowed before.
    settling: usize,
    seen: Seen,
    rest_until: Option<Instant>,
}

/// Since when, and how much.
#[derive(Debug, Default)]
struct Seen {
    since: Option<Instant>,
    ended: usize,
    bytes: u64,
    held_back: bool,
}

impl Flights {
    /// At most so many, and two to begin with.
    pub fn new(most: usize) -> Self {
        Self::beginning_with(2, most, f64::INFINITY)
    }

    /// At most so many, and one to begin with, which stays alone if it brings so many bytes a second.
    pub fn one(most: usize, enough: f64) -> Self {
        Self::beginning_with(1, most, enough)
    }

    fn beginning_with(first: usize, most: usize, enough: f64) -> Self {
        let most = most.max(1);
        Self {
            now: most.min(first),
            most,
            enough,
            before: None,
            settling: 0,
            seen: Seen::default(),
            rest_until: None,
        }
    }

    /// How many may be under way.
    pub fn allowed(&self) -> usize {
        self.now
    }

    /// There is room for so many from now on.
    pub fn limit(&mut self, most: usize) {
        self.most = most.max(1);
        if self.now > self.most {
            self.now = self.most;
            self.before = None;
        }
    }

    /// The store did not answer one beside others: one less, for a while.
    pub fn refused(&mut self, now: Instant) {
        self.now = (self.now - 1).max(1);
        (self.before, self.settling, self.seen) = (None, 0, Seen::default());
        self.rest_until = Some(now + BUSY);
    }

    /// Somebody waits for the store: without that, more would bring nothing.
    pub fn held_back(&mut self) {
        self.seen.held_back = true;
    }

    /// A request was answered, and its bytes come from now on.
    pub fn answered(&mut self, now: Instant) {
        self.seen.since.get_or_insert(now);
    }

    /// So many bytes of a request have come that has not ended; what it ends with is the rest.
    pub fn came(&mut self, bytes: u64) {
        self.seen.bytes += bytes;
    }

    /// A request of so many bytes has ended well.
    pub fn ended(&mut self, bytes: u64, now: Instant) {
        if self.settling > 0 {
            self.settling -= 1;
            if self.settling == 0 {
                self.seen = Seen::default();
            }
        }
        let Some(since) = self.seen.since else {
            self.seen.since = Some(now);
            return;
        };
        self.seen.ended += 1;
        self.seen.bytes += bytes;
        let time = now.saturating_duration_since(since);
        // What one brings is known when it has ended.
        let enough = if self.now == 1 { 1 } else { 2 * self.now };
        if self.settling == 0 && self.seen.ended >= enough && time >= SHORTEST {
            self.judge(self.seen.bytes as f64 / time.as_secs_f64(), now);
        }
    }

    fn judge(&mut self, rate: f64, now: Instant) {
        let held_back = std::mem::take(&mut self.seen).held_back;
        self.seen.since = Some(now);
        match self.before.take() {
            Some((before, rate_before)) if rate < rate_before * GAIN => {
                self.now = before.min(self.most);
                self.rest_until = Some(now + REST);
            }
            _ if self.now == 1 && rate >= self.enough => {}
            _ if held_back && self.now < self.most && self.rest_until.is_none_or(|until| now >= until) => {
                self.before = Some((self.now, rate));
                self.settling = self.now;
                // Of two short ones each waits for its answer while the other is nearly through.
                let more = if self.now == 1 { 3 } else { self.now * 2 };
                self.now = more.min(self.most);
                self.rest_until = None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: u64 = 5 << 20;

    /// Runs requests over a line until they are so many, and says how many were allowed at the end. A request takes as long as its
    /// connection wants for it, and a round trip; all together get no more than the line's.
    fn over(flights: &mut Flights, start: Instant, line: f64, each: f64, trip: f64, requests: usize) -> Instant {
        let mut now = 0.0;
        for _ in 0..requests {
            let many = flights.allowed() as f64;
            let alone = PART as f64 / each + trip;
            let rate = (many * PART as f64 / alone).min(line);
            now += PART as f64 / rate;
            flights.held_back();
            flights.ended(PART, start + Duration::from_secs_f64(now));
        }
        start + Duration::from_secs_f64(now)
    }

    #[test]
    fn more_are_sent_side_by_side_as_long_as_that_brings_more() {
        const MB: f64 = 1e6;
        for (line, each, trip, most, expected) in [
            // Near: two fill it.
            (400.0 * MB, 400.0 * MB, 0.001, 8, 2),
            // Far: the waiting for answers is filled by others.
            (125.0 * MB, 125.0 * MB, 0.06, 8, 4),
            // A store that gives each connection little.
            (625.0 * MB, 60.0 * MB, 0.06, 8, 8),
            // No more than there is room for.
            (625.0 * MB, 60.0 * MB, 0.06, 5, 5),
            (625.0 * MB, 60.0 * MB, 0.06, 1, 1),
        ] {
            let mut flights = Flights::new(most);
            over(&mut flights, Instant::now(), line, each, trip, 60);
            assert_eq!(flights.allowed(), expected, "{line} {each} {trip} {most}");
        }
    }

    #[test]
    fn one_that_fills_the_line_stays_alone_and_one_that_does_not_gets_company() {
        const MB: f64 = 1e6;
        for (line, each, expected) in [
            (125.0 * MB, 125.0 * MB, 1),
            (625.0 * MB, 60.0 * MB, 6),
            // Enough, though two would bring more.
            (900.0 * MB, 300.0 * MB, 1),
        ] {
            let mut flights = Flights::one(6, 220.0 * MB);
            let start = Instant::now();
            flights.answered(start);
            // None is idle for a round trip: the next is asked for in time.
            over(&mut flights, start, line, each, 0.0, 40);
            assert_eq!(flights.allowed(), expected, "{line} {each}");
        }
    }

    #[test]
    fn what_did_not_pay_is_tried_again_when_the_line_may_have_changed() {
        let (mut flights, start) = (Flights::new(8), Instant::now());
        let then = over(&mut flights, start, 400e6, 400e6, 0.001, 60);
        assert_eq!(flights.allowed(), 2);
        over(&mut flights, then + REST, 625e6, 60e6, 0.06, 60);
        assert_eq!(flights.allowed(), 8);
    }

    #[test]
    fn nobody_who_waits_for_the_command_sends_more_side_by_side() {
        let (mut flights, mut now) = (Flights::new(8), Instant::now());
        for _ in 0..100 {
            now += Duration::from_millis(50);
            flights.ended(PART, now);
        }
        assert_eq!(flights.allowed(), 2);
    }

    #[test]
    fn a_store_that_serves_fewer_is_asked_for_fewer_and_for_more_after_a_while() {
        let (mut flights, start) = (Flights::new(8), Instant::now());
        let then = over(&mut flights, start, 625e6, 60e6, 0.06, 60);
        for left in [7, 6, 5, 4, 3, 2, 1, 1] {
            flights.refused(then);
            assert_eq!(flights.allowed(), left);
        }
        let mut now = then;
        while now + Duration::from_secs(1) < then + BUSY {
            now += Duration::from_secs(1);
            flights.held_back();
            flights.ended(PART, now);
            assert_eq!(flights.allowed(), 1);
        }
        over(&mut flights, then + BUSY, 625e6, 60e6, 0.06, 60);
        assert_eq!(flights.allowed(), 8);
    }

    #[test]
    fn less_room_takes_the_number_back_at_once() {
        let mut flights = Flights::new(8);
        over(&mut flights, Instant::now(), 625e6, 60e6, 0.06, 60);
        flights.limit(1);
        assert_eq!(flights.allowed(), 1);
    }
}
