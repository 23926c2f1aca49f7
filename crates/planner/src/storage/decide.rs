//! The decision about a storage.
use std::ops::RangeInclusive;

use api::BackupStorageStatus;
use api::condition::{self, READY, Say};
use api::storage::{Capabilities, is_ready};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::health::{self, Health};
use crate::run::Event;
use crate::size::humanize;
use crate::storage::observed::{Observed, ProbeView};
use crate::storage::reason::Reason;

/// A store that answered is probed again after this.
const GOOD: SignedDuration = SignedDuration::from_secs(5 * 60);
/// A store that did not: as long as it has been failing for, so that one that comes up moments after its storage is not
/// waited for long, and one that stays away is not asked all the time. Rights change with somebody's work: there it goes on to be asked
/// as seldom as one that is well.
const FAILED: RangeInclusive<SignedDuration> = SignedDuration::from_secs(2)..=SignedDuration::from_secs(30);

/// How long what is missing may still come: a Secret, a bucket or a store that is made at the same time as its storage.
const HOPE: SignedDuration = SignedDuration::from_secs(120);

/// A probe that finds what the last one found moves `status.lastProbeTime` no more often than this.
const TOLD: SignedDuration = SignedDuration::from_secs(15 * 60);

/// What is to be done for a storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Probe it, beside all else, and decide again when that has ended.
    pub probe: bool,
    /// The whole status; the old one where nothing changed.
    pub status: BackupStorageStatus,
    /// What people should hear of.
    pub events: Vec<Event>,
    /// Set the annotation; on creation only, so that one that is missing later was removed on purpose.
    pub set_deletion_protection: bool,
    /// Look again then.
    pub requeue_at: Option<Timestamp>,
}

/// What is to be done next.
pub fn decide(o: &Observed<'_>) -> Decision {
    let mut status = o.storage.status.clone().unwrap_or_default();
    status.schedules = Some(o.schedules);
    status.runs = Some(o.runs);
    status.size_in_bytes = Some(o.size_in_bytes);
    status.size = Some(humanize(o.size_in_bytes));
    status.ca_bundle = o.authorities.map(Into::into);
    let mut events = Vec::new();
    let (ready, reason, message) = match &o.probe {
        ProbeView::NotYet => {
            if condition::find(&status.conditions, READY).is_none() {
                let health = Health::Coming(Reason::NotProbed.word().into(), NOT_PROBED.into());
                health::say(&mut status.conditions, &health, o.storage.metadata.generation, o.now);
            }
            return decision(o, status, events);
        }
        ProbeView::Good {
            capabilities,
            at,
            configuration,
        } => {
            let new = status.capabilities.as_ref() != Some(capabilities) || !is_ready(o.storage);
            told_at(&mut status, *at, new);
            status.capabilities = Some(capabilities.clone());
            status.probed_configuration = Some(configuration.clone());
            (true, Reason::Probed, took(capabilities))
        }
        ProbeView::Failed {
            reason, message, at, ..
        } => {
            let old = condition::find(&status.conditions, READY);
            let new = old.is_none_or(|c| c.status == "True" || c.message != *message);
            told_at(&mut status, *at, new);
            if !reason.keeps_proof() {
                // Neither for the next operator.
                status.probed_configuration = None;
            }
            (false, *reason, message.clone())
        }
    };
    let old = condition::find(&status.conditions, READY).map(|c| (c.status == "True", c.message.clone()));
    if old.as_ref() != Some(&(ready, message.clone())) {
        let reason = if ready { Reason::Ready } else { Reason::NotReady };
        events.push(Event {
            warning: !ready,
            reason: reason.word(),
            action: "Probe",
            note: message.clone(),
        });
    }
    let say = Say {
        type_: READY,
        status: ready,
        reason: reason.word(),
        message: &message,
    };
    let generation = probed(o, &status);
    condition::set(&mut status.conditions, &say, generation, o.now);
    told(o, &mut status, reason, message, generation);
    if let ProbeView::Good { capabilities, .. } = &o.probe {
        may_not(o, &mut status, capabilities, generation, &mut events);
    }
    decision(o, status, events)
}

/// What the condition says before the first probe.
const NOT_PROBED: &str = "the store is being probed for the first time";

/// What tools that wait for a storage read. The generation that the status speaks of is that of the probe; until the next one has ended, a
/// changed spec is neither good nor bad.
fn told(o: &Observed<'_>, status: &mut BackupStorageStatus, reason: Reason, message: String, generation: Option<i64>) {
    let (ProbeView::Good { configuration, .. } | ProbeView::Failed { configuration, .. }) = &o.probe else {
        return;
    };
    let changed = o.storage.status.as_ref() != Some(status);
    if configuration == o.configuration {
        status.observed_generation = health::observed(status.observed_generation, generation, changed);
    }
    if status.observed_generation.is_none() {
        return;
    }
    let since = condition::find(&status.conditions, READY).map_or(o.now, |c| c.last_transition_time.0);
    let pair = (reason.word().to_string(), message);
    let health = match reason {
        Reason::Probed => Health::Well,
        reason if reason.is_of_the_spec() || o.now.duration_since(since) >= HOPE => Health::Stuck(pair.0, pair.1),
        _ => Health::Coming(pair.0, pair.1),
    };
    health::say(&mut status.conditions, &health, generation, o.now);
}

