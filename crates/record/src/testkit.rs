//! For this crate's tests: a record of `testing`'s run.
use std::collections::BTreeMap;

use crate::schema::{Needs, Record, VERSION};

/// Of run `team/db` of schedule `nightly`, plain.
pub fn record() -> Record {
    let run = testing::backup_run();
    Record {
        record: VERSION,
        written_by: "backup-operator 0.1.0".into(),
        cluster: "cluster-1".into(),
        namespace: "team".into(),
        run: "db".into(),
        uid: "uid-1".into(),
        attempt: "backup-1".into(),
        schedule: Some("nightly".into()),
        scheduled_at: None,
        labels: BTreeMap::from([("app".into(), "shop".into())]),
        storage: "minio".into(),
        path: "/db.sql".into(),
        key: "prefix/db.sql".into(),
        version_id: None,
        etag: "\"e\"".into(),
        bytes: Some(10),
        stored_bytes: 10,
        sha256: Some("ab".repeat(32)),
        start_time: "2026-11-28T01:00:00Z".parse().ok(),
        completion_time: "2026-11-28T01:00:09Z".parse().unwrap(),
        compression: None,
        encryption: None,
        needs: Needs::Spec(Box::new(run.spec)),
    }
}
