//! Copies of a good backup in further storages: which are wanted, what is told of them, and which one a restore reads.
use std::time::Duration;

use api::condition::{self, Say};
use api::run::{CopyStatus, Location};
use api::{BackupRun, BackupRunStatus, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::attempt::key;
use crate::run::moved::is_same;
use crate::run::observed::{CopyProgress, CopyView, Found, Observed, StorageView};
use crate::run::path;
use crate::run::reason::Reason;
use crate::run::rewrap_request::is_of;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::there::{Lie, lie, look, made};
use crate::validate::run::{check_path, render_copy};
use api::names::is_subdomain;

/// So many by annotation.
const ASKED: usize = 5;
/// A copy is looked at once in this time, at the hour at which it was made: so they are spread, whenever an operator begins to work.
const EACH: Duration = Duration::from_secs(24 * 3600);
/// That long after its hour a copy is still looked at.
const HOUR: Duration = Duration::from_secs(3600);
/// A copy that is gone for this many times is not made again.
const LOST: u32 = 3;
/// Look again at a copy whose storage is not ready.
const AGAIN: Duration = Duration::from_secs(60);

/// A copy that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub storage: String,
    /// Its path there; none: the backup's own.
    pub path: Option<String>,
}

/// The copies that a run asks for: by its spec, and by an annotation. Names that cannot be a storage's are passed by.
pub fn wanted(run: &BackupRun) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    if run.spec.backup.is_none() {
        return all;
    }
    let asked = run.annotations().get(labels::COPY).map_or("", String::as_str);
    let asked = asked.split(',').map(str::trim).filter(|name| is_subdomain(name));
    let asked = asked.take(ASKED).map(|storage| Wanted {
        storage: storage.to_owned(),
        path: None,
    });
    let of_spec = run.spec.copies.iter().map(|copy| Wanted {
        storage: copy.storage.clone(),
        path: copy.path.clone(),
    });
    for one in of_spec.chain(asked) {
        if one.storage != run.spec.storage.name && !all.iter().any(|w| w.storage == one.storage) {
            all.push(one);
        }
    }
    all
}

/// The copies that are to be there: those that are wanted, and those that a rewrap is to replace. Whoever does not ask for a copy any more has
/// not asked to have it removed: what is taken away for the old key's sake is made anew first.
fn to_be(run: &BackupRun, status: &BackupRunStatus) -> Vec<Wanted> {
    let mut all = wanted(run);
    for old in status.replaced.iter().filter(|old| is_of(status, old)) {
        let known = |storage: &String| all.iter().any(|one| one.storage == *storage);
        if let Some(storage) = old.storage.clone().filter(|storage| !known(storage)) {
            all.push(Wanted { storage, path: None });
        }
    }
    all
}

/// The storages that have to be looked at for a run, beside its own: of copies that are wanted, and of those that are there.
pub fn storages(run: &BackupRun) -> Vec<String> {
    let there = run.status.iter().flat_map(|s| &s.copies).map(|c| c.storage.clone());
    let replaced = run.status.iter().flat_map(|s| &s.replaced);
    let replaced = replaced.filter_map(|old| old.storage.clone());
    let mut all: Vec<_> = wanted(run).into_iter().map(|w| w.storage).collect();
    all.extend(there.chain(replaced));
    all.sort();
    all.dedup();
    all
}

/// Adds to the decision about a finished run what its copies need. A bad backup is not copied.
/// Returns the status that tells of them; None: there are none to tell of.
pub fn add(o: &Observed<'_>, status: &BackupRunStatus, decision: &mut Decision) -> Option<BackupRunStatus> {
    let told = go_on(o, status, decision)?;
    if told != *status {
        decision.guarded.push(Guarded::Report(Box::new(told.clone())));
    }
    Some(told)
}

/// The same, for who has more to tell and reports both.
pub fn go_on(o: &Observed<'_>, status: &BackupRunStatus, decision: &mut Decision) -> Option<BackupRunStatus> {
    let wanted = to_be(o.run, status);
    if wanted.is_empty() || !condition::is_true(&status.conditions, condition::SUCCESSFUL) {
        return None;
    }
    // Whoever may write the status may have named another namespace's object.
    let own = status
        .key
        .as_deref()
        .is_some_and(|key| o.storage.forbids(key).is_none());
    if !own || status.etag.is_none() {
        return None;
    }
    let mut told = status.clone();
    let mut again: Option<Duration> = None;
    let gone = lost(o, &mut told);
    decision.unguarded.extend(gone.into_iter().map(Unguarded::Event));
    if o.copies.iter().any(|c| c.found != Found::Unknown) {
        decision.unguarded.push(Unguarded::ForgetFound);
    }
    for one in &wanted {
        let wait = advance(o, one, &mut told, decision);
        again = [again, wait].into_iter().flatten().min();
    }
    tell(o, &wanted, &mut told);
    decision.requeue = [decision.requeue, again].into_iter().flatten().min();
    Some(told)
}

