//! What tools that wait for objects (kstatus in Flux and Helm, Argo CD, `kubectl wait`) read of a status.
use api::condition::{self, RECONCILING, STALLED, Say};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// How an object is, to whoever waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Its condition Ready says so.
    Well,
    /// It waits or works: it may still come. Reason and words.
    Coming(String, String),
    /// It has come to nothing, and nothing will come of it by itself. Reason and words.
    Stuck(String, String),
}

/// Says it with kstatus' conditions, each there only while it is True: a status is kept for every run.
///
/// kstatus takes the first of the two that it finds, then Ready, of which False alone means "in progress", for ever.
pub fn say(conditions: &mut Vec<Condition>, health: &Health, generation: Option<i64>, now: Timestamp) {
    let (type_, gone, (reason, message)) = match health {
        Health::Well => {
            condition::remove(conditions, RECONCILING);
            condition::remove(conditions, STALLED);
            return;
        }
        Health::Coming(reason, message) => (RECONCILING, STALLED, (reason, message)),
        Health::Stuck(reason, message) => (STALLED, RECONCILING, (reason, message)),
    };
    condition::remove(conditions, gone);
    let say = Say {
        type_,
        status: true,
        reason,
        message,
    };
    condition::set(conditions, &say, generation, now);
}

/// What `status.observedGeneration` becomes. A status that an operator wrote before there was this field, and that has not changed
/// otherwise, stays as it is: an update of the operator does not write every object once more.
pub fn observed(told: Option<i64>, generation: Option<i64>, changed: bool) -> Option<i64> {
    match told.is_some() || changed {
        true => generation.or(told),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_told_with_what_changed_and_alone_only_where_it_was_told_before() {
        for (told, generation, changed, wanted) in [
            (None, Some(2), false, None),
            (None, Some(2), true, Some(2)),
            (Some(-1), Some(1), false, Some(1)),
            (Some(1), Some(2), false, Some(2)),
            (Some(1), None, true, Some(1)),
        ] {
            assert_eq!(
                observed(told, generation, changed),
                wanted,
                "{told:?} {generation:?} {changed}"
            );
        }
    }

    #[test]
    fn of_the_two_conditions_one_at_most_is_there_and_it_is_true() {
        let mut conditions = Vec::new();
        let at = Timestamp::UNIX_EPOCH;
        let pair = |word: &str| (word.to_string(), format!("{word}, in words"));
        let (coming, stuck) = (pair("Queued"), pair("CommandFailed"));
        for (health, there) in [
            (Health::Coming(coming.0, coming.1), Some((RECONCILING, "Queued"))),
            (Health::Stuck(stuck.0, stuck.1), Some((STALLED, "CommandFailed"))),
            (Health::Well, None),
        ] {
            say(&mut conditions, &health, Some(1), at);
            let said: Vec<_> = conditions
                .iter()
                .map(|c| (c.type_.as_str(), c.reason.as_str()))
                .collect();
            assert_eq!(said, there.into_iter().collect::<Vec<_>>());
            assert!(conditions.iter().all(|c| c.status == "True"));
        }
    }
}
