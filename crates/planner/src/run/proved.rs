//! What a restore by another run, a drill's above all, says of a backup.
use api::condition::{self, Say};
use api::run::Verified;
use api::{BackupRunStatus, labels};
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

/// What a run that restored another one's backup shows of it. None: nothing, because it has not ended, or failed for reasons of its own (a Pod
/// that did not start, a cancel): a backup is not called bad for what it never came to.
pub fn proof(run: &api::BackupRun) -> Option<Proof> {
    let status = run.status.as_ref().filter(|s| s.transfer.is_none())?;
    let said = |type_| condition::find(&status.conditions, type_).filter(|c| c.status == "True");
    let (good, said) = match (said(condition::SUCCESSFUL), said(condition::FAILED)) {
        (Some(said), _) => (true, said),
        (None, Some(said)) if speaks_of_the_backup(&said.reason) => (false, said),
        _ => return None,
    };
    let mode = run.labels().get(labels::DRILL_MODE).filter(|mode| *mode == READ);
    Some(Proof {
        run: run.name_any(),
        at: status.completion_time.as_ref()?.0,
        good,
        mode: mode.map_or(RESTORE, String::as_str).into(),
        duration: status.duration.clone(),
        words: said.message.clone(),
    })
}

fn speaks_of_the_backup(reason: &str) -> bool {
    const OF_IT: [Reason; 8] = [
        Reason::BadObject,
        Reason::ObjectMissing,
        Reason::ObjectChanged,
        Reason::NoDecryptionKey,
        Reason::CommandFailed,
        Reason::CommandKilled,
        Reason::InputNotRead,
        Reason::CheckFailed,
    ];
    OF_IT.iter().any(|known| known.word() == reason)
}

/// Adds what was shown since to the decision about a finished run. Returns the status that tells of it; None: nothing new.
pub fn add(o: &Observed<'_>, status: &BackupRunStatus, decision: &mut Decision) -> Option<BackupRunStatus> {
    let proof = o.proof.as_ref()?;
    let known = status.verified.as_ref().is_some_and(|v| v.time.0 >= proof.at);
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
        reason: reason.word(),
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