/// One copy a step further; how long to wait for the next one.
fn advance(o: &Observed<'_>, one: &Wanted, told: &mut BackupRunStatus, decision: &mut Decision) -> Option<Duration> {
    let before = told.copies.iter().find(|c| c.storage == one.storage).cloned();
    let seen = o.copies.iter().find(|c| c.storage == one.storage);
    let over = |copy: &&CopyStatus| copy.given_up || copy.completion_time.is_some();
    if let Some(copy) = before.as_ref().filter(over) {
        return watch(o, copy, seen?, decision);
    }
    // One that is full may have been filled by the copy itself, which is to be told: room is asked for where one begins.
    let view = seen.map_or(&StorageView::Missing, |c| &c.view);
    let place = match view.to_read() {
        Ok(place) => place,
        Err((why, _)) => {
            note(told, one, None, None, Some(why));
            return Some(AGAIN);
        }
    };
    let at = match before
        .as_ref()
        .map(|copy| copy.key.clone())
        .filter(|key| !key.is_empty())
    {
        Some(key) => key,
        None => match path_of(o, one, told) {
            Ok(path) => key(&place.prefix, &path),
            Err(why) => {
                note(told, one, None, None, Some(format!("path: {why}")));
                return None;
            }
        },
    };
    if let Some(why) = view.forbids(&at) {
        note(told, one, None, None, Some(why));
        return None;
    }
    let same = told
        .location
        .as_ref()
        .is_some_and(|own| is_same(own, &place.location, &place.home));
    if same && told.key.as_deref() == Some(at.as_str()) {
        let why = "it is the same bucket and the same path as the backup's own: that is no copy";
        note(told, one, None, None, Some(why.into()));
        return None;
    }
    let location = Some(&place.location);
    match seen.map(|c| &c.progress).unwrap_or(&CopyProgress::Idle) {
        CopyProgress::Made(made) => {
            note(told, one, Some(&at), location, None);
            if let Some(copy) = told.copies.iter_mut().find(|c| c.storage == one.storage) {
                copy.completion_time = Some(Time(o.now));
                copy.message = None;
                copy.upload_id = None;
                copy.etag = Some(made.etag.clone());
                copy.version_id.clone_from(&made.version_id);
                copy.lock.clone_from(&made.lock);
            }
            // An original that nobody had hashed is proved by its copy from now on.
            told.sha256 = told.sha256.take().or_else(|| Some(made.sha256.clone()));
            decision.unguarded.push(Unguarded::Event(Event {
                warning: false,
                reason: Reason::Copied.word(),
                action: "Copy",
                note: format!(
                    "the backup was copied to {at} of storage {}, and proved there",
                    one.storage
                ),
            }));
            decision.unguarded.push(Unguarded::ForgetCopy {
                storage: one.storage.clone(),
            });
            None
        }
        CopyProgress::Failed { message, again } => {
            let known = told
                .copies
                .iter()
                .any(|c| c.storage == one.storage && c.message.as_ref() == Some(message));
            note(told, one, Some(&at), location, Some(message.clone()));
            if let Some(copy) = told.copies.iter_mut().find(|c| c.storage == one.storage) {
                // It dropped it, or said so in the log.
                copy.upload_id = None;
            }
            if !known {
                decision.unguarded.push(Unguarded::Event(Event {
                    warning: true,
                    reason: Reason::CopyFailed.word(),
                    action: "Copy",
                    note: format!(
                        "the backup is good; its copy in storage {} is not made yet: {message}",
                        one.storage
                    ),
                }));
            }
            Some(*again)
        }
        CopyProgress::UnderWay { upload } => {
            note(told, one, Some(&at), location, None);
            if let (Some(upload), Some(copy)) = (upload, told.copies.iter_mut().find(|c| c.storage == one.storage)) {
                copy.upload_id = Some(upload.clone());
                decision.unguarded.push(Unguarded::CopyNoted {
                    storage: one.storage.clone(),
                });
            }
            None
        }
        CopyProgress::Idle => {
            if let Some(why) = view.lacks_room() {
                note(told, one, None, None, Some(why));
                return Some(AGAIN);
            }
            // What is under way goes on, as a transfer does; nothing more is read for it.
            if let StorageView::Refused { message } = &o.storage {
                note(told, one, None, None, Some(message.clone()));
                return Some(AGAIN);
            }
            let left = before.and_then(|copy| copy.upload_id.clone());
            note(told, one, Some(&at), location, None);
            decision.unguarded.push(Unguarded::Copy {
                storage: one.storage.clone(),
                key: at,
                left,
            });
            None
        }
    }
}

