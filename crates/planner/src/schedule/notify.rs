//! What people are to be told of a schedule: from its runs and what was told before, what happened since. Kept in the status before anything is
//! sent, so that a restart loses nothing; marked there when it was delivered, so that a restart repeats at most what was under way.
mod due;
mod happened;

use api::notification::{Asked, Happened, Notification, Notifications, Told, Transition, Trouble};
use api::{BackupScheduleStatus, condition};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::run::Event;
use crate::schedule::cron::Calendar;
use crate::schedule::observed::Observed;
use crate::schedule::reason::Reason;

/// How many transitions wait to be told at most. A receiver that is away for longer is not told of the oldest.
pub const PENDING: usize = 20;
/// What went on for less than this is not told again: a little less than a day, so that of a daily schedule each failure is told.
const AGAIN: SignedDuration = SignedDuration::from_hours(20);
/// Of the operator's own receivers.
const DEFAULT: &str = "default/";

/// What a decision knows of notifications.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    /// The operator's own receivers, for schedules that have none. None: they are not known, and what stands in the status is left as it is.
    pub default: Option<&'a [Notification]>,
    /// Deliveries that have come to an end since the status was written.
    pub ended: Vec<Ended>,
}

/// A delivery that has come to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The receiver, as the status calls it.
    pub name: String,
    /// The transition.
    pub number: u64,
    /// Why it was given up; none: it was delivered.
    pub failed: Option<String>,
}

/// A receiver, and what it is called in the status.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver<'a> {
    /// `oncall`; `default/oncall` of the operator's own.
    pub name: String,
    /// Whether it is the operator's own.
    pub default: bool,
    /// What it is.
    pub to: &'a Notification,
}

/// Who is told of a schedule: its own receivers, else the operator's.
pub fn receivers<'a>(own: &'a [Notification], default: &'a [Notification]) -> Vec<Receiver<'a>> {
    let is_default = own.is_empty();
    let all = if is_default { default } else { own };
    let each = all.iter().map(|to| Receiver {
        name: if is_default {
            format!("{DEFAULT}{}", to.name)
        } else {
            to.name.clone()
        },
        default: is_default,
        to,
    });
    each.collect()
}

/// Whether a receiver is told of what happened.
pub fn wants(to: &Notification, what: Happened) -> bool {
    if let Some(ping) = &to.ping {
        return match what {
            Happened::Started => ping.start.is_some(),
            Happened::Succeeded | Happened::Recovered => ping.success.is_some(),
            Happened::Failed | Happened::FailedAgain => ping.fail.is_some(),
            _ => false,
        };
    }
    let asked =
        |one: Asked| to.events.contains(&one) || what != Happened::Started && to.events.contains(&Asked::Always);
    let unsaid = to.events.is_empty();
    match what {
        Happened::Started => false,
        Happened::Succeeded | Happened::FailedAgain => to.events.contains(&Asked::Always),
        Happened::Recovered => unsaid || asked(Asked::Recovered),
        Happened::Failed => unsaid || asked(Asked::Failed),
        Happened::Missed => unsaid || asked(Asked::Missed),
        Happened::Shrunk => asked(Asked::Shrunk),
        Happened::Restored | Happened::RestoreFailed => asked(Asked::RestoreEnded),
    }
}

/// What a receiver is to be told next: the oldest that it wants and was not told of.
pub fn next<'a>(kept: &'a Notifications, receiver: &Receiver<'_>) -> Option<&'a Transition> {
    let told = kept.told.iter().find(|t| t.name == receiver.name)?.number;
    kept.pending
        .iter()
        .find(|t| t.number > told && wants(receiver.to, t.what))
}

