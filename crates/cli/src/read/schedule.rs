//! What is known of a schedule, each with a name: when it runs, how its backups are, and which of them it keeps. Pure.
use api::retention::{Kept, Retention};
use api::{BackupSchedule, BackupScheduleStatus, condition};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::read::facts::Fact;
use crate::read::story::second;
use crate::show::time::{ago, until};

/// What is known, in the order in which people ask.
pub fn facts(schedule: &BackupSchedule, now: Timestamp) -> Vec<Fact> {
    let none = BackupScheduleStatus::default();
    let status = schedule.status.as_ref().unwrap_or(&none);
    let spec = &schedule.spec;
    let ready = condition::find(&status.conditions, condition::READY);
    let last = condition::find(&status.conditions, condition::SUCCESSFUL);
    let zone = spec.time_zone.as_ref().map(|zone| format!(" in {zone}"));
    let place = format!("{}/{}", schedule.namespace().unwrap_or_default(), schedule.name_any());
    let all = [
        ("Schedule", Some(place)),
        (
            "Runs at",
            Some(format!("{}{}", spec.schedule, zone.unwrap_or_default())),
        ),
        ("Suspended", (spec.suspend == Some(true)).then(|| "yes".to_string())),
        (
            "Faults",
            ready.filter(|c| c.status != "True").map(|c| c.message.clone()),
        ),
        ("Last run", last.map(|c| c.message.clone())),
        (
            "Last good",
            status
                .last_successful_time
                .as_ref()
                .map(|t| format!("{} ({} ago)", second(t.0), ago(t.0, now))),
        ),
        (
            "Next",
            status
                .next_schedule_time
                .as_ref()
                .map(|t| format!("{} (in {})", second(t.0), until(t.0, now))),
        ),
        ("Runs", runs(status)),
        ("Keeps", Some(keeps(schedule))),
        ("Kept", status.retention.as_deref().map(kept)),
    ];
    let known = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.filter(|(_, value)| !value.is_empty()).collect()
}

fn runs(status: &BackupScheduleStatus) -> Option<String> {
    let number = |n: Option<u32>| n.unwrap_or(0);
    let total = status.total?;
    let (good, failed) = (number(status.successful), number(status.failed));
    Some(format!(
        "{total}: {good} good, {failed} failed, {} under way",
        number(status.in_progress)
    ))
}

/// What the spec says.
fn keeps(schedule: &BackupSchedule) -> String {
    let spec = &schedule.spec;
    let failed = spec.failed_runs_history_limit.unwrap_or(1);
    let good = match spec.retention.as_deref() {
        None => format!("the newest {} good", spec.successful_runs_history_limit.unwrap_or(3)),
        Some(retention) => format!("good ones by generations ({})", rules(retention)),
    };
    format!("{good}; the newest {failed} failed")
}

fn rules(r: &Retention) -> String {
    let mut all = listed([r.last, r.hourly, r.daily, r.weekly, r.monthly, r.yearly]);
    all.extend(r.within.as_ref().map(|within| format!("within {within}")));
    all.extend(r.min_successful.map(|least| format!("minSuccessful {least}")));
    all.join(", ")
}

/// What the operator has counted.
fn kept(k: &Kept) -> String {
    let mut all = listed([k.last, k.hourly, k.daily, k.weekly, k.monthly, k.yearly]);
    all.extend(k.within.map(|n| format!("within {n}")));
    all.extend(k.otherwise.map(|n| format!("otherwise {n}")));
    let oldest = k.oldest.as_ref().map(|t| format!(", the oldest of {}", second(t.0)));
    format!("{}{}: {}", k.total, oldest.unwrap_or_default(), all.join(", "))
}

fn listed(counts: [Option<u32>; 6]) -> Vec<String> {
    let words = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];
    let given = words.into_iter().zip(counts);
    given.filter_map(|(word, n)| Some(format!("{word} {}", n?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schedule_says_what_it_keeps_and_what_is_kept_by_generation() {
        let mut schedule: BackupSchedule = serde_json::from_value(json!({
            "metadata": {"name": "orders", "namespace": "shop"},
            "spec": {
                "schedule": "0 * * * *",
                "timeZone": "Europe/Berlin",
                "retention": {"hourly": 24, "daily": 7, "within": "2d", "minSuccessful": 3},
                "template": {"spec": testing::backup_run().spec},
            },
            "status": {
                "total": 33, "successful": 31, "failed": 1, "inProgress": 1,
                "lastSuccessfulTime": "2026-11-28T02:00:00Z",
                "nextScheduleTime": "2026-11-28T03:00:00Z",
                "retention": {"total": 31, "hourly": 24, "daily": 7, "within": 48, "otherwise": 1, "oldest": "2026-11-01T02:00:00Z"},
            },
        }))
        .unwrap();
        let now = "2026-11-28T02:30:00Z".parse().unwrap();
        let said = |schedule: &BackupSchedule| -> Vec<String> {
            let all = facts(schedule, now);
            all.iter().map(|(name, value)| format!("{name}: {value}")).collect()
        };
        assert_eq!(
            said(&schedule),
            [
                "Schedule: shop/orders",
                "Runs at: 0 * * * * in Europe/Berlin",
                "Last good: 2026-11-28T02:00:00Z (30m ago)",
                "Next: 2026-11-28T03:00:00Z (in 30m)",
                "Runs: 33: 31 good, 1 failed, 1 under way",
                "Keeps: good ones by generations (hourly 24, daily 7, within 2d, minSuccessful 3); the newest 1 failed",
                "Kept: 31, the oldest of 2026-11-01T02:00:00Z: hourly 24, daily 7, within 48, otherwise 1",
            ]
        );
        schedule.spec.retention = None;
        schedule.status = None;
        assert_eq!(said(&schedule)[2..], ["Keeps: the newest 3 good; the newest 1 failed"]);
    }
}