/// Looks at a copy that was made, once a day: somebody may have removed it.
fn watch(o: &Observed<'_>, copy: &CopyStatus, seen: &CopyView, decision: &mut Decision) -> Option<Duration> {
    let made = copy.completion_time.as_ref()?.0;
    if seen.view.to_read().is_err() || seen.view.forbids(&copy.key).is_some() {
        return None;
    }
    let next = match seen.looked {
        Some(ago) => EACH.saturating_sub(ago),
        None => {
            let age = o.age(made);
            let since = Duration::from_secs(age.as_secs() % EACH.as_secs());
            match age >= EACH && since < HOUR {
                true => Duration::ZERO,
                false => EACH.saturating_sub(since),
            }
        }
    };
    if next.is_zero() && seen.found == Found::Unknown {
        decision.unguarded.push(look(copy));
        return Some(EACH);
    }
    Some(next)
}

fn path_of(o: &Observed<'_>, one: &Wanted, status: &BackupRunStatus) -> Result<String, String> {
    let path = match &one.path {
        Some(template) => render_copy(template, &path::context(o.run, o.now))?,
        None => status.path.clone().ok_or("the backup's own is not known")?,
    };
    check_path(&path)
}

/// What is known of a copy that is not made yet, in its line of the status. Its key stays what it once was.
fn note(told: &mut BackupRunStatus, one: &Wanted, key: Option<&str>, at: Option<&Location>, message: Option<String>) {
    let found = told.copies.iter().position(|c| c.storage == one.storage);
    let index = found.unwrap_or_else(|| {
        told.copies.push(CopyStatus {
            storage: one.storage.clone(),
            key: String::new(),
            location: None,
            completion_time: None,
            etag: None,
            version_id: None,
            lock: None,
            upload_id: None,
            lost: 0,
            given_up: false,
            message: None,
        });
        told.copies.len() - 1
    });
    if let Some(copy) = told.copies.get_mut(index) {
        // Of one that was lost the words stay until it is made again.
        copy.message = message.or_else(|| copy.message.take().filter(|_| copy.lost > 0));
        copy.location = at.cloned().or_else(|| copy.location.take());
        if let (true, Some(key)) = (copy.key.is_empty(), key) {
            key.clone_into(&mut copy.key);
        }
    }
}

fn tell(o: &Observed<'_>, wanted: &[Wanted], told: &mut BackupRunStatus) {
    let of = |one: &Wanted| told.copies.iter().find(|c| c.storage == one.storage);
    let open: Vec<_> = wanted
        .iter()
        .filter(|one| of(one).is_none_or(|copy| copy.completion_time.is_none()))
        .collect();
    let failed: Vec<_> = open
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.storage, of(one)?.message.as_ref()?)))
        .collect();
    let names = |all: &[&Wanted]| {
        all.iter()
            .map(|one| one.storage.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (status, reason, message) = if open.is_empty() {
        let all: Vec<_> = wanted.iter().collect();
        (true, Reason::Copied, format!("in {}", names(&all)))
    } else if failed.is_empty() {
        (false, Reason::Copying, format!("on its way to {}", names(&open)))
    } else {
        (false, Reason::CopyFailed, failed.join("; "))
    };
    let say = Say {
        type_: condition::COPIED,
        status,
        reason: reason.word(),
        message: &message,
    };
    condition::set(&mut told.conditions, &say, o.run.metadata.generation, o.now);
}

/// Notes the copies that are gone, or written over: they are called copies no more, and are made again where that is of use. What is to be said
/// of them.
///
/// One that another run wrote over is not: two runs that share a path would take turns for ever, and the older one would win.
pub fn lost(o: &Observed<'_>, told: &mut BackupRunStatus) -> Vec<Event> {
    let gone: Vec<_> = made(told)
        .filter_map(|copy| match lie(o, told, copy) {
            Lie::Lost { why, by } => Some((copy.storage.clone(), why, by)),
            _ => None,
        })
        .collect();
    let mut events = Vec::new();
    for (storage, why, by) in gone {
        let Some(copy) = told.copies.iter_mut().find(|c| c.storage == storage) else {
            continue;
        };
        copy.lost = copy.lost.saturating_add(1);
        copy.given_up = by.is_some() || copy.lost >= LOST;
        let next = match (&by, copy.given_up) {
            (Some(_), _) => "; it is not made again: give the copies of this run a path of their own".to_owned(),
            (None, true) => format!(
                "; it was made and lost {} times and is not made again: find out who or which rule of the bucket removes it, and copy the backup to another storage",
                copy.lost
            ),
            (None, false) => String::new(),
        };
        let words = format!("it was copied, and is no more: {why}{next}");
        (copy.completion_time, copy.etag, copy.version_id, copy.lock) = (None, None, None, None);
        events.push(Event {
            warning: true,
            reason: Reason::CopyLost.word(),
            action: "Copy",
            note: format!("the copy {} in storage {storage}: {words}", copy.key),
        });
        copy.message = Some(words);
    }
    if !events.is_empty() {
        let wanted = to_be(o.run, told);
        tell(o, &wanted, told);
    }
    events
}
