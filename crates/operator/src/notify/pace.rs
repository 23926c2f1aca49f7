//! Receivers that ask for less (429, or 503 with `Retry-After`): each of their URLs is left alone for as long as it asks for, and then told of one
//! thing after the other, however many schedules have to tell it something. Others are not held up. Kept in memory only: a restart asks once more.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use ring::digest::{SHA256, digest};

use super::{FIRST_PAUSE, LONGEST_PAUSE};

/// Between two requests to a URL that asked for less; what Slack takes of one webhook.
const GAP: Duration = Duration::from_secs(1);
/// More URLs are not kept apart; what comes then has its own pause only.
const URLS: usize = 1024;

/// A URL, which is a secret.
type Key = [u8; 32];

/// The URLs that asked for less, and when the next request to each may go.
#[derive(Default)]
pub struct Paces(Mutex<HashMap<Key, Pace>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    /// Nothing goes before.
    blocked: Instant,
    /// The first turn that nobody has.
    next: Instant,
}

impl Pace {
    /// Whether a request may go now; else the turn that it has to wait for. `turn` is the one that it was given before.
    fn ask(&mut self, turn: Option<Instant>, now: Instant) -> Result<(), Instant> {
        let its_turn = turn.is_some_and(|turn| turn <= now);
        if its_turn && self.blocked <= now {
            return Ok(());
        }
        let given = self.next.max(self.blocked).max(now);
        self.next = given + GAP;
        if given <= now { Ok(()) } else { Err(given) }
    }

    /// Nobody waits for a turn, and nothing is known that anybody would have to wait for.
    fn is_over(&self, now: Instant) -> bool {
        self.blocked.max(self.next) + LONGEST_PAUSE <= now
    }
}

impl Paces {
    /// Whether a request may go to a URL now; else the turn that it has to wait for.
    pub fn ask(&self, url: &str, turn: Option<Instant>, now: Instant) -> Result<(), Instant> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get_mut(&key(url)).map_or(Ok(()), |pace| pace.ask(turn, now))
    }

    /// A URL asked to be left alone for so long; the turn of who was told so.
    pub fn refused(&self, url: &str, wait: Duration, now: Instant) -> Instant {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now + wait;
        if all.len() >= URLS {
            all.retain(|_, pace| !pace.is_over(now));
        }
        let key = key(url);
        if all.len() >= URLS && !all.contains_key(&key) {
            return until;
        }
        let pace = all.entry(key).or_insert(Pace {
            blocked: until,
            next: until,
        });
        pace.blocked = pace.blocked.max(until);
        let given = pace.next.max(pace.blocked);
        pace.next = given + GAP;
        given
    }

    /// As long as was asked for is over.
    #[cfg(test)]
    pub fn over(&self) {
        let now = Instant::now();
        for pace in self.0.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
            (pace.blocked, pace.next) = (now, now);
        }
    }
}

fn key(url: &str) -> Key {
    let mut key = Key::default();
    for (to, from) in key.iter_mut().zip(digest(&SHA256, url.as_bytes()).as_ref()) {
        *to = *from;
    }
    key
}

/// How long an answer asks to be left alone: 429 always does, 503 where it says for how long. Seconds or a date; never longer than the longest pause.
pub fn asked(status: u16, retry_after: Option<&str>, now: Timestamp) -> Option<Duration> {
    let said = retry_after.and_then(|text| until(text.trim(), now));
    match status {
        429 => Some(said.unwrap_or(FIRST_PAUSE).clamp(GAP, LONGEST_PAUSE)),
        503 => said.map(|wait| wait.clamp(GAP, LONGEST_PAUSE)),
        _ => None,
    }
}

fn until(text: &str, now: Timestamp) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are as long as can be.
        return Some(text.parse().map_or(LONGEST_PAUSE, Duration::from_secs));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    // A date that is past, as of a clock that goes wrong: now.
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_is_asked_for_in_seconds_or_by_a_date_and_never_without_end() {
        let now = "2026-11-28T02:10:00Z".parse().unwrap();
        for (status, header, wanted) in [
            (429, Some("30"), Some(30)),
            (429, Some(" 7 "), Some(7)),
            (429, Some("0"), Some(1)),
            (429, Some("86400"), Some(600)),
            (429, Some("99999999999999999999999"), Some(600)),
            (429, Some("Sat, 28 Nov 2026 02:10:45 GMT"), Some(45)),
            (429, Some("Sat, 28 Nov 2026 01:00:00 GMT"), Some(1)),
            (429, Some("Sun, 29 Nov 2026 02:10:00 GMT"), Some(600)),
            (429, Some("soon"), Some(5)),
            (429, Some("-3"), Some(5)),
            (429, None, Some(5)),
            (503, Some("20"), Some(20)),
            (503, None, None),
            (500, Some("20"), None),
            (200, Some("20"), None),
        ] {
            let seconds = asked(status, header, now).map(|wait| wait.as_secs());
            assert_eq!(seconds, wanted, "{status} {header:?}");
        }
    }

    #[test]
    fn who_waits_for_a_url_that_asked_for_less_is_given_a_turn_of_his_own_and_others_do_not_wait() {
        let paces = Paces::default();
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(paces.ask("a", None, now), Ok(()));
        let refused = paces.refused("a", Duration::from_secs(30), now);
        assert_eq!(refused, at(30));
        let turns: Vec<_> = (0..3).map(|_| paces.ask("a", None, now).unwrap_err()).collect();
        assert_eq!(turns, [at(31), at(32), at(33)]);
        assert_eq!(paces.ask("b", None, now), Ok(()));
        // Not before the turn, and in it once for all that are left.
        assert_eq!(paces.ask("a", Some(refused), at(30)), Ok(()));
        assert_eq!(paces.ask("a", None, at(30)), Err(at(34)));
        // Asked for less again: whose turn falls into that has another, later one.
        assert_eq!(paces.refused("a", Duration::from_secs(60), at(31)), at(91));
        assert_eq!(paces.ask("a", Some(at(32)), at(32)), Err(at(92)));
        assert_eq!(paces.ask("a", Some(at(92)), at(92)), Ok(()));
        assert_eq!(paces.ask("a", None, at(200)), Ok(()));
        assert_eq!(paces.ask("a", None, at(200)), Err(at(201)));
    }

    #[test]
    fn urls_are_not_kept_without_end() {
        let paces = Paces::default();
        let now = Instant::now();
        for n in 0..URLS + 5 {
            paces.refused(&n.to_string(), LONGEST_PAUSE, now);
        }
        assert_eq!(paces.0.lock().unwrap().len(), URLS);
        paces.refused("late", GAP, now + LONGEST_PAUSE * 3);
        assert_eq!(paces.0.lock().unwrap().len(), 1);
    }
}
