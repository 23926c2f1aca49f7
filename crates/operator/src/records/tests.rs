//! What a record says, when it is believed, and whose it is that lies in the place of a run's own.
use store::Removed;

use super::*;
use crate::bucket::Bucket;

fn object() -> StoredObject {
    StoredObject {
        key: "db.sql".into(),
        size: 10,
        etag: "\"e\"".into(),
        run: Some("team/db".into()),
        run_uid: Some("uid-1".into()),
        ..StoredObject::default()
    }
}

fn facts() -> Facts<'static> {
    Facts {
        attempt: "backup-1",
        cluster: "c",
        key: "db.sql",
        etag: "\"e\"",
        version_id: None,
        bytes: Some(30),
        stored_bytes: 10,
        sha256: Some("abababababababababababababababababababababababababababababababab"),
    }
}

fn recorded() -> Record {
    let mut run = testing::backup_run();
    run.status = Some(api::BackupRunStatus {
        path: Some("/db.sql".into()),
        ..api::BackupRunStatus::default()
    });
    run.metadata.labels = Some(BTreeMap::from([
        (labels::SCHEDULE.to_string(), "nightly".to_string()),
        ("app".to_string(), "shop".to_string()),
    ]));
    describe(&run, &facts(), Timestamp::UNIX_EPOCH).unwrap()
}

#[test]
fn a_record_says_what_a_restore_needs_and_nothing_of_the_operators_own_labels() {
    let record = recorded();
    assert_eq!(record.schedule.as_deref(), Some("nightly"));
    assert_eq!(record.labels, BTreeMap::from([("app".to_string(), "shop".to_string())]));
    assert_eq!(record.open(None).unwrap(), testing::backup_run().spec);
    assert_eq!(Record::read(&record.to_bytes().unwrap()).unwrap(), record);
}

#[test]
fn a_record_that_says_of_its_object_what_is_to_be_written_is_not_written_again() {
    let run = || {
        let mut run = testing::backup_run();
        run.metadata.uid = Some("uid-1".into());
        run
    };
    let written = describe(&run(), &facts(), Timestamp::UNIX_EPOCH).unwrap();
    assert!(is_same(&written, &run(), &facts()));
    for other in [
        Facts {
            key: "db.rewrap-1.sql",
            ..facts()
        },
        Facts {
            etag: "\"f\"",
            ..facts()
        },
        Facts {
            version_id: Some("v2"),
            ..facts()
        },
        Facts {
            attempt: "backup-2",
            ..facts()
        },
        Facts {
            sha256: None,
            ..facts()
        },
    ] {
        assert!(!is_same(&written, &run(), &other), "{other:?}");
    }
    let mut for_others = run();
    for_others.spec.encryption = Some(api::run::Encryption::default());
    assert!(!is_same(&written, &for_others, &facts()));
    let mut another = run();
    another.metadata.uid = Some("uid-2".into());
    assert!(!is_same(&written, &another, &facts()));
}

#[test]
fn a_record_is_believed_only_where_the_object_says_the_same() {
    let uid = "uid-1".to_string();
    let now = Timestamp::UNIX_EPOCH;
    let tell = |change: fn(&mut Record)| {
        let (mut object, mut record) = (object(), recorded());
        change(&mut record);
        believe(&mut object, "k".into(), &record, Some(&uid), now);
        object.record == Recorded::There("k".into()) && object.bytes == Some(30) && object.sha256.is_some()
    };
    assert!(tell(|_| {}));
    assert!(!tell(|r| r.etag = "\"f\"".into()));
    assert!(!tell(|r| r.stored_bytes = 11));
    assert!(!tell(|r| r.key = "other/db.sql".into()));
    assert!(!tell(|r| r.uid = "uid-2".into()));
    assert!(!tell(|r| r.namespace = "others".into()));
    let mut theirs = object();
    believe(&mut theirs, "k".into(), &recorded(), Some(&"uid-3".to_string()), now);
    assert_eq!(theirs.record, Recorded::None, "the run never was that one");
    let (mut ours, mut late) = (object(), recorded());
    late.encryption = Some(api::run::Encryption {
        recipients: vec!["age1x".into()],
        ..Default::default()
    });
    late.completion_time = "2100-01-01T00:00:00Z".parse().unwrap();
    believe(&mut ours, "k".into(), &late, Some(&uid), now);
    assert_eq!(ours.stored_at, Some(now), "no backup is of tomorrow");
    assert_eq!(
        ours.recipients,
        ["age1x"],
        "a rewrap may have been for others than the spec says"
    );
}

