//! When a storage is probed, and what its status says.
use api::BackupStorage;
use api::storage::{BackupStorageSpec, StorageType};

use super::*;
use crate::storage::proved;

fn storage() -> BackupStorage {
    let spec = BackupStorageSpec {
        catalog: None,
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

fn failed_for(reason: Reason) -> ProbeView {
    ProbeView::Failed {
        reason,
        message: "x".into(),
        at: t(330),
        configuration: "1".into(),
    }
}

fn failed(at: i64, message: &str) -> ProbeView {
    ProbeView::Failed {
        reason: Reason::ProbeFailed,
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
        authorities: None,
        now: t(now),
    })
}

#[test]
fn whom_the_operator_trusts_by_itself_other_clients_read_in_the_status() {
    let storage = storage();
    let seen = |authorities| {
        decide(&Observed {
            storage: &storage,
            schedules: 0,
            runs: 0,
            size_in_bytes: 0,
            probe: ProbeView::NotYet,
            configuration: "1",
            authorities,
            now: t(0),
        })
    };
    assert_eq!(seen(Some("PEM")).status.ca_bundle.as_deref(), Some("PEM"));
    assert_eq!(seen(None).status.ca_bundle, None);
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
fn a_key_that_may_not_is_asked_in_the_end_as_seldom_as_one_that_may() {
    let mut s = storage();
    let (mut now, mut pauses) = (0, Vec::new());
    for _ in 0..12 {
        let denied = ProbeView::Failed {
            reason: Reason::ProbeDenied,
            message: "x".into(),
            at: t(now),
            configuration: "1".into(),
        };
        let d = look(&s, denied.clone(), "1", now);
        s.status = Some(d.status);
        let next = d.requeue_at.unwrap().as_second();
        pauses.push(next - now);
        // Another Secret is tried at once.
        assert!(look(&s, denied, "2", now).probe);
        now = next;
    }
    assert_eq!(pauses, [2, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
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

#[test]
fn the_time_of_a_probe_moves_a_few_times_an_hour_and_nothing_else_does() {
    for probe in [good as fn(i64) -> ProbeView, |at| failed(at, "x")] {
        let mut s = storage();
        let mut told = Vec::new();
        for at in (0..=3600).step_by(300) {
            let d = look(&s, probe(at), "1", at);
            let at = d.status.last_probe_time.as_ref().unwrap().0.as_second();
            if told.last() != Some(&at) {
                told.push(at);
            }
            s.status = Some(d.status);
        }
        assert_eq!(told, [0, 900, 1800, 2700, 3600]);
    }
}

#[test]
fn what_was_proved_is_kept_while_a_store_is_away_and_not_where_it_refuses() {
    for (reason, kept) in [
        (Reason::StoreUnreachable, true),
        (Reason::StoreFull, true),
        (Reason::ProbeTimeout, true),
        (Reason::SecretUnreadable, true),
        (Reason::ProbeFailed, false),
        (Reason::InvalidCredentials, false),
    ] {
        let mut s = storage();
        s.status = Some(look(&s, good(0), "1", 0).status);
        let away = ProbeView::Failed {
            reason,
            message: "x".into(),
            at: t(300),
            configuration: "1".into(),
        };
        s.status = Some(look(&s, away, "1", 300).status);
        assert!(!is_ready(&s));
        // The next operator has the status only.
        for last in [ProbeView::NotYet, failed_for(Reason::StoreUnreachable)] {
            assert_eq!(proved(&s, &last, "1").is_some(), kept, "{reason} {last:?}");
        }
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

#[test]
fn what_a_probe_of_an_earlier_spec_found_is_said_of_that_generation() {
    let mut s = storage();
    s.metadata.generation = Some(1);
    s.status = Some(look(&s, good(0), "1", 0).status);
    s.metadata.generation = Some(2);
    for (probe, configuration, wanted) in [(good(0), "2", 1), (failed(0, "x"), "2", 1), (good(0), "1", 2)] {
        let status = look(&s, probe, configuration, 1).status;
        let ready = condition::find(&status.conditions, READY).unwrap();
        assert_eq!(ready.observed_generation, Some(wanted), "{configuration}");
        assert_eq!(status.observed_generation, Some(wanted), "{configuration}");
    }
}
