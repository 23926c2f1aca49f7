//! A run that is being deleted: stop, clean up, let go; never hold it for ever.
use std::time::Duration;

use api::run::RetainPolicy;
use api::{BackupRunStatus, labels};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::run::end;
use crate::run::life::Attempt;
use crate::run::limits::{CANCEL, PODS, PROGRESS, REPLACED, STORAGE_WAIT, STORE};
use crate::run::moved::moved;
use crate::run::observed::{Contact, CopyProgress, Observed, PodView, StorageView, TransferView};
use crate::run::reason::Reason;
use crate::run::replaced::{busy, is_looked_for, removal};
use crate::run::rewrap_request::{is_of, is_own};
use crate::run::step::{Decision, Event, Guarded, Unguarded};

/// What to do next for a run whose deletion was asked for.
pub fn decide(o: &Observed<'_>) -> Decision {
    if !o.run.finalizers().iter().any(|f| labels::is_our_finalizer(f)) {
        return Decision::default();
    }
    let since = o.run.metadata.deletion_timestamp.as_ref().map_or(o.now, |t| t.0);
    if let TransferView::Active {
        contact: Contact::Committing,
        ..
    } = &o.transfer
        && !o.left_of(STORE, since).is_zero()
    {
        // What it stores has to be known, to be removed.
        return Decision::wait(Duration::from_secs(1));
    }
    if let TransferView::Active { cancelling, .. } = &o.transfer
        && !o.left_of(CANCEL, since).is_zero()
    {
        return Decision {
            cancel: (!cancelling).then(|| "the run is being deleted".into()),
            ..Decision::wait(Duration::from_secs(1))
        };
    }
    let copying = |c: &CopyProgress| matches!(c, CopyProgress::UnderWay { .. });
    let rewrapping = copying(&o.rewrap.progress);
    if (rewrapping || o.copies.iter().any(|c| copying(&c.progress))) && !o.left_of(CANCEL, since).is_zero() {
        // Each drops its upload, which nobody would come back for.
        return Decision {
            unguarded: vec![Unguarded::StopCopies],
            ..Decision::wait(Duration::from_secs(1))
        };
    }
    let mut steps = vec![Unguarded::ForgetTransfer];
    let ours: Vec<_> = o.pods.iter().filter(|p| p.ours).collect();
    for pod in ours.iter().filter(|p| !p.terminating) {
        steps.push(Unguarded::DeletePod {
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            now: true,
        });
    }
    let held = ours.iter().find(|p| p.is_in_the_way());
    if let Some(pod) = held
        && !o.left_of(PODS, since).is_zero()
    {
        let late = o.left_of(PROGRESS, since).is_zero();
        let (guarded, event) = told(o, late.then(|| waits_for(pod))).unwrap_or_default();
        steps.extend(event.map(Unguarded::Event));
        return Decision {
            guarded,
            unguarded: steps,
            ..Decision::wait(Duration::from_secs(1))
        };
    }
    if let Some(why) = reads_on(o, since) {
        let note = format!("the run goes when what it was before a rewrap can be removed: {why}");
        let (guarded, event) = told(o, Some((Reason::DeletionWaits, note))).unwrap_or_default();
        steps.extend(event.map(Unguarded::Event));
        return Decision {
            guarded,
            unguarded: steps,
            ..Decision::wait(STORAGE_WAIT)
        };
    }
    let note = o.trouble.as_ref().map(|trouble| {
        let words = &trouble.message;
        if trouble.expected {
            let note = format!(
                "the run goes when its object may be removed, which is tried again then: {words}. To let the run go now and leave the object, set spec.retainPolicy: Retain"
            );
            return (Reason::ObjectLocked, note);
        }
        let note =
            format!("the run goes when its store has removed what is to be removed, which is tried again: {words}");
        (Reason::StorageNotReady, note)
    });
    let (guarded, told) = told(o, note).unwrap_or_default();
    steps.extend(told.map(Unguarded::Event));
    steps.extend(store_steps(o));
    Decision {
        guarded,
        unguarded: steps,
        settled: vec![Guarded::RemoveFinalizer],
        ..Decision::default()
    }
}

