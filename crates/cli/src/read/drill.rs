//! What is known of a drill, each with a name: what it proves and when, and how the last ones ended. Pure.
use api::{BackupDrill, BackupDrillStatus, condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::read::facts::Fact;
use crate::read::story::second;
use crate::show::time::{ago, until};

/// What is known, in the order in which people ask.
pub fn facts(drill: &BackupDrill, now: Timestamp) -> Vec<Fact> {
    let none = BackupDrillStatus::default();
    let status = drill.status.as_ref().unwrap_or(&none);
    let spec = &drill.spec;
    let said = |type_| condition::find(&status.conditions, type_);
    let zone = spec.time_zone.as_ref().map(|zone| format!(" in {zone}"));
    let place = format!("{}/{}", drill.namespace().unwrap_or_default(), drill.name_any());
    let mode = spec.mode.unwrap_or_default().word();
    let pick = spec.source.pick.unwrap_or_default();
    let past = |at: &Time| format!("{} ({} ago)", second(at.0), ago(at.0, now));
    let took = status.last_duration.as_ref().map(|took| format!(", took {took}"));
    let number = |n: Option<u32>| n.unwrap_or(0);
    let all = [
        ("Drill", Some(place)),
        (
            "Proves",
            Some(format!("{pick:?} of schedule {} ({mode})", spec.source.schedule)),
        ),
        (
            "Runs at",
            Some(format!("{}{}", spec.schedule, zone.unwrap_or_default())),
        ),
        ("Suspended", (spec.suspend == Some(true)).then(|| "yes".to_string())),
        (
            "Faults",
            said(condition::READY)
                .filter(|c| c.status != "True")
                .map(|c| c.message.clone()),
        ),
        (
            "Under way",
            said(condition::IN_PROGRESS).filter(|c| c.status == "True").map(|c| {
                let runs = status.active.iter().flat_map(|run| run.name.as_deref());
                format!("{} {}", runs.collect::<Vec<_>>().join(", "), c.message)
            }),
        ),
        ("Last drill", said(condition::SUCCESSFUL).map(|c| c.message.clone())),
        (
            "Ended",
            status
                .last_completion_time
                .as_ref()
                .map(|t| past(t) + &took.unwrap_or_default()),
        ),
        ("Last proved", status.last_successful_time.as_ref().map(past)),
        (
            "Next",
            status
                .next_schedule_time
                .as_ref()
                .map(|t| format!("{} (in {})", second(t.0), until(t.0, now))),
        ),
        (
            "Runs",
            status.total.map(|total| {
                let (good, failed) = (number(status.successful), number(status.failed));
                format!(
                    "{total}: {good} good, {failed} failed, {} under way",
                    number(status.in_progress)
                )
            }),
        ),
    ];
    let known = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.filter(|(_, value)| !value.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_drill_says_what_it_proves_and_how_the_last_one_ended() {
        let said = |type_: &str, status: &str, message: &str| json!({"type": type_, "status": status, "reason": "x", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let drill = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill", "metadata": {"name": "weekly", "namespace": "shop"},
            "spec": {"schedule": "@weekly", "source": {"schedule": "nightly", "pick": "Oldest"}},
            "status": {"total": 2, "successful": 1, "failed": 1, "lastSuccessfulTime": "2026-01-01T00:00:00Z",
                "lastCompletionTime": "2026-01-07T00:00:00Z", "lastDuration": "3s",
                "conditions": [said("Ready", "True", "the drill is valid"), said("Successful", "False", "run weekly-1: the object is damaged")]},
        }))
        .unwrap();
        let facts = facts(&drill, "2026-01-08T00:00:00Z".parse().unwrap());
        let fact = |name: &str| facts.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
        assert_eq!(fact("Proves"), Some("Oldest of schedule nightly (Read)"));
        assert_eq!(fact("Last drill"), Some("run weekly-1: the object is damaged"));
        assert!(fact("Ended").unwrap().ends_with(", took 3s"), "{facts:?}");
        assert_eq!(fact("Runs"), Some("2: 1 good, 1 failed, 0 under way"));
        assert_eq!((fact("Faults"), fact("Suspended")), (None, None));
    }
}
