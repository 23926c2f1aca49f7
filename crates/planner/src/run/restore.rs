//! A finished run: restores on demand, and what an interrupted clean-up left.
use api::names::Action;
use api::{BackupRunStatus, condition, labels};
use kube::ResourceExt;

use crate::run::attempt::{create_pod, key, start, start_deadline};
use crate::run::observed::{Observed, PodView, StorageView};
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::waiting;
use crate::validate;

/// What to do for a run whose backup (or first restore) has ended.
pub fn decide(o: &Observed<'_>, mut status: BackupRunStatus) -> Decision {
    if !o.run.annotations().contains_key(labels::RESTORE) {
        return Decision {
            unguarded: o.pods.iter().filter(|p| p.ours && !p.terminating).map(remove).collect(),
            ..Decision::default()
        };
    }
    if let Some(why) = refusal(o, &status) {
        return refuse(&why);
    }
    let prefix = match waiting::prefix_or_wait(o, &status) {
        Ok(prefix) => prefix,
        Err(wait) => return wait,
    };
    let number = status.restores.last().map_or(1, |r| r.number.saturating_add(1));
    let path = path_of(o, &status).unwrap_or_default();
    let key = status.key.clone().unwrap_or_else(|| key(&prefix, &path));
    if let Some(why) = o.storage.forbids(&key) {
        return refuse(&why);
    }
    start(o, &mut status, Action::Restore, number, key);
    let event = Event {
        warning: false,
        reason: "RestoreStarted",
        action: "Restore",
        note: format!("restoring {path} of storage {}", o.run.spec.storage.name),
    };
    Decision {
        // The report comes first: a restore that is under way by its status is never begun a second time, whatever
        // happens to the annotation.
        guarded: vec![
            Guarded::Report(Box::new(status)),
            Guarded::RemoveAnnotation(labels::RESTORE),
        ],
        unguarded: vec![Unguarded::Event(event), create_pod(o, Action::Restore, number)],
        requeue: Some(start_deadline(o)),
        ..Decision::default()
    }
}

/// The request is taken off before it is said that it was refused: one that a crash keeps is refused once more.
fn refuse(why: &str) -> Decision {
    Decision {
        guarded: vec![Guarded::RemoveAnnotation(labels::RESTORE)],
        unguarded: vec![Unguarded::Event(Event {
            warning: true,
            reason: "RestoreRefused",
            action: "Restore",
            note: format!("the restore was refused: {why}"),
        })],
        ..Decision::default()
    }
}

fn remove(pod: &PodView) -> Unguarded {
    Unguarded::DeletePod {
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        now: false,
    }
}

/// Where the backup is. The Go operator wrote the rendered path into the spec and nothing into the status.
fn path_of(o: &Observed<'_>, status: &BackupRunStatus) -> Option<String> {
    let spec = &o.run.spec.storage.path;
    status
        .path
        .clone()
        .or_else(|| (!spec.contains("{{")).then(|| spec.clone()))
}

fn refusal(o: &Observed<'_>, status: &BackupRunStatus) -> Option<String> {
    if let StorageView::Refused { message } = &o.storage {
        return Some(message.clone());
    }
    if o.run.spec.restore.is_none() {
        return Some("spec.restore is not set; it may be added to this run".into());
    }
    let restore_only = o.run.spec.backup.is_none();
    if !restore_only && !condition::is_true(&status.conditions, condition::SUCCESSFUL) {
        return Some("this run has no good backup".into());
    }
    if path_of(o, status).is_none() {
        return Some("this run never got as far as a path; see its message".into());
    }
    let faults = validate::run::validate(&o.run.spec).err()?;
    Some(validate::sentence(&faults))
}