/// Why what a rewrap has replaced is not removed yet, of a run whose backup stays: a restore that reads it, as `--into` does by the path, would
/// lose it half-way. One whose backup goes was deleted for that.
fn reads_on(o: &Observed<'_>, since: Timestamp) -> Option<String> {
    let status = o.run.status.as_ref().filter(|s| !s.replaced.is_empty())?;
    let is_late = o.left_of(REPLACED, since).is_zero();
    (!is_late && !wanted_at_all(o))
        .then(|| busy(o, status))?
        .map(|(why, _)| why)
}

/// What it has stored goes with it.
fn wanted_at_all(o: &Observed<'_>) -> bool {
    o.run.spec.retain_policy == Some(RetainPolicy::Delete) && o.run.spec.backup.is_some()
}

/// What a run says that waits for its Pod.
fn waits_for(pod: &PodView) -> (Reason, String) {
    let note = format!(
        "the run goes when its Pod {} is gone, or after {} s without it. {}",
        pod.name,
        PODS.as_secs(),
        pod.keeper()
    );
    (Reason::DeletionWaits, note)
}

/// A run that is held says by whom, once for the same words.
fn told(o: &Observed<'_>, by: Option<(Reason, String)>) -> Option<(Vec<Guarded>, Option<Event>)> {
    let (reason, note) = by?;
    let mut status = o.run.status.clone()?;
    if status.message.as_ref() == Some(&note) {
        return None;
    }
    status.message = Some(note.clone());
    let event = Event {
        warning: true,
        reason: reason.word(),
        action: "Delete",
        note,
    };
    Some((vec![Guarded::Report(Box::new(status))], Some(event)))
}

/// What is to be removed from the store. Without a storage, or where it was tried for too long, it is only said: never untried.
fn store_steps(o: &Observed<'_>) -> Vec<Unguarded> {
    let Some(status) = &o.run.status else { return Vec::new() };
    let mut steps = Vec::new();
    let mut left = Vec::new();
    let attempt = status.transfer.as_ref().map(Attempt::of);
    steps.extend(attempt.iter().flat_map(|at| end::abort(o, at)));
    // What became visible is whole: the agent sends its last part only after the command ended well.
    if o.run.spec.retain_policy == Some(RetainPolicy::Delete) {
        steps.extend(attempt.iter().filter_map(|at| end::take_back(o, at)));
    }
    for step in &steps {
        if let Unguarded::AbortUpload { key, upload_id } = step {
            left.push(format!("the upload {upload_id} of {key}"));
        }
    }
    let wanted = o.run.spec.retain_policy == Some(RetainPolicy::Delete) && o.run.spec.backup.is_some();
    let forbidden = status.key.as_deref().and_then(|key| o.storage.forbids(key));
    if let (Some(why), true) = (&forbidden, wanted) {
        steps.push(Unguarded::Event(Event {
            warning: true,
            reason: Reason::ObjectKept.word(),
            action: "Delete",
            note: format!("{why}; it was left"),
        }));
    }
    let wanted = wanted && forbidden.is_none();
    // A version is this run's alone; without versions the object under the path may be another's by now.
    let ours = !o.is_taken_over() || status.version_id.is_some();
    if let (true, true, Some(key), Some(etag)) = (wanted, ours, &status.key, &status.etag) {
        let bucket = status.location.as_ref();
        let bucket = bucket.map_or(String::new(), |l| {
            format!(" in bucket {:?} at {}", l.bucket, l.endpoint)
        });
        left.push(format!("the object {key}{bucket}"));
        steps.push(Unguarded::DeleteObject {
            key: key.clone(),
            etag: etag.clone(),
            version_id: status.version_id.clone(),
            moved: moved(&o.storage, status.location.as_ref()),
        });
    }
    if wanted_at_all(o) {
        // Also one that was finished and not noted, which says so itself.
        for copy in status.copies.iter().filter(|c| !c.key.is_empty()) {
            let view = o.copies.iter().find(|c| c.storage == copy.storage).map(|c| &c.view);
            left.push(format!("the copy {} in storage {}", copy.key, copy.storage));
            match view {
                Some(view @ (StorageView::Ready(_) | StorageView::NotReady { .. })) if view.forbids(&copy.key).is_none() => {
                    steps.push(Unguarded::DeleteCopy {
                        storage: copy.storage.clone(),
                        key: copy.key.clone(),
                        etag: copy.etag.clone().unwrap_or_default(),
                        version_id: copy.version_id.clone(),
                        upload_id: copy.upload_id.clone(),
                    });
                }
                _ => steps.push(Unguarded::Event(Event {
                    warning: true,
                    reason: Reason::LeftBehind.word(),
                    action: "Delete",
                    note: format!(
                        "the copy {} in storage {} was left: the storage is gone, or not for this namespace. Remove it by hand",
                        copy.key, copy.storage
                    ),
                })),
            }
        }
    }
    steps.extend(of_rewrap(o, status, &mut left));
    let why = match &o.trouble {
        _ if o.storage == StorageView::Missing => "the storage is gone".to_string(),
        Some(trouble) if trouble.since >= STORE && !trouble.expected => {
            format!(
                "for {} minutes the store did not do it: {}",
                STORE.as_secs() / 60,
                trouble.message
            )
        }
        _ => return steps,
    };
    if left.is_empty() {
        return Vec::new();
    }
    let note = format!(
        "run {}/{} left this behind in storage {}: {}. {why}. Remove it by hand",
        o.run.namespace().unwrap_or_default(),
        o.run.name_any(),
        o.run.spec.storage.name,
        left.join(", ")
    );
    let event = Event {
        warning: true,
        reason: Reason::LeftBehind.word(),
        action: "Delete",
        note,
    };
    // A storage that is gone is no reason to leave what lies in others.
    let gone = o.storage == StorageView::Missing && o.trouble.as_ref().is_none_or(|t| t.since < STORE);
    let elsewhere = |step: &Unguarded| {
        matches!(
            step,
            Unguarded::DeleteCopy { .. } | Unguarded::RemoveReplaced { storage: Some(_), .. }
        )
    };
    steps.retain(|step| gone && elsewhere(step));
    steps.extend([Unguarded::TellStorage(Box::new(event.clone())), Unguarded::Event(event)]);
    steps
}

