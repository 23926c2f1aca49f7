//! The whole screen of a run.
use serde_json::json;

use super::*;

#[test]
fn a_failed_run_is_told_with_its_cure_its_story_its_restores_and_its_last_words() {
    let mut run = testing::backup_run();
    let failed = |type_: &str, status: &str| json!({"type": type_, "status": status, "reason": "EmptyBackup", "message": "the command printed nothing", "lastTransitionTime": "2026-01-01T00:00:09Z"});
    run.metadata.creation_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    run.status = serde_json::from_value(json!({
        "state": "BackupFailed", "message": "the command printed nothing", "path": "/db.sql", "attempts": 1,
        "startTime": "2026-01-01T00:00:01Z", "completionTime": "2026-01-01T00:00:09Z",
        "log": "pg_dump: error: \u{1b}[31mno route\nto host\n",
        "conditions": [failed("Failed", "True"), failed("Ready", "False")],
        "restores": [{"number": 1, "startTime": "2026-01-01T01:00:00Z", "completionTime": "2026-01-01T01:02:00Z", "successful": false, "bytes": 1024, "message": "status 1"}],
    }))
    .unwrap();
    let now = "2026-01-01T05:00:00Z".parse().unwrap();
    let mut out = Vec::new();
    screen(
        &run,
        &facts(&run, now),
        &story(&run, None, &[], now),
        Style::PLAIN,
        &mut out,
    )
    .unwrap();
    let wanted = "\
Run            team/db
State          BackupFailed (EmptyBackup)
Message        the command printed nothing
Cure           Have the command print the backup to its standard output, or set spec.backup.allowEmpty.
Started        2026-01-01T00:00:01Z (4h59m ago)
Ended          2026-01-01T00:00:09Z (4h59m ago)
Took           8s
Attempts       1 of 1
Stored at      storage minio
Path           /db.sql
When deleted   the object stays (retainPolicy: Retain)

AT                     AFTER   WHAT             DETAIL
2026-01-01T00:00:00Z   -       Created          by hand
2026-01-01T00:00:01Z   +1s     BackupStarted    admitted, and begun: into /db.sql of storage minio
2026-01-01T00:00:09Z   +8s     EmptyBackup      the command printed nothing
2026-01-01T01:00:00Z   +59m    RestoreStarted   restore 1
2026-01-01T01:02:00Z   +2m     RestoreFailed    restore 1: status 1

RESTORE   STARTED                TOOK   RESULT   GIVEN TO THE COMMAND
1         2026-01-01T01:00:00Z   2m     failed   1.0 KiB

The last command's standard error ended so:
  pg_dump: error:  [31mno route
  to host
";
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}
