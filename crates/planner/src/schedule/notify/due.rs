//! Whether a backup is missed: by the schedule's own ticks, so that what comes once a week is not missed after a day, nor what comes each minute
//! only then.
use api::BackupScheduleStatus;
use api::condition;
use api::notification::{Expected, Happened, Notifications, Transition, Trouble};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{AGAIN, Receiver, happened, wants};
use crate::schedule::cron::Calendar;
use crate::schedule::decide::jitter;
use crate::schedule::holdup;
use crate::schedule::observed::{Observed, is_under_way};
use crate::schedule::reason::Reason;
use crate::schedule::skew::is_ahead;

/// How long after its tick a good backup is due, at least and at most; between them half of the time to the next tick.
const LEAST: SignedDuration = SignedDuration::from_mins(5);
const MOST: SignedDuration = SignedDuration::from_hours(6);

/// What is missed, where that is news, and when to look again.
pub(super) fn missed(
    o: &Observed<'_>,
    status: &BackupScheduleStatus,
    kept: &mut Notifications,
    calendar: Option<&Calendar>,
    receivers: &[Receiver<'_>],
) -> (Option<Transition>, Option<Timestamp>) {
    let suspended = o.schedule.spec.suspend.unwrap_or(false);
    // One that is refused for something else makes no backups all the more.
    let parsed;
    let calendar = match calendar {
        Some(calendar) => Some(calendar),
        None => {
            parsed = Calendar::parse(&o.schedule.spec.schedule, o.schedule.spec.time_zone.as_deref()).ok();
            parsed.as_ref()
        }
    };
    let (Some(calendar), false) = (calendar, suspended) else {
        kept.expected = None;
        return (None, None);
    };
    let zone = o.schedule.spec.time_zone.as_deref().unwrap_or_default();
    let written = format!("{zone} {}", o.schedule.spec.schedule).trim().to_string();
    let is_other = |e: &Expected| e.calendar != written || is_ahead(e.since.0, o.now);
    if kept.expected.as_ref().is_none_or(is_other) {
        kept.expected = Some(Expected {
            calendar: written,
            since: Time(o.now),
        });
    }
    if !receivers.iter().any(|r| wants(r.to, Happened::Missed)) {
        return (None, None);
    }
    let begun = kept.expected.as_ref().map_or(o.now, |e| e.since.0);
    let good = status.last_successful_time.as_ref().map(|t| t.0);
    let since = good.map_or(begun, |good| good.max(begun));
    let Some(due) = due(o, calendar, since) else {
        return (None, None);
    };
    if o.now < due {
        return (None, Some(due));
    }
    let told = kept.trouble.as_ref().and_then(|t| t.told_at.as_ref()).map(|t| t.0);
    let again = told.and_then(|told| told.checked_add(AGAIN).ok());
    if let Some(again) = again.filter(|again| o.now < *again) {
        return (None, Some(again));
    }
    // Without any good one yet: since it was expected.
    let trouble = kept.trouble.get_or_insert(Trouble {
        since: Time(since),
        failures: 0,
        told_at: None,
    });
    trouble.told_at = Some(Time(o.now));
    let transition = Transition {
        number: 0,
        what: Happened::Missed,
        at: Time(o.now),
        run: None,
        restore: None,
        since: Some(trouble.since.clone()),
        failures: (trouble.failures > 0).then_some(trouble.failures),
        reason: Reason::Missed.word().into(),
        message: happened::bounded(&why(o, status)),
    };
    (Some(transition), o.now.checked_add(AGAIN).ok())
}

/// When the first good backup after `since` is to be there. A run whose command is at work has until the tick after its own.
fn due(o: &Observed<'_>, calendar: &Calendar, since: Timestamp) -> Option<Timestamp> {
    let tick = calendar.next(since)?;
    let following = calendar.next(tick).unwrap_or(tick);
    let grace = following.duration_since(tick) / 2;
    let at_work = o.runs.iter().any(|r| is_under_way(r) && holdup::of(r).is_none());
    let from = if at_work { following } else { tick };
    from.checked_add(grace.clamp(LEAST, MOST))
        .ok()?
        .checked_add(jitter(o.schedule))
        .ok()
}

/// Why there is none, as far as the status knows.
fn why(o: &Observed<'_>, status: &BackupScheduleStatus) -> String {
    let said = |type_: &str, on: &str| {
        let found = condition::find(&status.conditions, type_).filter(|c| c.status == on && !c.message.is_empty());
        found.map(|c| c.message.clone())
    };
    let not_ready = said(condition::READY, "False");
    let waits = || {
        let mut active = o.runs.iter().filter(|r| is_under_way(r));
        active.find_map(|run| holdup::of(run)).map(|held| held.words())
    };
    let of_run = || said(condition::IN_PROGRESS, "True");
    not_ready.or_else(|| said(condition::STARVING, "True")).or_else(waits).or_else(of_run).unwrap_or_else(|| {
        "no run was made for the last ticks, or none of them has ended: look at the Events of the schedule and at its runs".into()
    })
}
