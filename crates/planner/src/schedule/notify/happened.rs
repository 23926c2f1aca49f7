//! What happened to a schedule's runs since they were looked at: beginnings, ends and restores, each noticed once.
use api::notification::{Happened, Notifications, Transition, Trouble};
use api::{BackupRun, condition};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::{AGAIN, Receiver, wants};
use crate::run::shrunk::{self, Judged, LAST};
use crate::run::{LAST_WORDS, Reason};
use crate::schedule::observed::{Observed, Standing, ended, standing};
use crate::schedule::skew::{is_ahead, righted};

/// What ended so long before the last thing that was noticed may be seen later than it: times are whole seconds, of clocks of
/// several operators, and are written before they are seen.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// The longest message, bytes. There may be twenty in a status.
const MESSAGE: usize = 1000;

/// Something that can be noticed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    at: Timestamp,
    what: What,
    key: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Began,
    Ended,
    Restored(u32),
}

/// All that happened after the window's begin, oldest first, with its run. Beginnings only where somebody is told of them: each costs a write.
fn seen<'a>(o: &Observed<'a>, after: Timestamp, receivers: &[Receiver<'_>]) -> Vec<(Seen, &'a BackupRun)> {
    let beginnings = receivers.iter().any(|r| wants(r.to, Happened::Started));
    let mut all = Vec::new();
    for run in o
        .runs
        .iter()
        .copied()
        .filter(|r| r.metadata.deletion_timestamp.is_none())
    {
        let Some(status) = &run.status else { continue };
        let name = run.name_any();
        let mut add = |at: Timestamp, what, key: String| {
            if at > after {
                all.push((Seen { at, what, key }, run));
            }
        };
        if let Some(at) = status.start_time.as_ref().filter(|_| beginnings) {
            add(at.0, What::Began, format!("{name}/began"));
        }
        if standing(run) != Standing::Active {
            add(ended(run), What::Ended, format!("{name}/ended"));
        }
        for restore in &status.restores {
            let key = format!("{name}/restore-{}", restore.number);
            add(restore.completion_time.0, What::Restored(restore.number), key);
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn window(kept: &Notifications) -> Timestamp {
    kept.noticed_until.0.checked_sub(WINDOW).unwrap_or(kept.noticed_until.0)
}

/// Moves the window, and keeps what is inside it.
fn move_on(o: &Observed<'_>, kept: &mut Notifications, all: &[(Seen, &BackupRun)]) {
    // What moves with each look would be written with each look: nothing, and what is of the future, moves it to no time.
    let last = all.iter().map(|(seen, _)| seen.at).filter(|at| *at <= o.now).max();
    if let Some(last) = last {
        kept.noticed_until = Time(last.max(kept.noticed_until.0));
    }
    let after = window(kept);
    kept.noticed = all
        .iter()
        .filter(|(seen, _)| seen.at > after)
        .map(|(seen, _)| seen.key.clone())
        .collect();
}

/// Takes what a clock that was ahead has left for now: nothing that ends until then would be noticed, and nothing that fails be news. What it has seen
/// end after now was noticed then.
pub(super) fn right(o: &Observed<'_>, kept: &mut Notifications, receivers: &[Receiver<'_>]) {
    if let Some(trouble) = &mut kept.trouble {
        trouble.since = Time(righted(trouble.since.0, o.now));
        trouble.told_at = trouble.told_at.take().filter(|told| !is_ahead(told.0, o.now));
    }
    if is_ahead(kept.noticed_until.0, o.now) {
        kept.noticed_until = Time(o.now);
        let ahead = seen(o, o.now, receivers).into_iter().map(|(seen, _)| seen.key);
        kept.noticed.extend(ahead);
    }
}

/// Takes all that is there for noticed.
pub(super) fn pass_over(o: &Observed<'_>, kept: &mut Notifications, receivers: &[Receiver<'_>]) {
    let all = seen(o, window(kept), receivers);
    move_on(o, kept, &all);
}

/// What happened since the last look, in its order; counts what fails in a row.
pub(super) fn since(o: &Observed<'_>, kept: &mut Notifications, receivers: &[Receiver<'_>]) -> Vec<Transition> {
    let all = seen(o, window(kept), receivers);
    let fresh: Vec<_> = all
        .iter()
        .filter(|(seen, _)| !kept.noticed.contains(&seen.key))
        .collect();
    let mut found = Vec::new();
    for (seen, run) in &fresh {
        match seen.what {
            // A beginning that is told after the end would contradict it.
            What::Began if standing(run) == Standing::Active => found.push(transition(run, seen.at, Happened::Started)),
            What::Began => {}
            What::Ended if is_cancelled(run) => {}
            What::Ended if standing(run) == Standing::Successful => good(o, kept, run, seen.at, &mut found),
            What::Ended => found.push(bad(kept, run, seen.at)),
            What::Restored(number) => found.extend(restored(run, seen.at, number)),
        }
    }
    move_on(o, kept, &all);
    found
}

