//! An attempt whose end was reported, before the operator died: finish what follows a report.
use api::BackupRunStatus;

use crate::run::end;
use crate::run::life::Attempt;
use crate::run::observed::Observed;
use crate::run::step::{Decision, Guarded};

/// What to do for a run of whose last attempt something may be left.
pub fn decide(o: &Observed<'_>, mut status: BackupRunStatus, at: &Attempt) -> Decision {
    status.transfer = None;
    Decision {
        unguarded: end::tidy(o, at),
        settled: vec![Guarded::Report(Box::new(status))],
        ..Decision::default()
    }
}
