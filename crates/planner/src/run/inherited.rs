//! Good backups that the Go operator calls failed: there one pair of conditions speaks of backup and restore, so that a restore that failed, or
//! hung when that operator ended, hides the backup. Here such a run is told of anew, once, before rotation or anybody else judges by it.
use api::condition::{self, Say};
use api::names::Action;
use api::run::State;
use api::{BackupRun, BackupRunStatus, labels};
use kube::ResourceExt;

use crate::run::observed::Observed;
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::tell;

/// Whether a run has a good backup that its conditions deny. The Go operator wrote the size when the upload had ended, and only then; this one
/// writes a path as well, and never lets a restore speak of the backup. Not asked of the spec, which a run that has ended may be kept without.
pub fn is_hidden(run: &BackupRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        let restored = matches!(status.state, Some(State::Restoring | State::RestoreFailed));
        let of_ours = status.path.is_some() || status.transfer.is_some() || !status.restores.is_empty();
        let stored = status.size_in_bytes.is_some_and(|size| size > 0);
        let good = condition::is_true(&status.conditions, condition::SUCCESSFUL);
        restored && stored && !of_ours && !good
    })
}

/// Whether its last restore failed under the Go operator, and none was good since: the backup may be at fault.
pub fn is_doubtful(run: &BackupRun) -> bool {
    let told = run.status.as_ref().is_some_and(|status| {
        let adopted = condition::find(&status.conditions, condition::SUCCESSFUL)
            .is_some_and(|said| said.reason == Reason::Adopted.word());
        let restored = condition::find(&status.conditions, condition::RESTORED);
        adopted && status.path.is_none() && restored.is_some_and(|said| said.status == "False")
    });
    told || is_hidden(run)
}

/// Tells of the backup and of the restore apart.
pub fn told(o: &Observed<'_>, mut status: BackupRunStatus) -> Decision {
    let hung = status.state == Some(State::Restoring);
    let (reason, how) = match hung {
        true => (Reason::Interrupted.word(), "was under way when that operator ended"),
        false => ("RestoreFailed", "failed"),
    };
    let text = format!(
        "the backup was made by the Go operator, and is good as far as that knew; a restore of it {how}, which says nothing of the backup"
    );
    // What is known of a backup stays; of this one nothing is, but that a restore was not good.
    let of_both = [condition::FAILED, condition::SUCCESSFUL, condition::READY];
    status.conditions.retain(|said| !of_both.contains(&said.type_.as_str()));
    tell::successful(o, &mut status, Action::Backup, Reason::Adopted.word(), &text);
    status.state = Some(State::RestoreFailed);
    let say = Say {
        type_: condition::RESTORED,
        status: false,
        reason,
        message: &text,
    };
    condition::set(&mut status.conditions, &say, o.run.metadata.generation, o.now);
    let decision = Decision {
        guarded: vec![Guarded::Report(Box::new(status))],
        unguarded: vec![Unguarded::Event(Event {
            warning: false,
            reason: Reason::Adopted.word(),
            action: "Adopt",
            note: text,
        })],
        ..Decision::default()
    };
    match hung {
        true => without_request(o, decision),
        false => decision,
    }
}

/// An interrupted restore is not begun again by itself: what asked for it is taken off when what hung is told of.
///
/// Crash window: it is taken off first. Where it stayed behind the report, nobody could tell it from a request of today.
pub fn without_request(o: &Observed<'_>, mut decision: Decision) -> Decision {
    let request = labels::RESTORE;
    if o.run.annotations().contains_key(request) {
        decision.guarded.insert(0, Guarded::TakeRequest);
        decision.unguarded.push(Unguarded::Event(Event {
            warning: true,
            reason: Reason::Interrupted.word(),
            action: "Adopt",
            note: format!(
                "annotation {request} was there when the Go operator ended with this run under way; it was taken off, and nothing is restored by it: how far that restore came nobody knows. Look at what it was to restore, and ask again: kubectl backup restore, or the annotation once more"
            ),
        }));
    }
    decision
}
