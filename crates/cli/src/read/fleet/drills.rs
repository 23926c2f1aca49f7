//! Drills that do not prove what they are for. Pure.
use api::{BackupDrill, condition};
use jiff::Timestamp;
use kube::ResourceExt;

use super::{NOBODY, UNSEEN, Unproved, words};

/// Those whose last one failed, that are refused, or that nobody has looked at; the longest without a good one first. What is suspended is so on
/// purpose: it says nothing until it is let go on.
pub(super) fn unproved(drills: &[BackupDrill], now: Timestamp) -> Vec<Unproved> {
    let mut all: Vec<_> = drills.iter().filter_map(|drill| of(drill, now)).collect();
    all.sort_by(|a, b| (a.last_good, &a.namespace, &a.name).cmp(&(b.last_good, &b.namespace, &b.name)));
    all
}

fn of(drill: &BackupDrill, now: Timestamp) -> Option<Unproved> {
    if drill.spec.suspend == Some(true) {
        return None;
    }
    let told = drill.status.clone().unwrap_or_default();
    let found = |type_: &str, on: &str| condition::find(&told.conditions, type_).filter(|c| c.status == on);
    let created = drill.creation_timestamp().map_or(now, |t| t.0);
    let why = if let Some(refused) = found(condition::READY, "False") {
        words(refused)
    } else if let Some(failed) = found(condition::FAILED, "True") {
        words(failed)
    } else if condition::find(&told.conditions, condition::READY).is_none() && now.duration_since(created) > UNSEEN {
        NOBODY.into()
    } else {
        return None;
    };
    Some(Unproved {
        namespace: drill.namespace().unwrap_or_default(),
        name: drill.name_any(),
        schedule: drill.spec.source.schedule.clone(),
        last_good: told.last_successful_time.map(|t| t.0),
        why,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn drill(name: &str, suspend: bool, conditions: Value, good: Option<&str>) -> BackupDrill {
        serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill",
            "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"schedule": "@weekly", "source": {"schedule": "nightly"}, "suspend": suspend},
            "status": {"conditions": conditions, "lastSuccessfulTime": good},
        }))
        .unwrap()
    }

    fn said(type_: &str, is: &str, reason: &str, message: &str) -> Value {
        json!({"type": type_, "status": is, "reason": reason, "message": message, "lastTransitionTime": "2026-01-02T00:00:00Z"})
    }

    #[test]
    fn a_drill_wants_a_look_when_its_last_one_failed_or_it_makes_none_and_nobody_paused_it() {
        let ready = || said("Ready", "True", "Valid", "");
        let failed = || said("Failed", "True", "CheckFailed", "run weekly-1: 41 rows, not 42");
        let now: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
        let all = [
            drill(
                "good",
                false,
                json!([ready(), said("Failed", "False", "DrillSuccessful", "")]),
                Some("2026-01-09T00:00:00Z"),
            ),
            drill("new", false, json!([ready()]), None),
            drill("paused", true, json!([ready(), failed()]), None),
            drill(
                "was-good",
                false,
                json!([ready(), failed()]),
                Some("2026-01-04T00:00:00Z"),
            ),
            drill("never", false, json!([ready(), failed()]), None),
            drill(
                "wrong",
                false,
                json!([said("Ready", "False", "Invalid", "spec.schedule: no such day")]),
                None,
            ),
            drill("unseen", false, json!([]), None),
        ];
        let seen = unproved(&all, now);
        let seen: Vec<_> = seen.iter().map(|one| (one.name.as_str(), one.why.as_str())).collect();
        let why = "CheckFailed: run weekly-1: 41 rows, not 42";
        let wanted = [
            ("never", why),
            ("unseen", NOBODY),
            ("wrong", "Invalid: spec.schedule: no such day"),
            ("was-good", why),
        ];
        assert_eq!(seen, wanted);
    }
}
