//! Decides what comes next for a certificate. In an order in which no request fails: who asks trusts the next authority before anything is
//! served with it, and the last one until nothing is.
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::certificate::{Held, Pair};

/// A certificate is replaced when it is that old; a month before it ends.
const RENEW: SignedDuration = SignedDuration::from_hours(60 * 24);

/// How long what was announced stands before anything is served with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Since it has been seen as it is: each replica, each API server and each mounted Secret follows by then.
    pub seen: Duration,
    /// Since it was made, for those who were told once whom to trust and go on with that.
    pub made: SignedDuration,
}

/// The API server follows what it is told.
pub const WEBHOOK: Overlap = Overlap {
    seen: Duration::from_secs(30),
    made: SignedDuration::ZERO,
};

/// An agent was told when its backup or restore began: none that began before the next authority was announced is still under way after two weeks. A
/// mounted Secret follows within two minutes.
pub const STORE: Overlap = Overlap {
    seen: Duration::from_secs(300),
    made: SignedDuration::from_hours(14 * 24),
};

impl Overlap {
    /// How much of it is left; `seen` says for how long the Secret has been seen, and trusted, as it is now.
    pub fn left(&self, now: Timestamp, held: &Held, seen: Option<Duration>) -> Duration {
        let made = held.next.as_ref().unwrap_or(&held.serving).made;
        let left = self.made - now.duration_since(made);
        let seen = self.seen.saturating_sub(seen.unwrap_or_default());
        seen.max(Duration::try_from(left).unwrap_or_default())
    }
}

/// From this age on nothing is waited for. A certificate's validity is counted in days, and so ends up to a day before it is as old as that.
const LAST: SignedDuration = SignedDuration::from_hours(90 * 24 - 30);

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

/// Decides. `settled`: what the Secret says has been trusted, as it is now, for the [`Overlap`]. `asked`: an administrator wants another certificate now.
pub fn decide(now: Timestamp, held: Option<&Held>, asked: bool, settled: bool) -> Step {
    let Some(held) = held else { return Step::Make };
    let age = now.duration_since(held.serving.made);
    if age >= LAST {
        // It is refused already, or soon. What was announced is trusted; another would be by nobody.
        return if held.next.is_some() { Step::Switch } else { Step::Make };
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

    use super::super::certificate::VALID;
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
    fn no_backup_that_began_before_an_authority_was_announced_meets_its_certificate_and_none_ends_meanwhile() {
        assert!(RENEW + STORE.made < LAST && LAST < VALID - SignedDuration::from_hours(24));
        let held = take(&Step::Make, None, 1, start());
        let announced = take(&Step::Announce, Some(held.clone()), 2, start() + RENEW);
        let hours = |n: i64| start() + RENEW + SignedDuration::from_hours(n);
        let long = Some(Duration::from_secs(3600));
        for (now, seen, left) in [
            // An operator that has just begun has seen nothing.
            (hours(0), None, Duration::from_secs(14 * 24 * 3600)),
            (hours(14 * 24 - 1), long, Duration::from_secs(3600)),
            (hours(14 * 24), None, Duration::from_secs(300)),
            (hours(14 * 24), long, Duration::ZERO),
            (hours(-24), long, Duration::from_secs(15 * 24 * 3600)),
        ] {
            assert_eq!(STORE.left(now, &announced, seen), left, "{now}");
        }
        // The authority of before is trusted until each mounted Secret has followed.
        let switched = take(&Step::Switch, Some(announced), 0, hours(14 * 24));
        assert_eq!(STORE.left(hours(14 * 24), &switched, None), STORE.seen);
        assert_eq!(WEBHOOK.left(start(), &held, None), WEBHOOK.seen);
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
    fn what_was_announced_late_is_served_before_the_last_one_ends_and_never_thrown_away() {
        let held = take(&Step::Make, None, 1, start());
        let late = start() + SignedDuration::from_hours(85 * 24);
        assert_eq!(decide(late, Some(&held), false, true), Step::Announce);
        let announced = take(&Step::Announce, Some(held), 2, late);
        assert_eq!(decide(late, Some(&announced), false, false), Step::Settle);
        for hours in [90 * 24 - 30, 90 * 24, 200 * 24] {
            let now = start() + SignedDuration::from_hours(hours);
            assert_eq!(decide(now, Some(&announced), false, false), Step::Switch);
        }
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
