//! Which backup is picked, and who may.
use api::condition::Say;
use api::run::{DecryptionKey, Encryption};
use serde_json::json;
use testing::{backup_run, restore_only_run};

use super::*;

fn said(run: &mut BackupRun, type_: &str) {
    let say = Say {
        type_,
        status: true,
        reason: "Told",
        message: "",
    };
    let status = run.status.get_or_insert_default();
    condition::set(&mut status.conditions, &say, None, Timestamp::UNIX_EPOCH);
}

/// A good backup that ended so many seconds after 1970.
fn good(name: &str, ended: i64) -> BackupRun {
    let mut run = backup_run();
    run.metadata.name = Some(name.into());
    said(&mut run, condition::SUCCESSFUL);
    let status = run.status.as_mut().unwrap();
    status.completion_time = Some(Time(Timestamp::from_second(ended).unwrap()));
    status.path = Some(format!("/{name}"));
    status.key = Some(format!("team/{name}"));
    status.sha256 = Some("ab".into());
    run
}

fn asks(source: serde_json::Value) -> Source {
    serde_json::from_value(source).unwrap()
}

fn picks(source: serde_json::Value, own: &str, runs: &[BackupRun]) -> Result<String, String> {
    let runs: Vec<_> = runs.iter().collect();
    let there = There {
        runs: &runs,
        schedule: None,
    };
    match pick(
        &asks(source),
        own,
        &there,
        |storage| storage == "apart",
        Timestamp::from_second(1000).unwrap(),
    ) {
        SourceView::Picked(picked) => Ok(picked.source.run),
        SourceView::NotYet(why) => Err(format!("not yet: {why}")),
        SourceView::Refused(why) => Err(format!("refused: {why}")),
        SourceView::NotAsked => panic!(),
    }
}

#[test]
fn of_a_schedule_the_newest_good_backup_is_picked_that_had_ended_by_then() {
    let mut failed = good("db-400", 400);
    failed.status = None;
    said(&mut failed, condition::FAILED);
    let mut under_way = good("db-500", 500);
    under_way.status.as_mut().unwrap().conditions.clear();
    let mut goes = good("db-350", 350);
    goes.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    let all = [
        good("db-100", 100),
        good("db-300", 300),
        good("db-200", 200),
        failed,
        under_way,
        goes,
    ];
    let at = |seconds: i64| Timestamp::from_second(seconds).unwrap().to_string();
    let picked = |at: &str| picks(json!({"schedule": "db", "at": at}), "team", &all);
    assert_eq!(picked("latest").unwrap(), "db-300");
    assert_eq!(picks(json!({"schedule": "db"}), "team", &all).unwrap(), "db-300");
    assert_eq!(picked(&at(300)).unwrap(), "db-300");
    assert_eq!(picked(&at(299)).unwrap(), "db-200");
    let none = picked(&at(99)).unwrap_err();
    assert!(
        none.starts_with("refused: schedule team/db has no good backup that had ended by"),
        "{none}"
    );
    assert!(
        picks(json!({"schedule": "db"}), "team", &[])
            .unwrap_err()
            .starts_with("not yet: ")
    );
}

#[test]
fn a_run_is_waited_for_until_it_has_ended_and_refused_where_nothing_can_come_of_it() {
    let mut under_way = good("db-1", 1);
    under_way.status = None;
    let mut failed = good("db-1", 1);
    failed.status = None;
    said(&mut failed, condition::FAILED);
    let mut restores = restore_only_run();
    restores.metadata.name = Some("db-1".into());
    let asked = json!({"run": "db-1"});
    for (run, wanted) in [
        (None, "not yet: there is no run team/db-1"),
        (Some(under_way), "not yet: the backup of run team/db-1 has not ended"),
        (Some(failed), "refused: run team/db-1 has no good backup: it failed"),
        (
            Some(restores),
            "refused: run team/db-1 makes no backup: it only restores",
        ),
    ] {
        let runs: Vec<_> = run.into_iter().collect();
        assert_eq!(picks(asked.clone(), "team", &runs).unwrap_err(), wanted);
    }
}

#[test]
fn another_namespaces_backup_is_restored_only_where_that_says_so_and_its_storage_lets() {
    let asked = json!({"run": "db-1", "namespace": "team"});
    let mut run = good("db-1", 1);
    let hidden = picks(asked.clone(), "shop", &[run.clone()]).unwrap_err();
    let missing = picks(asked.clone(), "shop", &[]).unwrap_err();
    assert_eq!(
        hidden, missing,
        "who may not restore it does not learn that it is there"
    );
    for (list, allowed) in [
        ("shop", true),
        ("x, shop ,y", true),
        ("*", true),
        ("shopping", false),
        ("", false),
    ] {
        run.annotations_mut()
            .insert(labels::ALLOWED_NAMESPACES.into(), list.into());
        assert_eq!(
            picks(asked.clone(), "shop", &[run.clone()]).is_ok(),
            allowed,
            "{list:?}"
        );
    }
    // What a schedule says goes for all its runs.
    run.annotations_mut().clear();
    let schedule: BackupSchedule = serde_json::from_value(json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
        "metadata": {"name": "db", "annotations": {labels::ALLOWED_NAMESPACES: "shop"}},
        "spec": {"schedule": "@daily", "template": {"spec": serde_json::to_value(&run.spec).unwrap()}},
    }))
    .unwrap();
    let there = There {
        runs: &[&run],
        schedule: Some(&schedule),
    };
    assert!(matches!(
        pick(&asks(asked.clone()), "shop", &there, |_| false, Timestamp::UNIX_EPOCH),
        SourceView::Picked(_)
    ));
    let apart = pick(&asks(asked), "shop", &there, |_| true, Timestamp::UNIX_EPOCH);
    assert!(matches!(apart, SourceView::Refused(why) if why.contains("namespaceIsolation")));
}

#[test]
fn the_key_of_another_namespaces_backup_is_looked_for_there_and_what_proves_it_comes_along() {
    let mut run = good("db-1", 1);
    run.annotations_mut()
        .insert(labels::ALLOWED_NAMESPACES.into(), "shop".into());
    run.spec.encryption = Some(Encryption {
        recipients: vec!["age1x".into()],
        recipients_from: vec![],
        decryption_key: Some(DecryptionKey {
            name: "key".into(),
            namespace: None,
            key: "k".into(),
            key_type: None,
        }),
    });
    let there = There {
        runs: &[&run],
        schedule: None,
    };
    let SourceView::Picked(picked) = pick(
        &asks(json!({"run": "db-1", "namespace": "team"})),
        "shop",
        &there,
        |_| false,
        Timestamp::UNIX_EPOCH,
    ) else {
        panic!()
    };
    let key = picked
        .source
        .encryption
        .as_ref()
        .unwrap()
        .decryption_key
        .as_ref()
        .unwrap();
    assert_eq!(key.namespace.as_deref(), Some("team"));
    let mut status = BackupRunStatus::default();
    take(&picked, &mut status);
    assert_eq!(
        (status.key.as_deref(), status.sha256.as_deref()),
        (Some("team/db-1"), Some("ab"))
    );
}
