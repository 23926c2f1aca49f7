//! A request for a URL to download a good backup by: answered once, beside whatever else the run does.
//!
//! Who may ask is the API server's to say: a ValidatingAdmissionPolicy asks it for the right to create `backupruns/download`. The answer is
//! encrypted for the recipient that the request is, so that it may stand in a status that others read.
use std::time::Duration;

use api::download::Download;
use api::{BackupRun, BackupRunStatus, condition, labels};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::observed::{DownloadView, Observed, StorageView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::tell;

/// How long a URL is good, and its answer stands. Whoever reads for longer asks again.
pub const EXPIRES: Duration = crate::run::limits::LENT;

/// What is to be signed, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// An age recipient.
    pub recipient: String,
    /// Object key.
    pub key: String,
    /// Its version, where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// What a run's annotation asks for. Err: why it is not to be had.
pub fn asked(run: &BackupRun, storage: &StorageView) -> Option<Result<Asked, String>> {
    let recipient = recipient(run)?.to_owned();
    Some(object(run, storage).map(|(key, version_id)| Asked {
        recipient,
        key,
        version_id,
    }))
}

fn recipient(run: &BackupRun) -> Option<&str> {
    let asked = run.annotations().get(labels::DOWNLOAD).map(String::as_str);
    asked.filter(|_| run.metadata.deletion_timestamp.is_none())
}

fn object(run: &BackupRun, storage: &StorageView) -> Result<(String, Option<String>), String> {
    let status = run.status.as_ref().filter(|_| run.spec.backup.is_some());
    let good = status.filter(|s| condition::is_true(&s.conditions, condition::SUCCESSFUL));
    let stored = good.and_then(|status| Some((status, status.key.clone()?)));
    let (status, key) = stored.ok_or("this run has no good backup")?;
    if tell::is_overwritten(status) {
        return Err("its object was overwritten by a newer run of the same path; download that one".into());
    }
    match storage {
        StorageView::Missing => return Err(format!("there is no BackupStorage {:?}", run.spec.storage.name)),
        StorageView::Refused { message } => return Err(message.clone()),
        StorageView::Ready(_) | StorageView::NotReady { .. } => {}
    }
    // The status is the tenant's to write where somebody lets him: it names an object of his own or none.
    match storage.forbids(&key) {
        Some(why) => Err(why),
        None => Ok((key, status.version_id.clone())),
    }
}

/// Puts the answer into what a decision reports, and takes the request off.
///
/// Crash window: the answer is written before the annotation goes; a request that a crash keeps is answered once more.
pub fn answered(o: &Observed<'_>, mut decision: Decision) -> Decision {
    if decision.ask.is_some() {
        // It is decided once more, with the turn.
        return decision;
    }
    let none = BackupRunStatus::default();
    let before = o.run.status.as_ref().unwrap_or(&none);
    let asked = recipient(o.run).zip(match &o.download {
        DownloadView::None => None,
        DownloadView::Sealed { text, ends } => Some(Ok((text, until(o.now, *ends)))),
        DownloadView::Refused(why) => Some(Err(why)),
    });
    let stands = before.download.as_ref().filter(|_| asked.is_none());
    let left = stands.map(|download| left(download.expires_at.0, o.now));
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        decision.requeue = Some(decision.requeue.map_or(left, |before| before.min(left)));
    }
    let download = match (asked, left) {
        (Some((recipient, answer)), _) => Some(Download {
            recipient: recipient.to_owned(),
            expires_at: Time(answer.map_or_else(|_| until(o.now, None), |(_, until)| until)),
            sealed: answer.ok().map(|(text, _)| text.clone()),
            message: answer.err().cloned(),
        }),
        // Nothing is due.
        (None, None) => return decision,
        (None, Some(left)) if !left.is_zero() => return decision,
        (None, Some(_)) => None,
    };
    let mut reports = false;
    for step in decision.guarded.iter_mut().chain(&mut decision.settled) {
        if let Guarded::Report(status) = step {
            reports = true;
            status.download.clone_from(&download);
        }
    }
    if !reports {
        let mut status = before.clone();
        status.download = download;
        decision.guarded.push(Guarded::Report(Box::new(status)));
    }
    if let Some((recipient, answer)) = asked {
        decision.guarded.push(Guarded::TakeDownload);
        decision
            .unguarded
            .push(told(recipient, answer.map(|(_, until)| until), o.now));
    }
    decision
}

/// No longer than the credentials that signed it.
fn until(now: Timestamp, ends: Option<Timestamp>) -> Timestamp {
    let wanted = now.checked_add(EXPIRES).unwrap_or(now);
    ends.map_or(wanted, |ends| ends.min(wanted))
}

fn left(until: Timestamp, now: Timestamp) -> Duration {
    // A clock that was set back keeps nothing for longer than it was to stand.
    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    if left > EXPIRES { Duration::ZERO } else { left }
}

/// Whoever looks after the data shall see that it was handed out; by whom it was asked for is in the API server's audit log.
fn told(recipient: &str, answer: Result<Timestamp, &String>, now: Timestamp) -> Unguarded {
    let (reason, note) = match answer {
        Ok(until) => (
            Reason::DownloadGiven,
            format!(
                "a URL to download the backup by, good for {} minutes, was signed for {recipient}",
                left(until, now).as_secs() / 60
            ),
        ),
        Err(why) => (
            Reason::DownloadRefused,
            format!("the download that was asked for was refused: {why}"),
        ),
    };
    Unguarded::Event(Event {
        warning: answer.is_err(),
        reason: reason.word(),
        action: "Download",
        note,
    })
}
