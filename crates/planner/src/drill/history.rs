//! Rotation: which ended runs of a drill are too many. The newest good and the newest failed one are always kept (the limits begin at one),
//! so that the backup's run has heard of each before it goes.
use api::{BackupRun, labels};
use kube::ResourceExt;

use crate::drill::observed::Observed;
use crate::schedule::observed::{Standing, ended, standing};
use crate::schedule::{Doomed, Why};

/// At most this many are removed in one pass.
const AT_ONCE: usize = 20;

/// The runs to remove now, oldest first, and whether more are left.
pub fn doomed(o: &Observed<'_>) -> (Vec<Doomed>, bool) {
    let spec = &o.drill.spec;
    let name = o.drill.name_any();
    let mut all = Vec::new();
    for (kind, limit, field) in [
        (
            Standing::Successful,
            spec.successful_runs_history_limit.unwrap_or(3),
            "successfulRunsHistoryLimit",
        ),
        (
            Standing::Failed,
            spec.failed_runs_history_limit.unwrap_or(1),
            "failedRunsHistoryLimit",
        ),
    ] {
        let why = format!("over spec.{field}: {limit} of drill {name}");
        let mut runs: Vec<&BackupRun> = o
            .runs
            .iter()
            .copied()
            .filter(|r| r.metadata.deletion_timestamp.is_none() && !is_active(r) && standing(r) == kind)
            .filter(|r| !r.annotations().contains_key(labels::KEEP))
            .collect();
        runs.sort_by_key(|r| std::cmp::Reverse((ended(r), r.name_any())));
        all.extend(
            runs.into_iter()
                .skip(limit.max(1) as usize)
                .map(|r| (ended(r), r, why.clone())),
        );
    }
    all.sort_by_key(|(at, r, _)| (*at, r.name_any()));
    let more = all.len() > AT_ONCE;
    let now = all.into_iter().take(AT_ONCE);
    (now.map(|(_, r, why)| Doomed::new(r, Why::Rotated(why))).collect(), more)
}

/// Whether a drill is under way: it has not ended, or is restored once more by hand.
pub fn is_active(run: &BackupRun) -> bool {
    standing(run) == Standing::Active || run.status.as_ref().is_some_and(|s| s.transfer.is_some())
}
