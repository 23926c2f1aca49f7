//! What follows from the rest of a status, and is in it for those who cannot work it out: tools that wait for a run (the generation that
//! it speaks of, whether it may still come to something), and columns (duration, ratio).
use api::{BackupRunStatus, condition};

use crate::health::{self, Health};
use crate::run::life::is_finished;
use crate::run::observed::Observed;
use crate::run::reason::Reason;
use crate::run::step::{Decision, Guarded};
use crate::size::span;

/// Puts it into each status that a decision reports. A finished run of which nothing is to be reported tells of a new generation all the
/// same, once: it is asked for until it does.
pub fn told(o: &Observed<'_>, mut decision: Decision) -> Decision {
    let none = BackupRunStatus::default();
    let before = o.run.status.as_ref().unwrap_or(&none);
    let mut reports = false;
    for step in decision.guarded.iter_mut().chain(&mut decision.settled) {
        if let Guarded::Report(status) = step {
            reports = true;
            complete(o, before, status);
        }
    }
    let seen = before.observed_generation;
    if !reports && seen.is_some() && seen != o.run.metadata.generation && is_finished(before) {
        let mut status = Box::new(before.clone());
        complete(o, before, &mut status);
        decision.guarded.push(Guarded::Report(status));
    }
    decision
}

fn complete(o: &Observed<'_>, before: &BackupRunStatus, status: &mut BackupRunStatus) {
    let generation = o.run.metadata.generation;
    let changed = status != before;
    if changed {
        status.duration = duration(status);
        status.ratio = ratio(status);
    }
    status.observed_generation = health::observed(before.observed_generation, generation, changed);
    if status.observed_generation.is_some() {
        let health = of(status);
        health::say(&mut status.conditions, &health, generation, o.now);
    }
}

/// How long the backup took, or the last restore of a run without one.
fn duration(status: &BackupRunStatus) -> Option<String> {
    let (start, end) = status.start_time.as_ref().zip(status.completion_time.as_ref())?;
    Some(span(end.0.duration_since(start.0)))
}

/// How many times smaller the backup is in the store than the command printed it.
fn ratio(status: &BackupRunStatus) -> Option<String> {
    let (bytes, stored) = (status.bytes?, status.size_in_bytes.filter(|stored| *stored > 0)?);
    let tenths = (u128::from(bytes) * 10 + u128::from(stored) / 2) / u128::from(stored);
    Some(format!("{}.{}", tenths / 10, tenths % 10))
}

/// How a run is. What its backup is worth does not change by a restore, but it is under way while one is.
fn of(status: &BackupRunStatus) -> Health {
    let said = |type_, on: &str| {
        condition::find(&status.conditions, type_)
            .filter(|c| c.status == on)
            .map(|c| (c.reason.clone(), c.message.clone()))
    };
    let words = || status.message.clone().unwrap_or_default();
    if let Some((reason, message)) = said(condition::IN_PROGRESS, "True") {
        // What is waited for, where something is: the condition only says that it is at work.
        Health::Coming(reason, status.message.clone().unwrap_or(message))
    } else if status.queued.is_some() {
        Health::Coming(Reason::Queued.word().into(), words())
    } else if status.restore_requested_at.is_some() && is_finished(status) {
        Health::Coming(Reason::RestoreWaits.word().into(), words())
    } else if let Some((reason, message)) = said(condition::FAILED, "True") {
        Health::Stuck(reason, message)
    } else {
        match (said(condition::READY, "False"), is_finished(status)) {
            // It was good, and is not there any more.
            (Some((reason, message)), true) => Health::Stuck(reason, message),
            (Some((reason, message)), false) => Health::Coming(reason, message),
            (None, _) => Health::Well,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_have_what_follows_from_times_and_sizes() {
        for (status, duration_, ratio_) in [
            (json!({}), None, None),
            (json!({"startTime": "2026-01-01T00:00:00Z"}), None, None),
            (
                json!({"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:02:03Z", "bytes": 1000, "sizeInBytes": 310}),
                Some("2m3s"),
                Some("3.2"),
            ),
            // A clock that was set back.
            (
                json!({"startTime": "2026-01-01T00:00:09Z", "completionTime": "2026-01-01T00:00:00Z"}),
                Some("0s"),
                None,
            ),
            (json!({"bytes": 0, "sizeInBytes": 0}), None, None),
            (json!({"bytes": 99, "sizeInBytes": 100}), None, Some("1.0")),
        ] {
            let status: BackupRunStatus = serde_json::from_value(status).unwrap();
            assert_eq!(
                (duration(&status).as_deref(), ratio(&status).as_deref()),
                (duration_, ratio_),
                "{status:?}"
            );
        }
    }
}
