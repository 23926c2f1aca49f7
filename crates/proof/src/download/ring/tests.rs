//! What is asked for, what is held, and what the reader gets, whatever order it comes in.
use super::*;

const MIB: u64 = 1 << 20;

fn ring(size: u64) -> Ring {
    Ring::new(size, None, true, false)
}

/// Fills a range as far as there is room; true where all of it came.
fn fill(ring: &mut Ring, range: Range, at: &mut u64) -> bool {
    while *at < range.end {
        let Some(mut chunk) = ring.chunk(range.start) else {
            return false;
        };
        let room = chunk.room(range.end - *at);
        let n = room.len();
        for (to, at) in room.iter_mut().zip(*at..) {
            *to = byte(at);
        }
        chunk.add(n);
        ring.put(range.start, chunk);
        *at += n as u64;
    }
    ring.end(range.start, Ok(()));
    true
}

fn byte(at: u64) -> u8 {
    (at / 1000 % 251) as u8
}

#[test]
fn ranges_come_out_in_order_whichever_is_filled_first_and_memory_is_bounded() {
    let size = 50 * MIB + 3;
    let mut ring = ring(size);
    let mut under_way = VecDeque::new();
    let (mut out, mut opened) = (0, false);
    loop {
        while let Some(range) = ring.begin(None) {
            under_way.push_back((range, range.start));
            if !std::mem::replace(&mut opened, true) {
                assert!(ring.begin(None).is_none(), "a second before the first was answered");
                assert_eq!(ring.opened(range.start, false, Instant::now()), range.end);
            }
        }
        // The last first.
        for (range, at) in under_way.iter_mut().rev() {
            fill(&mut ring, *range, at);
        }
        under_way.retain(|(range, at)| *at < range.end);
        assert!(ring.chunks <= ring.most, "{} chunks", ring.chunks);
        match ring.next() {
            Next::Chunk(chunk) => {
                assert!(chunk.filled().iter().zip(out..).all(|(seen, at)| *seen == byte(at)));
                out += chunk.filled().len() as u64;
                ring.give_back(chunk);
            }
            Next::End => break,
            Next::Waits => {}
            Next::Failed(_) => panic!("nothing failed"),
        }
    }
    assert_eq!(out, size);
}

#[test]
fn the_first_range_gets_on_when_the_others_have_filled_all_there_is() {
    let mut ring = ring(1000 * MIB);
    let first = ring.begin(None).unwrap();
    ring.opened(0, false, Instant::now());
    several(&mut ring);
    let second = ring.begin(None).unwrap();
    while let Some(chunk) = ring.chunk(second.start) {
        ring.put(second.start, chunk);
        // As if it had been filled: `put` gives an empty one back.
        ring.free.pop();
    }
    assert!(ring.chunk(second.start).is_none());
    for _ in 0..FIRSTS {
        assert!(ring.chunk(first.start).is_some());
    }
    assert!(ring.chunk(first.start).is_none());
}

#[test]
fn a_store_that_sends_all_is_read_by_one_request() {
    let mut ring = ring(100 * MIB);
    let range = ring.begin(None).unwrap();
    assert!(range.end < 100 * MIB);
    assert_eq!(ring.opened(range.start, true, Instant::now()), 100 * MIB);
    assert!(ring.begin(None).is_none());
}

#[test]
fn one_request_reads_it_all_where_nothing_tells_objects_apart_or_there_is_no_memory() {
    for (size, limit, sure, end) in [
        (100, None, false, 100),
        (100, Some(16), true, 100),
        (100, Some(64), true, 16),
        (100, Some(1024), true, 16),
        (100, None, true, 16),
        (3, None, true, 3),
    ] {
        let mut ring = Ring::new(size * MIB, limit.map(|l: u64| l * MIB), sure, false);
        let range = ring.begin(None).unwrap();
        assert_eq!(
            range,
            Range {
                start: 0,
                end: end * MIB
            },
            "{size} {limit:?} {sure}"
        );
        assert!(ring.chunk(0).is_some());
    }
    assert!(ring(0).begin(None).is_none() && matches!(ring(0).next(), Next::End));
}

#[test]
fn a_failure_is_told_when_all_before_it_was_read() {
    let mut ring = ring(100 * MIB);
    let first = ring.begin(None).unwrap();
    ring.opened(0, false, Instant::now());
    several(&mut ring);
    let second = ring.begin(None).unwrap();
    ring.end(second.start, Err(Some(Outcome::Empty)));
    let mut read = 0;
    let mut at = 0;
    fill(&mut ring, first, &mut at);
    loop {
        match ring.next() {
            Next::Chunk(chunk) => read += chunk.filled().len() as u64,
            Next::Failed(outcome) => {
                assert_eq!((read, outcome), (first.end, Some(Outcome::Empty)));
                return;
            }
            Next::Waits | Next::End => panic!("after {read}"),
        }
    }
}

/// As if one alone had brought little.
fn several(ring: &mut Ring) {
    let now = Instant::now();
    ring.flights.held_back();
    ring.flights.ended(MIB, now + std::time::Duration::from_secs(1));
    assert_eq!(ring.flights.allowed(), 3);
}

