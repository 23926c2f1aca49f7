//! An attempt whose end was reported: what it needed goes, and then the status forgets it.
use std::time::Duration;

use api::{BackupRunStatus, condition};

use crate::run::attempt::pod_of_attempt;
use crate::run::life::Attempt;
use crate::run::limits::PODS;
use crate::run::observed::{Observed, PodView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Guarded, Unguarded};
use crate::run::{cancel, end};

/// What to do for a run of whose last attempt something may be left.
pub fn decide(o: &Observed<'_>, mut status: BackupRunStatus, at: &Attempt) -> Decision {
    if cancel::is_asked(o) {
        return cancel::of_what_ended(o);
    }
    let pod = pod_of_attempt(o, at).filter(|p| p.ours);
    let mut unguarded: Vec<_> = pod.and_then(end::go).into_iter().collect();
    unguarded.push(Unguarded::ForgetTransfer);
    let ended = status.completion_time.as_ref().map(|t| o.age(t.0));
    // Since this operator works, where it ended before: nobody has waited for the Pod until then.
    let waited = ended.map_or(o.working_for, |ended| ended.min(o.working_for));
    if pod.is_some_and(PodView::is_in_the_way) && waited < PODS {
        // What it has in flight would become visible after it was looked for.
        return Decision {
            unguarded,
            ..Decision::wait(Duration::from_secs(2))
        };
    }
    // Crash window: a good end was reported and the transfer kept by an older operator; its object stays.
    if !condition::is_true(&status.conditions, condition::SUCCESSFUL) {
        // Of some ends nobody knows that the backup went wrong: what it made visible is whole, and where the store could not be
        // asked, it is not taken back unseen.
        let reason = condition::find(&status.conditions, condition::FAILED).map(|c| c.reason.clone());
        let unseen = Reason::ALL
            .iter()
            .any(|r| r.is_unseen() && Some(r.word()) == reason.as_deref());
        unguarded.extend(end::abort(o, at));
        unguarded.extend(end::take_back(o, at).filter(|_| !unseen));
    }
    status.transfer = None;
    Decision {
        unguarded,
        settled: vec![Guarded::Report(Box::new(status))],
        ..Decision::default()
    }
}
