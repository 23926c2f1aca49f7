//! A good backup is encrypted for others: a new object beside the old one, named by the status once it is proved, and the old one removed
//! after that. The status never names an object that is not whole.
use std::time::Duration;

use api::condition;
use api::rewrap::{Replaced, Rewrap, Rewrapped};
use api::run::CopyStatus;
use api::{BackupRunStatus, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::lately::rewrap_not_done;
use crate::run::limits::{REWRAP_TRIES, REWRAPS, pause};
use crate::run::observed::{CopyProgress, MadeCopy, Observed};
use crate::run::reason::Reason;
use crate::run::replaced::{self, condition_of, event, say};
use crate::run::rewrap_request::{asked, beside_too, current, is_own, next_try, possible};
use crate::run::step::{Decision, Guarded, OWN, Unguarded};
use crate::size::humanize;

/// Adds to the decision about a finished run what a rewrap needs. Returns the status that tells of it; None: nothing is asked for, or it
/// waits until a copy that is being made of the old object is done.
pub fn add(o: &Observed<'_>, status: &BackupRunStatus, decision: &mut Decision) -> Option<BackupRunStatus> {
    let told = match &status.rewrap {
        Some(rewrap) => advance(o, status, rewrap, decision),
        None if !status.replaced.is_empty() => replaced::remove(o, status, decision),
        None => take_up(o, status, decision)?,
    };
    let reported = told != *status;
    if reported {
        decision.guarded.push(Guarded::Report(Box::new(told.clone())));
    }
    // Behind the report: a request that a crash keeps is known by the rewrap under way, and not begun twice.
    let request = o.run.annotations().contains_key(labels::REWRAP) && !o.rewrap.request_is_kept;
    let under_way = told.rewrap.as_ref().or(status.rewrap.as_ref());
    let again = |now: &Rewrap| {
        let of = asked(o, status).and_then(Result::ok);
        of.is_some_and(|wanted| wanted.recipients == now.recipients)
    };
    let refused = told.rewrap.is_none() && status.rewrap.is_none() && status.replaced.is_empty();
    if request && (refused || under_way.is_some_and(again)) {
        decision.guarded.push(Guarded::TakeRewrap);
    }
    Some(told)
}

/// Begins what is asked for, or refuses it.
fn take_up(o: &Observed<'_>, status: &BackupRunStatus, decision: &mut Decision) -> Option<BackupRunStatus> {
    if o.rewrap.request_is_kept {
        // It was taken up; who applies the run's manifest puts it back each time it is taken off.
        return None;
    }
    let wanted = asked(o, status)?;
    let copying = |progress: &CopyProgress| matches!(progress, CopyProgress::UnderWay { .. } | CopyProgress::Made(_));
    if wanted.is_ok() && o.copies.iter().any(|c| copying(&c.progress)) {
        return None;
    }
    let mut told = status.clone();
    match wanted {
        Err(why) => {
            match rewrap_not_done(status) {
                // What was to be taken from a key is still not taken: a request that cannot be makes nothing of that good.
                Some(Reason::RewrapFailed) => {
                    let words = format!(
                        "a further request was refused: {why}; the one before it failed, and the backup is as it was before both"
                    );
                    say(o, &mut told, false, Reason::RewrapFailed, &words);
                }
                _ => say(o, &mut told, false, Reason::RewrapRefused, &why),
            }
            let note = format!("the rewrap that was asked for was refused: {why}");
            decision.unguarded.push(event(true, Reason::RewrapRefused, note));
        }
        Ok(wanted) => {
            let note = format!("the backup is being encrypted for: {}", wanted.recipients.join(", "));
            say(o, &mut told, false, Reason::Rewrapping, &note);
            decision.unguarded.push(event(false, Reason::Rewrapping, note));
            decision.unguarded.push(Unguarded::Rewrap {
                key: wanted.key.clone(),
                recipients: wanted.recipients.clone(),
                left: None,
            });
            told.rewrap = Some(Rewrap {
                since: Time(o.now),
                recipients: wanted.recipients,
                path: wanted.path,
                key: wanted.key,
                upload_id: None,
                failures: 0,
                failed_at: None,
            });
        }
    }
    Some(told)
}

/// One step further.
fn advance(o: &Observed<'_>, status: &BackupRunStatus, rewrap: &Rewrap, decision: &mut Decision) -> BackupRunStatus {
    let mut told = status.clone();
    let forget = Unguarded::ForgetCopy { storage: OWN.into() };
    if let Err(why) = stands(o, status, rewrap) {
        return stopped(o, told, rewrap, &why, decision);
    }
    match &o.rewrap.progress {
        CopyProgress::Idle if rewrap.upload_id.is_some() && rewrap.failed_at.is_none() => {
            // Crash window: an operator died in it. Work that no operator outlives is not begun for ever.
            let why = "the operator that made it was ended meanwhile";
            failed(o, &mut told, rewrap, why, rewrap.upload_id.clone(), decision);
            decision.requeue = Some(pause(rewrap.failures.saturating_add(1)));
        }
        CopyProgress::Idle => {
            let failed = rewrap.failed_at.as_ref();
            let left = failed.map_or(Duration::ZERO, |at| o.left_of(pause(rewrap.failures), at.0));
            if left.is_zero() {
                decision.unguarded.push(Unguarded::Rewrap {
                    key: rewrap.key.clone(),
                    recipients: rewrap.recipients.clone(),
                    left: rewrap.upload_id.clone(),
                });
            } else {
                decision.requeue = Some(left);
            }
        }
        CopyProgress::UnderWay { upload } => {
            if let Some(upload) = upload {
                set(&mut told, |rewrap| {
                    (rewrap.upload_id, rewrap.failed_at) = (Some(upload.clone()), None);
                });
                decision.unguarded.push(Unguarded::CopyNoted { storage: OWN.into() });
            }
        }
        CopyProgress::Failed { message, .. } => {
            failed(o, &mut told, rewrap, message, None, decision);
            decision.unguarded.push(forget);
            decision.requeue = Some(pause(rewrap.failures.saturating_add(1)));
        }
        CopyProgress::Made(made) if made.key == rewrap.key => {
            done(o, &mut told, rewrap, made, decision);
            decision.unguarded.extend([forget, Unguarded::ForgetFound]);
            decision.requeue = Some(Duration::ZERO);
        }
        // Of a rewrap that was given up.
        CopyProgress::Made(_) => decision.unguarded.push(forget),
    }
    told
}

fn set(told: &mut BackupRunStatus, change: impl FnOnce(&mut Rewrap)) {
    if let Some(rewrap) = &mut told.rewrap {
        change(rewrap);
    }
}

/// Whether what the status says of a rewrap under way is this run's, and may still be: access is asked for at each step, and whoever may
/// write the status may have named what is another's.
fn stands(o: &Observed<'_>, status: &BackupRunStatus, rewrap: &Rewrap) -> Result<(), String> {
    possible(o, status)?;
    if !is_own(o.run, status, rewrap) {
        return Err(format!(
            "status.rewrap names object {}, which is not one that this run would make beside its own; nothing was read or written there",
            rewrap.key
        ));
    }
    o.storage.forbids(&rewrap.key).map_or(Ok(()), Err)
}

/// It may not go on: what is under way ends and drops its upload; then it is told.
fn stopped(
    o: &Observed<'_>,
    mut told: BackupRunStatus,
    rewrap: &Rewrap,
    why: &str,
    decision: &mut Decision,
) -> BackupRunStatus {
    match &o.rewrap.progress {
        CopyProgress::UnderWay { .. } => {
            decision.unguarded.push(Unguarded::StopCopies);
            decision.requeue = Some(STOPS);
        }
        progress => {
            if *progress != CopyProgress::Idle {
                decision.unguarded.push(Unguarded::ForgetCopy { storage: OWN.into() });
            }
            let words = format!("it was stopped, and the backup is as it was: {why}");
            given_up(o, &mut told, rewrap, &words, rewrap.upload_id.clone(), decision);
        }
    }
    told
}

/// Look again at what is to end.
const STOPS: Duration = Duration::from_secs(1);

/// A try failed. `left`: its upload, where nobody has dropped it.
///
/// The next one makes an object of another name. Crash window: an operator that was suspended in this try, and is not the leader any more when it
/// wakes, removes what it made, by a name that no other try has.
fn failed(
    o: &Observed<'_>,
    told: &mut BackupRunStatus,
    rewrap: &Rewrap,
    why: &str,
    left: Option<String>,
    decision: &mut Decision,
) {
    let failures = rewrap.failures.saturating_add(1);
    if failures < REWRAP_TRIES {
        let next = next_try(o.run, told, rewrap, failures);
        let upload = match &next {
            Some(_) => {
                left_over(o, told, rewrap, left);
                None
            }
            None => left,
        };
        set(told, |rewrap| {
            (rewrap.failures, rewrap.failed_at, rewrap.upload_id) = (failures, Some(Time(o.now)), upload);
            if let Some((path, key)) = next {
                (rewrap.path, rewrap.key) = (path, key);
            }
        });
        let words = format!("it failed and is tried again ({failures} of {REWRAP_TRIES} tries): {why}");
        say(o, told, false, Reason::Rewrapping, &words);
        return;
    }
    let words = format!("it was tried {failures} times, and the backup is as it was: {why}");
    given_up(o, told, rewrap, &words, left, decision);
}

fn given_up(
    o: &Observed<'_>,
    told: &mut BackupRunStatus,
    rewrap: &Rewrap,
    words: &str,
    left: Option<String>,
    decision: &mut Decision,
) {
    told.rewrap = None;
    left_over(o, told, rewrap, left);
    // A try may have been done, and its operator died before the status said so: the annotation would name what is nobody's.
    let path = told.path.clone();
    decision
        .guarded
        .extend(path.map(|path| Guarded::Annotate(labels::RENDERED_PATH, path)));
    say(o, told, false, Reason::RewrapFailed, words);
    let note = format!("the backup was not encrypted for others: {words}");
    decision.unguarded.push(event(true, Reason::RewrapFailed, note));
}

/// What a try may have made visible is nobody's.
fn left_over(o: &Observed<'_>, told: &mut BackupRunStatus, rewrap: &Rewrap, left: Option<String>) {
    if is_own(o.run, told, rewrap) {
        told.replaced.push(Replaced {
            storage: None,
            key: rewrap.key.clone(),
            etag: None,
            version_id: None,
            location: told.location.clone(),
            upload_id: left,
        });
    }
}

/// The status names the new object from here on, and the old one as what is to be removed.
///
/// Crash window: the annotation names the new path first. Whoever brings the run back without its status finds an object there that is whole; a
/// status that is written later says the same.
fn done(o: &Observed<'_>, told: &mut BackupRunStatus, rewrap: &Rewrap, made: &MadeCopy, decision: &mut Decision) {
    let before = current(o.run).to_vec();
    told.replaced.extend(told.key.clone().map(|key| Replaced {
        storage: None,
        key,
        etag: told.etag.clone(),
        version_id: told.version_id.clone(),
        location: told.location.clone(),
        upload_id: None,
    }));
    // Copies are for whom the old object was for. Each is made anew, beside the one of before, which goes after that. One that is not noted as made
    // may be there all the same: its record could not be written, or its operator died before the status said so. It says itself whose it is.
    let begun = |c: &&mut CopyStatus| !c.key.is_empty() && !c.given_up;
    for copy in told.copies.iter_mut().filter(begun) {
        told.replaced.push(Replaced {
            storage: Some(copy.storage.clone()),
            key: copy.key.clone(),
            etag: copy.etag.take(),
            version_id: copy.version_id.take(),
            location: copy.location.clone(),
            upload_id: copy.upload_id.take(),
        });
        copy.key = beside_too(&copy.key, &rewrap.path);
        (copy.completion_time, copy.lock) = (None, None);
        copy.message = None;
    }
    told.rewraps.push(Rewrapped {
        time: Time(o.now),
        before,
        sha256: told.sha256.clone(),
    });
    let more = told.rewraps.len().saturating_sub(REWRAPS);
    told.rewraps.drain(..more);
    told.rewrap = None;
    told.recipients.clone_from(&rewrap.recipients);
    told.path = Some(rewrap.path.clone());
    told.key = Some(made.key.clone());
    told.etag = Some(made.etag.clone());
    told.version_id.clone_from(&made.version_id);
    told.sha256 = Some(made.sha256.clone());
    told.size_in_bytes = Some(made.size);
    told.size = Some(humanize(made.size));
    told.lock.clone_from(&made.lock);
    told.location = o.storage.location().cloned().or_else(|| told.location.take());
    let whom = rewrap.recipients.join(", ");
    condition_of(o, told, condition::ENCRYPTED, true, Reason::Encrypted, &whom);
    if condition::find(&told.conditions, condition::COPIED).is_some() {
        let words = "the backup was encrypted for others; its copies are made anew";
        condition_of(o, told, condition::COPIED, false, Reason::Copying, words);
    }
    let words = format!("encrypted for {whom}; what it was before is still to be removed");
    say(o, told, false, Reason::ReplacedLeft, &words);
    decision
        .guarded
        .push(Guarded::Annotate(labels::RENDERED_PATH, rewrap.path.clone()));
    let note = format!(
        "the backup was encrypted for {whom}, and proved: it lies under {}",
        made.key
    );
    decision.unguarded.push(event(false, Reason::Rewrapped, note));
}
