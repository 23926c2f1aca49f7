//! The decision about a schedule.
use std::collections::BTreeMap;

use api::condition::{self, Say};
use api::names::run_of;
use api::schedule::ConcurrencyPolicy;
use api::{BackupRun, BackupSchedule, BackupScheduleStatus, labels};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::{Resource, ResourceExt};

use crate::health::{self, Health};
use crate::run::Event;
use crate::schedule::adopt::{self, Adopted};
use crate::schedule::cron::Calendar;
use crate::schedule::observed::{Observed, is_under_way};
use crate::schedule::reason::Reason;
use crate::schedule::times::{self, Times};
use crate::schedule::trigger::{self, Asked};
use crate::schedule::{count, history, notify, restores, skew, starving};
use crate::validate;

/// What is to be done for a schedule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Runs to create; one that exists with that name is the run of that tick.
    pub create: Vec<BackupRun>,
    /// Runs to delete: cancelled, or rotated.
    pub delete: Vec<Doomed>,
    /// Hold the schedule by our finalizer (true), or let it go; before anything is noted on a run.
    pub hold: Option<bool>,
    /// Runs to take up, or to note something on.
    pub adopt: Vec<Adopted>,
    /// The whole status; the old one where nothing changed.
    pub status: BackupScheduleStatus,
    /// What people should hear of.
    pub events: Vec<Event>,
    /// Name the run that the trigger makes, on the schedule, before it is created.
    pub claim: Option<String>,
    /// Remove the trigger annotation and the claim: the run exists, or is created by this decision.
    pub remove_trigger: bool,
    /// Look again then.
    pub requeue_at: Option<Timestamp>,
    /// What a run that may not start yet waits for, reason and message.
    pub(super) waiting: Option<(&'static str, String)>,
    /// What came to nothing in this pass.
    pub(super) vain: starving::Vain,
}

impl Decision {
    /// The status is written before runs are deleted: that they were replaced is known of nothing else once they are gone. One that
    /// tells of a run is written after that run was created.
    pub fn tells_first(&self) -> bool {
        self.create.is_empty()
    }
}

/// A run to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// Name.
    pub name: String,
    /// UID: another run of that name is never touched.
    pub uid: String,
    /// The version that was looked at: one that has changed meanwhile is looked at again.
    pub version: Option<String>,
    /// Why.
    pub why: Why,
}

/// Why a run is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It makes room for the next (concurrencyPolicy: Replace).
    Replaced,
    /// More are there than the history keeps; in words, for people.
    Rotated(String),
}

impl Doomed {
    /// That run.
    pub fn new(run: &BackupRun, why: Why) -> Self {
        Self {
            name: run.name_any(),
            uid: run.uid().unwrap_or_default(),
            version: run.resource_version(),
            why,
        }
    }
}

/// What is to be done next.
pub fn decide(o: &Observed<'_>) -> Decision {
    let mut d = Decision {
        status: o.schedule.status.clone().unwrap_or_default(),
        ..Decision::default()
    };
    let generation = o.schedule.metadata.generation;
    let calendar = match validate::schedule::validate(o.schedule) {
        Ok(valid) => {
            health::say(&mut d.status.conditions, &Health::Well, generation, o.now);
            say(
                o,
                &mut d,
                condition::READY,
                true,
                Reason::Valid.word(),
                "the schedule is valid",
            );
            Some(valid.calendar)
        }
        Err(faults) => {
            let text = validate::sentence(&faults);
            let known = condition::find(&d.status.conditions, condition::READY).is_some_and(|c| c.message == text);
            if !known {
                d.events.push(Event {
                    warning: true,
                    reason: Reason::Invalid.word(),
                    action: "Validate",
                    note: text.clone(),
                });
            }
            say(o, &mut d, condition::READY, false, Reason::Invalid.word(), &text);
            let health = Health::Stuck(Reason::Invalid.word().into(), text);
            health::say(&mut d.status.conditions, &health, generation, o.now);
            None
        }
    };
    let suspended = o.schedule.spec.suspend.unwrap_or(false);
    say_suspended(o, &mut d, suspended);
    let (adopted, more_to_adopt) = adopt::adopted(o);
    d.events.extend(adopt::taken_up(o, &adopted));
    d.adopt = adopted;
    d.hold = adopt::hold(o);
    let rotation = history::rotate(o);
    d.delete = rotation.doomed;
    d.status.retention = rotation.kept.map(Box::new);
    let more = more_to_adopt || rotation.more;
    if let Some(calendar) = &calendar {
        if !suspended {
            tick(o, &mut d, calendar);
        }
        trigger(o, &mut d);
    }
    count::count(o, &mut d);
    let vain = std::mem::take(&mut d.vain);
    let starving = match o.schedule.spec.concurrency_policy {
        Some(ConcurrencyPolicy::Allow) => starving::pile(o, &mut d.status),
        _ => starving::count(o, &mut d.status, &vain),
    };
    d.events.extend(starving);
    let look = notify::note(o, &mut d.status, calendar.as_ref(), &mut d.events);
    let calendar = calendar.filter(|_| !suspended);
    let times = calendar.as_ref().map(|calendar| times(o, calendar));
    let next = times.and_then(|times| times.next());
    d.status.next_schedule_time = next.map(Time);
    let next = next.and_then(|tick| times?.look(tick));
    let soon = more
        .then(|| o.now.checked_add(SignedDuration::from_secs(1)).ok())
        .flatten();
    d.requeue_at = [next, soon, look, history::released(o)].into_iter().flatten().min();
    let changed = o.schedule.status.as_ref() != Some(&d.status);
    d.status.observed_generation = health::observed(d.status.observed_generation, generation, changed);
    d
}

