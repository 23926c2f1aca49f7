//! Conditions: their types, and the one way to set one.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The object is usable: a storage answers, a schedule is valid, a run's backup is good.
pub const READY: &str = "Ready";
/// Nothing has been run yet.
pub const NEVER_RUN: &str = "NeverRun";
/// A backup or a restore is being made.
pub const IN_PROGRESS: &str = "InProgress";
/// The backup ended well. Speaks of the backup only; in a restore-only run, of its last restore that ended.
pub const SUCCESSFUL: &str = "Successful";
/// The backup failed. Speaks of the backup only; in a restore-only run, of its last restore that ended.
pub const FAILED: &str = "Failed";
/// The run can be restored.
pub const RESTORABLE: &str = "Restorable";
/// What is stored is encrypted; the message names the recipients.
pub const ENCRYPTED: &str = "Encrypted";
/// What is stored is compressed; the message names the algorithm.
pub const COMPRESSED: &str = "Compressed";
/// How the last restore ended.
pub const RESTORED: &str = "Restored";
/// The backup lies in each further storage that it was to be copied to.
pub const COPIED: &str = "Copied";
/// How the last rewrap went: the backup is encrypted for whom it was asked to be, and nothing of before is left. Absent before the first one.
pub const REWRAPPED: &str = "Rewrapped";
/// A drill has restored the backup, and whether it was good; absent before the first one.
pub const VERIFIED: &str = "Verified";
/// The schedule is suspended.
pub const SUSPENDED: &str = "Suspended";
/// Runs of the schedule are replaced, or its ticks passed over, before one ends; said once it was so.
pub const STARVING: &str = "Starving";
/// The access key of a storage may delete; said where it may not.
pub const DELETABLE: &str = "Deletable";
/// The access key of a storage may list; said where it may not.
pub const LISTABLE: &str = "Listable";

/// The object waits or is worked on. As kstatus has it, which Flux and Helm read: there while it is True, and no more after that.
pub const RECONCILING: &str = "Reconciling";
/// The object has come to nothing, and nothing will come of it by itself. Likewise kstatus'.
pub const STALLED: &str = "Stalled";

/// What one condition shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say<'a> {
    /// The condition's type.
    pub type_: &'a str,
    /// True or False.
    pub status: bool,
    /// One CamelCase word.
    pub reason: &'a str,
    /// A sentence for people.
    pub message: &'a str,
}

/// Sets a condition; `lastTransitionTime` moves only when the status does, as KEP-1623 asks.
pub fn set(conditions: &mut Vec<Condition>, say: &Say<'_>, generation: Option<i64>, now: Timestamp) {
    let status = if say.status { "True" } else { "False" };
    let fresh = |since| Condition {
        type_: say.type_.into(),
        status: status.into(),
        reason: say.reason.into(),
        message: say.message.into(),
        observed_generation: generation,
        last_transition_time: since,
    };
    match conditions.iter_mut().find(|c| c.type_ == say.type_) {
        Some(old) if old.status == status => *old = fresh(old.last_transition_time.clone()),
        Some(old) => *old = fresh(Time(now)),
        None => conditions.push(fresh(Time(now))),
    }
}

/// Takes a condition away.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|c| c.type_ != type_);
}

/// Whether the condition is there and True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    conditions.iter().any(|c| c.type_ == type_ && c.status == "True")
}

/// The condition of that type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == type_)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let (t1, t2) = (
            Timestamp::from_second(100).unwrap(),
            Timestamp::from_second(200).unwrap(),
        );
        let mut all = Vec::new();
        let mut say = Say {
            type_: READY,
            status: true,
            reason: "Probed",
            message: "one",
        };
        set(&mut all, &say, Some(1), t1);
        say.message = "two";
        set(&mut all, &say, Some(1), t2);
        assert_eq!((all[0].last_transition_time.0, all[0].message.as_str()), (t1, "two"));
        say.status = false;
        set(&mut all, &say, Some(2), t2);
        assert_eq!((all.len(), all[0].last_transition_time.0), (1, t2));
        assert!(!is_true(&all, READY));
    }
}
