//! What a restore by another run, a drill's above all, says of a backup.
use api::condition::{self, Say};
use api::run::Verified;
use api::{BackupRunStatus, labels};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::observed::Observed;
use crate::run::picked::Proof;
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::tell;

/// `status.verified.mode` of a restore that only read, and of any other.
pub const READ: &str = "Read";
/// The same.
pub const RESTORE: &str = "Restore";

/// What is wrong with the object itself, whoever reads it.
const OF_THE_OBJECT: [Reason; 3] = [Reason::BadObject, Reason::ObjectMissing, Reason::ObjectChanged];
/// What a drill's own commands have found. Of any other restore it says nothing of the backup: a command that a person mistypes fails, too.
const OF_A_DRILL: [Reason; 4] = [
    Reason::CommandFailed,
    Reason::CommandKilled,
    Reason::InputNotRead,
    Reason::CheckFailed,
];

/// What a run that restored another one's backup shows of it. None: nothing, because it has not ended, or failed for reasons of its own (a Pod
/// that did not start, a key that could not be read, a cancel): a backup is not called bad for what it never came to.
pub fn proof(run: &api::BackupRun, now: Timestamp) -> Option<Proof> {
    let status = run.status.as_ref().filter(|s| s.transfer.is_none())?;
    let said = |type_| condition::find(&status.conditions, type_).filter(|c| c.status == "True");
    let is = |of: &[Reason], word: &str| of.iter().any(|known| known.word() == word);
    let drilled = run.labels().contains_key(labels::DRILL);
    let speaks = |word: &str| is(&OF_THE_OBJECT, word) || drilled && is(&OF_A_DRILL, word);
    let (good, said) = match (said(condition::SUCCESSFUL), said(condition::FAILED)) {
        (Some(said), _) => (true, said),
        (None, Some(said)) if speaks(&said.reason) => (false, said),
        _ => return None,
    };
    // One that a wrong clock has put into the future would hide all that come before then.
    let at = status.completion_time.as_ref()?.0.min(now);
    let mode = run.labels().get(labels::DRILL_MODE).filter(|mode| *mode == READ);
    Some(Proof {
        run: run.name_any(),
        at,
        good,
        reason: said.reason.clone(),
        mode: mode.map_or(RESTORE, String::as_str).into(),
        duration: status.duration.clone(),
        words: said.message.clone(),
    })
}

/// A restore has found that the object is gone, another, or not whole: it takes no place from a backup that can be restored.
pub fn is_bad(status: &BackupRunStatus) -> bool {
    let said = condition::find(&status.conditions, condition::VERIFIED).filter(|c| c.status == "False");
    said.is_some_and(|said| OF_THE_OBJECT.iter().any(|reason| reason.word() == said.reason))
}

/// Whether what a run says already is this, or came after it. Of two that ended in one second, which is as fine as a status tells, what was found
/// wrong is not hidden by what was found right; and what a wrong clock has put into the future hides nothing.
pub fn is_known(told: &Verified, proof: &Proof, now: Timestamp) -> bool {
    let at = told.time.0;
    let hides = at > proof.at || at == proof.at && (proof.good || !told.successful);
    told.run == proof.run || hides && at <= now
}

/// Adds what was shown since to the decision about a finished run. Returns the status that tells of it; None: nothing new.
pub fn add(o: &Observed<'_>, status: &BackupRunStatus, decision: &mut Decision) -> Option<BackupRunStatus> {
    let proof = o.proof.as_ref()?;
    let told = status.verified.as_ref();
    let known = told.is_some_and(|v| is_known(v, proof, o.now));
    // Of a backup that is not there any more nothing is to be said.
    if known || !condition::is_true(&status.conditions, condition::SUCCESSFUL) || tell::is_overwritten(status) {
        return None;
    }
    let mut told = status.clone();
    told.verified = Some(Verified {
        time: Time(proof.at),
        run: proof.run.clone(),
        mode: proof.mode.clone(),
        successful: proof.good,
        duration: proof.duration.clone(),
    });
    let took = proof.duration.as_ref().map(|d| format!(" in {d}")).unwrap_or_default();
    let (reason, note) = match proof.good {
        true => (
            Reason::Verified,
            format!("run {} restored it{took} ({}): {}", proof.run, proof.mode, proof.words),
        ),
        false => (
            Reason::NotVerified,
            format!("run {} could not restore it: {}", proof.run, proof.words),
        ),
    };
    let say = Say {
        type_: condition::VERIFIED,
        status: proof.good,
        // Of a bad one the reader's own reason: whether it is the object's fault.
        reason: if proof.good { reason.word() } else { &proof.reason },
        message: &note,
    };
    condition::set(&mut told.conditions, &say, o.run.metadata.generation, o.now);
    decision.guarded.push(Guarded::Report(Box::new(told.clone())));
    decision.unguarded.push(Unguarded::Event(Event {
        warning: !proof.good,
        reason: reason.word(),
        action: "Verify",
        note,
    }));
    Some(told)
}
