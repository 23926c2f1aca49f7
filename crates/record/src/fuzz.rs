//! What lies beside a backup, as bytes that nobody made for this.
use ::fuzz::Target;

use crate::schema::Record;

const RECORD: &str = r#"{"record":1,"writtenBy":"backup-operator 0.1.0","cluster":"c","namespace":"team","run":"db","uid":"u","attempt":"backup-1","schedule":"nightly","labels":{"app":"shop"},"storage":"minio","path":"/db.sql","key":"prefix/db.sql","etag":"\"e\"","bytes":10,"storedBytes":10,"sha256":"abababababababababababababababababababababababababababababababab","startTime":"2026-11-28T01:00:00Z","completionTime":"2026-11-28T01:00:09Z","spec":{"backup":{"command":["dump"]},"storage":{"name":"minio","path":"/db.sql"},"template":{"spec":{"containers":[{"name":"main"}]}}}}"#;

#[cfg_attr(test, test)]
pub fn fuzz_record() {
    assert!(Record::read(RECORD.as_bytes()).is_ok(), "the seed is a record");
    Target {
        name: "record",
        seeds: &[RECORD.as_bytes()],
        words: &[
            "\"record\": 1",
            "\"spec\"",
            "\"sealed\"",
            "\"leftOut\"",
            "\"path\"",
            "\"key\"",
        ],
    }
    .run(|bytes| Record::read(bytes).map(drop).map_err(|e| std::mem::discriminant(&e)));
}
