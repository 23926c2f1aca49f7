//! What the caches have for a run that restores another one's backup, and for that other one.
use std::sync::Arc;

use api::storage::NamespaceIsolation;
use api::{BackupRun, BackupSchedule, labels};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::is_finished;
use planner::run::picked::{Proof, SourceView};
use planner::run::proved::proof;
use planner::run::source::{There, pick};

use crate::cache::Group;
use crate::context::Context;
use crate::ownership::is_labelled;

/// The backup that a run's source is, while that is still to be picked.
pub fn view(run: &BackupRun, context: &Context, now: Timestamp) -> SourceView {
    let is_over = run.status.as_ref().is_some_and(is_finished) && !run.annotations().contains_key(labels::RESTORE);
    let Some(asks) = run.unpicked().filter(|_| !is_over) else {
        return SourceView::NotAsked;
    };
    let own = run.namespace().unwrap_or_default();
    let namespace = asks.namespace.clone().unwrap_or_else(|| own.clone());
    let schedule_of = |name: &str| {
        context
            .schedules
            .get(&ObjectRef::<BackupSchedule>::new(name).within(&namespace))
    };
    let (runs, schedule) = match (&asks.run, &asks.schedule) {
        (Some(name), _) => {
            let found = context.runs.get(&ObjectRef::new(name).within(&namespace));
            let schedule = found
                .as_ref()
                .and_then(|run| schedule_of(run.labels().get(labels::SCHEDULE)?));
            (found.into_iter().collect(), schedule)
        }
        (None, Some(name)) => (of_schedule(&namespace, name, context), schedule_of(name)),
        (None, None) => (Vec::new(), None),
    };
    let schedule = schedule.filter(|schedule| runs.iter().all(|run| is_labelled(schedule, run)));
    let runs: Vec<_> = runs.iter().map(AsRef::as_ref).collect();
    let there = There {
        runs: &runs,
        schedule: schedule.as_deref(),
    };
    pick(
        asks,
        &own,
        &there,
        |storage| {
            let storage = context.storages.get(&ObjectRef::new(storage));
            storage.is_some_and(|s| s.spec.namespace_isolation == Some(NamespaceIsolation::Prefix))
        },
        now,
    )
}

/// Runs with the label of a schedule, which may be gone.
fn of_schedule(namespace: &str, name: &str, context: &Context) -> Vec<Arc<BackupRun>> {
    let mut runs = context.runs.of(Group::Labelled(namespace, name));
    runs.retain(|run| {
        let label = run.labels().get(labels::SCHEDULE);
        run.namespace().as_deref() == Some(namespace) && label.is_some_and(|label| label == name)
    });
    runs
}

/// A run that reads the backup of another one, or is about to: it has picked it, and has not ended.
/// One of the run's own namespace goes before others, which are not waited for without end.
pub fn reader(run: &BackupRun, context: &Context) -> Option<String> {
    let uid = &run.uid()?;
    let readers = context.runs.heads(&[Group::RestoresFrom(uid)]);
    let reads = |reader: &BackupRun| {
        reader.status.as_ref().is_some_and(|s| {
            s.source.as_ref().is_some_and(|source| source.uid == *uid) && (s.transfer.is_some() || !is_finished(s))
        })
    };
    let reading = readers.iter().filter(|reader| reads(reader));
    let first = reading.min_by_key(|reader| reader.namespace() != run.namespace())?;
    Some(format!(
        "{}/{}",
        first.namespace().unwrap_or_default(),
        first.name_any()
    ))
}

/// What the last restore of a run's backup by another run of its namespace has shown of it. Of another namespace nobody is heard: whoever may
/// write a status there could call a backup bad, or good.
pub fn proved(run: &BackupRun, context: &Context, now: Timestamp) -> Option<Proof> {
    let uid = run
        .uid()
        .filter(|_| run.spec.backup.is_some() && run.status.as_ref().is_some_and(is_finished))?;
    let readers = context.runs.heads(&[Group::RestoresFrom(&uid)]);
    let own = readers.iter().filter(|reader| {
        let source = reader.status.as_ref().and_then(|s| s.source.as_ref());
        reader.namespace() == run.namespace() && source.is_some_and(|s| s.uid == uid)
    });
    own.filter_map(|reader| proof(reader, now)).max_by_key(|proof| proof.at)
}

/// The run whose backup this one has restored, where it does not say so yet.
///
/// Crash window: this one's end was written, and the operator died before the other was looked at: a run with a source is looked at again by
/// each new leader.
pub fn is_to_hear(run: &BackupRun, context: &Context) -> Option<ObjectRef<BackupRun>> {
    let source = run.status.as_ref()?.source.as_ref()?;
    let now = Timestamp::now();
    let shown = proof(run, now)?;
    let name = ObjectRef::new(&source.run).within(&source.namespace);
    let other = context
        .runs
        .get(&name)
        .filter(|_| run.namespace().as_ref() == Some(&source.namespace))?;
    let known = other.status.as_ref().and_then(|s| s.verified.as_ref());
    let is_new = known.is_none_or(|known| known.run != shown.run && (known.time.0 < shown.at || known.time.0 > now));
    (is_new && other.uid().as_ref() == Some(&source.uid)).then_some(name)
}