/// Somebody wanted that: a person, or `concurrencyPolicy: Replace`, which the condition Starving tells of.
fn is_cancelled(run: &BackupRun) -> bool {
    let conditions = run.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    condition::find(conditions, condition::FAILED)
        .is_some_and(|c| c.status == "True" && c.reason == Reason::Cancelled.word())
}

fn transition(run: &BackupRun, at: Timestamp, what: Happened) -> Transition {
    let (reason, message) = told_by(run);
    Transition {
        number: 0,
        what,
        at: Time(at),
        run: Some(run.name_any()),
        restore: None,
        since: None,
        failures: None,
        reason: if what == Happened::Started {
            Reason::BackupStarted.word().into()
        } else {
            reason
        },
        message: if what == Happened::Started {
            String::new()
        } else {
            message
        },
    }
}

fn good(o: &Observed<'_>, kept: &mut Notifications, run: &BackupRun, at: Timestamp, found: &mut Vec<Transition>) {
    let mut ended_well = transition(run, at, Happened::Succeeded);
    if let Some(trouble) = kept.trouble.take() {
        ended_well.what = Happened::Recovered;
        ended_well.since = Some(trouble.since);
        ended_well.failures = (trouble.failures > 0).then_some(trouble.failures);
    }
    let shrunk = shrunk_to(o, run, at).map(|note| Transition {
        reason: Reason::Shrunk.word().into(),
        message: bounded(&note),
        ..transition(run, at, Happened::Shrunk)
    });
    found.push(ended_well);
    found.extend(shrunk);
}

fn bad(kept: &mut Notifications, run: &BackupRun, at: Timestamp) -> Transition {
    let trouble = kept.trouble.get_or_insert(Trouble {
        since: Time(at),
        failures: 0,
        told_at: None,
    });
    // One that was missed until now, or was told so long ago, is news.
    let news = trouble.failures == 0
        || trouble
            .told_at
            .as_ref()
            .is_none_or(|told| at.duration_since(told.0) >= AGAIN);
    trouble.failures = trouble.failures.saturating_add(1);
    if news {
        trouble.told_at = Some(Time(at));
    }
    Transition {
        since: Some(trouble.since.clone()),
        failures: Some(trouble.failures),
        ..transition(run, at, if news { Happened::Failed } else { Happened::FailedAgain })
    }
}

fn restored(run: &BackupRun, at: Timestamp, number: u32) -> Option<Transition> {
    let restore = run.status.as_ref()?.restores.iter().find(|r| r.number == number)?;
    let (what, reason) = match restore.successful {
        true => (Happened::Restored, Reason::RestoreSuccessful.word().to_string()),
        false => (Happened::RestoreFailed, restore_reason(run)),
    };
    Some(Transition {
        restore: Some(number),
        reason,
        message: bounded(restore.message.as_deref().unwrap_or_default()),
        ..transition(run, at, what)
    })
}

/// The last restore's own. Of one before it no reason is left; that another one followed says that it did not come to its end.
fn restore_reason(run: &BackupRun) -> String {
    let conditions = run.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    let said = condition::find(conditions, condition::RESTORED).filter(|c| c.status == "False");
    said.map_or_else(|| Reason::Interrupted.word().into(), |c| c.reason.clone())
}

/// What the Event `Shrunk` of the run says, by the sizes of the good backups before it. Whether it may be smaller is the schedule's to say: of its runs
/// metadata and status are known here.
fn shrunk_to(o: &Observed<'_>, run: &BackupRun, at: Timestamp) -> Option<String> {
    let bytes = run.status.as_ref()?.bytes?;
    let backup = o.schedule.spec.template.spec.backup.as_ref()?;
    let mut before: Vec<_> = o
        .runs
        .iter()
        .filter(|r| r.uid() != run.uid() && standing(r) == Standing::Successful && ended(r) < at)
        .filter_map(|r| Some((ended(r), r.status.as_ref()?.bytes?)))
        .collect();
    before.sort_unstable_by(|a, b| b.cmp(a));
    let before: Vec<_> = before.into_iter().map(|(_, bytes)| bytes).take(LAST).collect();
    match shrunk::judge(backup, bytes, &before) {
        Judged::Shrunk(note) => Some(note),
        _ => None,
    }
}

/// How a run ended, in its own words, but for those of its command: these may hold what nobody else is to read.
fn told_by(run: &BackupRun) -> (String, String) {
    let conditions = run.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    let type_ = match standing(run) {
        Standing::Failed => condition::FAILED,
        _ => condition::SUCCESSFUL,
    };
    condition::find(conditions, type_).map_or_else(Default::default, |c| (c.reason.clone(), bounded(&c.message)))
}

pub(super) fn bounded(message: &str) -> String {
    let said = message.split(LAST_WORDS).next().unwrap_or_default();
    said[..said.floor_char_boundary(MESSAGE)].to_string()
}
