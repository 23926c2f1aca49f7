//! The decision about a storage.
use std::ops::RangeInclusive;

use api::BackupStorageStatus;
use api::condition::{self, READY, Say};
use api::storage::{Capabilities, is_ready};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::run::Event;
use crate::size::humanize;
use crate::storage::observed::{Observed, ProbeView};

/// A store that answered is probed again after this.
const GOOD: SignedDuration = SignedDuration::from_secs(5 * 60);
/// A store that did not: as long as it has been failing for, so that one that comes up moments after its storage is not
/// waited for long, and one that stays away is not asked all the time.
const FAILED: RangeInclusive<SignedDuration> = SignedDuration::from_secs(2)..=SignedDuration::from_secs(30);

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
    let mut events = Vec::new();
    let (ready, reason, message) = match &o.probe {
        ProbeView::NotYet => return decision(o, status, events),
        ProbeView::Good {
            capabilities,
            at,
            configuration,
        } => {
            // Written with the probe that found something new, not every five minutes.
            if status.capabilities.as_ref() != Some(capabilities) || !is_ready(o.storage) {
                status.last_probe_time = Some(Time(*at));
            }
            status.capabilities = Some(capabilities.clone());
            status.probed_configuration = Some(configuration.clone());
            (true, "Probed".to_string(), took(capabilities))
        }
        ProbeView::Failed {
            reason,
            message,
            at,
            configuration,
        } => {
            let old = condition::find(&status.conditions, READY);
            if old.is_none_or(|c| c.status == "True" || c.message != *message) {
                status.last_probe_time = Some(Time(*at));
            }
            status.probed_configuration = Some(configuration.clone());
            (false, reason.clone(), message.clone())
        }
    };
    let old = condition::find(&status.conditions, READY).map(|c| (c.status == "True", c.message.clone()));
    if old.as_ref() != Some(&(ready, message.clone())) {
        let (warning, reason) = if ready { (false, "Ready") } else { (true, "NotReady") };
        events.push(Event {
            warning,
            reason,
            action: "Probe",
            note: message.clone(),
        });
    }
    let say = Say {
        type_: READY,
        status: ready,
        reason: &reason,
        message: &message,
    };
    condition::set(&mut status.conditions, &say, o.storage.metadata.generation, o.now);
    if let ProbeView::Good { capabilities, .. } = &o.probe {
        may_not(o, &mut status, capabilities, &mut events);
    }
    decision(o, status, events)
}

fn decision(o: &Observed<'_>, status: BackupStorageStatus, events: Vec<Event>) -> Decision {
    let due = due(o, &status);
    let probe = due <= o.now;
    Decision {
        probe,
        status,
        events,
        set_deletion_protection: o.storage.status.is_none(),
        requeue_at: Some(due),
    }
}

/// When the next probe is due. The status is the new one.
fn due(o: &Observed<'_>, status: &BackupStorageStatus) -> Timestamp {
    let (at, pause, probed) = match &o.probe {
        ProbeView::NotYet => return o.now,
        ProbeView::Good { at, configuration, .. } => (at, GOOD, configuration),
        ProbeView::Failed { at, configuration, .. } => {
            let since = condition::find(&status.conditions, READY).map_or(*at, |c| c.last_transition_time.0);
            let failing = at.duration_since(since);
            (at, failing.clamp(*FAILED.start(), *FAILED.end()), configuration)
        }
    };
    // Ahead of now: the clock was set back since, and would keep the next probe for as long as it went.
    if probed != o.configuration || *at > o.now {
        return o.now;
    }
    at.checked_add(pause).unwrap_or(o.now)
}

/// What the access key may not do, and what will not work for that. Storages whose key may do all have no such conditions.
fn may_not(o: &Observed<'_>, status: &mut BackupStorageStatus, can: &Capabilities, events: &mut Vec<Event>) {
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
                reason: "AccessKeyMayNot",
                action: "Probe",
                note: words.into(),
            });
        }
        let say = Say {
            type_,
            status: may,
            reason: if may { "Allowed" } else { "AccessKeyMayNot" },
            message: if may { "" } else { words },
        };
        condition::set(&mut status.conditions, &say, o.storage.metadata.generation, o.now);
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
mod tests {
    use api::BackupStorage;
    use api::storage::{BackupStorageSpec, StorageType};

    use super::*;

    fn storage() -> BackupStorage {
        let spec = BackupStorageSpec {
            type_: StorageType::S3,
            parameters: None,
            credentials: None,
            data_path: None,
            max_concurrent_runs: None,
            allowed_namespaces: None,
            namespace_isolation: None,
        };
        BackupStorage::new("s", spec)
    }

