//! Which backup a run restores that names another run, or a schedule and a time, in place of a path; and how it waits for one.
use api::run::DecryptionKey;
use api::source::{LATEST, PickedSource, Source};
use api::{BackupRun, BackupRunStatus, BackupSchedule, condition, labels};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::inherited::is_hidden;
use crate::run::limits::STORAGE_WAIT;
use crate::run::observed::Observed;
use crate::run::picked::{Picked, SourceView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::{end, tell, waiting};
use crate::schedule::observed::ended;

/// What is there to pick from.
#[derive(Clone, Copy, Debug, Default)]
pub struct There<'a> {
    /// The run of that name, or the runs of the schedule of that name, by label or owner.
    pub runs: &'a [&'a BackupRun],
    /// The schedule: the one that is named, or the one that made the run.
    pub schedule: Option<&'a BackupSchedule>,
}

/// Picks a backup. `isolated` tells whether a storage keeps namespaces apart.
///
/// Of another namespace nobody learns whether a run is there that he may not restore.
pub fn pick(
    asks: &Source,
    own: &str,
    there: &There<'_>,
    isolated: impl Fn(&str) -> bool,
    now: Timestamp,
) -> SourceView {
    let namespace = asks.namespace.as_deref().unwrap_or(own);
    let foreign = namespace != own;
    let allowed = |run: &BackupRun| {
        !foreign || grants(run.annotations(), own) || there.schedule.is_some_and(|s| grants(s.annotations(), own))
    };
    let hint = if foreign {
        format!(
            ", or neither it nor its schedule is annotated {}: {own}",
            labels::ALLOWED_NAMESPACES
        )
    } else {
        String::new()
    };
    let runs: Vec<_> = there.runs.iter().copied().filter(|run| allowed(run)).collect();
    let run = match (&asks.run, &asks.schedule) {
        (Some(name), _) => match runs.iter().find(|run| run.name_any() == *name) {
            None => return SourceView::NotYet(format!("there is no run {namespace}/{name}{hint}")),
            Some(run) => match unfit(run) {
                None => *run,
                Some(Unfit::UnderWay) => {
                    return SourceView::NotYet(format!("the backup of run {namespace}/{name} has not ended"));
                }
                Some(Unfit::For(why)) => return SourceView::Refused(format!("run {namespace}/{name} {why}")),
            },
        },
        (None, Some(name)) => {
            let at = asks.at.as_deref().filter(|at| *at != LATEST);
            let until = at.and_then(|at| at.parse::<Timestamp>().ok());
            let in_time = |run: &&BackupRun| until.is_none_or(|until| ended(run) <= until);
            let mut fit = runs
                .iter()
                .copied()
                .filter(|run| unfit(run).is_none() && in_time(run))
                .collect::<Vec<_>>();
            fit.sort_by_key(|run| (ended(run), run.name_any()));
            // What is under way ends later than now.
            let may_come = until.is_none_or(|until| until > now);
            match (fit.pop(), until) {
                (Some(run), _) => run,
                (None, Some(until)) if !may_come => {
                    return SourceView::Refused(format!(
                        "schedule {namespace}/{name} has no good backup that had ended by {until}{hint}"
                    ));
                }
                (None, _) => {
                    return SourceView::NotYet(format!("schedule {namespace}/{name} has no good backup yet{hint}"));
                }
            }
        }
        (None, None) => return SourceView::Refused("neither run nor schedule is named".into()),
    };
    let storage = &run.spec.storage.name;
    if foreign && isolated(storage) {
        return SourceView::Refused(format!(
            "the backup of run {namespace}/{} lies in storage {storage}, which keeps namespaces apart (spec.namespaceIsolation: Prefix): nobody of another one reads it",
            run.name_any()
        ));
    }
    picked(run, namespace).map_or_else(
        || {
            SourceView::Refused(format!(
                "run {namespace}/{} does not say where its backup is",
                run.name_any()
            ))
        },
        |picked| SourceView::Picked(Box::new(picked)),
    )
}

/// A key of a namespace, as a run of another one would name it: that Secret still has to say so itself.
fn named_there(key: Option<DecryptionKey>, namespace: &str) -> Option<DecryptionKey> {
    key.map(|mut key| {
        key.namespace.get_or_insert_with(|| namespace.into());
        key
    })
}

/// Whether an object of another namespace lets this one restore its backups.
fn grants(annotations: &std::collections::BTreeMap<String, String>, own: &str) -> bool {
    let list = annotations.get(labels::ALLOWED_NAMESPACES).map_or("", String::as_str);
    list.split(',').map(str::trim).any(|name| name == own || name == "*")
}

/// Whether a run has a good backup that another run may restore.
pub fn is_fit(run: &BackupRun) -> bool {
    unfit(run).is_none()
}

