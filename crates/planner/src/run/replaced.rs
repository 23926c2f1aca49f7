//! What a rewrap has replaced, and when each of it goes: never while somebody reads it, and a copy only once there is another one in its place.
use std::time::Duration;

use api::condition::{self, Say};
use api::rewrap::Replaced;
use api::{BackupRunStatus, labels};
use jiff::SignedDuration;
use kube::ResourceExt;

use crate::run::copies;
use crate::run::limits::{LENT, REPLACED, STORAGE_WAIT};
use crate::run::moved::{Moved, moved};
use crate::run::observed::{Observed, StorageView};
use crate::run::reason::Reason;
use crate::run::rewrap_request::{current, is_of};
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::there;

/// Makes the copies anew, and removes what was before: the run's own object at once, a copy when the new one is proved. So the backup lies in
/// no fewer places than before the rewrap, whatever a store refuses.
pub fn remove(o: &Observed<'_>, status: &BackupRunStatus, decision: &mut Decision) -> BackupRunStatus {
    let mut told = copies::go_on(o, status, decision).unwrap_or_else(|| status.clone());
    if let Some((why, left)) = busy(o, &told) {
        waits(o, &mut told, &why);
        sooner(decision, left);
        return told;
    }
    let (mut stays, mut why, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let mut goes = Vec::new();
    for old in &told.replaced {
        match keeps(o, &told, old) {
            Some((words, wait)) => {
                sooner(decision, wait);
                why.push(words);
                stays.push(old.clone());
            }
            None => match untouched(o, &told, old) {
                Some(said) => left.push(said),
                None => goes.push(removal(o, old)),
            },
        }
    }
    let until = why.join("; ");
    let trouble = o.trouble.iter().map(|trouble| trouble.message.clone());
    let why: Vec<_> = trouble.chain(why).collect();
    if !why.is_empty() {
        waits(o, &mut told, &why.join("; "));
    }
    if goes.is_empty() && left.is_empty() {
        return told;
    }
    decision.unguarded.extend(goes);
    decision.unguarded.extend(left);
    let mut gone = told.clone();
    gone.replaced = stays;
    if !gone.replaced.is_empty() {
        waits(o, &mut gone, &until);
    } else if is_done(&gone) {
        let whom = format!("encrypted for {}", current(o.run).join(", "));
        say(o, &mut gone, true, Reason::Rewrapped, &whom);
    }
    decision.settled.push(Guarded::Report(Box::new(gone)));
    told
}

/// How an object of before is removed.
pub fn removal(o: &Observed<'_>, old: &Replaced) -> Unguarded {
    let moved = moved_of(o, old);
    Unguarded::RemoveReplaced {
        storage: old.storage.clone(),
        key: old.key.clone(),
        etag: old.etag.clone(),
        version_id: old.version_id.clone(),
        upload_id: old.upload_id.clone(),
        looked_for: is_looked_for(o, moved.as_ref()),
        moved,
    }
}

/// Whether what is not found where its storage points now is looked for again: somebody may be at work on the endpoint. After a time it is left,
/// and said: without an end no further rewrap would begin.
pub fn is_looked_for(o: &Observed<'_>, moved: Option<&Moved>) -> bool {
    let last = o.run.status.as_ref().and_then(|s| s.rewraps.last());
    moved.is_some() && last.is_some_and(|last| !o.left_of(REPLACED, last.time.0).is_zero())
}

/// Where it was stored, if its storage names another place now.
pub fn moved_of(o: &Observed<'_>, old: &Replaced) -> Option<Moved> {
    moved(o.view_of(old.storage.as_ref())?, old.location.as_ref())
}

/// What is said of one that is not removed at all.
fn untouched(o: &Observed<'_>, status: &BackupRunStatus, old: &Replaced) -> Option<Unguarded> {
    let view = o.view_of(old.storage.as_ref());
    let moved = moved_of(o, old).filter(Moved::is_elsewhere);
    let place = old.storage.as_ref().unwrap_or(&o.run.spec.storage.name);
    let (reason, why) = if !is_of(status, old) {
        (
            Reason::ObjectKept,
            "status.replaced names it, and it does not lie beside what the run has".into(),
        )
    } else if let Some(moved) = moved {
        (Reason::LeftBehind, format!("it {}", moved.words()))
    } else if view.is_none_or(|view| is_closed(view, old)) {
        (
            Reason::LeftBehind,
            "the storage is gone, or not for this namespace".into(),
        )
    } else {
        return None;
    };
    Some(event(
        true,
        reason,
        format!(
            "object {} of before the rewrap was left in storage {place}: {why}. Remove it by hand",
            old.key
        ),
    ))
}

/// Nothing is removed there: it is gone, or not for this namespace. What a rewrap has made that was stopped by just that goes all the same: the object
/// itself has to say that it is this run's.
fn is_closed(view: &StorageView, old: &Replaced) -> bool {
    match view {
        StorageView::Missing => true,
        StorageView::Refused { .. } => old.storage.is_some() || old.etag.is_some(),
        StorageView::Ready(_) | StorageView::NotReady { .. } => view.forbids(&old.key).is_some(),
    }
}

/// Why a copy of before is kept as yet, and when to look again. One whose storage takes no new one goes after a time, if there is another.
fn keeps(o: &Observed<'_>, status: &BackupRunStatus, old: &Replaced) -> Option<(String, Duration)> {
    let name = old.storage.as_ref()?;
    let is_wanted = copies::wanted(o.run).iter().any(|wanted| wanted.storage == *name);
    let is_gone = o
        .view_of(Some(name))
        .is_none_or(|view| matches!(view, StorageView::Missing | StorageView::Refused { .. }));
    if !is_wanted && is_gone {
        // Nobody will make it anew.
        return None;
    }
    let copy = status.copies.iter().find(|c| c.storage == *name)?;
    if copy.given_up || copy.completion_time.is_some() {
        return None;
    }
    let since = status.rewraps.last().map_or(o.now, |last| last.time.0);
    let left = o.left_of(REPLACED, since);
    let another = there::made(status).next().is_some();
    // What lies in a storage that is gone nobody here can remove, or lose.
    if (another || is_gone) && left.is_zero() {
        return None;
    }
    let why = copy.message.as_ref().map_or(String::new(), |why| format!(" ({why})"));
    let words = format!("its copy in storage {name} goes when the new one is proved there{why}");
    Some((words, if another || is_gone { left } else { REPLACED }))
}

/// Who still reads the old object, or writes in its place.
pub(super) fn busy(o: &Observed<'_>, status: &BackupRunStatus) -> Option<(String, Duration)> {
    if let Some(writer) = &o.rewrap.writer {
        return Some((
            format!("run {writer} is storing its backup under the same key"),
            STORAGE_WAIT,
        ));
    }
    if let Some(reader) = &o.rewrap.reader {
        let namespace = reader.split_once('/').map(|(namespace, _)| namespace);
        if namespace == o.run.namespace().as_deref() {
            return Some((format!("run {reader} reads it"), STORAGE_WAIT));
        }
        let since = status.rewraps.last().map(|last| last.time.0);
        let left = since.map_or(Duration::ZERO, |since| o.left_of(REPLACED, since));
        if let (Some(since), false) = (since, left.is_zero()) {
            let until = SignedDuration::try_from(REPLACED)
                .ok()
                .and_then(|d| since.checked_add(d).ok());
            let until = until.map_or(String::new(), |until| format!(", which is waited for until {until}"));
            return Some((format!("run {reader} reads it{until}"), STORAGE_WAIT));
        }
    }
    let lent = status.download.as_ref().filter(|lent| lent.sealed.is_some())?;
    let left = Duration::try_from(lent.expires_at.0.duration_since(o.now)).ok()?;
    // A clock that was set back keeps nothing for longer than it was to stand.
    let stands = !left.is_zero() && left <= LENT;
    stands.then(|| (format!("it was lent for a download until {}", lent.expires_at.0), left))
}

/// The rewrap that has replaced something was done; not so one that was given up.
fn is_done(status: &BackupRunStatus) -> bool {
    let said = condition::find(&status.conditions, condition::REWRAPPED);
    said.is_none_or(|said| said.reason != Reason::RewrapFailed.word())
}

fn waits(o: &Observed<'_>, told: &mut BackupRunStatus, why: &str) {
    if is_done(told) {
        let whom = current(o.run).join(", ");
        let asked = o.run.annotations().contains_key(labels::REWRAP) && !o.rewrap.request_is_kept;
        let next = if asked {
            "; the further rewrap that is asked for waits for that"
        } else {
            ""
        };
        let words = format!("encrypted for {whom}; what it was before is still to be removed: {why}{next}");
        say(o, told, false, Reason::ReplacedLeft, &words);
    }
}

fn sooner(decision: &mut Decision, wait: Duration) {
    decision.requeue = Some(decision.requeue.map_or(wait, |before| before.min(wait)));
}

/// How condition `Rewrapped` is told.
pub(super) fn say(o: &Observed<'_>, told: &mut BackupRunStatus, on: bool, reason: Reason, message: &str) {
    condition_of(o, told, condition::REWRAPPED, on, reason, message);
}

/// How a condition is told that a rewrap changes.
pub(super) fn condition_of(
    o: &Observed<'_>,
    told: &mut BackupRunStatus,
    type_: &str,
    on: bool,
    reason: Reason,
    message: &str,
) {
    let say = Say {
        type_,
        status: on,
        reason: reason.word(),
        message,
    };
    condition::set(&mut told.conditions, &say, o.run.metadata.generation, o.now);
}

/// An Event of a rewrap.
pub(super) fn event(warning: bool, reason: Reason, note: String) -> Unguarded {
    Unguarded::Event(Event {
        warning,
        reason: reason.word(),
        action: "Rewrap",
        note,
    })
}
