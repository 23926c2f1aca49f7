//! An answer that is held: used until it is due, asked for by one of those who wait, and by none of them while it has just failed.
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::Obtained;
use crate::credentials::{Credentials, CredentialsError};

/// What is left of credentials when new ones are asked for. Clouds hand out new ones from a quarter of an hour before the end.
const LEFT: SignedDuration = SignedDuration::from_mins(10);
/// How long a failure stands: many who wait shall not each wait for it again.
const AGAIN: SignedDuration = SignedDuration::from_secs(10);
/// The same while the old ones are good: transfers wait for an answer, too, and one that hangs takes its time.
const AGAIN_GOOD: SignedDuration = SignedDuration::from_secs(60);

/// One answer.
#[derive(Default)]
pub(super) struct Slot {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<(Timestamp, Credentials)>,
    failed: Option<(Timestamp, CredentialsError)>,
}

/// What is done for whoever asks.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Use,
    UseWithWarning,
    Ask,
    Refuse,
}

/// Less than ten minutes are left of them, or less than half of those that are good for a shorter time.
fn due(since: Timestamp, end: Timestamp, now: Timestamp) -> bool {
    end.duration_since(now) < LEFT.min(end.duration_since(since) / 2)
}

/// `held` is since when there are credentials and when they end; `failed` when they could not be had the last time.
fn next(held: Option<(Timestamp, Option<Timestamp>)>, failed: Option<Timestamp>, now: Timestamp) -> Next {
    if held.is_some_and(|(since, end)| end.is_none_or(|end| end > now && !due(since, end, now))) {
        return Next::Use;
    }
    let good = held.is_some_and(|(_, end)| end.is_none_or(|end| end > now));
    // A clock that was set back does not keep a failure standing.
    let again = if good { AGAIN_GOOD } else { AGAIN };
    let stands = |at: Timestamp| (SignedDuration::ZERO..again).contains(&now.duration_since(at));
    match failed.is_some_and(stands) {
        false => Next::Ask,
        true if good => Next::UseWithWarning,
        true => Next::Refuse,
    }
}

impl Slot {
    pub(super) async fn get<F>(&self, now: Timestamp, ask: impl FnOnce() -> F) -> Result<Obtained, CredentialsError>
    where
        F: Future<Output = Result<Credentials, CredentialsError>>,
    {
        // Each request below has its deadline, and so has waiting here.
        let mut state = self.state.lock().await;
        let mut todo = state.next(now);
        if todo == Next::Ask {
            match ask().await {
                Ok(credentials) => {
                    *state = State {
                        held: Some((now, credentials)),
                        failed: None,
                    };
                    todo = Next::Use;
                }
                Err(error) => {
                    state.failed = Some((now, error));
                    todo = state.next(now);
                }
            }
        }
        let warning = state.failed.as_ref().map(|(_, error)| error.to_string());
        match (todo, &state.held, &state.failed) {
            (Next::Use, Some((_, held)), _) => Ok(Obtained {
                credentials: held.clone(),
                warning: None,
            }),
            (Next::UseWithWarning, Some((_, held)), _) => Ok(Obtained {
                credentials: held.clone(),
                warning,
            }),
            (_, _, Some((_, error))) => Err(error.clone()),
            _ => Err(CredentialsError::Nowhere {
                passed: "nothing was asked".to_owned(),
                page: "docs/storages",
            }),
        }
    }

    /// Somebody is at it, or what it holds is still good.
    pub(super) fn is_worth_holding(&self, now: Timestamp) -> bool {
        self.state.try_lock().map_or(true, |state| {
            let held = state.held.as_ref();
            held.is_some_and(|(_, c)| c.expires().is_none_or(|end| end > now))
        })
    }
}

impl State {
    fn next(&self, now: Timestamp) -> Next {
        let held = self.held.as_ref().map(|(since, c)| (*since, c.expires()));
        next(held, self.failed.as_ref().map(|(at, _)| *at), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_before_their_end_and_an_old_one_is_used_while_it_is_good() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ends = |second| Some((at(7_000), Some(at(second))));
        for (held, failed, expected) in [
            (None, None, Next::Ask),
            (Some((at(0), None)), None, Next::Use),
            // Good for four minutes.
            (Some((at(9_900), Some(at(10_140)))), None, Next::Use),
            (Some((at(9_880), Some(at(10_119)))), None, Next::Ask),
            (ends(10_600), None, Next::Use),
            (ends(10_599), None, Next::Ask),
            (ends(10_599), Some(at(9_941)), Next::UseWithWarning),
            (ends(10_599), Some(at(9_940)), Next::Ask),
            // The clock was set back.
            (ends(10_599), Some(at(10_001)), Next::Ask),
            (ends(10_000), Some(at(9_999)), Next::Refuse),
            (ends(10_000), None, Next::Ask),
            (None, Some(at(9_991)), Next::Refuse),
            (None, Some(at(9_990)), Next::Ask),
        ] {
            assert_eq!(next(held, failed, at(10_000)), expected, "{held:?} {failed:?}");
        }
    }
}
