//! Rotation: which ended runs are too many.
use api::requests::REWRAPS;
use api::retention::Kept;
use api::run::CopyStatus;
use api::{BackupRun, labels};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::run::inherited::is_doubtful;
use crate::run::lock;
use crate::run::proved::is_bad;
use crate::run::tell::is_overwritten;
use crate::schedule::decide::{Doomed, Why};
use crate::schedule::observed::{Observed, Standing, ended, is_being_restored, is_not_repeated, standing};
use crate::schedule::retention::{self, Policy};
use crate::schedule::skew::{SKEW, is_ahead};

/// At most this many are removed in one pass, so that a schedule with thousands does not keep others waiting.
const AT_ONCE: usize = 20;

/// What rotation comes to.
#[derive(Debug, Default)]
pub struct Rotation {
    /// The runs to remove now, oldest first.
    pub doomed: Vec<Doomed>,
    /// More are left.
    pub more: bool,
    /// How many good backups stay, by generation, where the schedule keeps by these.
    pub kept: Option<Kept>,
}

/// Which runs are to be removed now. Backups are counted, never restores; the newest good backup is never removed, nor a run that
/// is kept. Backups that were written over go first. A retention that cannot be read removes no good backup.
///
/// While one of them is being restored none is removed: if that backup turns out to be a bad one, the others are needed, and what
/// is backed up meanwhile, by hand or by Allow, may be half restored and count as good.
pub fn rotate(o: &Observed<'_>) -> Rotation {
    let name = o.schedule.name_any();
    let spec = &o.schedule.spec;
    let mut kept = None;
    let mut all = match Policy::of(o.schedule) {
        Ok(None) => {
            let limit = spec.successful_runs_history_limit.unwrap_or(3);
            let why = format!("over spec.successfulRunsHistoryLimit: {limit} of schedule {name}");
            over(o, Standing::Successful, limit, &why)
        }
        Ok(Some(policy)) => {
            let judged = retention::runs::judge(o, &policy);
            kept = Some(retention::runs::kept(&judged, &policy));
            let why = format!("kept by no rule of spec.retention of schedule {name}");
            let gone = judged.into_iter().filter(|(_, fate)| !fate.stays());
            gone.map(|(run, _)| (run, why.clone())).collect()
        }
        Err(_) => Vec::new(),
    };
    if o.runs.iter().any(|r| is_being_restored(r)) || !o.restored_by.is_empty() {
        return Rotation {
            kept,
            ..Rotation::default()
        };
    }
    let limit = spec.failed_runs_history_limit.unwrap_or(1);
    let why = format!("over spec.failedRunsHistoryLimit: {limit} of schedule {name}");
    all.extend(over(o, Standing::Failed, limit, &why));
    all.sort_by_cached_key(|(r, _)| (ended(r), r.name_any()));
    let more = all.len() > AT_ONCE;
    Rotation {
        doomed: all
            .into_iter()
            .take(AT_ONCE)
            .map(|(r, why)| Doomed::new(r, Why::Rotated(why)))
            .collect(),
        more,
        kept,
    }
}

/// Those that are more than a number. What came back and was not adopted takes no place among the failures and stays until a person deletes it. Nor does one
/// of the future: it would be the newest until then, and each good backup of today would have no place beside it.
fn over<'a>(o: &Observed<'a>, kind: Standing, limit: u32, why: &str) -> Vec<(&'a BackupRun, String)> {
    let newest = (kind == Standing::Successful).then(|| newest(o)).flatten();
    let newest = newest.map(ResourceExt::uid);
    let mut runs: Vec<&BackupRun> = o
        .runs
        .iter()
        .copied()
        .filter(|r| r.metadata.deletion_timestamp.is_none() && standing(r) == kind)
        .filter(|r| !is_ahead(ended(r), o.now))
        .filter(|r| !is_kept(r) && !is_not_repeated(r) && !lock::is_to_stay(r, o.now))
        .collect();
    runs.sort_by_cached_key(|r| std::cmp::Reverse((worth(r), r.name_any())));
    runs.into_iter()
        .skip(limit as usize)
        .filter(|r| !is_in_use(r, o) && Some(r.uid()) != newest)
        .map(|r| (r, why.to_string()))
        .collect()
}

/// The newest good backup; one of the future only where there is no other.
pub fn newest<'a>(o: &Observed<'a>) -> Option<&'a BackupRun> {
    let good = |r: &&BackupRun| r.metadata.deletion_timestamp.is_none() && standing(r) == Standing::Successful;
    let good = o.runs.iter().copied().filter(good);
    good.max_by_key(|r| (!is_ahead(ended(r), o.now), worth(r), r.name_any()))
}

/// What is kept rather: a backup that is still there, then the newer one. One that was written over, that a restore has found bad, or whose last
/// restore failed under the Go operator, nobody knows why, takes no place from one that can be restored.
fn worth(run: &BackupRun) -> (bool, Timestamp) {
    let lost = run.status.as_ref().is_some_and(|s| is_overwritten(s) || is_bad(s));
    (!lost && !is_doubtful(run), ended(run))
}

/// It is annotated to be kept.
pub fn is_kept(run: &BackupRun) -> bool {
    run.annotations().contains_key(labels::KEEP)
}

/// When rotation may pass by one run less: the next lock of one ends, or one of the future is none.
pub fn released(o: &Observed<'_>) -> Option<Timestamp> {
    let locks = o.runs.iter().filter_map(|r| r.status.as_ref()).flat_map(lock::all);
    let ends = locks.filter_map(|lock| Some(lock.until.as_ref()?.0));
    let by_time = o.schedule.spec.retention.is_some();
    let begin = o.runs.iter().filter(|_| by_time).map(|r| retention::runs::begun(r));
    let future = o.runs.iter().filter_map(|r| ended(r).checked_sub(SKEW).ok());
    ends.chain(begin).chain(future).filter(|at| *at > o.now).min()
}

/// Its object is read, by another run, too, or was lent to somebody who may still read it; or its last attempt is not cleaned up.
pub fn is_in_use(run: &BackupRun, o: &Observed<'_>) -> bool {
    let annotations = run.annotations();
    // A request to rewrap that an applier puts back for ever was taken up: it holds nothing.
    let asked = REWRAPS.is_asked(annotations) || annotations.contains_key(labels::DOWNLOAD);
    let read = run.metadata.uid.as_ref().is_some_and(|uid| o.read.contains(uid));
    asked
        || read
        || run.status.as_ref().is_some_and(|s| {
            let lent = s.download.as_ref();
            let lent = lent.is_some_and(|lent| lent.sealed.is_some() && lent.expires_at.0 > o.now);
            let copied = |c: &CopyStatus| c.upload_id.is_some() && c.completion_time.is_none();
            // Copies of before a rewrap are all that there is beside the object until they are made anew.
            let made = |name: &String| {
                let copy = s.copies.iter().find(|c| c.storage == *name);
                copy.is_none_or(|c| c.given_up || c.completion_time.is_some())
            };
            let anew = s
                .replaced
                .iter()
                .filter_map(|old| old.storage.as_ref())
                .any(|name| !made(name));
            s.transfer.is_some() || s.rewrap.is_some() || anew || lent || s.copies.iter().any(copied)
        })
}