fn times<'a>(o: &Observed<'_>, calendar: &'a Calendar) -> Times<'a> {
    let schedule = o.schedule;
    let last = schedule.status.as_ref().and_then(|s| s.last_schedule_time.as_ref());
    Times {
        calendar,
        created: schedule.metadata.creation_timestamp.as_ref().map_or(o.now, |t| t.0),
        last: last.map(|t| t.0),
        jitter: jitter(schedule),
        deadline: schedule.spec.starting_deadline_seconds,
        now: o.now,
    }
}

/// How long after its ticks a schedule starts its runs.
pub fn jitter(schedule: &BackupSchedule) -> SignedDuration {
    times::jitter(&schedule.uid().unwrap_or_default(), schedule.spec.jitter_seconds)
}

fn tick(o: &Observed<'_>, d: &mut Decision, calendar: &Calendar) {
    let times = times(o, calendar);
    if let Some(ahead) = times.ahead() {
        d.status.last_schedule_time = Some(Time(times.since()));
        let reason = Reason::ClockWasAhead.word();
        d.events.push(skew::event(reason, ahead, o.now));
    }
    let Some(due) = times.come() else {
        return;
    };
    let name = run_of(&o.schedule.name_any(), due.tick.as_second());
    if o.runs.iter().any(|r| r.name_any() == name) {
        // Crash window: the run was created, the status did not tell of it.
        d.status.last_schedule_time = Some(Time(due.tick));
        return;
    }
    if o.schedule.spec.concurrency_policy == Some(ConcurrencyPolicy::Forbid) && has_active(o) {
        let ticks = times.missed(starving::ENOUGH + 1);
        // The last one waits, as long as it is not late.
        d.vain.passed_over = ticks.saturating_sub(usize::from(!due.late));
    }
    // A tick that was taken up in time is not late because the run that it replaces takes long to stop.
    if due.late && !was_stopping_for(o, &name) {
        return;
    }
    if !may_start(o, d, &name) {
        return;
    }
    if due.many {
        let note =
            "more than 100 ticks were missed; only the last one is run. Was the operator away, or its clock wrong?";
        d.events.push(Event {
            warning: true,
            reason: Reason::TooManyMissedTimes.word(),
            action: "Schedule",
            note: note.into(),
        });
    }
    let annotations = BTreeMap::from([(labels::SCHEDULED_AT.to_string(), due.tick.to_string())]);
    create(o, d, name, annotations, CREATED);
    d.status.last_schedule_time = Some(Time(due.tick));
}

/// Reason of the InProgress condition while Replace waits for a command to stop; its message begins with the run that
/// waits, and so keeps, through a restart of the operator, that its tick was taken up.
const STOPPING: &str = Reason::StoppingForNext.word();
/// The same while Forbid waits for a run to end.
const WAITING: &str = Reason::NextWaits.word();

fn was_stopping_for(o: &Observed<'_>, name: &str) -> bool {
    let status = o.schedule.status.as_ref();
    let told = status.and_then(|s| condition::find(&s.conditions, condition::IN_PROGRESS));
    told.is_some_and(|c| c.reason == STOPPING && c.message.split(' ').next() == Some(name))
}

fn has_active(o: &Observed<'_>) -> bool {
    o.runs.iter().any(|r| is_under_way(r))
}

/// Whether a run may start now. Replace asks the one under way to go, and the new one starts when it is gone.
fn may_start(o: &Observed<'_>, d: &mut Decision, what: &str) -> bool {
    let policy = o.schedule.spec.concurrency_policy.unwrap_or_default();
    match restores::may_start(o, policy, what) {
        restores::Start::Now => {}
        restores::Start::Warned { condition, event } => {
            d.waiting = Some(condition);
            d.events.extend(event);
            return true;
        }
        restores::Start::Waits { condition, event } => {
            d.waiting = Some(condition);
            d.events.extend(event);
            return false;
        }
    }
    let active: Vec<_> = o.runs.iter().filter(|r| is_under_way(r)).collect();
    if policy == ConcurrencyPolicy::Allow || (active.is_empty() && d.create.is_empty()) {
        return true;
    }
    let others = active.iter().map(|r| r.name_any()).collect::<Vec<_>>().join(", ");
    if policy == ConcurrencyPolicy::Forbid {
        d.waiting = Some((
            WAITING,
            format!("{what} waits until {others} has ended (concurrencyPolicy: Forbid)"),
        ));
        return false;
    }
    d.waiting = Some((
        STOPPING,
        format!("{what} waits until {others} has stopped (concurrencyPolicy: Replace)"),
    ));
    for run in active.iter().filter(|r| r.metadata.deletion_timestamp.is_none()) {
        if d.delete.iter().any(|doomed| Some(&doomed.uid) == run.uid().as_ref()) {
            continue;
        }
        d.delete.push(Doomed::new(run, Why::Replaced));
        d.vain.replaced = Some(run.name_any());
        d.events.push(Event {
            warning: false,
            reason: Reason::RunReplaced.word(),
            action: "Replace",
            note: format!(
                "{}make room for {what} (concurrencyPolicy: Replace)",
                stopped(&run.name_any())
            ),
        });
    }
    false
}

