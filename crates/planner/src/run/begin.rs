//! A new run: how its backup, or the first restore of a restore-only run, begins.
use api::names::Action;
use api::{BackupRunStatus, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::attempt::{create_pod, key, start, start_deadline};
use crate::run::limits::STORAGE_WAIT;
use crate::run::nearest::{Nearest, nearest};
use crate::run::observed::{Observed, StorageView};
use crate::run::picked::RecipientsView;
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::waiting::Wants;
use crate::run::{cancel, end, path, recipients, source, tell, thaw, turn, waiting};
use crate::validate;
use crate::validate::run::check_path;

/// What to do for a run for which nothing was done yet.
pub fn decide(o: &Observed<'_>, status: BackupRunStatus) -> Decision {
    let mut decision = begin(o, status);
    let held = o.run.finalizers().iter().any(|f| f == labels::FINALIZER);
    let begins = decision.guarded.iter().any(|g| matches!(g, Guarded::Begin { .. }));
    if !held && !begins {
        decision.guarded.insert(0, Guarded::AddFinalizer);
    }
    decision
}

fn begin(o: &Observed<'_>, mut status: BackupRunStatus) -> Decision {
    let since = status.restore_requested_at.take();
    if cancel::is_asked(o) {
        return cancel::before_it_began(o, status);
    }
    if o.run.unpicked().is_some() {
        return match validate::run::validate(&o.run.spec) {
            Ok(_) => source::decide(o, status, since),
            Err(faults) => end::refuse(o, status, Reason::InvalidSpec, &validate::sentence(&faults)),
        };
    }
    let valid = match validate::run::validate(&o.run.spec) {
        Ok(valid) => valid,
        Err(faults) => return end::refuse(o, status, Reason::InvalidSpec, &validate::sentence(&faults)),
    };
    if let StorageView::Refused { message } = &o.storage {
        return end::refuse(o, status, Reason::NamespaceNotAllowed, message);
    }
    if let Some(wait) = recipients::decide(o, &status) {
        return match without_recipients(o, &status) {
            Some(why) => end::refuse(o, status, Reason::StartDeadlineExceeded, &why),
            None => wait,
        };
    }
    // Of a source there may be copies; of nothing else that begins.
    let copy = match nearest(o, &status) {
        Nearest::Own => None,
        Nearest::Copy(copy, passed) => Some((copy, passed)),
        Nearest::Look(look) => {
            return Decision {
                unguarded: vec![look],
                ..Decision::wait(STORAGE_WAIT)
            };
        }
        Nearest::Nothing { words, may_come: true } => {
            return wait_for(o, status.clone(), since, waiting::nowhere(o, &status, &words));
        }
        Nearest::Nothing { words, .. } => {
            let why = format!("the backup is nowhere to be had: {words}");
            return end::refuse(o, status, Reason::ObjectMissing, &why);
        }
    };
    let wants = match o.run.spec.backup {
        Some(_) => Wants::Room,
        None => Wants::Object,
    };
    // A copy's storage was seen to be ready.
    let own = copy
        .as_ref()
        .map_or_else(|| waiting::prefix_or_wait(o, &status, wants), |_| Ok(String::new()));
    let prefix = match own {
        Ok(prefix) => prefix,
        Err(wait) if o.run.spec.backup.is_some() => return wait,
        Err(wait) => return wait_for(o, status, since, wait),
    };
    let path = match rendered(o).map_or_else(|| valid.render_path(&path::context(o.run, o.now)), Ok) {
        Ok(path) => path,
        Err(why) => return end::refuse(o, status, Reason::InvalidPath, &format!("spec.storage.path: {why}")),
    };
    let action = if o.run.spec.backup.is_some() {
        Action::Backup
    } else {
        Action::Restore
    };
    // Where the backup of a source lies was written down, whatever the storage's prefix is by now.
    let picked = status.key.clone().filter(|_| status.source.is_some());
    let key = picked.unwrap_or_else(|| key(&prefix, &path));
    if let Some(why) = o.storage.forbids(&key) {
        return end::refuse(o, status, Reason::ObjectNotAllowed, &why);
    }
    let at = copy
        .as_ref()
        .and_then(|(copy, _)| o.copies.iter().find(|c| c.storage == copy.storage));
    let read = copy.as_ref().map_or(&key, |(copy, _)| &copy.key).clone();
    if action == Action::Restore {
        let version = copy
            .as_ref()
            .map_or(&status.version_id, |(copy, _)| &copy.version_id)
            .clone();
        let wanted = thaw::Wanted {
            storage: at.map(|at| at.storage.as_str()),
            view: at.map_or(&o.storage, |at| &at.view),
            key: &read,
            version_id: version.as_deref(),
        };
        match thaw::wait(o, &mut status, &wanted) {
            Ok(None) => {}
            Ok(Some(wait)) => return wait,
            Err(why) => return end::refuse(o, status, Reason::ObjectArchived, &why),
        }
    }
    // What is wrong with the path is told at once; the path that counts is rendered when the run has its turn.
    if let Some(wait) = turn::wait(o, &status, action == Action::Restore) {
        return wait;
    }
    status.thaw = None;
    tell::nothing_stored(o, &mut status);
    status.path = Some(path.clone());
    status.key = Some(key);
    status.start_time = Some(Time(o.now));
    status.attempts = (action == Action::Backup).then_some(1);
    start(o, &mut status, action, 1, read);
    let mut warning = false;
    let (reason, note) = match action {
        Action::Backup => (
            Reason::BackupStarted,
            format!("making a backup into {path} of storage {}", o.run.spec.storage.name),
        ),
        Action::Restore => (
            Reason::RestoreStarted,
            match &copy {
                None => format!("restoring {path} of storage {}", o.run.spec.storage.name),
                Some((copy, passed)) => {
                    warning = true;
                    if let Some(transfer) = &mut status.transfer {
                        transfer.storage = Some(copy.storage.clone());
                    }
                    format!(
                        "restoring the copy {} of storage {}, because what is nearer does not give the backup: {passed}",
                        copy.key, copy.storage
                    )
                }
            },
        ),
    };
    let event = Event {
        warning,
        reason: reason.word(),
        action: "Start",
        note,
    };
    let mut unguarded = vec![Unguarded::Event(event), create_pod(o, &status, action, 1)];
    if !status.copies.is_empty() {
        // They were looked at; the next restore looks again.
        unguarded.push(Unguarded::ForgetFound);
    }
    Decision {
        guarded: vec![Guarded::Begin { path }, Guarded::Report(Box::new(status))],
        unguarded,
        requeue: Some(start_deadline(o.run)),
        ..Decision::default()
    }
}

/// The path that this very run has rendered before: its status was lost, or the first report after the mark was not written. One
/// path for one run: what it has stored lies there, and is found.
fn rendered(o: &Observed<'_>) -> Option<String> {
    let annotations = o.run.annotations();
    let own = annotations
        .get(labels::STARTED_AS)
        .is_some_and(|uid| Some(uid) == o.run.metadata.uid.as_ref());
    let path = annotations.get(labels::RENDERED_PATH).filter(|_| own)?;
    check_path(path).is_ok().then(|| path.clone())
}

/// Why a run waits no more for a list of recipients, which nobody may ever make: it holds up the runs of its schedule. It is counted from
/// when that was said first; nobody may have looked before.
fn without_recipients(o: &Observed<'_>, status: &BackupRunStatus) -> Option<String> {
    let RecipientsView::Missing(why) = &o.recipients else {
        return None;
    };
    let since = recipients::missing_since(status)?;
    let deadline = start_deadline(o.run);
    o.left_of(deadline, since).is_zero().then(|| {
        format!(
            "{why}. It was waited for for {} s (spec.startDeadlineSeconds); nothing is encrypted for fewer than are named. Make it, and make the run anew",
            deadline.as_secs()
        )
    })
}

/// A first restore does not wait for ever. A backup does: it is good whenever it is made.
fn wait_for(o: &Observed<'_>, status: BackupRunStatus, since: Option<Time>, wait: Decision) -> Decision {
    waiting::restore(o, &status, since, wait).unwrap_or_else(|expired| {
        let why = waiting::cause(&status);
        let text = format!(
            "the restore is given up, so that it does not go over data that were repaired meanwhile: {expired}; annotate the run with {} to ask again. {why}",
            labels::RESTORE
        );
        end::refuse(o, status, Reason::StartDeadlineExceeded, &text)
    })
}
