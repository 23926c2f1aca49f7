//! From when on, and how often, a good backup is expected of a schedule: one answer for metrics, alerts and the command line.
use api::{BackupSchedule, condition};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::schedule::cron::Calendar;
use crate::schedule::ticks;

/// So much later than its interval a good backup may end, at least: who ticks each minute is not late after thirty seconds.
const LEAST: SignedDuration = SignedDuration::from_mins(5);

/// The later of its creation and the end of its last suspension; none while that is not over.
pub fn active_since(schedule: &BackupSchedule, now: Timestamp) -> Option<Timestamp> {
    let told = schedule.status.as_ref().map(|s| s.conditions.as_slice());
    at_work_since(created(schedule, now), told.unwrap_or_default())
}

/// The same of whatever was made then and says these conditions.
pub fn at_work_since(created: Timestamp, told: &[Condition]) -> Option<Timestamp> {
    match condition::find(told, condition::SUSPENDED) {
        None => Some(created),
        Some(said) if said.status == "True" => None,
        Some(said) => Some(said.last_transition_time.0.max(created)),
    }
}

/// How far apart ticks are around the last good backup, or around the moment from which on one is expected. None where the schedule cannot be
/// read, or has no two ticks.
pub fn interval(schedule: &BackupSchedule, now: Timestamp) -> Option<SignedDuration> {
    let spec = &schedule.spec;
    let calendar = Calendar::parse(&spec.schedule, spec.time_zone.as_deref()).ok()?;
    let told = schedule.status.as_ref();
    let began = told.and_then(|t| {
        let last = t.last_backup.as_ref().and_then(|l| l.start_time.as_ref());
        last.or(t.last_successful_time.as_ref())
    });
    let from = [began.map(|t| t.0), active_since(schedule, now)]
        .into_iter()
        .flatten()
        .max();
    ticks::distance(&calendar, from.unwrap_or_else(|| created(schedule, now)))
}

/// Since when it is without a good backup: the end of its last one, or that it was made or let go on, whichever came later.
pub fn without_since(schedule: &BackupSchedule, now: Timestamp) -> Option<Timestamp> {
    let good = schedule.status.as_ref().and_then(|s| s.last_successful_time.as_ref());
    let since = active_since(schedule, now)?;
    Some(good.map_or(since, |good| good.0.max(since)))
}

/// How old its last good backup may be: one and a half of its intervals, five minutes more than one at least, and its jitter.
pub fn oldest(schedule: &BackupSchedule, interval: SignedDuration) -> SignedDuration {
    let jitter = SignedDuration::from_secs(schedule.spec.jitter_seconds.unwrap_or(0).into());
    let half = (interval / 2).max(LEAST);
    interval.saturating_add(half).saturating_add(jitter)
}

fn created(schedule: &BackupSchedule, now: Timestamp) -> Timestamp {
    schedule.metadata.creation_timestamp.as_ref().map_or(now, |t| t.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn schedule(expression: &str, status: Value) -> BackupSchedule {
        serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
            "metadata": {"name": "nightly", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"schedule": expression, "template": {"spec": testing::backup_run().spec}},
            "status": status,
        }))
        .unwrap()
    }

    fn t(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn it_is_expected_since_the_last_good_one_or_since_the_schedule_was_made_or_let_go_on() {
        let suspended = |is: &str| json!({"type": "Suspended", "status": is, "reason": "Suspended", "message": "", "lastTransitionTime": "2026-01-05T00:00:00Z"});
        for (status, wanted) in [
            (json!({}), Some("2026-01-01T00:00:00Z")),
            (
                json!({"lastSuccessfulTime": "2026-01-03T00:00:00Z"}),
                Some("2026-01-03T00:00:00Z"),
            ),
            (json!({"conditions": [suspended("True")]}), None),
            (
                json!({"lastSuccessfulTime": "2026-01-03T00:00:00Z", "conditions": [suspended("False")]}),
                Some("2026-01-05T00:00:00Z"),
            ),
        ] {
            let seen = without_since(&schedule("@daily", status.clone()), t("2026-01-09T00:00:00Z"));
            assert_eq!(seen, wanted.map(t), "{status}");
        }
    }

    #[test]
    fn a_good_backup_is_enough_for_one_and_a_half_intervals_and_the_jitter() {
        const HOUR: i64 = 3600;
        for (expression, jitter, wanted) in [
            ("@daily", 0, Some(36 * HOUR)),
            ("@daily", 600, Some(36 * HOUR + 600)),
            ("@hourly", 0, Some(HOUR + HOUR / 2)),
            ("* * * * *", 0, Some(60 + 300)),
            ("every day", 0, None),
        ] {
            let mut schedule = schedule(expression, json!({}));
            schedule.spec.jitter_seconds = Some(jitter);
            let seen = interval(&schedule, t("2026-01-09T00:00:00Z")).map(|i| oldest(&schedule, i).as_secs());
            assert_eq!(seen, wanted, "{expression} {jitter}");
        }
        let weekdays = |ended: &str| {
            let schedule = schedule("0 1 * * 1-5", json!({ "lastSuccessfulTime": ended }));
            interval(&schedule, t("2026-01-09T12:00:00Z")).map(|i| i.as_secs() / HOUR)
        };
        assert_eq!(weekdays("2026-01-08T01:10:00Z"), Some(24), "after Thursday's");
        assert_eq!(weekdays("2026-01-09T01:10:00Z"), Some(72), "after Friday's");
    }
}
