//! The decision about a drill.
use std::collections::BTreeMap;

use api::names::run_of;
use api::{BackupDrill, BackupDrillStatus, BackupRun, condition, labels};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::drill::history::{doomed, is_active};
use crate::drill::observed::Observed;
use crate::drill::reason::Reason;
use crate::drill::told::{count, say};
use crate::drill::{make, pick, reach};
use crate::health::{self, Health};
use crate::run::Event;
use crate::schedule::Doomed;
use crate::schedule::cron::Calendar;
use crate::schedule::skew;
use crate::schedule::times::{self, Times};
use crate::schedule::trigger::{self, Asked};
use crate::validate;

/// What is to be done for a drill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The run to create; one that exists with that name is the run of that tick.
    pub create: Option<BackupRun>,
    /// Runs to delete: rotated.
    pub delete: Vec<Doomed>,
    /// The whole status; the old one where nothing changed. It is written after the run was created.
    pub status: BackupDrillStatus,
    /// What people should hear of.
    pub events: Vec<Event>,
    /// Name the run that the trigger makes, on the drill, before it is created.
    pub claim: Option<String>,
    /// Remove the trigger annotation and the claim: the run exists, is created by this decision, or cannot be made.
    pub remove_trigger: bool,
    /// Look again then.
    pub requeue_at: Option<Timestamp>,
    /// What a drill that may not start yet waits for.
    waiting: Option<String>,
    /// Why a tick or a trigger was passed over.
    lacks: Option<String>,
}

/// Whether a decision would pick a backup: only then are those of the schedule needed.
pub fn is_to_pick(drill: &BackupDrill, now: Timestamp) -> bool {
    let calendar = Calendar::parse(&drill.spec.schedule, drill.spec.time_zone.as_deref());
    let ticks = calendar.is_ok_and(|calendar| times(drill, &calendar, now).come().is_some());
    let suspended = drill.spec.suspend.unwrap_or(false);
    drill.annotations().contains_key(labels::TRIGGER) || ticks && !suspended || lacked(drill).is_some()
}

/// What a drill says that it lacks.
pub fn lacked(drill: &BackupDrill) -> Option<&str> {
    let ready = condition::find(&drill.status.as_ref()?.conditions, condition::READY)?;
    (ready.reason == Reason::NothingToProve.word()).then_some(ready.message.as_str())
}

/// What is to be done next.
pub fn decide(o: &Observed<'_>) -> Decision {
    let mut d = Decision {
        status: o.drill.status.clone().unwrap_or_default(),
        ..Decision::default()
    };
    let calendar = valid(o, &mut d);
    let suspended = o.drill.spec.suspend.unwrap_or(false);
    say_suspended(o, &mut d, suspended);
    let (doomed, more) = doomed(o);
    d.delete = doomed;
    if let Some(calendar) = &calendar {
        if !suspended {
            tick(o, &mut d, calendar);
        }
        trigger(o, &mut d);
        say_ready(o, &mut d);
    }
    let waiting = d.waiting.take();
    count(o, &mut d.status, waiting);
    let calendar = calendar.filter(|_| !suspended);
    let times = calendar.as_ref().map(|calendar| times(o.drill, calendar, o.now));
    let next = times.and_then(|times| times.next());
    d.status.next_schedule_time = next.map(Time);
    let next = next.and_then(|tick| times?.look(tick));
    let soon = more
        .then(|| o.now.checked_add(SignedDuration::from_secs(1)).ok())
        .flatten();
    d.requeue_at = [next, soon].into_iter().flatten().min();
    let changed = o.drill.status.as_ref() != Some(&d.status);
    d.status.observed_generation = health::observed(d.status.observed_generation, o.drill.metadata.generation, changed);
    d
}

/// The calendar of a drill that is valid; what is wrong with another is told.
fn valid(o: &Observed<'_>, d: &mut Decision) -> Option<Calendar> {
    let (reason, text) = match validate::drill::validate(o.drill) {
        Ok(valid) if !o.namesake => return Some(valid.calendar),
        Ok(_) => {
            let name = o.drill.name_any();
            let text = format!(
                "schedule {name} has the drill's name, and runs of both would have the same names; give the drill another one, such as {name}-drill"
            );
            (Reason::NamesakeSchedule, text)
        }
        Err(faults) => (Reason::Invalid, validate::sentence(&faults)),
    };
    let known = condition::find(&d.status.conditions, condition::READY).is_some_and(|c| c.message == text);
    if !known {
        d.events.push(event(true, reason, "Validate", text.clone()));
    }
    say(o, &mut d.status, condition::READY, false, reason.word(), &text);
    let health = Health::Stuck(reason.word().into(), text);
    health::say(&mut d.status.conditions, &health, o.drill.metadata.generation, o.now);
    None
}