/// A run of its UID, whose backup lies under a key.
fn run_of(uid: &str, key: &str, version: Option<&str>) -> BackupRun {
    let mut run = testing::backup_run();
    run.metadata.uid = Some(uid.into());
    run.status = Some(api::BackupRunStatus {
        path: Some(format!("/{key}")),
        key: Some(key.into()),
        version_id: version.map(Into::into),
        ..api::BackupRunStatus::default()
    });
    run
}

/// Stores a backup of a run, and tries to write its record.
async fn stores(bucket: &Bucket, store: &OpenStore, run: &BackupRun) -> Recorded {
    let key = run.status.as_ref().unwrap().key.clone().unwrap();
    let etag = bucket.put(&key, &run.uid().unwrap(), &[]);
    let seen = store.store.look(&key, None).await.unwrap().unwrap();
    let facts = Facts {
        key: &key,
        etag: &etag,
        version_id: seen.version_id.as_deref(),
        stored_bytes: seen.size,
        ..facts()
    };
    write(store, || async { store.clone() }, run, &facts).await
}

const AT: &str = ".backup-operator/records/team/-/db.json";

fn uid_at(bucket: &Bucket) -> Option<String> {
    let body = bucket.body(AT)?;
    Some(Record::read(&body).unwrap().uid)
}

#[tokio::test]
async fn the_record_of_another_runs_backup_that_is_still_there_is_neither_replaced_nor_removed() {
    let bucket = Bucket::default();
    let store = bucket.open().await;
    let (theirs, ours) = (
        run_of("prod", "prod/db.sql", None),
        run_of("staging", "staging/db.sql", None),
    );
    assert_eq!(stores(&bucket, &store, &theirs).await, Recorded::There(AT.into()));
    let Recorded::Failed(words) = stores(&bucket, &store, &ours).await else {
        panic!("it was replaced");
    };
    assert!(words.contains("UID prod") && words.contains("prod/db.sql"), "{words}");
    assert_eq!(remove(&store, &ours).await.unwrap(), Removed::Gone);
    assert_eq!(uid_at(&bucket).as_deref(), Some("prod"));
    // Its own run may write it again, and remove it.
    assert_eq!(stores(&bucket, &store, &theirs).await, Recorded::There(AT.into()));
    assert_eq!(remove(&store, &theirs).await.unwrap(), Removed::Gone);
    assert_eq!(bucket.count(AT), 0);
}

#[tokio::test]
async fn a_record_is_replaced_whose_object_is_gone_or_was_written_over() {
    let bucket = Bucket::default();
    let store = bucket.open().await;
    stores(&bucket, &store, &run_of("first", "db.sql", None)).await;
    let over = run_of("second", "db.sql", None);
    assert_eq!(stores(&bucket, &store, &over).await, Recorded::There(AT.into()));
    bucket.clear("db.sql");
    let elsewhere = run_of("third", "other.sql", None);
    assert_eq!(stores(&bucket, &store, &elsewhere).await, Recorded::There(AT.into()));
    // What no operator wrote describes nothing; a later one's may.
    bucket.put(AT, "no record", &[]);
    let another = run_of("fourth", "db.sql", None);
    assert_eq!(stores(&bucket, &store, &another).await, Recorded::There(AT.into()));
    bucket.put(AT, r#"{"record": 2}"#, &[]);
    assert!(matches!(stores(&bucket, &store, &another).await, Recorded::Failed(_)));
}

#[tokio::test]
async fn of_a_records_versions_those_of_its_run_go_and_no_others() {
    let bucket = Bucket::with_versions();
    let store = bucket.open().await;
    let (first, second) = (
        run_of("first", "db.sql", Some("v")),
        run_of("second", "db.sql", Some("v")),
    );
    for run in [&first, &second, &first] {
        assert_eq!(stores(&bucket, &store, run).await, Recorded::There(AT.into()));
    }
    bucket.put(AT, "no record", &[]);
    assert_eq!(remove(&store, &first).await.unwrap(), Removed::Gone);
    assert_eq!(bucket.count(AT), 2, "the other run's, and what is nobody's");
    assert_eq!(remove(&store, &second).await.unwrap(), Removed::Gone);
    assert_eq!(bucket.body(AT), Some(b"no record".to_vec()));
}

#[tokio::test]
async fn what_a_rewrap_leaves_below_its_record_goes_and_nothing_of_another_run() {
    let bucket = Bucket::with_versions();
    let store = bucket.open().await;
    let (ours, theirs) = (
        run_of("ours", "db.sql", Some("v")),
        run_of("theirs", "db.sql", Some("v")),
    );
    for run in [&ours, &theirs, &ours] {
        stores(&bucket, &store, run).await;
    }
    assert_eq!(remove_older(&store, &ours).await.unwrap(), None);
    assert_eq!((bucket.count(AT), uid_at(&bucket).as_deref()), (2, Some("ours")));
}
