//! Decides what comes next for the webhook's certificates. In an order in which no request fails: the API server trusts the
//! next authority before anything is served with it, and the last one until nothing is.
use jiff::{SignedDuration, Timestamp};

use super::certificate::{Held, Pair, VALID};

/// A certificate is replaced when it is that old; a month before it ends.
const RENEW: SignedDuration = SignedDuration::from_hours(60 * 24);

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing usable is there: make all, and let it serve at once.
    Make,
    /// Make the next certificate; have its authority trusted.
    Announce,
    /// Serve with the next one.
    Switch,
    /// Trust no longer what is not served with any more.
    Retire,
    /// Nothing, before that moment.
    Wait(Timestamp),
    /// Nothing, before what is there now has settled.
    Settle,
}

/// Decides. `settled`: the API server has trusted what the Secret says, as it is now, long enough for every replica and
/// every API server to have seen it. `asked`: an administrator wants another certificate now.
pub fn decide(now: Timestamp, held: Option<&Held>, asked: bool, settled: bool) -> Step {
    let Some(held) = held else { return Step::Make };
    let age = now.duration_since(held.serving.made);
    if age >= VALID {
        // Nothing is left to lose: it is refused already.
        return Step::Make;
    }
    let retiring = held.next.is_none() && held.trusted != held.serving.authority();
    let due = asked || age >= RENEW;
    match (&held.next, settled) {
        (Some(_), true) => Step::Switch,
        (None, true) if retiring => Step::Retire,
        (None, _) if due && !retiring => Step::Announce,
        (Some(_), false) => Step::Settle,
        (None, false) if retiring => Step::Settle,
        (None, _) => Step::Wait(held.serving.made.checked_add(RENEW).unwrap_or(now)),
    }
}

/// What the Secret holds after a step; `fresh` is used by the steps that need another certificate.
pub fn after<E>(step: &Step, held: Option<Held>, fresh: impl FnOnce() -> Result<Pair, E>) -> Result<Option<Held>, E> {
    Ok(match (step, held) {
        (Step::Make, _) => {
            let serving = fresh()?;
            Some(Held {
                trusted: serving.authority().into(),
                next: None,
                serving,
            })
        }
        (Step::Announce, Some(held)) => {
            let next = fresh()?;
            Some(Held {
                trusted: format!("{}{}", held.serving.authority(), next.authority()),
                next: Some(next),
                ..held
            })
        }
        (Step::Switch, Some(held)) => held.next.map(|serving| Held {
            serving,
            next: None,
            trusted: held.trusted,
        }),
        (Step::Retire, Some(held)) => Some(Held {
            trusted: held.serving.authority().into(),
            ..held
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use zeroize::Zeroizing;

    use super::*;

    fn pair(n: u32, made: Timestamp) -> Pair {
        Pair {
            chain: format!("leaf {n}\n-----BEGIN CERTIFICATE-----{n}\n"),
            key: Zeroizing::new(n.to_string()),
            made,
        }
    }

    fn start() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn take(step: &Step, held: Option<Held>, n: u32, now: Timestamp) -> Held {
        after(step, held, || Ok::<_, Infallible>(pair(n, now)))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn at_each_moment_what_serves_is_trusted_and_the_next_is_trusted_before_it_serves() {
        let mut now = start();
        assert_eq!(decide(now, None, false, false), Step::Make);
        let mut held = take(&Step::Make, None, 1, now);
        for n in 2..6 {
            let due = now + RENEW;
            assert_eq!(decide(now, Some(&held), false, true), Step::Wait(due));
            now = due;
            // Also where it has not settled: announcing takes nothing away.
            assert_eq!(decide(now, Some(&held), false, false), Step::Announce);
            let old = held.serving.clone();
            held = take(&Step::Announce, Some(held), n, now);
            assert_eq!(held.serving, old);
            assert!(
                held.trusted.contains(held.next.as_ref().unwrap().authority())
                    && held.trusted.contains(old.authority())
            );
            assert_eq!(decide(now, Some(&held), false, false), Step::Settle);
            assert_eq!(decide(now, Some(&held), false, true), Step::Switch);
            held = take(&Step::Switch, Some(held), 0, now);
            assert!(held.trusted.contains(held.serving.authority()) && held.trusted.contains(old.authority()));
            assert_eq!(decide(now, Some(&held), false, false), Step::Settle);
            assert_eq!(decide(now, Some(&held), false, true), Step::Retire);
            held = take(&Step::Retire, Some(held), 0, now);
            assert_eq!(held.trusted, held.serving.authority());
        }
    }

    #[test]
    fn an_administrator_may_ask_at_any_time_and_once_is_enough() {
        let held = take(&Step::Make, None, 1, start());
        assert_eq!(decide(start(), Some(&held), true, false), Step::Announce);
        let announced = take(&Step::Announce, Some(held), 2, start());
        assert_eq!(decide(start(), Some(&announced), true, false), Step::Settle);
        let switched = take(&Step::Switch, Some(announced), 0, start());
        // The last rotation is brought to its end first.
        assert_eq!(decide(start(), Some(&switched), true, false), Step::Settle);
        assert_eq!(decide(start(), Some(&switched), true, true), Step::Retire);
    }

    #[test]
    fn what_has_expired_while_nobody_looked_is_made_anew() {
        let held = take(&Step::Make, None, 1, start());
        assert_eq!(decide(start() + VALID, Some(&held), false, false), Step::Make);
        // A clock that was set back is no reason for anything.
        let before = start() - SignedDuration::from_hours(1000);
        assert!(matches!(decide(before, Some(&held), false, true), Step::Wait(_)));
    }
}
