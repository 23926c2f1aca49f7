//! A run that has lived before and came back without its status: its object is adopted, and nothing is executed.
//!
//! Velero, GitOps, `kubectl get -o yaml | kubectl apply` and `kubectl replace --force` bring objects back so. To do again what
//! they once did would put old data over a live database, and the dump of a broken one over the last good backup.
use api::names::Action;
use api::rewrap::{Replaced, Rewrapped};
use api::{BackupRunStatus, condition, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::attempt::key;
use crate::run::life::Past;
use crate::run::limits::STORAGE_WAIT;
use crate::run::observed::{Found, Observed, StorageView, StoredObject};
use crate::run::reason::Reason;
use crate::run::recipients::MOST;
use crate::run::replaced::condition_of;
use crate::run::rewrap_request::before_all;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::taken::is_elsewheres;
use crate::run::waiting::Wants;
use crate::run::{end, tell, waiting};
use crate::validate::run::check_path;

/// What would make it run after all.
const AGAIN: &str =
    "Nothing was executed. To make it again, create it without the annotation backup-operator.io/started-as";

/// What to do for a run that was brought back.
///
/// A request to restore or to encrypt anew that came back with it is one of its earlier life, or may be: it is taken off before anything is told, as
/// nobody could tell it from one of today afterwards. The key that such a rewrap adds may have been taken out since.
pub fn decide(o: &Observed<'_>, status: BackupRunStatus, past: &Past) -> Decision {
    let mut decision = told(o, status, past);
    let ends = decision.requeue.is_none() && decision.guarded.iter().any(|step| matches!(step, Guarded::Report(_)));
    for (request, take, nothing, again) in [
        (
            labels::RESTORE,
            Guarded::TakeRequest,
            "nothing is restored by it",
            "To restore now, ask again: kubectl backup restore",
        ),
        (
            labels::REWRAP,
            Guarded::TakeRewrap,
            "nothing is encrypted anew by it",
            "To encrypt it for others now, ask again: kubectl backup rewrap",
        ),
    ] {
        if !ends || !o.run.annotations().contains_key(request) {
            continue;
        }
        decision.guarded.insert(0, take);
        decision.unguarded.push(Unguarded::Event(Event {
            warning: true,
            reason: Reason::NotRepeated.word(),
            action: "Adopt",
            note: format!(
                "annotation {request} came back with this run; it was taken off, and {nothing}: it may be a request of long ago. {again}, or the annotation with another value"
            ),
        }));
    }
    decision
}

fn told(o: &Observed<'_>, mut status: BackupRunStatus, past: &Past) -> Decision {
    if let StorageView::Refused { message } = &o.storage {
        return end::refuse(o, status, Reason::NamespaceNotAllowed, message);
    }
    tell::nothing_stored(o, &mut status);
    status.path.clone_from(&past.path);
    if o.run.spec.backup.is_none() {
        return restored(o, status, past);
    }
    let Some(path) = past.path.as_deref().filter(|p| check_path(p).is_ok()) else {
        let text = format!(
            "this run was brought back without its status, and its annotation backup-operator.io/rendered-path does not say where its backup is. {AGAIN}"
        );
        return end::refuse(o, status, Reason::NotRepeated, &text);
    };
    let prefix = match waiting::prefix_or_wait(o, &o.run.status.clone().unwrap_or_default(), Wants::Object) {
        Ok(prefix) => prefix,
        Err(wait) => return wait,
    };
    let key = key(&prefix, path);
    match &o.found {
        Found::Unknown => Decision {
            unguarded: vec![Unguarded::look(key)],
            ..Decision::wait(STORAGE_WAIT)
        },
        Found::Unseen { words, .. } => unseen(o, words),
        Found::Object(object) if is_its_own(o, object, past) => adopt(o, status, object),
        Found::Object(object) => {
            let whose = whose(o, object);
            let text = format!(
                "this run was brought back without its status, and object {key} is not its own: it was written by {whose}. {AGAIN}"
            );
            forget(end::refuse(o, status, Reason::NotRepeated, &text))
        }
        Found::Nothing => {
            let text = format!(
                "this run was brought back without its status, and there is no object {key} in storage {}. {AGAIN}",
                o.run.spec.storage.name
            );
            forget(end::refuse(o, status, Reason::NotRepeated, &text))
        }
    }
}

/// The object names a run of this namespace and name: the one that this run was. Or the run was made of a record, maybe in another namespace,
/// and the record agrees with the object.
fn is_its_own(o: &Observed<'_>, object: &StoredObject, past: &Past) -> bool {
    let name = format!("{}/{}", o.run.namespace().unwrap_or_default(), o.run.name_any());
    let made_of = o.run.annotations().get(labels::RECORD);
    let is_named = object.run.as_deref() == Some(&name) && is_of_a_life(o, object, past);
    is_named || made_of.is_some() && object.record.key() == made_of
}

/// A cluster that shares the bucket may have a run of the same name. What another cluster wrote is of this run where it names one of its lives; or
/// where it lies under the name of a rewrap, which follows from the UID of a life that nobody has noted: no other run writes there.
fn is_of_a_life(o: &Observed<'_>, object: &StoredObject, past: &Past) -> bool {
    let lives = [o.run.metadata.uid.as_ref(), past.uid.as_ref()];
    !is_elsewheres(object, o.cluster)
        || object.run_uid.is_none()
        || lives.contains(&object.run_uid.as_ref())
        || before_all(&object.key).is_some()
}

/// Who wrote it.
fn whose(o: &Observed<'_>, object: &StoredObject) -> String {
    let run = object.run.as_deref().unwrap_or("nobody that it names");
    let theirs = object.cluster.as_deref().filter(|_| is_elsewheres(object, o.cluster));
    theirs.map_or(run.to_owned(), |theirs| {
        format!("run {run} of another cluster (the UID of its kube-system is {theirs})")
    })
}

fn adopt(o: &Observed<'_>, mut status: BackupRunStatus, object: &StoredObject) -> Decision {
    status.completion_time = Some(Time(o.now));
    end::adopt(&mut status, object, o.storage.location().cloned());
    let text = format!(
        "this run was brought back without its status; its backup of {} is in the store and was adopted. Nothing was executed",
        crate::size::humanize(object.size)
    );
    tell::successful(o, &mut status, Action::Backup, Reason::Adopted.word(), &text);
    tell::began(o, &mut status, Reason::Adopted.word(), &text);
    encrypted(o, &mut status, object);
    forget(finish(status, text))
}

/// Whom it is for, where its record knows better than the spec: of recipients that stood elsewhere, and after a rewrap, which the object's name
/// tells. What the last rewrap was to remove nobody has written down; where it was the first, what was before lay under a key that is known.
fn encrypted(o: &Observed<'_>, status: &mut BackupRunStatus, object: &StoredObject) {
    let Some(encryption) = &o.run.spec.encryption else {
        return;
    };
    let before = before_all(&object.key);
    let knows = (1..=MOST).contains(&object.recipients.len());
    if knows && (before.is_some() || !encryption.recipients_from.is_empty()) {
        status.recipients.clone_from(&object.recipients);
        let whom = object.recipients.join(", ");
        condition_of(o, status, condition::ENCRYPTED, true, Reason::Encrypted, &whom);
    }
    let Some(key) = before else { return };
    if !knows {
        let text = format!(
            "for whom is not known: its object is one of a rewrap, and the record beside it is not there or does not describe it. What was before, for other recipients, may still be object {key}"
        );
        condition_of(o, status, condition::ENCRYPTED, true, Reason::Encrypted, &text);
        return;
    }
    status.rewraps = vec![Rewrapped {
        time: Time(o.now),
        before: encryption.recipients.clone(),
        sha256: None,
    }];
    // It is removed only where it says that the earlier life of this run wrote it.
    status.replaced.push(Replaced {
        storage: None,
        key,
        etag: None,
        version_id: None,
        location: o.storage.location().cloned(),
        upload_id: None,
    });
}

/// A restore-only run: what was done is not done again until it is asked for again.
fn restored(o: &Observed<'_>, mut status: BackupRunStatus, past: &Past) -> Decision {
    let Some(at) = &past.restored_at else {
        let text = format!(
            "this run was brought back without its status, and nothing says how its restore ended. {AGAIN}, or ask for it (annotation backup-operator.io/restore)"
        );
        return end::refuse(o, status, Reason::NotRepeated, &text);
    };
    status.completion_time = Some(Time(at.parse().unwrap_or(o.now)));
    let text = format!(
        "this run was brought back without its status; its restore was done at {at} and is not done again until it is asked for (annotation backup-operator.io/restore)"
    );
    tell::successful(o, &mut status, Action::Restore, Reason::Adopted.word(), &text);
    tell::began(o, &mut status, Reason::Adopted.word(), &text);
    finish(status, text)
}

fn finish(status: BackupRunStatus, note: String) -> Decision {
    Decision {
        // Held from now on, as any run that has an object.
        guarded: vec![Guarded::AddFinalizer, Guarded::Report(Box::new(status))],
        unguarded: vec![Unguarded::Event(Event {
            warning: false,
            reason: Reason::Adopted.word(),
            action: "Adopt",
            note,
        })],
        ..Decision::default()
    }
}

fn unseen(o: &Observed<'_>, words: &str) -> Decision {
    let message = format!("this run was brought back without its status, and its object cannot be looked at: {words}");
    let mut waiting = o.run.status.clone().unwrap_or_default();
    let mut decision = forget(Decision::wait(STORAGE_WAIT));
    if waiting.message.as_ref() != Some(&message) {
        tell::waiting(o, &mut waiting, Reason::StorageNotReady.word(), &message);
        decision.guarded.push(Guarded::Report(Box::new(waiting)));
    }
    decision
}

fn forget(mut decision: Decision) -> Decision {
    decision.unguarded.push(Unguarded::ForgetFound);
    decision
}
