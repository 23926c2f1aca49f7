//! What a drill says of its runs: how many there are, which are under way, how the last one ended.
use api::condition::{self, Say};
use api::{BackupDrill, BackupDrillStatus, BackupRun};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::drill::history::is_active;
use crate::drill::make;
use crate::drill::observed::Observed;
use crate::drill::reason::Reason;
use crate::run::Event;
use crate::schedule::count::{reference, told_by};
use crate::schedule::observed::{Standing, ended, standing};
use crate::schedule::{holdup, refused as of_schedule};

/// Counters, the runs under way, and how the last one ended. `waiting` is what a drill that may not start yet waits for.
pub fn count(o: &Observed<'_>, status: &mut BackupDrillStatus, waiting: Option<String>) {
    let number =
        |of: &dyn Fn(&BackupRun) -> bool| u32::try_from(o.runs.iter().filter(|r| of(r)).count()).unwrap_or(u32::MAX);
    let ended_as = |run: &BackupRun, kind| !is_active(run) && standing(run) == kind;
    let active = number(&is_active);
    status.total = Some(number(&|_| true));
    status.successful = Some(number(&|r| ended_as(r, Standing::Successful)));
    status.failed = Some(number(&|r| ended_as(r, Standing::Failed)));
    status.in_progress = Some(active);
    let mut names: Vec<_> = o.runs.iter().filter(|r| is_active(r)).map(|r| reference(r)).collect();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    status.active = names;
    let (reason, message) = match waiting {
        Some(words) => (Reason::NextWaits, words),
        None if active > 0 => (Reason::RunUnderWay, held_up(o)),
        None => (Reason::Idle, String::new()),
    };
    say(o, status, condition::IN_PROGRESS, active > 0, reason.word(), &message);
    // Of the newest run, not noted when it is made: a crash between that and the status would lose it.
    let newest = o.runs.iter().max_by_key(|r| (r.creation_timestamp(), r.name_any()));
    if let Some(picked) = newest.and_then(|r| make::picked(r)) {
        status.last_picked = Some(picked);
    }
    let good = o
        .runs
        .iter()
        .filter(|r| ended_as(r, Standing::Successful))
        .map(|r| ended(r))
        .max();
    let before = status.last_successful_time.as_ref().map(|t| t.0);
    status.last_successful_time = good.max(before).map(Time);
    let last = o
        .runs
        .iter()
        .filter(|r| !is_active(r))
        .max_by_key(|r| (ended(r), r.name_any()));
    let Some(last) = last.filter(|r| {
        status
            .last_completion_time
            .as_ref()
            .is_none_or(|told| told.0 <= ended(r))
    }) else {
        return;
    };
    status.last_completion_time = Some(Time(ended(last)));
    status.last_start_time = last.status.as_ref().and_then(|s| s.start_time.clone());
    status.last_duration = last.status.as_ref().and_then(|s| s.duration.clone());
    if let Some((good, reason, text)) = told_by(last) {
        let of = last.status.as_ref().and_then(|s| s.source.as_ref());
        let text = of.map_or(text.clone(), |of| format!("backup of run {}, {text}", of.run));
        say(o, status, condition::SUCCESSFUL, good, &reason, &text);
        say(o, status, condition::FAILED, !good, &reason, &text);
    }
}

/// What a status tells when a run was made since it was decided: `o` has it, too.
pub fn with_created(o: &Observed<'_>, mut status: BackupDrillStatus) -> BackupDrillStatus {
    count(o, &mut status, None);
    status
}

/// What the last of the runs under way waits for, where it has not come to its command.
fn held_up(o: &Observed<'_>) -> String {
    let active = o.runs.iter().filter(|r| is_active(r));
    let last = active.max_by_key(|r| (r.creation_timestamp(), r.name_any()));
    last.and_then(|run| holdup::of(run))
        .map(|held| held.words())
        .unwrap_or_default()
}

/// Says a condition.
pub fn say(o: &Observed<'_>, status: &mut BackupDrillStatus, type_: &str, on: bool, reason: &str, message: &str) {
    let say = Say {
        type_,
        status: on,
        reason,
        message,
    };
    condition::set(&mut status.conditions, &say, o.drill.metadata.generation, o.now);
}

/// What is told of a run that the API server does not take, in its words; by an Event once for the same words.
pub fn refused(drill: &BackupDrill, run: &str, words: &str, now: Timestamp) -> (BackupDrillStatus, Option<Event>) {
    let mut status = drill.status.clone().unwrap_or_default();
    let generation = drill.metadata.generation;
    let event = of_schedule::told(&mut status.conditions, generation, run, words, now);
    status.observed_generation = generation;
    (status, event)
}

/// What is said where a tick's name belongs to a run that the drill did not make.
pub fn name_taken(run: &str) -> Event {
    Event {
        warning: true,
        reason: Reason::NameTaken.word(),
        action: "Create",
        note: format!(
            "run {run} exists and was not made by this drill: the tick that would have that name is passed over. To prove a backup now, delete that run and trigger the drill"
        ),
    }
}
