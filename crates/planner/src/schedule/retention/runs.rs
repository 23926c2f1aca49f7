//! Which good runs of a schedule its retention keeps, and how many by which rule.
use api::retention::Kept;
use api::{BackupRun, condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::lock::is_to_stay;
use crate::run::proved::is_bad;
use crate::run::tell::is_overwritten;
use crate::schedule::history::{is_in_use, is_kept, newest};
use crate::schedule::observed::{Observed, Standing, is_being_restored, standing};
use crate::schedule::retention::{Fate, Needed, Policy, Rule};

/// What becomes of each good run, newest first. Those that are being deleted are none.
pub fn judge<'a>(o: &Observed<'a>, policy: &Policy) -> Vec<(&'a BackupRun, Fate)> {
    let mut runs: Vec<&BackupRun> = o
        .runs
        .iter()
        .copied()
        .filter(|r| r.metadata.deletion_timestamp.is_none() && standing(r) == Standing::Successful)
        .collect();
    runs.sort_by_cached_key(|r| std::cmp::Reverse((begun(r), r.name_any())));
    let newest = newest(o).map(ResourceExt::uid);
    let verified = runs.iter().find(|r| is_verified(r)).map(|r| r.uid());
    let backups: Vec<_> = runs
        .iter()
        .map(|run| {
            let mut backup = policy.backup(begun(run));
            backup.there = !run.status.as_ref().is_some_and(|s| is_overwritten(s) || is_bad(s));
            // What takes no place comes first: the rest only says why it stays.
            backup.needed = [
                (is_kept(run), Needed::Annotated),
                (is_to_stay(run, o.now), Needed::Locked),
                (is_in_use(run, o) || is_being_restored(run), Needed::InUse),
                (Some(run.uid()) == newest, Needed::Newest),
                (Some(run.uid()) == verified, Needed::Verified),
            ]
            .into_iter()
            .find_map(|(is, needed)| is.then_some(needed));
            backup
        })
        .collect();
    let fates = policy.judge(&backups, o.now);
    runs.into_iter().zip(fates).collect()
}

/// How many stay, and by what.
pub fn kept(judged: &[(&BackupRun, Fate)], policy: &Policy) -> Kept {
    let stay = || judged.iter().filter(|(_, fate)| fate.stays());
    let by = |rule: Rule| {
        let asked = policy.count(rule) > 0 || rule == Rule::Within && policy.within().is_some();
        asked.then(|| number(stay().filter(|(_, fate)| fate.rules.has(rule)).count()))
    };
    let otherwise = stay().filter(|(_, fate)| fate.rules.is_empty()).count();
    Kept {
        total: number(stay().count()),
        last: by(Rule::Last),
        hourly: by(Rule::Hourly),
        daily: by(Rule::Daily),
        weekly: by(Rule::Weekly),
        monthly: by(Rule::Monthly),
        yearly: by(Rule::Yearly),
        within: by(Rule::Within),
        otherwise: (otherwise > 0).then(|| number(otherwise)),
        oldest: stay().next_back().map(|(run, _)| Time(begun(run))),
    }
}

/// When a run's backup began; when it was created, where it does not say. Of one that was imported, the record says it.
pub fn begun(run: &BackupRun) -> Timestamp {
    let status = run.status.as_ref();
    let started = status.and_then(|s| s.start_time.as_ref()).map(|t| t.0);
    let completed = status.and_then(|s| s.completion_time.as_ref()).map(|t| t.0);
    let created = run.metadata.creation_timestamp.as_ref().map(|t| t.0);
    // One that was brought back was created again: its backup is as old as it was, and is not of today.
    let otherwise = [completed, created].into_iter().flatten().min();
    started.or(otherwise).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Its backup was proved: read back whole, or restored.
fn is_verified(run: &BackupRun) -> bool {
    run.status.as_ref().is_some_and(
        |status| match condition::find(&status.conditions, condition::VERIFIED) {
            Some(said) => said.status == "True",
            None => status.restores.iter().any(|r| r.successful),
        },
    )
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