/// What a rewrap has replaced goes, whatever becomes of the backup: it was taken from somebody. So does what one has made that the status does
/// not name.
fn of_rewrap(o: &Observed<'_>, status: &BackupRunStatus, left: &mut Vec<String>) -> Vec<Unguarded> {
    // Whoever may write the status may have named what is another's.
    let own = status.rewrap.as_ref().filter(|rewrap| is_own(o.run, status, rewrap));
    let away = moved(&o.storage, status.location.as_ref());
    let made = own.map(|rewrap| Unguarded::RemoveReplaced {
        storage: None,
        key: rewrap.key.clone(),
        etag: None,
        version_id: None,
        upload_id: rewrap.upload_id.clone(),
        looked_for: is_looked_for(o, away.as_ref()),
        moved: away.clone(),
    });
    let replaced = status.replaced.iter().filter(|old| is_of(status, old));
    let all: Vec<_> = replaced.map(|old| removal(o, old)).chain(made).collect();
    let mut told = Vec::new();
    let mut may = |step: &Unguarded| {
        let Unguarded::RemoveReplaced {
            storage, key, moved, ..
        } = step
        else {
            return false;
        };
        if let Some(moved) = moved.as_ref().filter(|moved| moved.is_elsewhere()) {
            let event = Event {
                warning: true,
                reason: Reason::LeftBehind.word(),
                action: "Delete",
                note: format!(
                    "object {key} of a rewrap was left: it {}. Remove it by hand",
                    moved.words()
                ),
            };
            told.extend([Unguarded::TellStorage(Box::new(event.clone())), Unguarded::Event(event)]);
            return false;
        }
        let view = o.view_of(storage.as_ref());
        let place = storage.as_ref().unwrap_or(&o.run.spec.storage.name);
        left.push(format!("the object {key} in storage {place}, of a rewrap"));
        let may = view.is_some_and(|view| {
            matches!(view, StorageView::Ready(_) | StorageView::NotReady { .. }) && view.forbids(key).is_none()
        });
        if !may && storage.is_some() {
            told.push(Unguarded::Event(Event {
                warning: true,
                reason: Reason::LeftBehind.word(),
                action: "Delete",
                note: format!(
                    "the object {key} of before a rewrap was left in storage {place}: the storage is gone, or not for this namespace. Remove it by hand"
                ),
            }));
        }
        may
    };
    let mut steps: Vec<_> = all.into_iter().filter(|step| may(step)).collect();
    steps.extend(told);
    steps
}
