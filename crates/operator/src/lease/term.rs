//! Who may take the lease, and what is written into it: functions of what was seen.
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::{DURATION, NAME};

/// What a candidate does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// There is no lease: make it.
    Create,
    /// It is free, over, or this Pod's own.
    Take,
    /// That one leads.
    Wait(String),
}

/// Whose it is; a lease that was given back is nobody's.
pub fn holder(lease: Option<&Lease>) -> Option<String> {
    let holder = lease?.spec.as_ref()?.holder_identity.clone()?;
    (!holder.is_empty()).then_some(holder)
}

/// What to do about a lease that has not changed for that long on this candidate's clock.
pub fn decide(lease: Option<&Lease>, me: &str, unchanged: Duration) -> Move {
    let Some(seen) = lease else { return Move::Create };
    match holder(lease) {
        Some(other) if other != me && unchanged < duration(seen) => Move::Wait(other),
        _ => Move::Take,
    }
}

/// The holder's own word on how long it lasts; one that says nothing, or nonsense, gets ours.
fn duration(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|s| s.lease_duration_seconds);
    let seconds = seconds.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0);
    seconds.map_or(DURATION, Duration::from_secs)
}

/// The lease as a new holder writes it.
pub fn taken(lease: Option<&Lease>, me: &str, now: Timestamp) -> Lease {
    let before = lease.and_then(|l| l.spec.clone()).unwrap_or_default();
    let changes = before.holder_identity.as_deref() != Some(me);
    let transitions = before.lease_transitions.unwrap_or(0);
    let spec = LeaseSpec {
        holder_identity: Some(me.into()),
        lease_duration_seconds: Some(i32::try_from(DURATION.as_secs()).unwrap_or(i32::MAX)),
        acquire_time: if changes { None } else { before.acquire_time.clone() }.or(Some(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(transitions.saturating_add(i32::from(changes && lease.is_some()))),
        ..before
    };
    Lease {
        metadata: lease.map_or_else(
            || ObjectMeta {
                name: Some(NAME.into()),
                ..ObjectMeta::default()
            },
            |l| l.metadata.clone(),
        ),
        spec: Some(spec),
    }
}

/// The lease as its holder renews it.
pub fn renewed(lease: &Lease, now: Timestamp) -> Lease {
    let mut lease = lease.clone();
    lease.spec.get_or_insert_default().renew_time = Some(MicroTime(now));
    lease
}

/// The lease as its holder gives it back: nobody's, and over in a second for those who do not know that.
pub fn released(lease: &Lease, now: Timestamp) -> Lease {
    let mut lease = renewed(lease, now);
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.lease_duration_seconds = Some(1);
    lease
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, seconds: i32) -> Lease {
        Lease {
            metadata: ObjectMeta {
                resource_version: Some("7".into()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.into()),
                lease_duration_seconds: Some(seconds),
                lease_transitions: Some(4),
                acquire_time: Some(MicroTime(Timestamp::UNIX_EPOCH)),
                ..LeaseSpec::default()
            }),
        }
    }

    #[test]
    fn a_lease_is_taken_when_it_is_free_over_or_ones_own() {
        let other = |seconds| Some(lease("other", seconds));
        for (seen, unchanged, wanted) in [
            (None, 0, Move::Create),
            (other(15), 0, Move::Wait("other".into())),
            (other(15), 14, Move::Wait("other".into())),
            (other(15), 15, Move::Take),
            (other(40), 15, Move::Wait("other".into())),
            (other(0), 14, Move::Wait("other".into())),
            (other(-1), 15, Move::Take),
            (Some(lease("", 15)), 0, Move::Take),
            (Some(lease("me", 15)), 0, Move::Take),
            (Some(Lease::default()), 0, Move::Take),
        ] {
            let made = decide(seen.as_ref(), "me", Duration::from_secs(unchanged));
            assert_eq!(made, wanted, "{seen:?} {unchanged}");
        }
    }

    #[test]
    fn a_new_holder_counts_a_transition_and_one_that_goes_on_does_not() {
        let now = Timestamp::from_second(1000).unwrap();
        let of = |l: &Lease| {
            let spec = l.spec.clone().unwrap();
            (spec.lease_transitions, spec.acquire_time.map(|t| t.0))
        };
        assert_eq!(of(&taken(Some(&lease("other", 15)), "me", now)), (Some(5), Some(now)));
        let again = taken(Some(&lease("me", 15)), "me", now);
        assert_eq!(of(&again), (Some(4), Some(Timestamp::UNIX_EPOCH)));
        assert_eq!(of(&taken(None, "me", now)), (Some(0), Some(now)));
        // The version guards the write.
        assert_eq!(again.metadata.resource_version.as_deref(), Some("7"));
    }

    #[test]
    fn a_lease_that_was_given_back_is_free_at_once() {
        let back = released(&lease("me", 15), Timestamp::UNIX_EPOCH);
        assert_eq!(
            (holder(Some(&back)), decide(Some(&back), "next", Duration::ZERO)),
            (None, Move::Take)
        );
    }
}
