//! A restore from an archive: its object is brought back before its Pod exists, which takes from minutes to two days.
use api::BackupRunStatus;
use api::run::{State, Thaw};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::run::limits::THAW;
use crate::run::observed::{Observed, StorageView};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Event, Guarded, Unguarded};
use crate::run::tell;

/// An object that is to be restored.
pub struct Wanted<'a> {
    /// The further storage that it lies in; none: the run's own.
    pub storage: Option<&'a str>,
    /// That storage.
    pub view: &'a StorageView,
    /// Its key.
    pub key: &'a str,
    /// The version that was recorded.
    pub version_id: Option<&'a str>,
}

/// How a restore of an object waits until it can be read; None where it can, or where nothing is said of archives.
/// It holds neither a Pod nor a turn meanwhile, and the deadline of a request does not run.
///
/// # Errors
/// It waited for too long, in words.
pub fn wait(o: &Observed<'_>, status: &mut BackupRunStatus, wanted: &Wanted<'_>) -> Result<Option<Decision>, String> {
    let Ok(place) = wanted.view.to_read() else {
        return Ok(None);
    };
    // That another object can be read says nothing of this one.
    let before = status
        .thaw
        .clone()
        .filter(|thaw| thaw.storage.as_deref() == wanted.storage);
    let is_back = before.as_ref().is_some_and(|thaw| thaw.ready_at.is_some());
    if !place.thaws || is_back || wanted.view.forbids(wanted.key).is_some() {
        return Ok(None);
    }
    let since = before.as_ref().map_or(o.now, |thaw| thaw.since.0);
    let words = o.trouble.as_ref().map(|t| t.message.clone());
    if o.left_of(THAW, since).is_zero() {
        let words = words.map_or(String::new(), |words| format!(": {words}"));
        let hours = THAW.as_secs() / 3600;
        return Err(format!(
            "the object was not brought back from its archive within {hours} hours{words}; ask again"
        ));
    }
    let mut decision = Decision {
        unguarded: vec![Unguarded::Thaw {
            storage: wanted.storage.map(Into::into),
            key: wanted.key.to_owned(),
            version_id: wanted.version_id.map(Into::into),
        }],
        ..Decision::default()
    };
    let mut told = status.clone();
    told.thaw = Some(Thaw {
        storage: wanted.storage.map(Into::into),
        since: Time(since),
        ready_at: None,
    });
    if let Some(note) = words.filter(|note| status.message.as_ref() != Some(note)) {
        tell::thawing(o, &mut told, &note);
        if before.is_none() || status.state != Some(State::Thawing) {
            let event = Event {
                warning: false,
                reason: Reason::Thawing.word(),
                action: "Wait",
                note,
            };
            decision.unguarded.insert(0, Unguarded::Event(event));
        }
    }
    // Since when stands in the status before the store is asked: neither a restart nor the next leader begins anew.
    decision.guarded.push(Guarded::Report(Box::new(told.clone())));
    told.thaw = Some(Thaw {
        storage: wanted.storage.map(Into::into),
        since: Time(since),
        ready_at: Some(Time(o.now)),
    });
    // What else a request waits for, it waits for from now on.
    told.restore_requested_at = None;
    told.message = tell::last_words(&told);
    told.state = tell::last_state(&told);
    decision.settled.push(Guarded::Report(Box::new(told)));
    Ok(Some(decision))
}
