//! What the caches have for a run that restores another one's backup, and for that other one.
use std::sync::Arc;

use api::names::Action;
use api::storage::NamespaceIsolation;
use api::{BackupRun, BackupSchedule, BackupStorage, labels};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::picked::{Proof, SourceView};
use planner::run::proved::{is_known, proof};
use planner::run::source::{There, pick};
use planner::run::{is_finished, life};

use crate::cache::{Cache, Group};
use crate::claims;
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

/// A run that reads the backup of another one, or is about to: it has picked it, and has not ended. Or it names the object by its path, as
/// `kubectl backup restore --into` does, and is at it.
/// One of the run's own namespace goes before others, which are not waited for without end.
pub fn reader(run: &BackupRun, context: &Context) -> Option<String> {
    let uid = &run.uid()?;
    let mut readers = context.runs.heads(&[Group::RestoresFrom(uid)]);
    let reads = |reader: &BackupRun| {
        reader.status.as_ref().is_some_and(|s| {
            s.source.as_ref().is_some_and(|source| source.uid == *uid) && (s.transfer.is_some() || !is_finished(s))
        })
    };
    readers.retain(|reader| reads(reader));
    readers.extend(by_path(run, &context.runs, &context.storages));
    let reading = readers.iter();
    let first = reading.min_by_key(|reader| reader.namespace() != run.namespace())?;
    Some(format!(
        "{}/{}",
        first.namespace().unwrap_or_default(),
        first.name_any()
    ))
}

/// The runs that are reading by its key what a rewrap has replaced.
fn by_path(run: &BackupRun, runs: &Cache<BackupRun>, storages: &Cache<BackupStorage>) -> Vec<Arc<BackupRun>> {
    at_replaced(run, Action::Restore, runs, storages)
}

/// A run that is storing its backup under the key of what a rewrap has replaced, as those with one path do: between the look at the old object
/// and its removal the new one could come to be there.
pub fn writer(run: &BackupRun, runs: &Cache<BackupRun>, storages: &Cache<BackupStorage>) -> Option<String> {
    let writers = at_replaced(run, Action::Backup, runs, storages);
    let first = writers.first()?;
    Some(format!(
        "{}/{}",
        first.namespace().unwrap_or_default(),
        first.name_any()
    ))
}

/// The runs that are at work on what a rewrap has replaced.
fn at_replaced(
    run: &BackupRun,
    action: Action,
    runs: &Cache<BackupRun>,
    storages: &Cache<BackupStorage>,
) -> Vec<Arc<BackupRun>> {
    let own = &run.spec.storage.name;
    let old = run.status.iter().flat_map(|status| &status.replaced);
    let is_at_it = |other: &BackupRun| {
        let transfer = other.status.as_ref().and_then(|s| s.transfer.as_ref());
        transfer.is_some_and(|t| t.failed_at.is_none() && life::parse(&t.attempt).0 == action)
    };
    old.flat_map(|old| claims::others_in(old.storage.as_ref().unwrap_or(own), &old.key, run, runs, storages))
        .filter(|other| is_at_it(other))
        .collect()
}

/// What the last restore of a run's backup by another run of its namespace has shown of it. Of another namespace nobody is heard: whoever may
/// write a status there could call a backup bad, or good. Nor is who has read what a rewrap has replaced: that it is gone is as it is to be.
pub fn proved(run: &BackupRun, context: &Context, now: Timestamp) -> Option<Proof> {
    let uid = run
        .uid()
        .filter(|_| run.spec.backup.is_some() && run.status.as_ref().is_some_and(is_finished))?;
    let readers = context.runs.heads(&[Group::RestoresFrom(&uid)]);
    let own = readers.iter().filter(|reader| {
        let source = reader.status.as_ref().and_then(|s| s.source.as_ref());
        reader.namespace() == run.namespace() && source.is_some_and(|s| s.uid == uid) && reads_what_is(reader, run)
    });
    own.filter_map(|reader| proof(reader, now))
        .max_by_key(|proof| (proof.at, !proof.good))
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
    let is_new = known.is_none_or(|known| !is_known(known, &shown, now));
    (is_new && other.uid().as_ref() == Some(&source.uid) && reads_what_is(run, &other)).then_some(name)
}

/// The reader has picked the object that the run has now. What either does not know makes no difference.
fn reads_what_is(reader: &BackupRun, run: &BackupRun) -> bool {
    let (Some(reader), Some(run)) = (&reader.status, &run.status) else {
        return false;
    };
    let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    !(differs(&reader.key, &run.key)
        || differs(&reader.etag, &run.etag)
        || differs(&reader.version_id, &run.version_id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cache::Packed;

    #[test]
    fn whoever_has_read_what_a_rewrap_has_replaced_says_nothing_of_the_backup() {
        let with = |key: &str, etag: Option<&str>| {
            let mut run = testing::backup_run();
            run.status = serde_json::from_value(json!({"key": key, "etag": etag})).unwrap();
            run
        };
        let run = with("db.rewrap-0000beef.sql", Some("new"));
        for (key, etag, says) in [
            ("db.rewrap-0000beef.sql", Some("new"), true),
            ("db.rewrap-0000beef.sql", None, true),
            ("db.sql", Some("old"), false),
            ("db.rewrap-0000beef.sql", Some("old"), false),
        ] {
            assert_eq!(reads_what_is(&with(key, etag), &run), says, "{key} {etag:?}");
        }
    }

    #[test]
    fn a_run_that_reads_an_object_by_its_path_is_a_reader_of_what_a_rewrap_has_replaced() {
        let storages = Cache::default();
        let bucket = |name: &str| {
            let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": name},
                "spec": {"type": "s3", "parameters": {"bucket": name}}});
            storages.put(Packed::of(&serde_json::from_value::<BackupStorage>(storage).unwrap()));
        };
        ["near", "far"].into_iter().for_each(bucket);
        let mut run = testing::backup_run();
        run.metadata.uid = Some("rewrapped".into());
        run.spec.storage.name = "near".into();
        run.status = serde_json::from_value(json!({"key": "db.rewrap-0000beef.sql", "replaced": [
            {"key": "db.sql"}, {"storage": "far", "key": "far/db.sql"}]}))
        .unwrap();
        let reader = |attempt: Option<&str>, storage: &str, key: &str| {
            let mut reader = testing::restore_only_run();
            reader.metadata.uid = Some("reader".into());
            reader.metadata.namespace = Some("elsewhere".into());
            reader.spec.storage.name = storage.into();
            let transfer = attempt.map(|attempt| {
                json!({"attempt": attempt, "startedAt": "2026-01-01T00:00:00Z", "key": key, "route": "Direct"})
            });
            reader.status = serde_json::from_value(json!({"key": key, "transfer": transfer})).unwrap();
            let runs = Cache::default();
            runs.put(Packed::of(&reader));
            by_path(&run, &runs, &storages).len()
        };
        for (attempt, storage, key, reads) in [
            (Some("restore-1"), "near", "db.sql", 1),
            (Some("restore-1"), "far", "far/db.sql", 1),
            // Another bucket, another key, one that writes, and one that is not at it.
            (Some("restore-1"), "far", "db.sql", 0),
            (Some("restore-1"), "near", "other.sql", 0),
            (Some("backup-1"), "near", "db.sql", 0),
            (None, "near", "db.sql", 0),
        ] {
            assert_eq!(reader(attempt, storage, key), reads, "{attempt:?} {storage} {key}");
        }
    }
}