    fn t(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn good(at: i64) -> ProbeView {
        ProbeView::Good {
            capabilities: able(true, true),
            at: t(at),
            configuration: "1".into(),
        }
    }

    fn failed(at: i64, message: &str) -> ProbeView {
        ProbeView::Failed {
            reason: "ProbeFailed".into(),
            message: message.into(),
            at: t(at),
            configuration: "1".into(),
        }
    }

    fn look(storage: &BackupStorage, probe: ProbeView, configuration: &str, now: i64) -> Decision {
        decide(&Observed {
            storage,
            schedules: 1,
            runs: 2,
            size_in_bytes: 3,
            probe,
            configuration,
            now: t(now),
        })
    }

    #[test]
    fn a_storage_is_probed_when_new_when_changed_and_when_due() {
        let cases = [
            (ProbeView::NotYet, "1", 0, true),
            (good(0), "1", 299, false),
            (good(0), "1", 300, true),
            (good(0), "2", 1, true),
            (failed(0, "x"), "1", 1, false),
            (failed(0, "x"), "1", 2, true),
            // The clock was set back.
            (good(86_400), "1", 0, true),
            (failed(86_400, "x"), "1", 0, true),
        ];
        for (probe, configuration, now, wanted) in cases {
            assert_eq!(
                look(&storage(), probe.clone(), configuration, now).probe,
                wanted,
                "{probe:?} {configuration} {now}"
            );
        }
    }

    #[test]
    fn a_store_that_fails_is_probed_soon_and_less_often_the_longer_it_fails() {
        let mut s = storage();
        let (mut now, mut pauses) = (0, Vec::new());
        for _ in 0..8 {
            let d = look(&s, failed(now, "x"), "1", now);
            s.status = Some(d.status);
            let next = d.requeue_at.unwrap().as_second();
            pauses.push(next - now);
            now = next;
        }
        assert_eq!(pauses, [2, 2, 4, 8, 16, 30, 30, 30]);
        // It was good in between: soon again.
        s.status = Some(look(&s, good(now), "1", now).status);
        assert_eq!(
            look(&s, failed(now + 300, "x"), "1", now + 300).requeue_at,
            Some(t(now + 302))
        );
    }

    #[test]
    fn a_probe_that_finds_the_same_again_writes_nothing_and_says_nothing() {
        for (first, second) in [(good(0), good(300)), (failed(0, "x"), failed(30, "x"))] {
            let mut s = storage();
            let once = look(&s, first, "1", 1);
            assert_eq!(once.events.len(), 1);
            s.status = Some(once.status.clone());
            let again = look(&s, second, "1", 301);
            assert_eq!((again.status, again.events.len()), (once.status, 0));
        }
    }

    fn able(deletable: bool, listable: bool) -> Capabilities {
        Capabilities {
            deletable,
            listable,
            ..Capabilities::default()
        }
    }

    #[test]
    fn what_the_access_key_may_not_do_is_a_condition_of_a_storage_that_is_ready() {
        let mut storage = storage();
        for (can, told, conditions) in [
            (able(true, true), 0, (None, None)),
            (able(false, true), 1, (Some("False"), None)),
            (able(false, true), 0, (Some("False"), None)),
            (able(false, false), 1, (Some("False"), Some("False"))),
            (able(true, true), 0, (Some("True"), Some("True"))),
        ] {
            let probe = ProbeView::Good {
                capabilities: can.clone(),
                at: Timestamp::UNIX_EPOCH,
                configuration: "c".into(),
            };
            let d = look(&storage, probe, "c", 0);
            let said = d.events.iter().filter(|e| e.reason == "AccessKeyMayNot");
            assert_eq!(said.count(), told, "{can:?}");
            let status = |type_| condition::find(&d.status.conditions, type_).map(|c| c.status.as_str());
            assert_eq!(
                (status(condition::DELETABLE), status(condition::LISTABLE)),
                conditions,
                "{can:?}"
            );
            assert_eq!(status(READY), Some("True"));
            storage.status = Some(d.status.clone());
        }
    }

    #[test]
    fn ready_follows_the_probe_and_a_change_is_said() {
        let mut s = storage();
        for (probe, ready) in [(good(0), true), (failed(9, "403"), false), (good(10), true)] {
            let d = look(&s, probe, "1", 10);
            s.status = Some(d.status);
            assert_eq!((is_ready(&s), d.events.len()), (ready, 1));
        }
    }

    #[test]
    fn deletion_protection_is_set_on_creation_only() {
        let mut s = storage();
        assert!(look(&s, ProbeView::NotYet, "1", 0).set_deletion_protection);
        s.status = Some(BackupStorageStatus::default());
        assert!(!look(&s, good(0), "1", 0).set_deletion_protection);
    }
}