/// Ready, unless the last tick or trigger was passed over and nothing has come since that a drill could prove.
fn say_ready(o: &Observed<'_>, d: &mut Decision) {
    let still = lacked(o.drill).filter(|_| d.create.is_none() && fitting(o, "", None).is_err());
    let lacks = d.lacks.take().or_else(|| still.map(String::from));
    let (health, on, reason, text) = match lacks {
        Some(text) => {
            let reason = Reason::NothingToProve;
            (Health::Coming(reason.word().into(), text.clone()), false, reason, text)
        }
        None => (Health::Well, true, Reason::Valid, "the drill is valid".into()),
    };
    say(o, &mut d.status, condition::READY, on, reason.word(), &text);
    health::say(&mut d.status.conditions, &health, o.drill.metadata.generation, o.now);
}

fn times<'a>(drill: &BackupDrill, calendar: &'a Calendar, now: Timestamp) -> Times<'a> {
    let last = drill.status.as_ref().and_then(|s| s.last_schedule_time.as_ref());
    Times {
        calendar,
        created: drill.metadata.creation_timestamp.as_ref().map_or(now, |t| t.0),
        last: last.map(|t| t.0),
        jitter: times::jitter(&drill.uid().unwrap_or_default(), drill.spec.jitter_seconds),
        deadline: drill.spec.starting_deadline_seconds,
        now,
    }
}

fn tick(o: &Observed<'_>, d: &mut Decision, calendar: &Calendar) {
    let times = times(o.drill, calendar, o.now);
    if let Some(ahead) = times.ahead() {
        d.status.last_schedule_time = Some(Time(times.since()));
        let reason = Reason::ClockWasAhead.word();
        d.events.push(skew::event(reason, ahead, o.now));
    }
    let Some(due) = times.come() else {
        return;
    };
    let name = run_of(&o.drill.name_any(), due.tick.as_second());
    if o.runs.iter().any(|r| r.name_any() == name) {
        // Crash window: the run was created, the status did not tell of it.
        d.status.last_schedule_time = Some(Time(due.tick));
        return;
    }
    if due.late || !may_start(o, d, &name) {
        return;
    }
    if due.many {
        let note =
            "more than 100 ticks were missed; only the last one is run. Was the operator away, or its clock wrong?";
        d.events
            .push(event(true, Reason::TooManyMissedTimes, "Schedule", note.into()));
    }
    d.status.last_schedule_time = Some(Time(due.tick));
    let annotations = BTreeMap::from([(labels::SCHEDULED_AT.to_string(), due.tick.to_string())]);
    let what = format!("the tick of {}", due.tick);
    create(o, d, &name, None, annotations, (Reason::RunCreated, &what));
}

fn trigger(o: &Observed<'_>, d: &mut Decision) {
    let made: Vec<_> = d.create.iter().map(|r| r.name_any()).collect();
    match trigger::asked(o.drill.annotations(), &o.drill.name_any(), &o.runs, &made, o.now) {
        Asked::Nothing => {}
        Asked::Over => d.remove_trigger = true,
        Asked::Claim(_) if same(o).is_some() => {
            let (run, backup) = same(o).unwrap_or_default();
            d.remove_trigger = true;
            let note = format!("run {run} proves the backup of run {backup} already: the trigger makes no other");
            d.events.push(event(false, Reason::RunTriggered, "Trigger", note));
        }
        Asked::Claim(name) => {
            if may_start(o, d, "a triggered drill") {
                d.claim = Some(name);
            }
        }
        Asked::Make(name, value) => {
            if may_start(o, d, "a triggered drill") {
                let annotations = BTreeMap::from([(labels::TRIGGERED.to_string(), value)]);
                d.remove_trigger = true;
                let backup = o.drill.annotations().get(labels::TRIGGER_BACKUP).map(String::as_str);
                create(o, d, &name, backup, annotations, (Reason::RunTriggered, "the trigger"));
            }
        }
    }
}

