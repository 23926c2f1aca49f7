//! A run that waits for its turn, because as many are under way as may be at once.
//!
//! It holds nothing meanwhile: no Pod, no upload, no deadline. What begins (path, attempt, start deadline) begins with its turn.
use api::BackupRunStatus;
use api::run::Queued;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::queue::{Lack, Place, Turn};
use crate::run::limits::{PLACE, QUEUED, SETTLED};
use crate::run::observed::Observed;
use crate::run::reason::Reason;
use crate::run::step::{Ask, Decision, Event, Guarded, Unguarded};
use crate::run::tell;

/// How the run waits; None where it has its turn.
pub fn wait(o: &Observed<'_>, status: &BackupRunStatus, restore: bool) -> Option<Decision> {
    let before = status.queued.as_ref();
    match &o.turn {
        Turn::Given => None,
        Turn::NotAsked => {
            let since = before.map(|q| q.since.0).or_else(|| since(o, restore));
            let since = since.unwrap_or(o.now);
            Some(Decision {
                ask: Some(Box::new(Ask { restore, since })),
                ..Decision::default()
            })
        }
        Turn::Waits(place) => Some(told(o, status, place, restore)),
    }
}

/// A backup is as old as its run; when a restore was asked for, nothing says.
fn since(o: &Observed<'_>, restore: bool) -> Option<Timestamp> {
    let created = o.run.metadata.creation_timestamp.as_ref().map(|t| t.0);
    created.filter(|_| !restore || o.run.spec.backup.is_none())
}

/// The place is told when the run begins to wait, again when most of those before it are through, and when it has become worse by more
/// than a tenth: thousands that wait are not written to each time that one of them goes or comes.
fn told(o: &Observed<'_>, status: &BackupRunStatus, place: &Place, restore: bool) -> Decision {
    let before = status.queued.as_ref();
    let mut decision = Decision::wait(if before.is_none() { SETTLED } else { QUEUED });
    let as_told = |told: u32| place.place > told / PLACE && place.place <= told.saturating_add(told / PLACE);
    if before.is_some_and(|q| as_told(q.place)) {
        return decision;
    }
    let text = words(o, place);
    let mut waiting = status.clone();
    waiting.queued = Some(Queued {
        since: before.map_or(Time(o.now), |q| q.since.clone()),
        place: place.place,
        of: place.of,
    });
    tell::queued(o, &mut waiting, &text);
    decision.guarded.push(Guarded::Report(Box::new(waiting)));
    if before.is_none() && restore {
        // The conditions of a finished run speak of its backup: who has asked for the restore shall hear all the same.
        decision.unguarded.push(Unguarded::Event(Event {
            warning: false,
            reason: Reason::Queued.word(),
            action: "Wait",
            note: text,
        }));
    }
    decision
}

fn words(o: &Observed<'_>, place: &Place) -> String {
    let Place { place, of, lacks } = place;
    let why = match lacks {
        Lack::Operator(most) => format!("the operator has {most} at once (--max-concurrent-runs)"),
        Lack::Storage(most) => format!(
            "storage {:?} has {most} at once (spec.maxConcurrentRuns)",
            o.run.spec.storage.name
        ),
    };
    let at = o.now.strftime("%H:%M:%SZ");
    format!("the run waits for its turn, at place {place} of {of} as of {at}: {why}")
}
