//! A schedule whose runs come to nothing: each is replaced, or its tick passed over, before one has ended; or they wait, more and more.
use api::condition::{self, STARVING, Say};
use api::schedule::Replaced;
use api::{BackupRun, BackupScheduleStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::Event;
use crate::schedule::holdup;
use crate::schedule::observed::{Observed, Standing, ended, is_under_way, standing};
use crate::schedule::reason::Reason;

/// So many in a row are told of.
pub const ENOUGH: usize = 3;

/// What came to nothing in one pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vain {
    /// The run that is replaced (concurrencyPolicy: Replace).
    pub replaced: Option<String>,
    /// Ticks since the run under way that will never be run, counted up to [`ENOUGH`] (concurrencyPolicy: Forbid).
    pub passed_over: usize,
}

/// Counts on, and says when a schedule begins to starve and when that is over; the Event once, when it begins.
///
/// Replaced runs are gone soon after, so the status keeps their number, and the name of the last one: a pass that a crash or an old
/// cache repeats counts it once. Ticks that were passed over are counted anew each time, from the tick of the run under way.
pub fn count(o: &Observed<'_>, status: &mut BackupScheduleStatus, vain: &Vain) -> Option<Event> {
    let standing = condition::find(&status.conditions, STARVING).filter(|c| c.status == "True");
    let starves = standing.is_some();
    let since = status.replaced.as_ref().map(|r| r.since.0);
    let since = since.or(standing.map(|c| c.last_transition_time.0));
    let done = since.and_then(|since| o.runs.iter().find(|r| ended_by_itself(r, since)));
    if let Some(run) = done {
        status.replaced = None;
        if starves {
            let text = format!("run {} has ended", run.name_any());
            say(o, status, false, Reason::RunEnded, &text);
        }
        return None;
    }
    if let Some(run) = &vain.replaced
        && status.replaced.as_ref().is_none_or(|r| r.last != *run)
    {
        let (runs, since) = status.replaced.take().map_or((0, Time(o.now)), |r| (r.runs, r.since));
        status.replaced = Some(Replaced {
            runs: runs.saturating_add(1),
            last: run.clone(),
            since,
        });
    } else if starves && status.replaced.is_some() {
        // What the last one waited for is known of nothing else once it is gone.
        return None;
    }
    let replaced = status.replaced.as_ref().map_or(0, |r| r.runs);
    let (reason, text) = if usize::try_from(replaced).is_ok_and(|n| n >= ENOUGH) {
        let last = o.runs.iter().find(|r| vain.replaced.as_ref() == Some(&r.name_any()));
        let why = last.and_then(|run| holdup::of(run)).map_or_else(
            || "A run, its wait for a turn included, takes longer than the schedule leaves it: have the schedule come less often, make the command faster, or say concurrencyPolicy: Forbid".to_string(),
            |holdup| holdup.words(),
        );
        let text = format!(
            "{replaced} runs in a row were replaced before one had ended (concurrencyPolicy: Replace): there is no new backup, and there will be none. {why}"
        );
        (Reason::RunsReplaced, text)
    } else if vain.passed_over >= ENOUGH {
        let why = active(o).iter().find_map(|run| holdup::of(run)).map_or_else(
            || "A run, its wait for a turn included, takes longer than the schedule leaves it. Have the schedule come less often, or make the command faster; give the command a deadlineSeconds in case it hangs".to_string(),
            |holdup| holdup.words(),
        );
        let text = format!(
            "{ENOUGH} or more ticks in a row were passed over while one run was there (concurrencyPolicy: Forbid). {why}"
        );
        (Reason::TicksPassedOver, text)
    } else {
        return None;
    };
    say(o, status, true, reason, &text);
    (!starves).then_some(Event {
        warning: true,
        reason: Reason::Starving.word(),
        action: "Schedule",
        note: text,
    })
}

/// Runs that wait, and are joined by one more at each tick, all of which would begin at once when what they wait for is there again.
pub fn pile(o: &Observed<'_>, status: &mut BackupScheduleStatus) -> Option<Event> {
    status.replaced = None;
    let starves = condition::is_true(&status.conditions, STARVING);
    let waiting: Vec<_> = active(o).iter().filter_map(|run| holdup::of(run)).collect();
    let Some(first) = waiting.first().filter(|_| waiting.len() >= ENOUGH) else {
        if starves {
            say(o, status, false, Reason::RunsGoOn, "fewer than three runs wait");
        }
        return None;
    };
    let text = format!(
        "{} runs wait (concurrencyPolicy: Allow), and each tick adds one. {}. With concurrencyPolicy: Forbid one run waits, and no more",
        waiting.len(),
        first.words()
    );
    say(o, status, true, Reason::RunsWait, &text);
    (!starves).then_some(Event {
        warning: true,
        reason: Reason::Starving.word(),
        action: "Schedule",
        note: text,
    })
}

/// The runs under way that nobody deletes, oldest first.
fn active<'a>(o: &Observed<'a>) -> Vec<&'a BackupRun> {
    let mut active: Vec<_> = o.runs.iter().copied().filter(|r| is_under_way(r)).collect();
    active.retain(|r| r.metadata.deletion_timestamp.is_none());
    active.sort_by_key(|r| (r.metadata.creation_timestamp.as_ref().map(|t| t.0), r.name_any()));
    active
}

/// Well or badly, but not because it was deleted.
fn ended_by_itself(run: &BackupRun, since: Timestamp) -> bool {
    standing(run) != Standing::Active && run.metadata.deletion_timestamp.is_none() && ended(run) >= since
}

fn say(o: &Observed<'_>, status: &mut BackupScheduleStatus, starves: bool, reason: Reason, message: &str) {
    let say = Say {
        type_: STARVING,
        status: starves,
        reason: reason.word(),
        message,
    };
    condition::set(&mut status.conditions, &say, o.schedule.metadata.generation, o.now);
}