/// Notices what happened, notes what was told, and says when to look again.
pub(super) fn note(
    o: &Observed<'_>,
    status: &mut BackupScheduleStatus,
    calendar: Option<&Calendar>,
    events: &mut Vec<Event>,
) -> Option<Timestamp> {
    let own = &o.schedule.spec.notifications;
    if own.is_empty() && o.notify.default.is_none() {
        return None;
    }
    let receivers = receivers(own, o.notify.default.unwrap_or_default());
    if receivers.is_empty() {
        status.notifications = None;
        return None;
    }
    let mut kept = match status.notifications.take() {
        Some(kept) => *kept,
        None => begin(o, &receivers),
    };
    happened::right(o, &mut kept, &receivers);
    let before = kept.transitions;
    // Who is new is told of nothing that was before.
    let mut told = std::mem::take(&mut kept.told);
    told.retain(|t| receivers.iter().any(|r| r.name == t.name));
    for receiver in receivers
        .iter()
        .filter(|r| !told.iter().any(|t| t.name == r.name))
        .collect::<Vec<_>>()
    {
        told.push(Told {
            name: receiver.name.clone(),
            number: before,
            at: None,
            failed: None,
        });
    }
    told.sort_by(|a, b| a.name.cmp(&b.name));
    kept.told = told;
    for ended in &o.notify.ended {
        settle(o, &mut kept, ended, events);
    }
    for found in happened::since(o, &mut kept, &receivers) {
        add(&mut kept, &receivers, found);
    }
    let (missed, look) = due::missed(o, status, &mut kept, calendar, &receivers);
    if let Some(missed) = missed {
        add(&mut kept, &receivers, missed);
    }
    forget(o, &mut kept, &receivers, events);
    status.notifications = Some(Box::new(kept));
    look
}

/// When notifications are asked for first: nothing that was before is told, but a schedule that fails is known to fail.
fn begin(o: &Observed<'_>, receivers: &[Receiver<'_>]) -> Notifications {
    let mut kept = Notifications {
        noticed_until: Time(o.now),
        noticed: Vec::new(),
        expected: None,
        trouble: None,
        transitions: 0,
        pending: Vec::new(),
        told: Vec::new(),
    };
    let conditions = o
        .schedule
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    kept.trouble = condition::find(conditions, condition::FAILED)
        .filter(|c| c.status == "True")
        .map(|c| Trouble {
            since: c.last_transition_time.clone(),
            failures: 1,
            told_at: None,
        });
    happened::pass_over(o, &mut kept, receivers);
    kept
}

/// Numbers a transition, and keeps it where somebody wants it.
fn add(kept: &mut Notifications, receivers: &[Receiver<'_>], mut found: Transition) {
    kept.transitions = kept.transitions.saturating_add(1);
    found.number = kept.transitions;
    if receivers.iter().any(|r| wants(r.to, found.what)) {
        kept.pending.push(found);
    }
}

/// A delivery has come to an end: it is not begun again.
fn settle(o: &Observed<'_>, kept: &mut Notifications, ended: &Ended, events: &mut Vec<Event>) {
    let Some(told) = kept
        .told
        .iter_mut()
        .find(|t| t.name == ended.name && t.number < ended.number)
    else {
        return;
    };
    told.number = ended.number;
    told.at = Some(Time(o.now));
    told.failed = ended.failed.clone();
    if let Some(why) = &ended.failed {
        events.push(undelivered(
            &ended.name,
            kept.pending.iter().find(|t| t.number == ended.number),
            why,
        ));
    }
}

fn undelivered(name: &str, what: Option<&Transition>, why: &str) -> Event {
    let what = what.map_or_else(String::new, |t| {
        let run = t.run.as_ref().map(|run| format!(" of run {run}")).unwrap_or_default();
        format!("{}{run} ", crate::notify::text::word(t.what))
    });
    Event {
        warning: true,
        reason: Reason::NotificationFailed.word(),
        action: "Notify",
        note: format!("notification {name}: {what}could not be delivered: {why}"),
    }
}

/// Drops what everybody was told of, and of what is too much the oldest.
fn forget(o: &Observed<'_>, kept: &mut Notifications, receivers: &[Receiver<'_>], events: &mut Vec<Event>) {
    let told = kept.told.clone();
    let waits = |t: &Transition, r: &Receiver<'_>| {
        wants(r.to, t.what) && told.iter().any(|one| one.name == r.name && one.number < t.number)
    };
    kept.pending.retain(|t| receivers.iter().any(|r| waits(t, r)));
    let too_many = kept.pending.len().saturating_sub(PENDING);
    for dropped in kept.pending.drain(..too_many).collect::<Vec<_>>() {
        for one in kept.told.iter_mut().filter(|one| one.number < dropped.number) {
            let Some(receiver) = receivers.iter().find(|r| r.name == one.name) else {
                continue;
            };
            one.number = dropped.number;
            if wants(receiver.to, dropped.what) {
                let why = format!("more than {PENDING} wait for this receiver, and the oldest is given up");
                events.push(undelivered(&one.name, Some(&dropped), &why));
                one.failed = Some(why);
                one.at = Some(Time(o.now));
            }
        }
    }
}

#[cfg(test)]
mod tests;