/// The generation that the last probe speaks of: `kubectl wait` takes a condition of an earlier one for none.
fn probed(o: &Observed<'_>, status: &BackupStorageStatus) -> Option<i64> {
    let now = o.storage.metadata.generation;
    match &o.probe {
        ProbeView::Good { configuration, .. } | ProbeView::Failed { configuration, .. }
            if configuration != o.configuration =>
        {
            status.observed_generation.filter(|seen| *seen >= 0).or(now)
        }
        _ => now,
    }
}

/// When it was probed: with what is new, and otherwise now and then. A status that is written with every probe would wake all who
/// watch it.
fn told_at(status: &mut BackupStorageStatus, at: Timestamp, new: bool) {
    let last = status.last_probe_time.as_ref().map(|t| t.0);
    // One that lies ahead was written by another clock.
    if new || last.is_none_or(|last| last > at || at.duration_since(last) >= TOLD) {
        status.last_probe_time = Some(Time(at));
    }
}

fn decision(o: &Observed<'_>, status: BackupStorageStatus, events: Vec<Event>) -> Decision {
    let due = due(o, &status);
    let probe = due <= o.now;
    Decision {
        probe,
        status,
        events,
        set_deletion_protection: o.storage.status.as_ref().is_none_or(BackupStorageStatus::is_unseen),
        requeue_at: Some(due),
    }
}

/// When the next probe is due. The status is the new one.
fn due(o: &Observed<'_>, status: &BackupStorageStatus) -> Timestamp {
    let (at, pause, probed) = match &o.probe {
        ProbeView::NotYet => return o.now,
        ProbeView::Good { at, configuration, .. } => (at, GOOD, configuration),
        ProbeView::Failed {
            at,
            configuration,
            reason,
            ..
        } => {
            let since = condition::find(&status.conditions, READY).map_or(*at, |c| c.last_transition_time.0);
            let failing = at.duration_since(since);
            let longest = match reason {
                Reason::ProbeDenied => GOOD,
                _ => *FAILED.end(),
            };
            (at, failing.clamp(*FAILED.start(), longest), configuration)
        }
    };
    // Ahead of now: the clock was set back since, and would keep the next probe for as long as it went.
    if probed != o.configuration || *at > o.now {
        return o.now;
    }
    at.checked_add(pause).unwrap_or(o.now)
}

/// What the access key may not do, and what will not work for that. Storages whose key may do all have no such conditions.
fn may_not(
    o: &Observed<'_>,
    status: &mut BackupStorageStatus,
    can: &Capabilities,
    generation: Option<i64>,
    events: &mut Vec<Event>,
) {
    let cases = [
        (
            condition::DELETABLE,
            can.deletable,
            "the access key may not delete, or the bucket locks its objects: objects of retainPolicy Delete stay in the store, and are listed in status.leftBehind",
        ),
        (
            condition::LISTABLE,
            can.listable,
            "the access key may not list: whether an object is there that a backup would replace is not known before it starts, and strayed uploads are not found",
        ),
    ];
    for (type_, may, words) in cases {
        let before = condition::find(&status.conditions, type_).map(|c| c.status == "True");
        if may && before.is_none() {
            continue;
        }
        if !may && before != Some(false) {
            events.push(Event {
                warning: true,
                reason: Reason::AccessKeyMayNot.word(),
                action: "Probe",
                note: words.into(),
            });
        }
        let say = Say {
            type_,
            status: may,
            reason: if may { Reason::Allowed } else { Reason::AccessKeyMayNot }.word(),
            message: if may { "" } else { words },
        };
        condition::set(&mut status.conditions, &say, generation, o.now);
    }
}

/// What a good probe saw, and what whoever relies on the store should know.
fn took(capabilities: &Capabilities) -> String {
    let mut said = if capabilities.deletable {
        "the store took, gave back and deleted an object".to_string()
    } else {
        "the store took an object and gave it back".to_string()
    };
    if !capabilities.checksum_enforced {
        let what = match capabilities.checksum.as_str() {
            "none" => "it checks no digest of what it is sent".to_string(),
            chosen => format!("it does not enforce spec.parameters.checksum {chosen}"),
        };
        said.push_str(&format!(
            "; {what}, so bytes that are damaged on their way to it are not refused"
        ));
    }
    said
}

#[cfg(test)]
mod tests;