fn stopped(run: &str) -> String {
    format!("run {run} is stopped to ")
}

/// Whether that is said of a run: it is not, where the run turned out to have ended.
pub fn says_stopped(event: &Event, run: &str) -> bool {
    event.reason == Reason::RunReplaced.word() && event.note.starts_with(&stopped(run))
}

fn trigger(o: &Observed<'_>, d: &mut Decision) {
    let made: Vec<_> = d.create.iter().map(|r| r.name_any()).collect();
    let asked = trigger::asked(o.schedule.annotations(), &o.schedule.name_any(), &o.runs, &made, o.now);
    match asked {
        Asked::Nothing => {}
        Asked::Over => d.remove_trigger = true,
        Asked::Claim(name) => {
            if may_start(o, d, "a triggered run") {
                d.claim = Some(name);
            }
        }
        Asked::Make(name, value) => {
            if may_start(o, d, "a triggered run") {
                let annotations = BTreeMap::from([(labels::TRIGGERED.to_string(), value)]);
                create(o, d, name, annotations, Reason::RunTriggered.word());
                d.remove_trigger = true;
            }
        }
    }
}

/// Reason of the Event of a run that was created for a tick.
pub const CREATED: &str = Reason::RunCreated.word();

/// What is said where a tick's name belongs to a run that the schedule did not make.
pub fn name_taken(run: &str) -> Event {
    Event {
        warning: true,
        reason: Reason::NameTaken.word(),
        action: "Create",
        note: format!(
            "run {run} exists and was not made by this schedule: the tick that would have that name is not run. To make a backup now, delete that run and trigger the schedule"
        ),
    }
}

fn create(o: &Observed<'_>, d: &mut Decision, name: String, own: BTreeMap<String, String>, reason: &'static str) {
    let schedule = o.schedule;
    let template = &schedule.spec.template;
    let metadata = template.metadata.clone().unwrap_or_default();
    let mut annotations = metadata.annotations.unwrap_or_default();
    annotations.extend(own);
    let mut all = metadata.labels.unwrap_or_default();
    all.insert(labels::SCHEDULE.into(), schedule.name_any());
    annotations.extend(adopt::noted(schedule).map(|value| (labels::WHEN_DELETED.to_string(), value.to_string())));
    let mut run = BackupRun::new(&name, template.spec.clone());
    run.metadata = ObjectMeta {
        name: Some(name.clone()),
        namespace: schedule.namespace(),
        labels: Some(all),
        annotations: Some(annotations),
        owner_references: Some(vec![owner(schedule)]),
        ..ObjectMeta::default()
    };
    d.create.push(run);
    d.events.push(Event {
        warning: false,
        reason,
        action: "Create",
        note: format!("created run {name}"),
    });
}

pub(super) fn owner(schedule: &BackupSchedule) -> OwnerReference {
    OwnerReference {
        api_version: BackupSchedule::api_version(&()).into(),
        kind: BackupSchedule::kind(&()).into(),
        name: schedule.name_any(),
        uid: schedule.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

pub(super) fn say(o: &Observed<'_>, d: &mut Decision, type_: &str, on: bool, reason: &str, message: &str) {
    let say = Say {
        type_,
        status: on,
        reason,
        message,
    };
    condition::set(&mut d.status.conditions, &say, o.schedule.metadata.generation, o.now);
}

fn say_suspended(o: &Observed<'_>, d: &mut Decision, suspended: bool) {
    let before = condition::is_true(&d.status.conditions, condition::SUSPENDED);
    if before != suspended {
        let (reason, note) = if suspended {
            (
                Reason::Suspended,
                "no run is started on ticks until spec.suspend is false; rotation and trigger go on",
            )
        } else {
            (Reason::Resumed, "runs are started on ticks again")
        };
        d.events.push(Event {
            warning: false,
            reason: reason.word(),
            action: "Suspend",
            note: note.into(),
        });
    }
    let (reason, message) = if suspended {
        (Reason::Suspended, "spec.suspend is true")
    } else {
        (Reason::NotSuspended, "")
    };
    say(o, d, condition::SUSPENDED, suspended, reason.word(), message);
}

#[cfg(test)]
mod tests;