/// All of a range comes, and the reader takes it.
fn whole(ring: &mut Ring, range: Range, now: Instant) {
    let mut at = range.start;
    while !fill(ring, range, &mut at) {
        while let Next::Chunk(chunk) = ring.next() {
            ring.give_back(chunk);
        }
    }
    ring.came(now);
    while let Next::Chunk(chunk) = ring.next() {
        ring.give_back(chunk);
    }
}

#[test]
fn one_that_fills_the_line_is_used_alone_and_the_next_asked_for_before_all_of_it_has_come() {
    let (mut ring, now) = (ring(1000 * MIB), Instant::now());
    let first = ring.begin(None).unwrap();
    ring.opened(0, false, now);
    assert!(ring.begin(None).is_none(), "beside the first");
    let mut at = 0;
    fill(
        &mut ring,
        Range {
            start: 0,
            end: first.end / 2,
        },
        &mut at,
    );
    ring.fetches.front_mut().unwrap().end = None;
    let second = ring.begin(None).unwrap();
    assert_eq!((second.start, second.end), (16 * MIB, 32 * MIB));
    assert!(ring.begin(None).is_none(), "a third");
    fill(&mut ring, first, &mut at);
    // 16 MiB in 120 ms: little, but the reader never waited for it.
    let then = now + std::time::Duration::from_millis(120);
    ring.came(then);
    whole(&mut ring, second, then);
    let third = ring.begin(None).unwrap();
    assert_eq!((third.start, third.end), (32 * MIB, 96 * MIB));
    assert!(ring.begin(None).is_none(), "beside the third");
}

#[test]
fn of_several_one_more_is_asked_for_when_one_is_nearly_through_whichever_that_is() {
    let mut ring = ring(1000 * MIB);
    let first = ring.begin(None).unwrap();
    ring.opened(0, false, Instant::now());
    several(&mut ring);
    let (second, third) = (ring.begin(None).unwrap(), ring.begin(None).unwrap());
    assert_eq!((second.start, second.end, third.start), (16 * MIB, 22 * MIB, 22 * MIB));
    assert!(ring.begin(None).is_none(), "a fourth");
    let mut at = third.start;
    fill(
        &mut ring,
        Range {
            end: third.start + 3 * MIB,
            ..third
        },
        &mut at,
    );
    ring.fetches.back_mut().unwrap().end = None;
    assert!(ring.begin(None).is_some() && ring.begin(None).is_none());
    assert_eq!(ring.fetches.len(), 4);
    assert!(first.end > second.start - MIB);
}

#[test]
fn what_is_left_of_a_range_never_reaches_into_the_next_whatever_the_store_sends() {
    let mut ring = ring(1000 * MIB);
    let first = ring.begin(None).unwrap();
    ring.opened(first.start, false, Instant::now());
    several(&mut ring);
    let second = ring.begin(None).unwrap();
    // It knows ranges no more, and sends all the rest.
    assert_eq!(ring.opened(second.start, true, Instant::now()), 1000 * MIB);
    assert_eq!(ring.opened(first.start, true, Instant::now()), first.end);
}

#[test]
fn a_range_gives_way_to_an_earlier_one_that_is_not_answered_and_no_new_one_begins() {
    let (mut ring, now) = (ring(1000 * MIB), Instant::now());
    let first = ring.begin(None).unwrap();
    ring.opened(first.start, false, now);
    several(&mut ring);
    let (second, third) = (ring.begin(None).unwrap(), ring.begin(None).unwrap());
    ring.opened(third.start, false, now);
    // The second is asked for and has no answer yet: that may be a round trip, or more.
    assert!(!ring.gives_way(third.start, false) && ring.gives_way(third.start, true));
    assert!(!ring.gives_way(first.start, true) && !ring.gives_way(second.start, true));
    ring.end(first.start, Ok(()));
    ring.not_answered(second.start, true, now);
    assert_eq!(ring.flights.allowed(), 2);
    assert!(ring.gives_way(third.start, false) && !ring.gives_way(second.start, false));
    ring.end(third.start, Ok(()));
    assert!(ring.begin(None).is_none(), "beside one that is not answered");
    ring.opened(second.start, false, now);
    assert!(!ring.gives_way(third.start, true) && ring.begin(None).is_some());
    // What is left of it is asked for anew.
    ring.asked(second.start);
    assert!(ring.gives_way(third.start, true));
    ring.end(second.start, Err(None));
}

#[test]
fn where_bytes_may_come_slowly_no_more_than_a_second_of_them_is_asked_for_at_a_time() {
    for (limit, alone, each) in [
        (2 * MIB, 2 * MIB, 2 * MIB / 3),
        (64 << 10, SHORT, SHORT),
        (100 << 30, FIRST, FAR),
    ] {
        let mut ring = ring(1000 * MIB);
        let first = ring.begin(Some(limit)).unwrap();
        assert_eq!(first.end, alone, "{limit}");
        ring.opened(0, false, Instant::now());
        several(&mut ring);
        let second = ring.begin(Some(limit)).unwrap();
        assert_eq!(
            (ring.flights.allowed(), second.end - second.start),
            (3, each),
            "{limit}"
        );
        // A limit that is taken away is none from the next range on.
        let third = ring.begin(None).unwrap();
        assert_eq!(third.end - third.start, FAR, "{limit}");
    }
}
