//! A schedule, or a drill, whose run the API server does not take: quota, policy, somebody else's webhook.
use api::condition::{self, Say};
use api::{BackupSchedule, BackupScheduleStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::health::{self, Health};
use crate::run::Event;
use crate::schedule::reason::Reason;

/// The reason of the condition and of the Event.
const REASON: &str = Reason::RunRefused.word();

/// What is told of it, in the API server's words; by an Event once for the same words. The next run that is created takes it back.
pub fn refused(
    schedule: &BackupSchedule,
    run: &str,
    words: &str,
    now: Timestamp,
) -> (BackupScheduleStatus, Option<Event>) {
    let mut status = schedule.status.clone().unwrap_or_default();
    let generation = schedule.metadata.generation;
    let event = told(&mut status.conditions, generation, run, words, now);
    status.observed_generation = generation;
    (status, event)
}

/// Tells of it in these conditions.
pub fn told(
    conditions: &mut Vec<Condition>,
    generation: Option<i64>,
    run: &str,
    words: &str,
    now: Timestamp,
) -> Option<Event> {
    let note = format!("run {run} cannot be created, which is tried again: {words}");
    let known = condition::find(conditions, condition::READY).is_some_and(|c| c.reason == REASON && c.message == note);
    let say = Say {
        type_: condition::READY,
        status: false,
        reason: REASON,
        message: &note,
    };
    condition::set(conditions, &say, generation, now);
    // It is tried again, and goes on being refused until somebody raises a quota or changes a policy.
    health::say(conditions, &Health::Stuck(REASON.into(), note.clone()), generation, now);
    let event = Event {
        warning: true,
        reason: REASON,
        action: "Schedule",
        note,
    };
    (!known).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_the_api_server_does_not_take_is_told_once_in_its_words() {
        let mut schedule: BackupSchedule = serde_json::from_value(serde_json::json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": "nightly", "namespace": "team"},
            "spec": {"schedule": "@daily", "template": {"spec": testing::backup_run().spec}},
        }))
        .unwrap();
        let now = Timestamp::UNIX_EPOCH;
        for (words, told) in [
            ("exceeded quota: runs", true),
            ("exceeded quota: runs", false),
            ("denied by policy", true),
        ] {
            let (status, event) = refused(&schedule, "nightly-1", words, now);
            let ready = condition::find(&status.conditions, condition::READY).unwrap();
            assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", REASON));
            assert!(
                ready.message.contains(words) && ready.message.contains("nightly-1"),
                "{}",
                ready.message
            );
            assert_eq!(event.is_some(), told, "{words}");
            schedule.status = Some(status);
        }
    }
}