/// Why a run's backup is not restored from elsewhere.
enum Unfit {
    UnderWay,
    For(&'static str),
}

fn unfit(run: &BackupRun) -> Option<Unfit> {
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    if run.spec.backup.is_none() {
        return Some(Unfit::For("makes no backup: it only restores"));
    }
    if run.metadata.deletion_timestamp.is_some() {
        return Some(Unfit::For("is being deleted"));
    }
    if is_hidden(run) {
        // It is told of in a moment.
        return Some(Unfit::UnderWay);
    }
    if condition::is_true(&status.conditions, condition::FAILED) {
        return Some(Unfit::For("has no good backup: it failed"));
    }
    if !condition::is_true(&status.conditions, condition::SUCCESSFUL) {
        return Some(Unfit::UnderWay);
    }
    let gone = tell::is_overwritten(status) && !status.copies.iter().any(|c| c.completion_time.is_some());
    gone.then_some(Unfit::For(
        "has lost its object: a newer run of the same path wrote over it",
    ))
}

fn picked(run: &BackupRun, namespace: &str) -> Option<Picked> {
    let status = run.status.as_ref()?;
    // The Go operator wrote the rendered path into the spec.
    let written = || Some(run.spec.storage.path.clone()).filter(|path| !path.contains("{{"));
    let mut encryption = run.spec.encryption.clone();
    if let Some(encryption) = &mut encryption {
        encryption.decryption_key = named_there(encryption.decryption_key.take(), namespace);
    }
    Some(Picked {
        source: PickedSource {
            run: run.name_any(),
            namespace: namespace.into(),
            uid: run.uid()?,
            storage: run.spec.storage.name.clone(),
            compression: run.spec.compression.clone(),
            encryption,
        },
        path: status.path.clone().or_else(written)?,
        key: status.key.clone(),
        location: status.location.clone(),
        etag: status.etag.clone(),
        version_id: status.version_id.clone(),
        sha256: status.sha256.clone(),
        bytes: status.bytes,
        size_in_bytes: status.size_in_bytes,
        copies: status
            .copies
            .iter()
            .filter(|c| c.completion_time.is_some())
            .cloned()
            .collect(),
    })
}

/// A run that still has to pick its source: picks it, waits for it, or ends.
///
/// What was picked is written down before anything is done with it: a schedule's newest backup is another one a moment later.
pub fn decide(o: &Observed<'_>, mut status: BackupRunStatus, since: Option<Time>) -> Decision {
    match &o.source {
        SourceView::Picked(picked) => {
            let note = format!(
                "restores the backup of run {}/{}: {} of storage {}",
                picked.source.namespace, picked.source.run, picked.path, picked.source.storage
            );
            take(picked, &mut status);
            status.message = Some(note.clone());
            status.restore_requested_at = since;
            Decision {
                guarded: vec![Guarded::Report(Box::new(status))],
                unguarded: vec![event(false, Reason::SourcePicked, note)],
                requeue: Some(std::time::Duration::ZERO),
                ..Decision::default()
            }
        }
        SourceView::Refused(why) => end::refuse(o, status, Reason::SourceRefused, &format!("spec.source: {why}")),
        SourceView::NotYet(why) => wait(o, status, since, &format!("spec.source: {why}.{}", waiting::WAITS)),
        SourceView::NotAsked => Decision::wait(STORAGE_WAIT),
    }
}

/// The same for a run that has restored before and lost what it had picked with its status.
///
/// # Errors
/// In words: there is none.
pub fn again(o: &Observed<'_>, mut status: BackupRunStatus) -> Result<Decision, String> {
    match &o.source {
        SourceView::Picked(picked) => {
            take(picked, &mut status);
            Ok(Decision {
                guarded: vec![Guarded::Report(Box::new(status))],
                requeue: Some(std::time::Duration::ZERO),
                ..Decision::default()
            })
        }
        SourceView::Refused(why) | SourceView::NotYet(why) => Err(format!("spec.source: {why}")),
        SourceView::NotAsked => Ok(Decision::wait(STORAGE_WAIT)),
    }
}

fn take(picked: &Picked, status: &mut BackupRunStatus) {
    status.source = Some(picked.source.clone());
    status.path = Some(picked.path.clone());
    status.key.clone_from(&picked.key);
    status.location.clone_from(&picked.location);
    status.etag.clone_from(&picked.etag);
    status.version_id.clone_from(&picked.version_id);
    status.sha256.clone_from(&picked.sha256);
    status.bytes = picked.bytes;
    status.size_in_bytes = picked.size_in_bytes;
    status.copies.clone_from(&picked.copies);
}

fn wait(o: &Observed<'_>, status: BackupRunStatus, since: Option<Time>, message: &str) -> Decision {
    let mut wait = Decision::wait(STORAGE_WAIT);
    if status.message.as_deref() != Some(message) {
        let mut waits = status.clone();
        tell::waiting(o, &mut waits, Reason::SourceMissing.word(), message);
        wait.guarded.push(Guarded::Report(Box::new(waits)));
        wait.unguarded.push(event(true, Reason::SourceMissing, message.into()));
    }
    waiting::restore(o, &status, since, wait).unwrap_or_else(|expired| {
        let why = waiting::cause(&status);
        end::refuse(
            o,
            status,
            Reason::StartDeadlineExceeded,
            &format!("the restore is given up: {expired}. {why}"),
        )
    })
}

fn event(warning: bool, reason: Reason, note: String) -> Unguarded {
    Unguarded::Event(Event {
        warning,
        reason: reason.word(),
        action: "Restore",
        note,
    })
}

#[cfg(test)]
mod tests;
