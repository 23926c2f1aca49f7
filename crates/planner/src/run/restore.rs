//! A finished run: restores on demand, and what an interrupted clean-up left.
use std::time::Duration;

use api::names::Action;
use api::requests::{RESTORES, REWRAPS};
use api::run::CopyStatus;
use api::{BackupRunStatus, condition, labels};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::attempt::{create_pod, key, start, start_deadline};
use crate::run::limits::{BEHIND, GOING, STORAGE_WAIT};
use crate::run::moved::{Moved, moved};
use crate::run::nearest::{Nearest, nearest};
use crate::run::observed::{Found, Observed, PodView, StorageView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::waiting::Wants;
use crate::run::{cancel, copies, end, lock, proved, rewrap, source, tell, thaw, there, turn, waiting};
use crate::validate;

/// Requests that an applier keeps on the run stay among the known ones, however many others ask.
fn renewed(o: &Observed<'_>) -> Vec<Guarded> {
    let kept = [(RESTORES, o.request_is_kept), (REWRAPS, o.rewrap.request_is_kept)];
    let annotations = o.run.annotations();
    let renewed = kept
        .into_iter()
        .filter(|(_, is_kept)| *is_kept)
        .flat_map(|(requests, _)| {
            let asked = annotations.get(requests.asked);
            asked
                .map(|asked| requests.renewed(annotations, asked))
                .unwrap_or_default()
        });
    renewed.map(|(name, all)| Guarded::Annotate(name, all)).collect()
}

/// What to do for a run whose backup (or first restore) has ended.
pub fn decide(o: &Observed<'_>, mut status: BackupRunStatus) -> Decision {
    if let Some(by) = o.overwritten_by().filter(|_| !tell::is_overwritten(&status)) {
        return overwritten(o, status, by);
    }
    if cancel::is_asked(o) {
        return cancel::of_what_ended(o);
    }
    // What an applier puts back each time it is taken off was taken up: it is as if it were not there.
    if !o.run.annotations().contains_key(labels::RESTORE) || o.request_is_kept {
        let mut decision = Decision {
            guarded: renewed(o),
            unguarded: o.pods.iter().filter_map(end::go).collect(),
            ..Decision::default()
        };
        if let Some(at) = untold(o, &status) {
            match o.left_of(BEHIND, at) {
                Duration::ZERO => {
                    let tell = Guarded::Annotate(labels::RESTORED_AT, end::restored_at(at));
                    decision.guarded.push(tell);
                }
                left => decision.requeue = Some(left),
            }
        }
        let waited = status.queued.take().is_some() | status.restore_requested_at.take().is_some();
        let thawed = status.thaw.take().is_some();
        if thawed {
            status.state = tell::last_state(&status);
        }
        if waited | thawed {
            // The request was withdrawn while it waited; the next one begins to wait when it is there.
            status.message = tell::last_words(&status);
            decision.guarded.push(Guarded::Report(Box::new(status.clone())));
            decision.unguarded.push(Unguarded::ForgetFound);
        }
        if decision.guarded.is_empty() {
            // One writer of the status at a time.
            status = proved::add(o, &status, &mut decision)
                .or_else(|| rewrap::add(o, &status, &mut decision))
                .or_else(|| copies::add(o, &status, &mut decision))
                .unwrap_or(status);
        }
        if status.rewrap.is_none() {
            lock::add(o, &status, &mut decision);
        }
        return decision;
    }
    if o.run.unpicked().is_some() {
        return source::again(o, status.clone()).unwrap_or_else(|why| refuse(o, status, &why));
    }
    if let Some(why) = refusal(o, &status) {
        return refuse(o, status, &why);
    }
    let (copy, none) = match nearest(o, &status) {
        Nearest::Own => (None, None),
        Nearest::Copy(copy, passed) => (Some((copy, passed)), None),
        Nearest::Look(look) => {
            return Decision {
                unguarded: vec![look],
                ..Decision::wait(STORAGE_WAIT)
            };
        }
        Nearest::Nothing { words, may_come } => (None, Some((words, may_come))),
    };
    if let Some((words, false)) = &none {
        let lost = copies::lost(o, &mut status);
        let mut refused = refuse(o, status, &format!("the backup is nowhere to be had: {words}"));
        refused.unguarded.extend(lost.into_iter().map(Unguarded::Event));
        refused.unguarded.push(Unguarded::ForgetFound);
        return refused;
    }
    let since = status.restore_requested_at.as_ref().map_or(o.now, |since| since.0);
    let is_usual = !o.left_of(GOING, since).is_zero();
    let held = o.pods.iter().find(|p| p.is_in_the_way()).map(|pod| held(pod, is_usual));
    let own = match (&copy, none) {
        // The copy's storage was seen to be ready.
        (Some(_), _) => Ok(String::new()),
        (None, Some((words, _))) => Err(waiting::nowhere(o, &status, &words)),
        (None, None) => waiting::prefix_or_wait(o, &status, Wants::Object),
    };
    let prefix = match (own, held) {
        (Ok(prefix), None) => prefix,
        (wait, held) => return wait_for(o, status, wait.err(), held),
    };
    if let Some((copy, passed)) = copy {
        return of_copy(o, status, &copy, &passed);
    }
    status.restore_requested_at = None;
    let note = match elsewhere(o, &status) {
        Elsewhere::Not => String::new(),
        Elsewhere::MaybeCopied(moved) => format!("; it {}: what lies there under its key is read", moved.words()),
        Elsewhere::Unknown { key } => {
            return Decision {
                unguarded: vec![Unguarded::look(key)],
                ..Decision::wait(STORAGE_WAIT)
            };
        }
        Elsewhere::Lost(why) => {
            let mut refused = refuse(o, status, &why);
            refused.unguarded.push(Unguarded::ForgetFound);
            return refused;
        }
    };
    let at = status.key.clone().or_else(|| Some(key(&prefix, &path_of(o, &status)?)));
    let version = status.version_id.clone();
    let wanted = at.as_deref().map(|key| thaw::Wanted {
        storage: None,
        view: &o.storage,
        key,
        version_id: version.as_deref(),
    });
    if let Some(wait) = wanted.and_then(|wanted| thawed_or_wait(o, &mut status, &wanted)) {
        return wait;
    }
    if let Some(wait) = turn::wait(o, &status, true) {
        return wait;
    }
    status.thaw = None;
    let number = status.restores.last().map_or(1, |r| r.number.saturating_add(1));
    let path = path_of(o, &status).unwrap_or_default();
    let key = status.key.clone().unwrap_or_else(|| key(&prefix, &path));
    if let Some(why) = o.storage.forbids(&key) {
        return refuse(o, status, &why);
    }
    begun(o, &mut status);
    start(o, &mut status, Action::Restore, number, key);
    let event = Event {
        warning: false,
        reason: Reason::RestoreStarted.word(),
        action: "Restore",
        note: format!("restoring {path} of storage {}{note}", o.run.spec.storage.name),
    };
    let mut unguarded = vec![Unguarded::Event(event), create_pod(o, &status, Action::Restore, number)];
    if o.found != Found::Unknown {
        unguarded.push(Unguarded::ForgetFound);
    }
    Decision {
        // The report comes first: a restore that is under way by its status is never begun a second time, whatever
        // happens to the annotation.
        guarded: vec![Guarded::Report(Box::new(status)), Guarded::TakeRequest],
        unguarded,
        requeue: Some(start_deadline(o.run)),
        ..Decision::default()
    }
}

/// Begins to restore a copy.
fn of_copy(o: &Observed<'_>, mut status: BackupRunStatus, copy: &CopyStatus, passed: &str) -> Decision {
    status.restore_requested_at = None;
    if let Some(seen) = o.copies.iter().find(|c| c.storage == copy.storage) {
        let wanted = thaw::Wanted {
            storage: Some(&copy.storage),
            view: &seen.view,
            key: &copy.key,
            version_id: copy.version_id.as_deref(),
        };
        if let Some(wait) = thawed_or_wait(o, &mut status, &wanted) {
            return wait;
        }
    }
    if let Some(wait) = turn::wait(o, &status, true) {
        return wait;
    }
    status.thaw = None;
    let lost = copies::lost(o, &mut status);
    let number = status.restores.last().map_or(1, |r| r.number.saturating_add(1));
    begun(o, &mut status);
    start(o, &mut status, Action::Restore, number, copy.key.clone());
    if let Some(transfer) = &mut status.transfer {
        transfer.storage = Some(copy.storage.clone());
    }
    let event = Event {
        warning: true,
        reason: Reason::RestoreStarted.word(),
        action: "Restore",
        note: format!(
            "restoring the copy {} of storage {}, because what is nearer does not give the backup: {passed}",
            copy.key, copy.storage
        ),
    };
    let mut unguarded = vec![Unguarded::Event(event)];
    unguarded.extend(lost.into_iter().map(Unguarded::Event));
    unguarded.push(create_pod(o, &status, Action::Restore, number));
    unguarded.push(Unguarded::ForgetFound);
    Decision {
        unguarded,
        guarded: vec![Guarded::Report(Box::new(status)), Guarded::TakeRequest],
        requeue: Some(start_deadline(o.run)),
        ..Decision::default()
    }
}

/// A run without a backup tells of its last restore; no other time is kept.
fn begun(o: &Observed<'_>, status: &mut BackupRunStatus) {
    if o.run.spec.backup.is_none() {
        status.start_time = Some(Time(o.now));
        status.completion_time = None;
    }
}

/// How the restore waits for its object to come back from an archive, or is refused because it did not.
fn thawed_or_wait(o: &Observed<'_>, status: &mut BackupRunStatus, wanted: &thaw::Wanted<'_>) -> Option<Decision> {
    match thaw::wait(o, status, wanted) {
        Ok(wait) => wait,
        Err(why) => {
            status.message = tell::last_words(status);
            (status.thaw, status.state) = (None, tell::last_state(status));
            Some(refuse(o, status.clone(), &why))
        }
    }
}

/// What the restore waits for: first what comes to pass after each backup, and what else may keep a Pod only when it does.
fn held(pod: &PodView, is_usual: bool) -> String {
    let name = &pod.name;
    if is_usual {
        return format!("the restore waits some seconds until the Pod of the attempt before it, {name}, is gone");
    }
    format!(
        "the restore waits until Pod {name} of an earlier attempt is gone, which takes long where its postStart hangs or its node does not answer: two commands at once on one database are nobody's wish. {}.",
        pod.keeper()
    )
}

/// When the last restore was good, where the run's annotation does not tell.
///
/// Crash window: its end was reported, and the operator died before the annotation, by which a run that is brought back without its status
/// knows that the restore was done.
fn untold(o: &Observed<'_>, status: &BackupRunStatus) -> Option<Timestamp> {
    let last = status.restores.last().filter(|last| last.successful)?;
    let at = last.completion_time.0;
    let told = o.run.annotations().get(labels::RESTORED_AT);
    let told = told.and_then(|told| told.parse::<Timestamp>().ok());
    // The annotation has seconds.
    told.is_none_or(|told| told.as_second() < at.as_second()).then_some(at)
}

/// Whether the backup is where the storage points to now.
enum Elsewhere {
    /// As far as anybody knows it is.
    Not,
    /// It was stored elsewhere, and an object of its key is where the storage points now; or the store does not say.
    MaybeCopied(Moved),
    /// It was stored elsewhere, and here was not looked yet.
    Unknown { key: String },
    /// It was stored elsewhere, and is not here, in words.
    Lost(String),
}

/// A store that was moved with all its objects, or is replicated, is a good reason to edit a storage; the object is looked for before a Pod
/// is made, and its size and checksum prove it as ever.
fn elsewhere(o: &Observed<'_>, status: &BackupRunStatus) -> Elsewhere {
    let (Some(moved), Some(key)) = (moved(&o.storage, status.location.as_ref()), &status.key) else {
        return Elsewhere::Not;
    };
    if o.storage.forbids(key).is_some() {
        return Elsewhere::Not;
    }
    match &o.found {
        Found::Unknown => Elsewhere::Unknown { key: key.clone() },
        Found::Object(_) | Found::Unseen { .. } => Elsewhere::MaybeCopied(moved),
        Found::Nothing => Elsewhere::Lost(format!(
            "object {key} {}, where there is no such object. Copy it there, or have a storage name the bucket it is in and make a run without backup",
            moved.words()
        )),
    }
}

/// Its backup is there no more. That it was good once stays.
fn overwritten(o: &Observed<'_>, mut status: BackupRunStatus, by: &str) -> Decision {
    let note = format!(
        "object {} was overwritten by run {by}, which rendered the same path: this run cannot be restored any more",
        status.key.as_deref().unwrap_or_default()
    );
    tell::overwritten(o, &mut status, &note);
    Decision {
        guarded: vec![Guarded::Report(Box::new(status))],
        unguarded: vec![Unguarded::Event(Event {
            warning: true,
            reason: Reason::Overwritten.word(),
            action: "Backup",
            note,
        })],
        ..Decision::default()
    }
}

/// A request does not wait for ever, neither for its storage nor for an earlier Pod.
fn wait_for(o: &Observed<'_>, mut status: BackupRunStatus, wait: Option<Decision>, held: Option<String>) -> Decision {
    let since = status.restore_requested_at.clone();
    // One cause at a time: two that take turns in the message would be told by an Event each time.
    let wait = wait.unwrap_or_else(|| Decision {
        unguarded: held
            .clone()
            .filter(|_| status.message != held)
            .map(waits)
            .into_iter()
            .collect(),
        guarded: vec![Guarded::Report(Box::new(BackupRunStatus {
            message: held,
            ..status.clone()
        }))],
        ..Decision::default()
    });
    match waiting::restore(o, &status, since, wait) {
        Ok(mut waits) => {
            waits.unguarded.extend(o.pods.iter().filter_map(end::go));
            waits
        }
        Err(expired) => {
            let why = waiting::cause(&status);
            status.message = tell::last_words(&status);
            refuse(o, status, &format!("{expired}; ask again. {why}"))
        }
    }
}

/// The conditions of a finished run speak of its backup: who has asked for the restore shall hear all the same.
fn waits(note: String) -> Unguarded {
    Unguarded::Event(Event {
        warning: false,
        reason: Reason::RestoreWaits.word(),
        action: "Wait",
        note,
    })
}

/// The request is taken off before it is said that it was refused: one that a crash keeps is refused once more.
fn refuse(o: &Observed<'_>, mut status: BackupRunStatus, why: &str) -> Decision {
    let mut guarded = Vec::new();
    if status.restore_requested_at.take().is_some()
        || status.queued.take().is_some()
        || o.run
            .status
            .as_ref()
            .is_some_and(|s| s.message != status.message || s.copies != status.copies)
    {
        guarded.push(Guarded::Report(Box::new(status)));
    }
    guarded.push(Guarded::TakeRequest);
    Decision {
        guarded,
        unguarded: vec![Unguarded::Event(Event {
            warning: true,
            reason: Reason::RestoreRefused.word(),
            action: "Restore",
            note: format!("the restore was refused: {why}"),
        })],
        ..Decision::default()
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
    if tell::is_overwritten(status) && there::made(status).next().is_none() {
        return Some("its object was overwritten by a newer run of the same path; restore that one".into());
    }
    if path_of(o, status).is_none() {
        return Some("this run never got as far as a path; see its message".into());
    }
    let faults = validate::run::validate(&o.run.spec).err()?;
    Some(validate::sentence(&faults))
}
