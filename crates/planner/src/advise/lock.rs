//! Whether a store holds backups longer than rotation keeps them.
use api::run::RetainPolicy;
use api::{BackupSchedule, BackupStorage};
use jiff::Timestamp;

use crate::schedule::cron::Calendar;
use crate::schedule::retention::Policy;
use crate::validate::Fault;

/// A day.
const DAY: i64 = 24 * 3600;
/// So many ticks are looked at.
const MOST: usize = 100_000;

/// Where rotation would remove objects that the storage locks for longer.
pub(super) fn advise(
    schedule: &BackupSchedule,
    storage: Option<&BackupStorage>,
    calendar: Option<&Calendar>,
    now: Timestamp,
) -> Option<Fault> {
    let spec = &schedule.spec;
    let deletes = spec.template.spec.retain_policy == Some(RetainPolicy::Delete);
    let days = storage?.spec.parameters.as_ref()?.get("lockDays")?;
    let days: i64 = days.parse().ok().filter(|_| deletes)?;
    match Policy::of(schedule) {
        Ok(Some(policy)) => return by_generations(&policy, days, calendar?, now),
        // It removes nothing.
        Err(_) => return None,
        Ok(None) => {}
    }
    let limit = spec.successful_runs_history_limit.unwrap_or(3).max(1);
    let first = calendar?.next(now)?;
    // The run that rotation removes at a tick was made so many ticks before.
    let ticks = std::iter::successors(Some(first), |tick| calendar?.next(*tick));
    let held = ticks
        .clone()
        .take_while(|tick| tick.duration_since(first).as_secs() < days.saturating_mul(DAY));
    let most = held.take(MOST).count();
    (most > limit as usize).then(|| {
        Fault::new(
            "spec.successfulRunsHistoryLimit",
            format!(
                "is {limit}, and the storage locks each object for {days} days (lockDays), in which {most} backups are made: rotation passes by those that are locked, so that about {most} are kept and paid for; raise the limit to that, or lower lockDays"
            ),
        )
    })
}

/// Where the rules let go of backups that are younger than their locks.
fn by_generations(policy: &Policy, days: i64, calendar: &Calendar, now: Timestamp) -> Option<Fault> {
    let first = calendar.next(now)?;
    let ticks = std::iter::successors(Some(first), |tick| calendar.next(*tick));
    let locked = ticks.take_while(|tick| tick.duration_since(first).as_secs() < days.saturating_mul(DAY));
    let mut backups: Vec<_> = locked.take(MOST).map(|tick| policy.backup(tick)).collect();
    backups.reverse();
    let made = backups.len();
    let fates = policy.judge(&backups, backups.first()?.at);
    let kept = fates.iter().filter(|fate| fate.stays()).count();
    (made > kept).then(|| {
        Fault::new(
            "spec.retention",
            format!(
                "keeps {kept} of the {made} backups that are made in {days} days, for which the storage locks each object (lockDays): rotation passes by those that are locked, so that about {made} are kept and paid for; lower lockDays, or keep more"
            ),
        )
    })
}