/// The run under way that proves the very backup that the trigger names, and that backup: two people have asked for the same.
fn same(o: &Observed<'_>) -> Option<(String, String)> {
    let backup = o.drill.annotations().get(labels::TRIGGER_BACKUP)?;
    let proves = |run: &&&BackupRun| is_active(run) && make::picked(run).as_ref() == Some(backup);
    let run = o.runs.iter().find(proves)?;
    Some((run.name_any(), backup.clone()))
}

/// One drill at a time: two would want the resources of two, and learn the same.
fn may_start(o: &Observed<'_>, d: &mut Decision, what: &str) -> bool {
    let mut active: Vec<_> = o.runs.iter().filter(|r| is_active(r)).map(|r| r.name_any()).collect();
    active.extend(d.create.iter().map(|r| r.name_any()));
    if active.is_empty() {
        return true;
    }
    active.sort();
    d.waiting = Some(format!(
        "{what} waits until {} has ended (concurrencyPolicy: Forbid)",
        active.join(", ")
    ));
    false
}

fn create(
    o: &Observed<'_>,
    d: &mut Decision,
    name: &str,
    backup: Option<&str>,
    annotations: BTreeMap<String, String>,
    (reason, what): (Reason, &str),
) {
    match fitting(o, name, backup) {
        Ok((picked, spec)) => {
            let mut annotations = annotations;
            annotations.insert(labels::PICKED.into(), picked.clone());
            d.create = Some(make::run(o.drill, name, spec, annotations));
            let note = format!("created run {name}, which proves the backup of run {picked}");
            d.events.push(event(false, reason, "Create", note));
        }
        Err(why) => {
            let note = format!("{what} is passed over: {why}");
            d.events.push(event(true, Reason::NothingToProve, "Pick", note.clone()));
            d.lacks = Some(note);
        }
    }
}

/// The run whose backup is proved, which is `backup` where somebody asked for that, and the spec of the run that does it; or why there is none.
fn fitting(o: &Observed<'_>, name: &str, backup: Option<&str>) -> Result<(String, api::BackupRunSpec), String> {
    let source = &o.drill.spec.source;
    let seed = format!("{}/{name}", o.drill.uid().unwrap_or_default());
    let picked = match backup {
        Some(backup) => pick::named(backup, &o.backups, &source.schedule)?,
        None => pick::pick(source.pick.unwrap_or_default(), &o.backups, &seed)
            .ok_or_else(|| format!("schedule {} has no good backup yet", source.schedule))?,
    };
    let run = picked.name_any();
    let restore = make::restore(o.drill, picked.spec.restore.as_ref()).ok_or_else(|| {
        format!(
            "neither spec.restore nor run {run}, whose backup was picked, has a restore command; give the drill one"
        )
    })?;
    let spec = make::spec(o.drill, &run, restore, (&o.agent.image, &o.agent.image_pull_policy));
    // The run's own command is written for the Pod that reaches the database which was backed up.
    if let Some(own) = spec.restore.as_ref().filter(|_| !make::says_how(o.drill)) {
        let words = own.command.iter().chain(&own.args).map(String::as_str);
        if let Some(host) = reach::far_of_words(words, &spec.template.spec).first() {
            return Err(format!(
                "the restore command of run {run} names the host {host}, which is none of the drill's Pod: it would restore over what was backed up; give the drill a spec.restore of its own"
            ));
        }
    }
    match validate::run::validate(&spec) {
        Ok(_) => Ok((run, spec)),
        Err(faults) => Err(format!(
            "with the restore command of run {run} the drill's run would be wrong: {}",
            validate::sentence(&faults)
        )),
    }
}

fn say_suspended(o: &Observed<'_>, d: &mut Decision, suspended: bool) {
    let before = condition::is_true(&d.status.conditions, condition::SUSPENDED);
    let (reason, message) = if suspended {
        (Reason::Suspended, "spec.suspend is true")
    } else {
        (Reason::NotSuspended, "")
    };
    if before != suspended {
        let (reason, note) = if suspended {
            (
                reason,
                "no drill is started on ticks until spec.suspend is false; the trigger goes on",
            )
        } else {
            (Reason::Resumed, "drills are started on ticks again")
        };
        d.events.push(event(false, reason, "Suspend", note.into()));
    }
    say(
        o,
        &mut d.status,
        condition::SUSPENDED,
        suspended,
        reason.word(),
        message,
    );
}

fn event(warning: bool, reason: Reason, action: &'static str, note: String) -> Event {
    Event {
        warning,
        reason: reason.word(),
        action,
        note,
    }
}

#[cfg(test)]
mod tests;
